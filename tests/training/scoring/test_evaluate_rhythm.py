"""Rhythms scored on made records, through a gateway that hears them as they were drawn."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.training.scoring.made_records import HearingGateway, Made, load_hearing
from training.scoring.evaluate_rhythm import evaluate_rhythm
from training.splits import is_test_record
from vitalwire.errors import InputError

pytest.importorskip("wfdb", reason="WFDB records are written with wfdb")

SYMBOL = {"normal": "N", "af": "A", "other": "O", "noise": "~"}


@contextmanager
def silent(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


class DeafGateway(HearingGateway):
    """Says nothing."""

    def listen(self, x_mv: Any, fs: float) -> list[Any]:  # noqa: ARG002
        return []


def load_deaf() -> DeafGateway:
    return DeafGateway()


def run(folder: Path, records: list[str] | None = None, **of: Any) -> dict[str, Any]:
    report = evaluate_rhythm(folder, records, load_hearing, n_workers=1, track=silent, **of)
    return dict(json.loads(json.dumps(report, allow_nan=False)))


def write_labelled(folder: Path, drawn: dict[str, tuple[str, str]]) -> None:
    """Records of 20 s: name to (rhythm drawn, symbol in the table)."""
    for name, (rhythm, _) in drawn.items():
        tones = [] if rhythm == "normal" else [(0, 20, rhythm)]
        beats = [(n + 0.5, "N") for n in range(20)]
        Made(duration_s=20, beats=beats, tones=tones).write(folder / "records", name)
    lines = [f"{name},{symbol}" for name, (_, symbol) in drawn.items()]
    (folder / "REFERENCE-v3.csv").write_text("\n".join(lines) + "\n")
    (folder / "REFERENCE-v2.csv").write_text("old,N\n")


def test_labels_of_whole_records(tmp_path: Path) -> None:
    drawn = {
        "a": ("normal", "N"), "b": ("normal", "N"), "c": ("af", "A"), "d": ("af", "O"),
        "e": ("other", "O"), "f": ("noise", "~"),
    }  # fmt: skip
    write_labelled(tmp_path, drawn)
    report = run(tmp_path, ["all"])
    assert report["challenge2017.f1.N"] == 1.0
    assert report["challenge2017.f1.A"] == pytest.approx(2 / 3, abs=1e-4)
    assert report["challenge2017.f1.O"] == pytest.approx(2 / 3, abs=1e-4)
    assert report["challenge2017.f1.noise"] == 1.0
    assert report["challenge2017.f1_mean_NAO"] == pytest.approx(7 / 9, abs=1e-4)
    assert [error["record"] for error in report["challenge2017"]["worst"]] == ["d"]
    assert "shockable.se" not in report


def test_the_test_fifth_alone_by_default(tmp_path: Path) -> None:
    names = [f"r{n}" for n in range(30)]
    write_labelled(tmp_path, dict.fromkeys(names, ("normal", "N")))
    tested = [name for name in names if is_test_record(name)]
    report = run(tmp_path)
    assert 0 < len(tested) < 30
    assert report["challenge2017"]["n_records"] == len(tested)
    assert report["left_out_of_challenge2017"] == 30 - len(tested)
    assert run(tmp_path, ["r0", "r1"])["challenge2017"]["n_records"] == 2
    learned = next(name for name in names if name not in tested)
    (tmp_path / "REFERENCE-v3.csv").write_text(f"{learned},N\n")
    with pytest.raises(InputError, match=r"none of its 1 labelled records.*--records all"):
        run(tmp_path)


def test_shockable_episodes_and_false_alarms(tmp_path: Path) -> None:
    # Annotated VT 100 to 130 and VF 200 to 260, drawn 100 to 130 and (falsely) 400 to 410.
    marks = [
        (0, "+", "(N"), (100, "+", "(VT"), (115, "+", "(VFL"), (130, "+", "(N"),
        (200, "+", "(VFIB"), (260, "+", "(N"),
    ]  # fmt: skip
    tones = [(100, 130, "shockable"), (400, 410, "shockable")]
    Made(duration_s=600, tones=tones, marks=marks).write(tmp_path, "a")
    Made(duration_s=600, marks=[(0, "+", "(N")]).write(tmp_path, "b")
    report = run(tmp_path)
    assert report["shockable.se"] == 50.0
    assert report["shockable.delay_p95_s"] == 1.0  # the gateway tells at each second's end
    other_h = (1200 - 90) / 3600
    assert report["shockable.false_per_hour"] == pytest.approx(1 / other_h, abs=1e-3)
    model = report["shockable"]["rhythm_model"]
    assert (model["n_episodes"], model["hits"], model["false"]) == (2, 1, 1)
    assert model["per_record"]["a"]["missed_s"] == [[200, 260]]
    assert [error["told"] for error in report["shockable"]["worst"]] == ["nothing", "shockable"]
    assert report["by_second"]["shockable"]["n"] == 1200


def test_flutter_between_brackets_is_shockable(tmp_path: Path) -> None:
    beats = [(n + 0.5, "N", "") for n in range(100)]
    marks = [*beats, (100, "[", ""), (150, "]", ""), (0, "+", "(N")]
    Made(duration_s=200, tones=[(100, 150, "shockable")], marks=marks).write(tmp_path, "a")
    assert run(tmp_path)["shockable.se"] == 100.0


def test_fibrillation_by_episode_and_flutter_apart(tmp_path: Path) -> None:
    marks = [(0, "+", "(N"), (400, "+", "(AFIB"), (500, "+", "(AFL"), (600, "+", "(N")]
    Made(duration_s=700, tones=[(400, 550, "af")], marks=marks).write(tmp_path, "a")
    episodes = run(tmp_path)["episodes"]
    assert episodes["af"]["se_episode"] == 100.0
    assert episodes["af"]["se_duration"] == 99.0  # told a second late
    assert episodes["af"]["ppv_duration"] == 100.0  # what lies in flutter is left out
    assert episodes["flutter"]["se_duration"] == 51.0
    assert episodes["af_or_flutter"]["reference_s"] == 200.0


def test_sets_in_a_data_folder_and_ds2_alone(tmp_path: Path) -> None:
    rhythm = [(0, "+", "(N")]
    for name in ("100", "101", "102"):  # DS2, DS1, paced
        Made(duration_s=20, marks=rhythm).write(tmp_path / "ecg" / "mitdb", name)
    Made(duration_s=20, marks=rhythm).write(tmp_path / "ecg" / "vfdb", "418")
    Made(duration_s=20, marks=rhythm).write(tmp_path / "ecg" / "other", "x")
    write_labelled(tmp_path / "ecg" / "challenge-2017", {"A1": ("normal", "N")})
    report = run(tmp_path, ["all"])
    assert set(report["shockable"]["by_set"]) == {"mitdb", "vfdb"}
    assert report["challenge2017"]["n_records"] == 1
    by_default = run(tmp_path)["shockable"]["rhythm_model"]["per_record"]
    assert set(by_default) == {"100", "418"}


def test_folds_use_the_gateway_that_has_not_seen_the_record(tmp_path: Path) -> None:
    marks = [(0, "+", "(N"), (50, "+", "(VF")]
    for name in ("a", "b", "c"):
        Made(duration_s=100, tones=[(50, 100, "shockable")], marks=marks).write(tmp_path, name)
    report = run(tmp_path, folds={"a": load_hearing, "b": load_deaf})
    rows = report["shockable"]["rhythm_model"]["per_record"]
    assert {name: row["hits"] for name, row in rows.items()} == {"a": 1, "b": 0}
    assert report["folds"] == ["a", "b"]


def test_a_bad_record_costs_itself(tmp_path: Path) -> None:
    write_labelled(tmp_path, {"a": ("normal", "N"), "b": ("af", "X")})
    with (tmp_path / "REFERENCE-v3.csv").open("a") as table:
        table.write("gone,A\n")
    report = run(tmp_path, ["all"])
    assert report["challenge2017"]["n_records"] == 1
    why = {one["record"]: one["why"] for one in report["skipped"]}
    assert "label: expected N, A, O or ~, got 'X'" in why["b"]
    assert "no such record is there" in why["gone"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "names no record"),
        ("A00001\n", "line 1: expected a record and its label"),
        ("a,N\na,A\n", "line 2: record a comes twice"),
        ("gone,N\n", "nothing could be scored: .*gone"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "REFERENCE.csv").write_text(table)
    with pytest.raises(InputError, match=said) as caught:
        run(tmp_path, ["all"])
    assert "\n" not in str(caught.value)


def test_nothing_but_what_may_have_been_learned_from(tmp_path: Path) -> None:
    Made(duration_s=20, marks=[(1.0, "+", "(N")]).write(tmp_path, "101")
    with pytest.raises(InputError, match=r"all of its 1 annotated .* of DS1.* all"):
        run(tmp_path)
    assert run(tmp_path, ["all"])["skipped"] == []


def test_nothing_annotated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        run(tmp_path / "nowhere")
    Made(duration_s=20, marks=[(n + 0.5, "N", "") for n in range(20)]).write(tmp_path, "a")
    with pytest.raises(InputError, match="ecg-beat"):
        run(tmp_path)
    with pytest.raises(
        InputError, match="no record with a label or annotated rhythm is named z"
    ):
        run(tmp_path, ["z"])
