"""Shockable rhythms: were they alarmed, how soon, and how often for nothing. Pure.

Reference episodes are stretches of VT, VFL or VF that follow each other without a break, taken
as one. Those of 10 s or more are to be found; a shorter one is neither hit nor miss, and an
alarm for it is not false.

- An episode is *hit* when an alarm starts in it, or sounds already when it begins. The delay is
  from the annotated onset to the first start within it; an alarm that sounded already has none.
- An alarm is *false* when it starts outside every reference episode, later than `GRACE_S` after
  the last one's end, and does not run into one within `GRACE_S`. `starts_outside` counts
  without that grace.

Each start of an alarm's condition counts, also while the alarm is still latched from before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.scoring.intervals import (
    binomial,
    bootstrap,
    bootstrap_mean,
    known,
    known_bounds,
    poisson_rate,
)
from training.scoring.spans import Span, clipped, common, length, merged

LEAST_S: Final = 10.0
GRACE_S: Final = 10.0  # so long an alarm may be late, or early, and still be about the episode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one reference episode of `LEAST_S` or more."""

    span: Span
    hit: bool
    delay_s: float | None  # None: missed, or the alarm sounded already


@dataclass(frozen=True, slots=True)
class RecordScore:
    """One record's episodes and alarms. Times in s from the record's start."""

    name: str
    episodes: tuple[Outcome, ...]
    n_short: int  # reference episodes that are too short to count
    false_s: tuple[float, ...]  # when each false alarm started
    n_starts: int
    n_outside: int  # starts outside every reference episode, without any grace
    other_s: float  # time without a shockable rhythm
    episode_s: float  # time in episodes that count
    alarmed_episode_s: float  # of that, with the alarm on
    alarm_s: float  # with the alarm on
    true_alarm_s: float  # of that, in any reference episode

    @property
    def se(self) -> float:
        """Share of the episodes that were hit, percent; NaN without an episode."""
        return _percent(sum(one.hit for one in self.episodes), len(self.episodes))


def score_record(
    name: str, duration_s: float, reference: Sequence[Span], alarms: Sequence[Span]
) -> RecordScore:
    """Compare a record's alarms with its shockable episodes.

    Parameters
    ----------
    reference : stretches of VT, VFL or VF
    alarms : from each start of an alarm's condition to its end; several kinds may overlap
    """
    episodes = merged(clipped(reference, 0.0, duration_s))
    counted = [span for span in episodes if span[1] - span[0] >= LEAST_S]
    on = clipped(alarms, 0.0, duration_s)
    false = [one[0] for one in alarms if _is_false(one, episodes)]
    outside = [one for one in alarms if not _holds(episodes, one[0])]
    return RecordScore(
        name=name,
        episodes=tuple(_outcome(span, alarms) for span in counted),
        n_short=len(episodes) - len(counted),
        false_s=tuple(sorted(false)),
        n_starts=len(alarms),
        n_outside=len(outside),
        other_s=duration_s - length(episodes),
        episode_s=length(counted),
        alarmed_episode_s=length(common(counted, on)),
        alarm_s=length(on),
        true_alarm_s=length(common(episodes, on)),
    )


def summarise(scores: Sequence[RecordScore]) -> dict[str, Any]:
    """Figures over records, in percent and with intervals, for JSON."""
    outcomes = [one for score in scores for one in score.episodes]
    hits = sum(one.hit for one in outcomes)
    per_record = np.array([score.se for score in scores if score.episodes])
    delays = np.array([one.delay_s for one in outcomes if one.delay_s is not None])
    false = sum(len(score.false_s) for score in scores)
    hours = sum(score.other_s for score in scores) / 3600
    outside = sum(score.n_outside for score in scores)
    return {
        "n_records": len(scores),
        "n_records_with_episodes": len(per_record),
        "n_episodes": len(outcomes),
        "n_short": sum(score.n_short for score in scores),
        "se": known(float(per_record.mean()) if len(per_record) else np.nan),
        "se_ci": known_bounds(bootstrap_mean(per_record)),
        "hits": hits,
        "se_gross": known(_percent(hits, len(outcomes))),
        "se_gross_ci": [
            None if bound is None else round(100 * bound, 4)
            for bound in known_bounds(binomial(hits, len(outcomes)), 6)
        ],
        **_durations(scores),
        "delay_p50_s": known(_percentile(delays, 50), 2),
        "delay_p95_s": known(_percentile(delays, 95), 2),
        "n_delays": len(delays),
        "n_sounding_already": sum(one.hit and one.delay_s is None for one in outcomes),
        "starts": sum(score.n_starts for score in scores),
        "false": false,
        "non_shockable_h": known(hours),
        "false_per_hour": known(false / hours if hours > 0 else np.nan),
        "false_per_hour_ci": known_bounds(poisson_rate(false, hours)),
        "starts_outside": outside,
        "starts_outside_per_hour": known(outside / hours if hours > 0 else np.nan),
        "per_record": {score.name: _row(score) for score in scores},
    }


def _durations(scores: Sequence[RecordScore]) -> dict[str, Any]:
    table = np.array(
        [
            (one.alarmed_episode_s, one.episode_s, one.true_alarm_s, one.alarm_s)
            for one in scores
        ],
        dtype=np.float64,
    ).reshape(-1, 4)
    hit, episode, true, alarm = table.sum(axis=0)
    return {
        "se_duration": known(_percent(hit, episode)),
        "se_duration_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 0] / s[:, 1])),
        "ppv_duration": known(_percent(true, alarm)),
        "ppv_duration_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 2] / s[:, 3])),
    }


def _row(score: RecordScore) -> dict[str, Any]:
    return {
        "se": known(score.se),
        "n_episodes": len(score.episodes),
        "hits": sum(one.hit for one in score.episodes),
        "missed_s": [list(one.span) for one in score.episodes if not one.hit],
        "delays_s": [one.delay_s for one in score.episodes if one.delay_s is not None],
        "false_s": list(score.false_s),
        "false_per_hour": known(
            len(score.false_s) / score.other_s * 3600 if score.other_s > 0 else np.nan
        ),
    }


def _outcome(span: Span, alarms: Sequence[Span]) -> Outcome:
    inside = [start for start, _ in alarms if span[0] <= start < span[1]]
    sounding = any(start < span[0] < end for start, end in alarms)
    delay_s = None if sounding or not inside else round(min(inside) - span[0], 3)
    return Outcome(span, bool(inside) or sounding, delay_s)


def _is_false(alarm: Span, episodes: Sequence[Span]) -> bool:
    start, end = alarm
    for onset, stop in episodes:
        runs_into = onset - GRACE_S <= start < onset < end
        if runs_into or onset <= start < stop + GRACE_S:
            return False
    return True


def _holds(episodes: Sequence[Span], moment_s: float) -> bool:
    return any(start <= moment_s < end for start, end in episodes)


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else float("nan")


def _percentile(values: np.typing.NDArray[np.float64], at: float) -> float:
    return float(np.percentile(values, at)) if len(values) else float("nan")
