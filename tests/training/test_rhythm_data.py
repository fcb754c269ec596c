"""What rhythm records may be called, who is held out, and what is left out with a line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.stages.rhythm_hops import N_HOP
from tests.training.made_data import (
    ANNOTATED_S,
    LABELLED_S,
    annotated,
    labelled_name,
    write_labelled,
)
from tests.training.scoring.made_records import Made
from training.datasets.records import NEVER_TRAINED, files_of, patient_of
from training.datasets.rhythm import (
    ANY,
    LABELS,
    allowed_of,
    annotated_record,
    filled,
    labelled_record,
    model_signal,
)
from training.datasets.rhythm_hints import HINTS, hints_of
from training.datasets.rhythm_sets import read_rhythm_data
from vitalwire.contracts import Rhythm
from vitalwire.errors import InputError
from vitalwire.recordings.annotations import Annotations

N, AF, OTHER, SHOCKABLE, NOISE = LABELS
FS = 250.0
HOPS_PER_S = 5


def notes(*marks: tuple[float, str, str]) -> Annotations:
    ordered = sorted(marks)
    return Annotations(
        FS,
        np.array([round(at * FS) for at, _, _ in ordered], np.int64),
        tuple(symbol for _, symbol, _ in ordered),
        tuple(aux for _, _, aux in ordered),
        np.full(len(ordered), np.nan),
    )


def sets(allowed: NDArray[np.bool_]) -> list[frozenset[Rhythm]]:
    return [
        frozenset(label for label, may in zip(LABELS, row, strict=True) if may)
        for row in allowed
    ]


def test_labels_are_in_the_order_of_the_rhythms() -> None:
    assert tuple(Rhythm) == LABELS
    assert (N, AF, OTHER, SHOCKABLE, NOISE) == (
        Rhythm.NORMAL, Rhythm.AF, Rhythm.OTHER, Rhythm.SHOCKABLE, Rhythm.NOISE,
    )  # fmt: skip


class TestAllowed:
    def test_before_the_first_annotation_anything(self) -> None:
        told = sets(allowed_of(notes((2.0, "+", "(AFIB")), FS, 25))
        assert told == [ANY] * 10 + [frozenset({AF})] * 15

    def test_behind_a_change_both(self) -> None:
        told = sets(allowed_of(notes((0.0, "+", "(B"), (4.0, "+", "(AFIB")), FS, 50))
        assert told[:20] == [frozenset({OTHER})] * 20
        assert told[20:30] == [frozenset({OTHER, AF})] * 10
        assert told[30:] == [frozenset({AF})] * 20

    def test_changes_that_follow_each_other(self) -> None:
        marks = notes((0.0, "+", "(B"), (4.0, "+", "(VT"), (5.0, "+", "(AFIB"))
        told = sets(allowed_of(marks, FS, 50))
        assert told[20:25] == [frozenset({OTHER, SHOCKABLE})] * 5
        assert told[25:30] == [frozenset({OTHER, SHOCKABLE, AF})] * 5
        assert told[30:35] == [frozenset({SHOCKABLE, AF})] * 5
        assert told[35:] == [frozenset({AF})] * 15

    def test_ectopic_beats_do_not_make_another_rhythm(self) -> None:
        """A pacemaker's rhythm leaves open whether a person would call the whole other."""
        marks = notes((0.0, "+", "(N"), *((at, "V", "") for at in (3.0, 4.0, 5.1)))
        assert set(sets(allowed_of(marks, FS, 100))) == {frozenset({N, OTHER})}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("(N", {N, OTHER}), ("(NSR", {N, OTHER}), ("(AFL", {AF, OTHER}),
            ("(VF", {SHOCKABLE}), ("(vfl", {SHOCKABLE}), ("(B", {OTHER}),
            ("(PREX", {OTHER, N}), ("(ASYS", {NOISE, OTHER}), ("(NOISE", {NOISE, OTHER, N}),
            ("(WHATEVER", set(LABELS)), ("", set(LABELS)),
            ("(af", {AF}), ("(shockable", {SHOCKABLE}), ("(other", {OTHER}), ("(normal", {N}),
        ],
    )  # fmt: skip
    def test_names(self, text: str, expected: set[Rhythm]) -> None:
        """Of mitdb, of vfdb, and our own as `log export --annotations` writes them."""
        assert sets(allowed_of(notes((0.0, "+", text)), FS, 3)) == [frozenset(expected)] * 3

    def test_annotations_behind_the_end(self) -> None:
        marks = notes((0.0, "+", "(AFIB"), (100.0, "+", "(VF"), (101.0, "V", ""))
        assert sets(allowed_of(marks, FS, 20)) == [frozenset({AF})] * 20


