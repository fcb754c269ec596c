"""SzCORE's figures by patient and overall, and their intervals: worked by hand."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from training.scoring.spans import Span
from training.scoring.szcore_figures import FIGURES, LEAST_PATIENTS, summarise
from training.scoring.szcore_score import Recording, RecordingScore, score_recording
from vitalwire.errors import ContractError, InputError

ABOUT = ["Made events of nobody.", "They cannot say anything of anybody."]
HOUR = 3600.0


def scored(
    patient: str,
    name: str,
    reference: list[Span],
    hypothesis: list[Span],
    duration_s: float = HOUR,
) -> RecordingScore:
    return score_recording(
        Recording(patient, name, duration_s, reference, hypothesis, unbroken=True)
    )


@pytest.fixture(scope="module")
def three() -> dict[str, Any]:
    """a: 2 of 3 and 1 false in 2 h. b: 1 of 1 in 1 h. c: no seizure, 1 false in 3 h."""
    return summarise(
        ABOUT,
        [
            scored("b", "1", [(1000, 1100)], [(1020, 1100)]),
            scored("a", "2", [(3000, 3040)], [(3006, 3046), (500, 510)]),
            scored("a", "1", [(600, 660), (1200, 1230)], [(604, 660)]),
            scored("c", "1", [], [(50, 60)], 3 * HOUR),
        ],
    )


def test_each_patient(three: dict[str, Any]) -> None:
    assert list(three["per_patient"]) == ["a", "b", "c"]
    a, b, c = three["per_patient"].values()
    assert (a["n_recordings"], a["hours"]) == (2, 2.0)
    events = a["events"]
    assert [events[key] for key in ("reference", "tp", "fn", "fp")] == [3, 2, 1, 1]
    assert [events[key] for key in FIGURES] == [0.6667, 0.6667, 0.6667, 12.0]
    assert b["events"]["f1"] == 1.0
    assert [c["events"][key] for key in FIGURES] == [None, 0.0, 0.0, 8.0]
    assert c["events"]["sensitivity_ci"] == [None, None]


def test_seconds_of_each_patient(three: dict[str, Any]) -> None:
    samples = three["per_patient"]["a"]["samples"]
    # Found 56 of 60, 0 of 30 and 34 of 40 s; false are 6 + 10 s.
    assert [samples[key] for key in ("reference", "tp", "fn", "fp")] == [130, 90, 40, 16]
    assert samples["sensitivity"] == pytest.approx(90 / 130, abs=1e-4)
    assert samples["precision"] == pytest.approx(90 / 106, abs=1e-4)
    assert samples["f1"] == pytest.approx(180 / (180 + 40 + 16), abs=1e-4)
    assert samples["false_per_day"] == 16 * 12


def test_pooled(three: dict[str, Any]) -> None:
    assert (three["n_patients"], three["n_patients_with_seizures"]) == (3, 2)
    assert (three["n_recordings"], three["hours"]) == (4, 6.0)
    pooled = three["events"]["pooled"]
    assert [pooled[key] for key in ("reference", "tp", "fn", "fp")] == [4, 3, 1, 2]
    assert [pooled[key] for key in FIGURES] == [0.75, 0.6, pytest.approx(2 / 3, abs=1e-4), 8.0]
    samples = three["samples"]["pooled"]
    assert [samples[key] for key in ("reference", "tp", "fp")] == [230, 170, 26]
    assert samples["false_per_day"] == 26 * 4


def test_the_mean_counts_each_patient_once(three: dict[str, Any]) -> None:
    mean = three["events"]["mean"]
    assert mean["sensitivity"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)  # c has no seizure
    assert mean["precision"] == pytest.approx((2 / 3 + 1 + 0) / 3, abs=1e-4)
    assert mean["f1"] == pytest.approx((2 / 3 + 1 + 0) / 3, abs=1e-4)
    assert mean["false_per_day"] == pytest.approx((12 + 0 + 8) / 3, abs=1e-4)
    assert [mean[f"{key}_patients"] for key in FIGURES] == [2, 3, 3, 3]


def test_exact_intervals_of_few_events(three: dict[str, Any]) -> None:
    pooled = three["events"]["pooled"]
    low, high = stats.binomtest(3, 4).proportion_ci(method="exact")
    assert pooled["sensitivity_ci"] == pytest.approx([low, high], abs=1e-4)
    low, high = stats.binomtest(3, 5).proportion_ci(method="exact")
    assert pooled["precision_ci"] == pytest.approx([low, high], abs=1e-4)
    # Garwood's table: 2 events may be 0.2422 to 7.2247, in 6 h.
    assert pooled["false_per_day_ci"] == pytest.approx([0.2422 * 4, 7.2247 * 4], rel=1e-3)
    low, high = pooled["f1_ci"]
    assert low < pooled["f1"] < high


def test_no_alarm_in_2_6_hours_still_allows_34_a_day() -> None:
    report = summarise(ABOUT, [scored("a", "1", [], [], 2.6 * HOUR)])
    for one in ("mean", "pooled"):
        assert report["events"][one]["false_per_day"] == 0.0
        assert report["events"][one]["false_per_day_ci"] == pytest.approx(
            [0.0, 3.6889 / (2.6 / 24)], rel=1e-3
        )


def test_all_found_is_not_beyond_doubt() -> None:
    alike = [scored(name, "1", [(600, 660)], [(610, 650)]) for name in "abcde"]
    report = summarise(ABOUT, alike)
    low = 0.025 ** (1 / 5)  # so many of five are still lost by chance, Clopper and Pearson
    for key in ("sensitivity", "precision"):
        assert report["events"]["mean"][key] == 1.0
        assert report["events"]["mean"][f"{key}_ci"] == pytest.approx([low, 1.0], abs=1e-4)
    assert report["samples"]["mean"]["sensitivity_ci"] == [None, None]
    assert report["samples"]["pooled"]["sensitivity_ci"] == [None, None]


def test_patients_are_drawn_from_four_on() -> None:
    # Each has four seizures, of which one more is found than of the patient before.
    seizures: list[Span] = [(at, at + 20) for at in (500, 1000, 1500, 2000)]
    told: list[Span] = [(at, at + 10 + at / 500) for at in (500, 1000, 1500, 2000)]
    scores = [scored(str(n), "1", seizures, [*told[:n], (3000, 3005 + n)]) for n in range(5)]
    report = summarise(ABOUT, scores)
    for figures in (report["events"]["mean"], report["samples"]["pooled"]):
        low, high = figures["sensitivity_ci"]
        assert low < figures["sensitivity"] < high
    assert report["events"]["mean"]["sensitivity"] == 0.5
    spread = np.random.default_rng(1).choice(np.arange(5) / 4, (20000, 5)).mean(axis=1)
    expected = np.percentile(spread, [2.5, 97.5])
    assert report["events"]["mean"]["sensitivity_ci"] == pytest.approx(expected, abs=0.051)
    assert report["samples"]["pooled"]["false_per_day"] == pytest.approx(35 / 5 * 24)

    few = summarise(ABOUT, scores[: LEAST_PATIENTS - 1])
    assert few["events"]["mean"]["sensitivity_ci"] == [None, None]
    assert few["samples"]["pooled"]["sensitivity_ci"] == [None, None]
    assert None not in few["events"]["pooled"]["sensitivity_ci"]


def test_delays(three: dict[str, Any]) -> None:
    # a: 4 s, missed, 6 s. b: 20 s.
    delay = three["delay"]
    assert sorted(delay["delays_s"]) == [4.0, 6.0, 20.0]
    assert (delay["median_s"], delay["max_s"]) == (6.0, 20.0)
    assert delay["p95_s"] == pytest.approx(6 + 0.9 * 14)
    counts = [delay[f"n_{of}"] for of in ("timed", "delays", "before_onset", "missed")]
    assert counts == [4, 3, 0, 1]
    assert three["per_patient"]["a"]["delay"]["delays_s"] == [4.0, 6.0]
    assert three["per_patient"]["c"]["delay"]["median_s"] is None


def test_an_alarm_before_the_onset_has_no_delay() -> None:
    report = summarise(
        ABOUT,
        [
            scored("a", "1", [(600, 660)], [(590, 610)]),
            scored("a", "2", [(0, 30)], [(5, 10)]),
        ],
    )
    delay = report["delay"]
    assert (delay["n_timed"], delay["n_before_onset"], delay["n_missed"]) == (1, 1, 0)
    assert delay["n_untimed"] == 1
    assert delay["delays_s"] == []


def test_it_is_json(three: dict[str, Any]) -> None:
    assert json.loads(json.dumps(three, allow_nan=False)) == three
    assert next(iter(three)) == "about"


def test_nothing_scored() -> None:
    report = summarise(ABOUT, [])
    assert report["n_patients"] == 0
    assert report["events"]["pooled"]["false_per_day"] is None
    json.dumps(report, allow_nan=False)


def test_a_recording_counts_once() -> None:
    twice = [scored("a", "1", [], [])] * 2
    with pytest.raises(InputError, match="patient a, recording 1: expected it once"):
        summarise(ABOUT, twice)


def test_a_report_says_what_it_is_of() -> None:
    with pytest.raises(ContractError, match="lines about the data"):
        summarise([" "], [])
