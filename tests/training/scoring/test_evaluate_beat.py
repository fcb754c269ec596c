"""Beats scored on made records, through a gateway that hears them as they were drawn."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.scoring.made_records import (
    Made,
    beats_each_second,
    load_hearing,
    write_unknown_code,
)
from training.scoring.evaluate_beat import BeatOptions, evaluate_beat
from training.scoring.reference import person_of
from training.splits import named_records
from vitalwire.errors import InputError

pytest.importorskip("wfdb", reason="WFDB records are written with wfdb")

N_SCORED = 40  # seconds, and so beats, from minute 5 on


@contextmanager
def silent(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def made(drawn: dict[int, str], annotated: dict[int, str] | None = None, **of: Any) -> Made:
    """340 s with a beat each second, the named ones of another class."""
    said = drawn if annotated is None else annotated
    marks = [(n + 0.5, said.get(n, "N"), "") for n in range(340)]
    return Made(beats=beats_each_second(340, drawn), marks=marks, **of)


def run(folder: Path, records: list[str] | None = None, **options: Any) -> dict[str, Any]:
    report = evaluate_beat(
        folder,
        records,
        load_hearing,
        options=BeatOptions(**options),
        n_workers=1,
        track=silent,
    )
    return dict(json.loads(json.dumps(report, allow_nan=False)))


def test_figures_by_hand(tmp_path: Path) -> None:
    # Of record a: 4 V drawn, 3 of them annotated V, one N (false); 2 S drawn and annotated.
    drawn = {310: "V", 311: "V", 312: "V", 313: "V", 320: "S", 321: "S"}
    made(drawn, {**drawn, 313: "N"}).write(tmp_path, "a")
    # Of record b: one annotated V is drawn N (missed), one annotated S is drawn V.
    made({330: "V"}, {325: "V", 330: "S"}).write(tmp_path, "b")
    report = run(tmp_path)
    assert (report["qrs.se"], report["qrs.ppv"]) == (100.0, 100.0)
    assert report["VEB.se"] == pytest.approx(100 * 3 / 4)
    assert report["VEB.ppv"] == pytest.approx(100 * 3 / 5)
    assert report["VEB.f1"] == pytest.approx(100 * 6 / 9, abs=1e-3)
    assert report["SVEB.se"] == pytest.approx(100 * 2 / 3, abs=1e-3)
    assert report["SVEB.ppv"] == 100.0
    matrix = np.array(report["matrix"])
    assert matrix.sum() == 2 * N_SCORED
    assert matrix[1, 2] == 1  # the S called V
    assert [error["record"] for error in report["worst"]] == ["a", "b", "b"]
    per_record = report["per_record"]
    assert per_record["a"]["VEB"]["fp"] == 1
    assert report["bundles"] == {"ecg-beat": "made 1", "ecg-rhythm": "made 1"}
    assert report["calibration"]["all"]["n"] == 2 * N_SCORED


def test_two_workers_say_the_same(tmp_path: Path) -> None:
    for name, at in (("a", 310), ("b", 311), ("c", 312)):
        made({at: "V"}, {at: "V", 320: "S"}).write(tmp_path, name)
    alone = run(tmp_path)
    together = evaluate_beat(tmp_path, None, load_hearing, n_workers=2, track=silent)
    assert json.loads(json.dumps(together)) == alone


def test_a_fusion_called_v_counts_neither_way_and_paced_records_stay_out(
    tmp_path: Path,
) -> None:
    made({310: "V", 311: "V"}, {310: "V", 311: "F"}).write(tmp_path, "a")
    made({310: "V"}, {310: "N", 320: "/"}).write(tmp_path, "paced")
    report = run(tmp_path)
    assert (report["VEB.se"], report["VEB.ppv"]) == (100.0, 100.0)
    assert (report["n_records"], report["n_paced"]) == (2, 1)
    assert report["qrs"]["tp"] == 2 * N_SCORED


def test_by_person_lead_and_split(tmp_path: Path) -> None:
    made({310: "V"}, comments=["69 M 1085 1629 x1"], n_leads=2).write(tmp_path, "100")
    made({}, {310: "V"}, comments=["-1 F 742 654 x1"]).write(tmp_path, "202")
    made({310: "V"}, comments=["24 F 1581 654 x1"]).write(tmp_path, "106")
    report = run(tmp_path, second_lead=True)
    assert set(report["by_sex"]) == {"F", "M"}
    assert set(report["by_age"]) == {"65 to 74", "under 50"}
    assert report["by_sex"]["M"]["VEB"]["se"] == 100.0
    assert report["ds2"]["VEB"]["se"] == 50.0
    assert report["ds2_without_202"]["VEB"]["se"] == 100.0
    assert report["ds1"]["n_records"] == 1
    second = report["variants"]["second lead"]
    assert (second["n_records"], second["VEB"]["se"]) == (1, 100.0)


def test_noise_beside_the_records_is_added(tmp_path: Path) -> None:
    import wfdb

    made({310: "V"}).write(tmp_path / "mitdb", "a")
    (tmp_path / "nstdb").mkdir()
    noise = np.random.default_rng(4).normal(scale=0.2, size=(400 * FS_NOISE, 1))
    wfdb.wrsamp(
        "ma", fs=FS_NOISE, units=["mV"], sig_name=["n"], p_signal=noise, fmt=["16"],
        write_dir=str(tmp_path / "nstdb"),
    )  # fmt: skip
    report = run(tmp_path, snrs_db=(24.0, 18.0))
    assert list(report["variants"]) == ["ma 24 dB", "ma 18 dB"]
    assert report["variants"]["ma 24 dB"]["VEB"]["se"] == 100.0


FS_NOISE = 360


def test_time_that_cannot_be_analysed(tmp_path: Path) -> None:
    Made(beats=[], marks=[(310.5, "N", ""), (311.5, "V", "")]).write(tmp_path, "flat")
    made({}).write(tmp_path, "good")
    report = run(tmp_path)
    silence = report["cannot_analyse"]
    assert silence["seconds"] == 40.0
    assert silence["share_percent"] == 50.0
    assert silence["beats_by_class"] == {"N": 1, "S": 0, "V": 1, "F": 0}
    assert silence["would_have"]["fn"] == 2
    assert report["VEB.se"] == 0.0


def test_annotated_beats_are_asked_about(tmp_path: Path) -> None:
    # 310 was drawn as annotated; 311 is an S that was drawn flat, so no beat was found there.
    drawn = [beat for beat in beats_each_second(340, {310: "V"}) if beat[0] != 311.5]
    marks = [(at, "V" if at == 310.5 else "N", "") for at, _ in drawn]
    Made(beats=drawn, marks=[*marks, (311.5, "S", "")]).write(tmp_path, "100")
    report = run(tmp_path)
    assert report["qrs"]["fn"] == 1
    assert report["annotated"]["qrs"]["fn"] == 0
    assert report["annotated"]["VEB"]["se"] == 100.0
    assert report["annotated"]["ds2"]["SVEB"]["se"] == 0.0  # told N
    assert run(tmp_path, annotated=False)["annotated"] is None


def test_annotations_that_count_at_a_rate_of_their_own(tmp_path: Path) -> None:
    drawn = {310: "V", 320: "S"}
    made(drawn, fs=250.0, marks_fs=125.0).write(tmp_path, "a")
    report = run(tmp_path, annotated=True)
    assert report["qrs.se"] == report["VEB.se"] == report["SVEB.se"] == 100.0
    assert report["annotated"]["VEB"]["se"] == 100.0


def test_a_bad_record_costs_itself(tmp_path: Path) -> None:
    made({310: "V"}).write(tmp_path, "good")
    made({}).write(tmp_path, "bare", annotate=False)
    Made(marks=[(1, "+", "")]).write(tmp_path, "nobeats")
    write_unknown_code(tmp_path, "odd")
    Made(marks=[(1, "x", "")]).write(tmp_path, "marks")
    Made(duration_s=1 / 250, marks=[(0.0, "N", "")]).write(tmp_path, "one")
    (tmp_path / "broken.hea").write_text("broken 1 250 9\n")
    (tmp_path / "broken.atr").write_bytes(b"\x00\x00")
    report = run(tmp_path)
    assert report["VEB.se"] == 100.0
    why = {one["record"]: one["why"] for one in report["skipped"]}
    assert "no annotations" in why["bare"]
    assert "hold no beat" in why["nobeats"]
    assert "hold no beat" in why["marks"]
    assert "unknown annotation symbols" in why["odd"]
    assert "broken.hea" in why["broken"]
    assert all("\n" not in text for text in why.values())
    assert why["one"] == "record one: has 0.004 s: the first 300 s are not scored"
    assert "good" not in why


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda _: None, "expected WFDB records"),
        (
            lambda folder: made({}).write(folder, "bare", annotate=False),
            "expected WFDB records",
        ),
        (lambda folder: Made(marks=[(1, "+", "(N")]).write(folder, "r"), "ecg-rhythm"),
        (
            lambda folder: write_unknown_code(folder, "r"),
            r"nothing could be scored: record r: unknown annotation symbols \['nan'\]",
        ),
        (
            lambda folder: Made(60.0, marks=[(30.0, "N", "")]).write(folder, "r"),
            "nothing could be scored: record r: has 60 s: the first 300 s",
        ),
    ],
)
def test_nothing_to_score_is_one_line(
    tmp_path: Path, write: Callable[[Path], None], said: str
) -> None:
    write(tmp_path)
    with pytest.raises(InputError, match=said) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wanted", ["", " , "])
def test_no_name_of_a_record(wanted: str) -> None:
    with pytest.raises(InputError, match="records: expected DS1, DS2 or names"):
        named_records(wanted)


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    made({}).write(tmp_path, "a")
    with pytest.raises(InputError, match="no annotated record b"):
        run(tmp_path, ["a", "b"])


def test_people() -> None:
    assert person_of(["69 M 1085 1629 x1"]).age_band == "65 to 74"
    assert person_of(["-1 F 742"]).age_band == ""
    assert person_of(["Age: 81", "Sex: female"]).sex == "F"
    assert person_of(["The PVCs are uniform."]).sex == ""