class TestRecords:
    def test_one_label_for_the_whole(self, tmp_path: Path) -> None:
        Made(LABELLED_S, beats=[(1.0, "N")]).write(tmp_path, "A1")
        record = labelled_record(tmp_path / "A1", "A")
        assert record.weak
        assert record.n_hops == len(record.x_mv) // N_HOP
        assert LABELLED_S * HOPS_PER_S - 2 <= record.n_hops <= LABELLED_S * HOPS_PER_S
        assert set(sets(record.allowed)) == {frozenset({AF})}

    @pytest.mark.parametrize("label", ["", "n", "AFIB", "N "])
    def test_another_label(self, tmp_path: Path, label: str) -> None:
        Made(LABELLED_S).write(tmp_path, "A1")
        with pytest.raises(InputError, match="expected a label of N A O ~, got"):
            labelled_record(tmp_path / "A1", label)

    def test_every_lead_of_an_annotated_one(self, tmp_path: Path) -> None:
        annotated().write(tmp_path, "a")
        first, second = annotated_record(tmp_path / "a", "somebody")
        assert (first.name, second.name) == ("a/L0", "a/L1")
        assert first.patient == second.patient == "somebody"
        assert not first.weak
        told = sets(first.allowed)
        assert told[150] == frozenset({AF})
        assert told[-1] == frozenset({SHOCKABLE})

    def test_annotations_that_count_at_a_rate_of_their_own(self, tmp_path: Path) -> None:
        record = annotated(n_leads=1)
        record.write(tmp_path, "a")
        record.marks_fs = FS / 2
        record.write(tmp_path, "b")
        (one,), (other,) = (annotated_record(tmp_path / name) for name in ("a", "b"))
        np.testing.assert_array_equal(one.allowed, other.allowed)

    def test_nothing_but_missing_samples(self, tmp_path: Path) -> None:
        annotated(n_leads=1).write(tmp_path, "a")
        steps = np.fromfile(tmp_path / "a.dat", "<i2")
        np.full_like(steps, -32768).tofile(tmp_path / "a.dat")
        with pytest.raises(InputError, match="nothing but missing samples"):
            annotated_record(tmp_path / "a")

    def test_what_nobody_recorded_may_be_anything(self, tmp_path: Path) -> None:
        record = annotated(n_leads=1)
        record.write(tmp_path, "a")
        steps = np.fromfile(tmp_path / "a.dat", "<i2")
        steps[round(10 * FS) : round(12.1 * FS)] = -32768
        steps.tofile(tmp_path / "a.dat")
        (made,) = annotated_record(tmp_path / "a")
        told = sets(made.allowed)
        assert told[49] != ANY
        assert told[50:60] == [ANY] * 10
        assert told[60] != ANY  # half of it was recorded
        assert np.isfinite(made.x_mv).all()

    def test_missing_samples_hold_the_value_before(self) -> None:
        x = np.array([np.nan, 1, np.nan, np.nan, 2, np.nan], np.float32)
        np.testing.assert_array_equal(filled(x), np.array([0, 1, 1, 1, 2, 2], np.float32))
        assert not model_signal(np.full(1000, np.nan, np.float32), FS).any()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_labelled(tmp_path / "challenge-2017")
    for name in ("101", "201", *sorted(NEVER_TRAINED)[:3], "202"):
        annotated().write(tmp_path / "mitdb", name)
    return tmp_path


