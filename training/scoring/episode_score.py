"""Episodes of a rhythm as WFDB's `epicmp` compares them: any overlap counts. Pure.

- Se by episode: reference episodes that overlap one that was told; +P by episode: told ones
  that overlap one of the reference.
- Se and +P by duration: the time in both, of the reference's time and of the told time.

What is neither (another rhythm that looks alike, of which nobody asked) is left out on both
sides. The first five minutes are not scored, as in EC57.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.ec57 import LEARNING_S
from training.scoring.intervals import binomial, bootstrap, known, known_bounds
from training.scoring.spans import Span, clipped, common, length, overlap, without


@dataclass(frozen=True, slots=True)
class EpisodeCounts:
    """One record; counts add up."""

    reference: int
    found: int  # of the reference's
    told: int
    true: int  # of the told ones
    reference_s: float
    told_s: float
    common_s: float


def score_record(
    duration_s: float,
    reference: Sequence[Span],
    told: Sequence[Span],
    *,
    neutral: Sequence[Span] = (),
    learning_s: float = LEARNING_S,
) -> EpisodeCounts:
    """Compare told episodes with the reference's; spans in s from the record's start."""
    expected = without(clipped(reference, learning_s, duration_s), neutral)
    got = without(clipped(told, learning_s, duration_s), neutral)
    return EpisodeCounts(
        reference=len(expected),
        found=sum(any(overlap(one, other) for other in got) for one in expected),
        told=len(got),
        true=sum(any(overlap(one, other) for other in expected) for one in got),
        reference_s=length(expected),
        told_s=length(got),
        common_s=length(common(expected, got)),
    )


def summarise(per_record: Mapping[str, EpisodeCounts]) -> dict[str, Any]:
    """Gross figures in percent, with intervals, for JSON."""
    table = np.array(
        [
            (c.reference, c.found, c.told, c.true, c.reference_s, c.told_s, c.common_s)
            for c in per_record.values()
        ],
        dtype=np.float64,
    ).reshape(-1, 7)
    reference, found, told, true, reference_s, told_s, common_s = table.sum(axis=0)
    return {
        "n_records": len(per_record),
        "episodes": int(reference),
        "told": int(told),
        "se_episode": known(_percent(found, reference)),
        "se_episode_ci": _percent_bounds(int(found), int(reference)),
        "ppv_episode": known(_percent(true, told)),
        "ppv_episode_ci": _percent_bounds(int(true), int(told)),
        "reference_s": known(reference_s, 1),
        "told_s": known(told_s, 1),
        "se_duration": known(_percent(common_s, reference_s)),
        "se_duration_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 6] / s[:, 4])),
        "ppv_duration": known(_percent(common_s, told_s)),
        "ppv_duration_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 6] / s[:, 5])),
    }


def _percent_bounds(part: int, whole: int) -> list[float | None]:
    low, high = binomial(part, whole)
    return known_bounds((100 * low, 100 * high))


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else float("nan")
