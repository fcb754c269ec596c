"""The rule of seizure episodes: above all background, and as many seizures as that leaves."""

import numpy as np
import pytest

from edge.stages.eeg_signal import N_HOP
from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegWindow
from training.tasks.eeg_rule import (
    HIGHEST,
    LOWEST,
    MEANS_S,
    Told,
    chosen_rule,
    n_alarms,
    numbers,
)

N = 240  # hops: 60 s


def told(probability: np.ndarray, ictal: slice | None = None) -> Told:
    marks = np.zeros(len(probability), np.bool_)
    if ictal:
        marks[ictal] = True
    n = len(probability)
    signal = np.zeros((2, n * N_HOP), np.float16)
    good = np.ones((2, n), np.bool_)
    return EegWindow("p", "w", Kind.ONSET, signal, good, marks), probability


def steps(*parts: tuple[int, float]) -> np.ndarray:
    return np.concatenate([np.full(n, value) for n, value in parts])


def test_the_threshold_lies_above_all_background() -> None:
    loud = told(steps((100, 0.1), (40, 0.6), (100, 0.1)))
    seizure = told(steps((100, 0.1), (140, 0.95)), slice(100, N))
    rule = chosen_rule([loud, seizure])
    assert 0.6 < rule["enter"] < 0.95
    assert n_alarms(loud, rule) == (0, 0)
    assert n_alarms(seizure, rule) == (1, 0)


def test_the_mean_that_finds_most_is_taken() -> None:
    """Nine seconds of seizure: the longest mean is only just reached."""
    short = told(steps((100, 0.0), (30, 0.9), (110, 0.0)), slice(100, 136))
    loud = told(steps((100, 0.0), (18, 1.0), (122, 0.0)))
    rule = chosen_rule([short, loud])
    assert n_alarms(loud, rule) == (0, 0)
    others = [n_alarms(short, numbers(rule["enter"], mean_s))[0] for mean_s in (4.0, 5.0, 6.0)]
    assert n_alarms(short, rule)[0] == max(others)


def test_of_means_that_find_as_many_the_longest_is_taken() -> None:
    rule = chosen_rule([told(steps((100, 0.0), (140, 1.0)), slice(100, N))])
    assert rule["mean_s"] == max(MEANS_S)


def test_quiet_background_does_not_make_everything_a_seizure() -> None:
    assert chosen_rule([told(np.full(N, 0.001))])["enter"] == LOWEST
    assert chosen_rule([told(np.full(N, 1.0))])["enter"] == HIGHEST
    assert chosen_rule([])["enter"] == LOWEST


def test_what_is_near_a_seizure_sets_no_threshold() -> None:
    """A running mean is still high when the seizure is over."""
    rule = chosen_rule([told(steps((100, 0.0), (80, 1.0), (60, 0.0)), slice(100, 180))])
    assert rule["enter"] == LOWEST


@pytest.mark.parametrize(
    ("ictal", "counted"), [(slice(100, 160), (1, 0)), (slice(0, 40), (0, 1)), (None, (0, 1))]
)
def test_an_alarm_counts_where_it_begins(ictal: slice | None, counted: tuple[int, int]) -> None:
    probability = steps((100, 0.0), (60, 1.0), (80, 0.0))
    assert n_alarms(told(probability, ictal), numbers(0.5, 4.0)) == counted


def test_hops_that_cannot_be_read_raise_nothing() -> None:
    window, probability = told(steps((100, 0.0), (60, 1.0), (80, 0.0)))
    window.good[:, 90:170] = False
    assert n_alarms((window, probability), numbers(0.5, 4.0)) == (0, 0)