class TestSets:
    def test_test_records_are_in_no_part(self, made: Path) -> None:
        data = read_rhythm_data(made)
        labelled = {one.name for one in (*data.train_weak, *data.held_out_weak)}
        assert labelled
        assert not labelled & {labelled_name("test", skip) for skip in range(4)}
        assert {one.name for one in data.held_out_weak} == {
            labelled_name("choose", skip) for skip in range(4)
        }
        assert {one.name for one in data.train_strong} == {
            "101/L0",
            "101/L1",
            "201/L0",
            "201/L1",
        }
        assert data.held_out_strong == []
        assert data.skipped == []
        assert [one["name"] for one in data.entries] == ["challenge-2017", "mitdb"]

    def test_who_is_left_out_is_held_out_by_the_first_lead(self, made: Path) -> None:
        data = read_rhythm_data(made).without(["101"])
        assert {one.patient for one in data.train_strong} == {"201"}
        assert [one.name for one in data.held_out_strong] == ["101/L0"]
        with pytest.raises(InputError, match="to train on is of 100, 99"):
            data.without(["101", "100", "99"])
        again = data.without(["201"])
        assert {one.patient for one in again.train_strong} == {"101"}

    def test_what_cannot_be_used_costs_a_line_and_nothing_else(self, made: Path) -> None:
        before = read_rhythm_data(made)
        challenge, mitdb = made / "challenge-2017", made / "mitdb"
        table = challenge / "REFERENCE.csv"
        first, second, third = (labelled_name("train", skip) for skip in (10, 11, 12))
        Made(1 / FS).write(challenge, first)
        Made(LABELLED_S).write(challenge, second)
        (challenge / f"{second}.dat").write_bytes(b"short")
        Made(LABELLED_S).write(challenge, third)
        gone = labelled_name("train", 13)
        with table.open("a") as file:
            file.write(f"{first},N\n{second},N\n{third},Q\n{gone},N\n")
        Made(LABELLED_S).write(mitdb, "bare")
        replace(annotated(), marks=[(1.0, "N", "")]).write(mitdb, "beats")
        replace(annotated(), fs=50).write(mitdb, "slow")
        annotated().write(mitdb, "torn")
        (mitdb / "torn.atr").write_bytes(b"\x01")
        annotated().write(mitdb, "missing")
        np.full(2 * round(ANNOTATED_S * FS), -32768, "<i2").tofile(mitdb / "missing.dat")
        data = read_rhythm_data(made)
        for name in (first, second, third, gone, "bare", "beats", "slow", "torn", "missing"):
            lines = [line for line in data.skipped if name in line]
            assert len(lines) == 1, (name, data.skipped)
            assert "\n" not in lines[0]
        assert len(data.skipped) == 9
        for mine, other in ((data.train_weak, before.train_weak), (data.train_strong,
                            before.train_strong)):  # fmt: skip
            assert [one.name for one in mine] == [one.name for one in other]

    @pytest.mark.parametrize("x", [0.0, 2.0])
    def test_a_flat_record_is_a_record(self, tmp_path: Path, x: float) -> None:
        made = replace(annotated(), beats=(), tones=())
        made.write(tmp_path, "flat")
        steps = np.full(2 * round(ANNOTATED_S * FS), round(200 * x), "<i2")
        steps.tofile(tmp_path / "flat.dat")
        data = read_rhythm_data(tmp_path)
        assert len(data.train_strong) == 2
        for one in data.train_strong:
            hints = hints_of(one.x_mv, one.n_hops)
            assert np.isfinite(one.x_mv).all()
            assert not hints.known.any()

    def test_nothing_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such folder"):
            read_rhythm_data(tmp_path / "nowhere")
        replace(annotated(), marks=[(1.0, "N", "")]).write(tmp_path, "beats")
        annotated().write(tmp_path, "bare", annotate=False)
        why = r"no record with a rhythm.* in the annotations: beats \(and 1 more\)"
        with pytest.raises(InputError, match=why):
            read_rhythm_data(tmp_path)

    def test_noise_is_the_first_half_of_nstdbs(self, made: Path) -> None:
        assert read_rhythm_data(made).noises == []
        Made(40.0, tones=[(20.0, 40.0, "noise")]).write(made / "nstdb", "ma", annotate=False)
        (noise,) = read_rhythm_data(made).noises
        assert len(noise) == pytest.approx(20 * 125, abs=30)
        assert not np.abs(noise).max() > 1e-3  # the tone is in the second


class TestPatients:
    def test_the_same_man(self) -> None:
        assert patient_of(Path("201")) == patient_of(Path("202")) == "201"
        assert patient_of(Path("100")) == "100"

    def test_what_one_device_recorded_is_one_persons(self, tmp_path: Path) -> None:
        for stream in ("1", "2"):
            (tmp_path / f"belt-{stream}.json").write_text('{"site": "ward", "device": "belt"}')
        assert patient_of(tmp_path / "belt-1") == patient_of(tmp_path / "belt-2") == "ward/belt"
        (tmp_path / "belt-2.json").write_text('{"device": "belt", "patient": "p7"}')
        assert patient_of(tmp_path / "belt-2") == "p7"
        (tmp_path / "belt-2.json").write_text("{")
        with pytest.raises(InputError, match=r"belt-2\.json: cannot be read"):
            patient_of(tmp_path / "belt-2")

    def test_files_of_records(self, tmp_path: Path) -> None:
        for name in ("10.hea", "10.dat", "100.hea", "100.atr", "other.hea"):
            (tmp_path / name).touch()
        found = files_of([tmp_path / "10", tmp_path / "100"])
        assert sorted(one.name for one in found) == ["10.dat", "10.hea", "100.atr", "100.hea"]


class TestHints:
    def test_a_steady_heart(self) -> None:
        beats = [(0.5 + 0.8 * n, "N") for n in range(30)]
        x = model_signal(Made(25.0, beats=beats).signal().astype(np.float32), FS)
        n_hops = len(x) // N_HOP
        hints = hints_of(x, n_hops)
        told = dict(zip(HINTS, hints.values[hints.known][-1].tolist(), strict=True))
        assert told["log_rate_hz"] == pytest.approx(np.log(1 / 0.8), abs=0.01)
        assert told["irregularity"] < 0.1
        np.testing.assert_allclose(hints.beats / 125, [at for at, _ in beats], atol=0.08)
        assert not hints.known[: round(9 * 0.8 * HOPS_PER_S) - 2].any()

    @pytest.mark.parametrize("n", [0, 1, 30, 124, 126, 400])
    def test_short_ones(self, n: int) -> None:
        hints = hints_of(np.ones(n, np.float32), n // N_HOP)
        assert not hints.known.any()
        assert np.isfinite(hints.values).all()
