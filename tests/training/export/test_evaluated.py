"""What a card takes from an evaluation."""

import json
from pathlib import Path

import pytest

from training.export.card import Evaluation, Figure
from training.export.evaluated import figures_of, flat, read_evaluations, scopes_of
from vitalwire.errors import InputError

BEAT = {
    "qrs": {"se": 99.8, "ppv": 99.9, "se_ci": [99.1, 99.9]},
    "VEB": {"se": 96.5, "se_ci": [None, 98.0], "f1": None},
    "records": 22,
}
RHYTHM = {
    "challenge2017": {
        "f1": {"N": 90.1, "A": 81.0}, "f1_ci": {"A": [77.0, 84.5]}, "f1_mean_NAO": 82.5,
        "f1_mean_NAO_ci": [80.0, 84.0],
    },
    "shockable": {
        "rhythm_model": {"se": 95, "false_per_hour": 0.4, "false_per_hour_ci": [0.2, 0.7]},
    },
    "left_out_of_challenge2017": 4000,
    "folds": ["418", "419"],
}  # fmt: skip

SEIZURE = {
    "seizures": {"annotated": 14, "alarm_began_in": 12},
    "lead_in": {"alarms": 0, "n": 14},
    "background": {"alarms": 3, "hours": 2.6, "per_day": 27.2, "per_day_ci": [5.6, 79.4]},
    "detector": "eeg-folds by folds",
}


def test_figures_and_their_intervals_are_found_by_name() -> None:
    assert figures_of(BEAT) == {
        "qrs.se": Figure(99.8, 99.1, 99.9),
        "qrs.ppv": Figure(99.9),
        "VEB.se": Figure(96.5),  # half an interval is none
    }
    found = figures_of(RHYTHM)
    assert found["challenge2017.f1.A"] == Figure(81.0, 77.0, 84.5)
    assert found["challenge2017.f1.N"] == Figure(90.1)
    assert found["challenge2017.f1_mean_NAO"] == Figure(82.5, 80.0, 84.0)
    assert found["shockable.false_per_hour"] == Figure(0.4, 0.2, 0.7)
    assert flat({"shockable.se": Figure(95, 90, 99)}) == {
        "shockable.se": 95.0, "shockable.se_low": 90.0, "shockable.se_high": 99.0,
    }  # fmt: skip


def test_a_files_last_line_counts_and_later_files_stand_above(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(f"a table\n{json.dumps(BEAT)}\n")
    second.write_text(json.dumps({"VEB": {"se": 90.0}}))
    found = read_evaluations([first, second])
    assert found.figures["VEB.se"] == Figure(90.0)
    assert found.figures["qrs.ppv"] == Figure(99.9)
    assert read_evaluations([]) == Evaluation()


def test_of_all_of_mit_bih_the_part_counts_that_nothing_was_learned_from() -> None:
    whole = {
        **BEAT,
        "ds2": {"qrs": {"se": 99.0}, "VEB": {"se": 91.0}},
        "per_record": {"100": {}},
    }
    assert figures_of(whole) == {"qrs.se": Figure(99.0), "VEB.se": Figure(91.0)}
    assert scopes_of(whole) == ["Beats: the records of MIT-BIH's DS2."]


def test_which_records_were_scored_is_said() -> None:
    [beats] = scopes_of(
        {**BEAT, "ds2": {"qrs": {"se": None}}, "per_record": {"a": {}, "b": {}}}
    )
    assert beats.startswith("Beats: 2 records")
    whole, shockable = scopes_of(RHYTHM)
    assert "test fifth" in whole
    assert "trained without its patient, not by this one" in shockable
    assert "by this model" in scopes_of({**RHYTHM, "folds": None})[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected one JSON object"),
        ("[1]", "expected one JSON object"),
        ("{", "cannot be read"),
        ('{"VEB": 3}', "no figure of an evaluation"),
    ],
)
def test_what_is_no_evaluation_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_evaluations([path])
    with pytest.raises(InputError, match="cannot be read"):
        read_evaluations([tmp_path / "none.json"])


def test_seizures_are_counted_and_whose_model_it_was_is_said() -> None:
    found = figures_of(SEIZURE)
    assert found["seizures.alarm_began_in"] == Figure(12)
    assert found["lead_in.alarms"] == Figure(0)
    assert found["background.per_day"] == Figure(27.2, 5.6, 79.4)
    (scope,) = scopes_of(SEIZURE)
    assert "trained without them" in scope
    (scope,) = scopes_of({**SEIZURE, "detector": "eeg-seizure 1"})
    assert "compare the people with the data below" in scope
