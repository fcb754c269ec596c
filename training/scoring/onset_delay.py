"""From a seizure's onset to its alarm: how soon, or not at all. Pure.

Seizures are as SzCORE counts them, close ones as one, but a long one is not cut. One is told
of where SzCORE has a hit. The delay is from the annotated onset to the first alarm that starts
at or after it, while the tolerance after the end lasts. An alarm that is on at the onset, or
came and went within the tolerance before it, tells of the seizure but has no delay: nobody
knows that it was about it.

Only a recording that runs unbroken across the onset can tell a delay. A seizure that is on when
the recording starts is not timed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.scoring.spans import Span, merged


@dataclass(frozen=True, slots=True)
class Onset:
    """What became of one seizure that was timed."""

    seizure: Span
    told: bool
    delay_s: float | None  # None: not told, or told before the onset


@dataclass(frozen=True, slots=True)
class Onsets:
    """A recording's seizures."""

    timed: tuple[Onset, ...] = ()
    n_untimed: int = 0  # no delay could be measured

    def __add__(self, other: "Onsets") -> "Onsets":
        return Onsets(self.timed + other.timed, self.n_untimed + other.n_untimed)


def find_onsets(
    reference: Sequence[Span],
    alarms: Sequence[Span],
    *,
    merge_s: float,
    before_s: float,
    after_s: float,
    unbroken: bool,
) -> Onsets:
    """Time the alarms of one recording.

    Parameters
    ----------
    reference : seizures, s from the recording's start
    alarms : from when each was told to its end
    merge_s : seizures less than this apart are one
    before_s, after_s : tolerance around a seizure
    unbroken : whether the recording runs across the onsets as it was recorded
    """
    seizures = _joined(reference, merge_s)
    timed = [one for one in seizures if unbroken and one[0] > 0]
    return Onsets(
        tuple(_onset(one, merged(alarms), before_s, after_s) for one in timed),
        len(seizures) - len(timed),
    )


def _onset(seizure: Span, alarms: Sequence[Span], before_s: float, after_s: float) -> Onset:
    onset_s, end_s = seizure
    if any(start < onset_s < end for start, end in alarms):
        return Onset(seizure, told=True, delay_s=None)
    starts = [start for start, _ in alarms if onset_s <= start < end_s + after_s]
    if starts:
        return Onset(seizure, told=True, delay_s=min(starts) - onset_s)
    early = any(start < onset_s and end > onset_s - before_s for start, end in alarms)
    return Onset(seizure, told=early, delay_s=None)


def _joined(spans: Sequence[Span], gap_s: float) -> tuple[Span, ...]:
    """Less than `gap_s` apart is one; just so far apart is two, as SzCORE has it."""
    joined: list[Span] = []
    for start, end in merged(spans):
        if joined and start - joined[-1][1] < gap_s:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
