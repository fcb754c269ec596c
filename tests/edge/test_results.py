"""What `analyze` tells of a stream's rhythm."""

import csv
import json
from pathlib import Path

import pytest
import wfdb

from edge.results import StreamResult
from edge.rhythm_label import record_label, stream_of
from vitalwire.contracts import (
    Beat,
    BeatClass,
    Episode,
    Probabilities,
    Quality,
    Rhythm,
    Signal,
    SignalState,
)

FS = 250.0
S = 10**9
LABELS = tuple(rhythm.value for rhythm in Rhythm)


def said(second: int, rhythm: Rhythm) -> Probabilities:
    values = tuple(0.8 if label == rhythm.value else 0.05 for label in LABELS)
    at = round(second * FS)
    return Probabilities("w1", Signal.ECG, 7, at, second * S, LABELS, values)


def episode(kind: str, onset_s: int, end_s: int | None) -> Episode:
    return Episode(
        "w1", Signal.ECG, 7, kind,
        onset_sample=round(onset_s * FS),
        end_sample=None if end_s is None else round(end_s * FS),
        onset_ns=onset_s * S,
        end_ns=None if end_s is None else end_s * S,
        confidence=0.75,
    )  # fmt: skip


def result() -> StreamResult:
    beat = Beat("w1", Signal.ECG, 7, 500, 2 * S, BeatClass.V, None, 1.0, 0.9, (0.5, 1.0))
    rhythms = [Rhythm.NORMAL] * 3 + [Rhythm.AF] * 5
    return StreamResult(
        "x", FS, 0, 60.0,
        events=[
            beat,
            *(said(i + 1, rhythm) for i, rhythm in enumerate(rhythms)),
            episode("af", 4, None),
            episode("shockable", 12, None),
            episode("af", 4, 11),
            episode("shockable", 12, 20),
        ],
    )  # fmt: skip


def test_the_summary_has_seconds_by_rhythm_and_episodes() -> None:
    summary = result().summary()
    assert summary["rhythm_s"] == {"normal": 3, "af": 5}
    assert summary["episodes"] == [
        {"kind": "af", "onset_s": 4.0, "end_s": 11.0, "confidence": 0.75},
        {"kind": "shockable", "onset_s": 12.0, "end_s": 20.0, "confidence": 0.75},
    ]
    assert json.loads(json.dumps(summary)) == summary
    assert StreamResult("x", FS, 0, 60.0).summary()["rhythm_s"] == {}


def quality(lead: int, second: float, state: SignalState) -> Quality:
    return Quality("w1", Signal.ECG, 7, lead, round(second * FS), round(second * S), state)


def test_a_flat_line_has_no_normal_rhythm() -> None:
    made = result()
    made.label_weights, made.leads = {}, ("MLII",)
    made.events += [quality(0, 0, SignalState.UNKNOWN), quality(0, 2.5, SignalState.FLAT)]
    summary = made.summary()
    assert (summary["rhythm_label"], summary["rhythm_s"]) == ("noise", {})
    assert summary["not_good_s"] == {"MLII": {"flat": 57.5}}
    made.events.append(quality(0, 6.5, SignalState.GOOD))
    summary = made.summary()
    assert (summary["rhythm_label"], summary["rhythm_s"]) == ("af", {"af": 2})  # 7 and 8 s
    assert summary["not_good_s"] == {"MLII": {"flat": 4.0}}


def test_the_label_of_the_whole_is_the_one_that_evaluate_scores() -> None:
    made = result()
    assert made.summary()["rhythm_label"] is None  # no rhythm model ran
    made.label_weights = {}
    label, scores = record_label(stream_of(made.events), {})
    assert label == "af"
    assert made.summary()["rhythm_label"] == label
    assert made.summary()["rhythm_scores"] == pytest.approx(scores, abs=1e-3)


def test_the_files_have_rhythm_beside_the_beats(tmp_path: Path) -> None:
    result().write(tmp_path)
    marks = wfdb.rdann(str(tmp_path / "x"), "vw")
    found = list(zip(marks.sample, marks.symbol, marks.aux_note, strict=True))
    assert found == [
        (500, "V", ""),
        (1000, "+", "(AFIB"),
        (2750, "+", "(N"),
        (3000, "+", "(shockable"),
        (5000, "+", "(N"),
    ]
    with (tmp_path / "x_events.tsv").open(newline="") as file:
        rows = [
            (r["onset"], r["duration"], r["eventType"])
            for r in csv.DictReader(file, delimiter="\t")
        ]
    assert rows == [("4.000", "7.000", "af"), ("12.000", "8.000", "shockable")]
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines].count("probabilities") == 8
    assert lines[0]["activation"] == [0.5, 1.0]
    assert lines[1]["labels"] == list(LABELS)
