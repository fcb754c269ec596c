"""Episodes of a rhythm or seizures, out of a probability: running mean, hysteresis, durations.

Pure. A hop that could not be read is left out, as if the stretches before and behind it were
one; after `HELD_S` of such hops everything starts anew, and an episode that was open ends
where it was seen last.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.pipeline.models import EpisodeRule
from edge.stages.items import State
from edge.stages.rhythm import HOP_S

HELD_S: Final = 30.0

_PLAIN: Final = ("told", "onset", "end", "last_end", "below", "held", "sum", "n", "confidence")


class Hop(NamedTuple):
    """A stretch of the stream and what it was said to be."""

    start: int  # sample
    end: int  # the first sample behind it
    probability: float


@dataclass(frozen=True, slots=True)
class EpisodeChange:
    """An episode that began (`end` None), or is over."""

    onset: int  # sample
    end: int | None
    confidence: float  # mean probability: of the window so far, of the whole once it is over


class Episodes:
    """The episodes of one kind.

    Parameters
    ----------
    rule : EpisodeRule
    hop_s : float
        Length of a hop; by default that of the rhythm model.

    Notes
    -----
    An episode begins when the mean over `mean_s` reaches `enter`. Its onset is where the
    window supports it most: the hop from which on the probabilities lie farthest above the
    middle of `enter` and `leave` in sum. It is told once it has lasted `least_s` from there,
    and forgotten if the mean falls below `leave` before. It is over when the mean has been
    below `leave` for `end_s`; its end is found like its onset.
    """

    def __init__(self, rule: EpisodeRule, hop_s: float = HOP_S) -> None:
        self._rule, self._hop_s = rule, hop_s
        self._level = (rule.enter + rule.leave) / 2.0
        self._window: deque[Hop] = deque(maxlen=self._hops(rule.mean_s))
        self._last_end = 0  # of the last episode: the next does not begin before it
        self._start_anew()

    def _start_anew(self) -> None:
        self._window.clear()
        self._mean: float | None = None
        self._told = False
        self._onset: int | None = None
        self._end = 0  # where the episode was over, should it not come back
        self._below = 0  # hops in a row with the mean below `leave`
        self._held = 0  # hops in a row that could not be read
        self._sum, self._n = 0.0, 0  # of the probabilities since the onset
        self._confidence = 0.0  # of the episode up to `_end`

    @property
    def mean(self) -> float | None:
        """The running mean; None until enough was seen."""
        return self._mean

    def _running_mean(self) -> float | None:
        if len(self._window) < self._hops(self._rule.mean_s):
            return None
        return math.fsum([hop.probability for hop in self._window]) / len(self._window)

    @property
    def onset(self) -> int | None:
        """Of the episode that has been told and is not over."""
        return self._onset if self._told else None

    @property
    def refuted(self) -> bool:
        """There is none, for certain: the mean has been low for as long as an end takes."""
        return not self._told and self._below >= self._hops(self._rule.end_s)

    def push(self, hop: Hop) -> list[EpisodeChange]:
        """Take the next hop that could be read."""
        self._held = 0
        self._window.append(hop)
        if self._onset is not None:
            self._sum, self._n = self._sum + hop.probability, self._n + 1
        mean = self._mean = self._running_mean()
        if mean is None:
            return []
        self._below = self._below + 1 if mean < self._rule.leave else 0
        if self._onset is None and mean >= self._rule.enter:
            self._begin()
        if self._told:
            return self._go_on()
        if self._below:
            self._onset = None
        return self._tell(mean)

    def hold(self) -> list[EpisodeChange]:
        """The next hop could not be read."""
        self._held += 1
        return self.reset() if self._held >= self._hops(HELD_S) else []

    def reset(self) -> list[EpisodeChange]:
        """Start anew, as after a gap; what is open ends where it was seen last."""
        over: list[EpisodeChange] = []
        if self._told:
            assert self._onset is not None
            if not self._below:
                self._end, self._confidence = self._window[-1].end, self._sum / self._n
            over = [EpisodeChange(self._onset, self._end, self._confidence)]
        self._start_anew()
        return over

    def _begin(self) -> None:
        first = self._turn(1.0)
        self._onset = max(self._window[first].start, self._last_end)
        values = [hop.probability for hop in self._window][first:]
        self._sum, self._n = math.fsum(values), len(values)

    def _tell(self, mean: float) -> list[EpisodeChange]:
        if self._onset is None or self._n < self._hops(self._rule.least_s):
            return []
        self._told = True
        return [EpisodeChange(self._onset, None, mean)]

    def _go_on(self) -> list[EpisodeChange]:
        assert self._onset is not None
        if self._below == 1:
            self._note_end()
        if self._below < self._hops(self._rule.end_s):
            return []
        over = EpisodeChange(self._onset, self._end, self._confidence)
        self._last_end = self._end
        self._told, self._onset = False, None
        return [over]

    def _note_end(self) -> None:
        assert self._onset is not None
        first = self._turn(-1.0)
        self._end = max(self._window[first].start, self._onset)
        behind = [hop.probability for hop in self._window][first:]
        total, n = self._sum - math.fsum(behind), self._n - len(behind)
        if n <= 0:  # it lies within one window
            total, n = self._sum, self._n
        self._confidence = min(max(total / n, 0.0), 1.0)

    def _turn(self, sign: float) -> int:
        """The place in the window from which on it lies farthest above the level in sum.

        With `sign` -1: below. The earliest, where several are as good.
        """
        best, place, total = -math.inf, 0, 0.0
        for i in range(len(self._window) - 1, -1, -1):
            total += sign * (self._window[i].probability - self._level)
            if total >= best:
                best, place = total, i
        return place

    def _hops(self, seconds: float) -> int:
        return max(1, round(seconds / self._hop_s))

    def state(self) -> State:
        return {
            "window": [list(hop) for hop in self._window],
            **{name: getattr(self, f"_{name}") for name in _PLAIN},
        }

    def restore(self, state: State) -> None:
        self._window.clear()
        self._window.extend(Hop(*saved) for saved in state["window"])
        self._mean = self._running_mean()
        for name in _PLAIN:
            setattr(self, f"_{name}", state[name])
