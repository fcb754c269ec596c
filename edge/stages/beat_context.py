"""The intervals before and after a beat, as numbers that a classifier can compare. Pure.

A premature beat is early against something. A running median fails where most beats are
premature (record 232 of MIT-BIH), so the upper percentiles of the last intervals, which are
those of the beats that came on time, stand beside it, with the share of beats that came early
and how long ago one was on time. All intervals are compared as logarithms
of their ratio: a heart at 50 and one at 150 look alike.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

N_INTERVALS: Final = 64  # that are remembered
N_RECENT: Final = 32
N_LAST: Final = 8
N_SHORT: Final = 16
EARLY: Final = 0.85  # of the intervals of beats that came on time
USUAL_S: Final = 0.8  # stands in until there is an interval
LEAST_S: Final = 0.01  # two annotated beats may lie at one place: a ratio needs a length
LIMIT: Final = 1.5  # of a logarithm: beyond it nothing more is told

CONTEXT: Final = (
    "previous_to_median",
    "next_to_median",
    "before_previous_to_median",
    "previous_to_before_previous",
    "next_to_previous",
    "previous_to_p80",
    "previous_to_p95",
    "next_to_p80",
    "previous_to_recent_p90",
    "last_to_all",
    "spread",
    "irregularity",
    "previous_s",
    "median_s",
    "next_known",
    "previous_known",
    "history",
    "share_early",
    "beats_since_late",
    "p_af",
    "p_af_mean",
    "amplitude",
    "qrs_similarity",
    "p_similarity",
)
"""Names of the context's numbers, in order."""

N_CONTEXT: Final = len(CONTEXT)


def interval_context(
    intervals_s: Sequence[float], previous_s: float | None, next_s: float
) -> list[float]:
    """The first numbers of `CONTEXT`, up to `beats_since_late`.

    Parameters
    ----------
    intervals_s : sequence
        The last intervals up to and with the one that this beat ends, in s.
    previous_s : float or None
        The interval that this beat ends; None where none counts.
    next_s : float
        The interval that the next beat ends; 0 where it is not known in time.
    """
    known = np.maximum(intervals_s or [USUAL_S], LEAST_S)
    recent = known[-N_RECENT:]
    ordered, recent_ordered = sorted(known.tolist()), sorted(recent.tolist())
    median = quantile(recent_ordered, 0.5)
    p10, p80, p90, p95 = (quantile(ordered, share) for share in (0.1, 0.8, 0.9, 0.95))
    previous = median if previous_s is None else max(previous_s, LEAST_S)
    following = max(next_s, LEAST_S)
    before = float(known[-2]) if previous_s is not None and len(known) > 1 else median
    steps = np.abs(np.diff(np.log(recent)))
    early = recent < EARLY * quantile(recent_ordered, 0.9)
    late = np.flatnonzero(~early)
    n_since_late = len(early) - 1 - int(late[-1])  # the longest is never early
    return [
        _log(previous / median),
        _log(following / median) if next_s else 0.0,
        _log(before / median),
        _log(previous / before),
        _log(following / previous) if next_s else 0.0,
        _log(previous / p80),
        _log(previous / p95),
        _log(following / p80) if next_s else 0.0,
        _log(previous / quantile(sorted(known[-N_SHORT:].tolist()), 0.9)),
        _log(quantile(sorted(known[-N_LAST:].tolist()), 0.5) / quantile(ordered, 0.5)),
        _log(p90 / p10),
        min(quantile(sorted(steps.tolist()), 0.5), LIMIT) if len(steps) else 0.0,
        min(previous, 2.0) - USUAL_S,
        min(median, 2.0) - USUAL_S,
        float(next_s > 0),
        float(previous_s is not None),
        len(intervals_s) / N_INTERVALS,
        float(early.mean()),
        min(n_since_late, N_SHORT) / N_SHORT,
    ]


def similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two pieces of one length; 0 where one of them is flat."""
    x, y = a - a.mean(), b - b.mean()
    power = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / power if power > 1e-9 else 0.0


def quantile(ordered: Sequence[float], share: float) -> float:
    """What `share` of the sorted numbers lie below, between two of them linearly.

    It is `np.quantile`, which takes twenty times as long for a few dozen numbers.
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * (place - below)


def _log(ratio: float) -> float:
    return min(max(math.log(ratio), -LIMIT), LIMIT)
