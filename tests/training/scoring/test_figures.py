"""Intervals, calibration, spans and episodes, against values worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scoring import calibration, episode_score, spans
from training.scoring.intervals import binomial, bootstrap, bootstrap_mean, poisson_rate
from vitalwire.errors import ContractError


def test_binomial_is_clopper_pearson() -> None:
    np.testing.assert_allclose(binomial(8, 10), [0.4439, 0.9748], atol=1e-4)
    np.testing.assert_allclose(binomial(0, 10), [0, 0.3085], atol=1e-4)
    np.testing.assert_allclose(binomial(10, 10), [0.6915, 1], atol=1e-4)
    assert all(math.isnan(bound) for bound in binomial(0, 0))
    with pytest.raises(ContractError):
        binomial(3, 2)


def test_no_alarm_in_2_6_hours_still_allows_34_a_day() -> None:
    low, high = poisson_rate(0, 2.6 / 24)
    assert low == 0
    assert high == pytest.approx(3.6889 / (2.6 / 24), rel=1e-4)


def test_bootstrap_draws_records() -> None:
    table = np.array([[90.0, 100.0], [50.0, 100.0], [99.0, 100.0], [80.0, 100.0]])
    low, high = bootstrap(table, lambda s: s[:, 0] / s[:, 1])
    assert 0.5 < low < 0.7975 < high < 0.99
    assert bootstrap_mean(np.array([3.0, 3.0])) == (3.0, 3.0)
    assert all(math.isnan(bound) for bound in bootstrap_mean(np.empty(0)))


def test_ece_by_hand() -> None:
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    correct = np.array([True, False, True, True])
    bins = calibration.reliability(confidence, correct, n_bins=2)
    found = [(one.n, one.confidence, one.correct) for one in bins]
    np.testing.assert_allclose(found, [(2, 0.6, 0.5), (2, 0.9, 1.0)])
    assert calibration.expected_calibration_error(bins) == pytest.approx(0.1)
    assert calibration.brier(confidence, correct) == pytest.approx((0.16 + 0.36 + 0.02) / 4)


@given(st.integers(0, 400))
def test_bins_hold_equally_many(n: int) -> None:
    rng = np.random.default_rng(n)
    bins = calibration.reliability(rng.random(n), rng.random(n) < 0.5)
    assert sum(one.n for one in bins) == n
    if n >= calibration.N_BINS:
        assert len(bins) == calibration.N_BINS
        assert max(one.n for one in bins) - min(one.n for one in bins) <= 1


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ContractError, match=r"0\.\.1"):
        calibration.brier(np.array([1.2]), np.array([True]))


def test_spans() -> None:
    assert spans.merged([(5, 6), (1, 3), (2, 4), (4, 4.5), (7, 7)]) == ((1, 4.5), (5, 6))
    assert spans.common([(0, 10)], [(2, 3), (8, 12)]) == ((2, 3), (8, 10))
    assert spans.without([(0, 10)], [(2, 3), (8, 12)]) == ((0, 2), (3, 8))
    assert spans.length([(0, 2), (1, 4)]) == 4


few = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=6,
)


@given(few, few)
def test_spans_add_up(a: list[spans.Span], b: list[spans.Span]) -> None:
    both, left = spans.common(a, b), spans.without(a, b)
    assert spans.length(both) + spans.length(left) == spans.length(a)
    assert not spans.common(left, b)


def test_episodes_as_epicmp_counts_them() -> None:
    # 400-500 found in part, 700-800 missed; 450-520 true, 900-910 false; before minute 5 none.
    counts = episode_score.score_record(
        1000, [(0, 100), (400, 500), (700, 800)], [(50, 90), (450, 520), (900, 910)]
    )
    assert (counts.reference, counts.found, counts.told, counts.true) == (2, 1, 2, 1)
    assert (counts.reference_s, counts.told_s, counts.common_s) == (200, 80, 50)
    report = episode_score.summarise({"r": counts})
    assert (report["se_episode"], report["ppv_episode"]) == (50.0, 50.0)
    assert (report["se_duration"], report["ppv_duration"]) == (25.0, 62.5)


def test_what_is_neither_is_left_out_on_both_sides() -> None:
    counts = episode_score.score_record(
        1000, [(400, 500)], [(480, 600)], neutral=[(500, 700)], learning_s=0
    )
    assert (counts.told_s, counts.common_s, counts.true) == (20, 20, 1)
