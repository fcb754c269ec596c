"""The intervals around a beat, as numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.stages.beat_context import (
    CONTEXT,
    LIMIT,
    N_INTERVALS,
    N_SHORT,
    interval_context,
    quantile,
    similarity,
)

N_OF_INTERVALS = CONTEXT.index("beats_since_late") + 1
SECONDS = st.floats(0.0, 1e6, allow_nan=False)


def named(
    intervals_s: list[float], previous_s: float | None, next_s: float
) -> dict[str, float]:
    values = interval_context(intervals_s, previous_s, next_s)
    return dict(zip(CONTEXT, values, strict=False))


@given(st.lists(SECONDS, max_size=N_INTERVALS), st.none() | SECONDS, SECONDS)
def test_numbers_are_finite_and_bounded(
    intervals_s: list[float], previous_s: float | None, next_s: float
) -> None:
    """Also where two annotated beats lie at one place, so that an interval is 0."""
    values = interval_context(intervals_s, previous_s, next_s)
    assert len(values) == N_OF_INTERVALS
    assert np.isfinite(values).all()
    assert (np.abs(values) <= LIMIT).all()


@given(st.lists(SECONDS, min_size=1, max_size=N_INTERVALS), st.floats(0.0, 1.0))
def test_a_quantile_is_that_of_numpy(values: list[float], share: float) -> None:
    assert quantile(sorted(values), share) == pytest.approx(np.quantile(values, share))


@given(st.floats(0.3, 1.5), st.integers(1, N_INTERVALS))
def test_a_steady_rhythm_says_nothing_of_prematurity(interval_s: float, n: int) -> None:
    told = named([interval_s] * n, interval_s, interval_s)
    ratios = [value for name, value in told.items() if "_to_" in name]
    assert ratios == pytest.approx([0.0] * len(ratios), abs=1e-9)
    assert told["irregularity"] == told["spread"] == 0.0
    assert told["history"] == n / N_INTERVALS


@given(st.floats(0.4, 1.2), st.floats(1.1, 2.0))
def test_rates_are_compared_as_ratios(interval_s: float, faster: float) -> None:
    """The same rhythm at another rate has the same ratios."""
    beat = [1.0] * 20 + [0.6]
    slow = named([interval_s * one for one in beat], 0.6 * interval_s, 1.3 * interval_s)
    quick_s = interval_s / faster
    quick = named([quick_s * one for one in beat], 0.6 * quick_s, 1.3 * quick_s)
    for name in slow:
        if name not in ("previous_s", "median_s"):
            assert quick[name] == pytest.approx(slow[name], abs=1e-6), name


def test_a_premature_beat_and_its_pause() -> None:
    told = named([0.8] * 20 + [0.5], 0.5, 1.1)
    assert told["previous_to_median"] == pytest.approx(np.log(0.5 / 0.8))
    assert told["next_to_median"] == pytest.approx(np.log(1.1 / 0.8))
    assert told["next_to_previous"] == pytest.approx(np.log(1.1 / 0.5))
    assert told["previous_to_before_previous"] == pytest.approx(np.log(0.5 / 0.8))


def test_where_most_beats_are_premature_the_percentiles_still_say_so() -> None:
    """As record 232: for a median the premature beat would be the usual one."""
    told = named([0.5, 0.5, 1.2] * 15 + [0.5], 0.5, 0.5)
    assert told["previous_to_median"] == pytest.approx(0.0)
    assert told["previous_to_p80"] < -0.5
    assert told["previous_to_p95"] < -0.5
    assert told["previous_to_recent_p90"] < -0.5
    assert told["share_early"] == pytest.approx(2 / 3, abs=0.05)
    assert told["beats_since_late"] == 1 / N_SHORT


@pytest.mark.parametrize("name", [one for one in CONTEXT if one.startswith("next_")])
def test_an_unknown_next_beat_says_nothing(name: str) -> None:
    told = named([0.8] * 20 + [0.5], 0.5, 0.0)
    assert told[name] == 0.0
    assert named([0.8] * 21, 0.8, 0.8)["next_known"] == 1.0


def test_an_interval_that_does_not_count_says_nothing() -> None:
    told = named([0.8] * 20, None, 0.9)
    assert told["previous_known"] == told["previous_to_median"] == 0.0
    assert told["previous_to_before_previous"] == 0.0
    assert told["next_to_median"] == pytest.approx(np.log(0.9 / 0.8))


PIECES = st.lists(st.floats(-5, 5, width=32), min_size=24, max_size=24).map(
    lambda values: np.array(values, np.float32)
)


@given(PIECES, PIECES)
def test_similarity_is_a_correlation(a: np.ndarray, b: np.ndarray) -> None:
    told = similarity(a, b)
    assert np.isfinite(told)
    assert abs(told) <= 1.0 + 1e-3
    assert similarity(np.zeros_like(a), b) == 0.0


def test_similarity_of_known_pieces() -> None:
    wave = np.sin(np.arange(24, dtype=np.float32))
    assert similarity(wave, 3 * wave + 1) == pytest.approx(1.0, abs=1e-5)
    assert similarity(wave, -wave) == pytest.approx(-1.0, abs=1e-5)
