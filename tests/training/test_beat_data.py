"""Beats as the gateway's stages cut them, with the classes that people gave them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.stages.beat_context import CONTEXT
from tests.training.made_data import LABELLED_S, annotated, labelled_name, write_labelled
from tests.training.scoring.made_records import Made
from training.datasets.beat_sets import read_beat_data
from training.datasets.beats import CLASSES, beat_set, windows_of
from training.datasets.records import NEVER_TRAINED
from training.datasets.weak_beats import SOURCES, WeakSource
from training.tasks.ecg_beat import BeatConfig, BeatTask
from vitalwire.errors import InputError

FS = 250.0
N, S, V, F = range(len(CLASSES))


def test_beats_have_the_class_of_the_annotation_that_they_match(tmp_path: Path) -> None:
    record = annotated()
    record.write(tmp_path, "101")
    found = beat_set(tmp_path / "101")
    given = beat_set(tmp_path / "101", annotated=True)
    wanted = {"N": N, "A": S, "V": V}
    classes = {
        round(at * FS): wanted[symbol] for at, symbol, _ in record.marks if symbol != "+"
    }
    np.testing.assert_array_equal(given.sample, list(classes))
    np.testing.assert_array_equal(given.label, list(classes.values()))
    assert len(found.label) > 0.9 * len(given.label)
    for sample, label in zip(found.sample.tolist(), found.label.tolist(), strict=True):
        nearest = min(classes, key=lambda at: abs(at - sample))
        assert abs(nearest - sample) < 0.1 * FS
        assert classes[nearest] == label
    assert found.name == "101/L0"
    assert {S, V} <= set(found.label.tolist())


def test_annotations_that_count_at_a_rate_of_their_own(tmp_path: Path) -> None:
    record = annotated()
    record.write(tmp_path, "101")
    record.marks_fs = FS / 2
    record.write(tmp_path, "102")
    for by_annotation in (False, True):
        one, other = (
            beat_set(tmp_path / name, annotated=by_annotation) for name in ("101", "102")
        )
        np.testing.assert_array_equal(one.label, other.label)
        assert np.abs(one.sample - other.sample).max() <= 1


def test_two_annotations_at_one_place_give_no_nan() -> None:
    x = annotated().signal().astype(np.float32)
    for beats in ([500, 500, 500, 700], [500, 501, 502]):
        windows = windows_of(x, FS, np.array(beats, np.int64))
        assert len(windows) == len(beats)
        assert all(np.isfinite(one.inputs["context"]).all() for one in windows)


def test_the_rhythm_models_word_reaches_the_context() -> None:
    x = annotated().signal().astype(np.float32)
    p_af = np.linspace(0, 1, 300, dtype=np.float32)
    told = [
        one.inputs["context"][CONTEXT.index("p_af")] for one in windows_of(x, FS, p_af=p_af)
    ]
    assert told == sorted(told)
    assert told[0] < 0.1
    assert told[-1] > 0.9
    assert not windows_of(x, FS)[-1].inputs["context"][CONTEXT.index("p_af")]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_labelled(tmp_path / "challenge-2017")
    for name in ("101", "106", sorted(NEVER_TRAINED)[0]):
        annotated(shift_s=0.01 * int(name)).write(tmp_path / "mitdb", name)
    return tmp_path


def test_who_is_tested_is_never_trained_on(made: Path) -> None:
    data = read_beat_data(made)
    assert {one.patient for one in (*data.sets, *data.first_leads)} == {"101", "106"}
    assert [one.name for one in data.first_leads] == ["101/L0", "106/L0"]
    assert len(data.sets) == 6  # two leads as found, the first as annotated
    assert data.skipped == []
    allowed = {
        (SOURCES[source], tuple(row))
        for source, row in zip(data.weak.source, data.weak.allowed.tolist(), strict=True)
    }
    assert (WeakSource.NORMAL, (True, False, False, False)) in allowed
    assert (WeakSource.AF, (True, False, True, True)) in allowed  # none is S
    assert len(allowed) == len({source for source, _ in allowed})
    without = made / "challenge-2017" / f"{labelled_name('test')}.hea"
    without.unlink()  # nobody misses it but the table
    again = read_beat_data(made)
    assert len(again.weak.beat) == len(data.weak.beat)


def test_what_cannot_be_used_costs_a_line_and_nothing_else(made: Path) -> None:
    before = read_beat_data(made)
    mitdb, challenge = made / "mitdb", made / "challenge-2017"
    Made(LABELLED_S).write(mitdb, "bare")
    replace(annotated(), marks=[(1.0, "+", "(N")]).write(mitdb, "rhythms")
    replace(annotated(), beats=()).write(mitdb, "flat")
    replace(annotated(), fs=50).write(mitdb, "slow")
    Made(1 / FS, marks=[(0.0, "N", "")]).write(mitdb, "onesample")
    broken = labelled_name("train", 12)
    Made(LABELLED_S).write(challenge, broken)
    (challenge / f"{broken}.dat").write_bytes(b"")
    gone = labelled_name("train", 13)
    with (challenge / "REFERENCE.csv").open("a") as file:
        file.write(f"{broken},A\n{gone},N\n")
    data = read_beat_data(made)
    for name in ("bare", "rhythms", "flat", "slow", "onesample", broken, gone):
        lines = [line for line in data.skipped if name in line]
        assert len(lines) == 1, (name, data.skipped)
        assert "\n" not in lines[0]
    assert len(data.skipped) == 7
    assert [one.name for one in data.sets] == [one.name for one in before.sets]
    assert len(data.weak.beat) == len(before.weak.beat)


def test_an_electrode_that_was_off_costs_its_lead(tmp_path: Path) -> None:
    annotated().write(tmp_path, "101")
    steps = np.fromfile(tmp_path / "101.dat", "<i2").reshape(-1, 2)
    steps[:, 1] = 0
    steps.tofile(tmp_path / "101.dat")
    data = read_beat_data(tmp_path)
    assert [one.name for one in data.sets] == ["101/L0", "101/L0"]
    assert ["101/L1" in line for line in data.skipped] == [True]


def test_no_beat_anywhere(tmp_path: Path) -> None:
    replace(annotated(), marks=[(1.0, "+", "(N")]).write(tmp_path, "101")
    with pytest.raises(InputError, match=r"no record with annotated beats.*annotations: 101$"):
        read_beat_data(tmp_path)


class TestTask:
    def test_batches(self, made: Path) -> None:
        data = read_beat_data(made)
        batch = 4000
        config = BeatConfig(batch=batch, weak=7, hold_out=("106",))
        task = BeatTask(config, data)
        beat, context, labels, allowed = task.batch(np.random.default_rng(0), 0, 0)
        assert len(beat) == len(context) == batch + 7
        assert (len(labels), len(allowed)) == (batch, 7)
        share = np.bincount(labels.numpy(), minlength=4) / batch
        wanted = np.array([0.5, 0.15, 0.3, 0.0])  # no F is there
        np.testing.assert_allclose(share, wanted / wanted.sum(), atol=0.04)
        assert task.real_inputs(5)["beat"].shape[0] == 5

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            (BeatConfig(hold_out=("999",)), "to train on is of 999"),
            (BeatConfig(hold_out=("101", "106")), "no annotated beat to train on"),
            (BeatConfig(thresholds={"S": 0.5}), "expected one each for S, V, F, got S"),
            (BeatConfig(share={"F": 1.0}), "no beat is of a class that has a share"),
        ],
    )
    def test_what_cannot_be_trained(self, made: Path, config: BeatConfig, said: str) -> None:
        data = read_beat_data(made)
        with pytest.raises(InputError, match=said):
            BeatTask(config, data)

    def test_weak_beats_are_drawn_by_their_source(self, made: Path) -> None:
        data = read_beat_data(made)
        config = BeatConfig(
            batch=1, weak=400, weak_share={WeakSource.NORMAL: 0.75, WeakSource.AF: 0.25}
        )
        allowed = BeatTask(config, data).batch(np.random.default_rng(0), 0, 0)[3].numpy()
        np.testing.assert_allclose(allowed[:, F].mean(), 0.25, atol=0.07)
        assert not allowed[:, S].any()
        nobody = replace(config, weak_share={WeakSource.AF: 0.0})
        assert len(BeatTask(nobody, data).batch(np.random.default_rng(0), 0, 0)[3]) == 0


def test_a_record_with_many_ectopic_beats_is_also_read_with_fewer_normal_ones(
    tmp_path: Path,
) -> None:
    made = annotated(duration_s=500.0)
    made.write(tmp_path, "101")
    data = read_beat_data(tmp_path)
    assert [one.name for one in data.dense] == [
        "101/0 with 1 normal beats in a row",
        "101/0 with 3 normal beats in a row",
    ]
    share = [float(np.mean(one.label != N)) for one in (*data.first_leads, *data.dense)]
    assert share[1] > share[2] > share[0]
    assert {one.patient for one in data.sets} == {"101"}
    assert len(data.sets) == 3 + 4
