"""The beats of the last minute and the RR intervals between them. Pure.

An RR counts only where every sample between its two beats was seen and `GOOD`: never across
a gap, a poor or a flat stretch, or a lead that was off. That is known from the *spans* of
good frames without a break: both beats must lie in the same one.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.items import State

WINDOW_S: Final = 60.0
MAX_BEATS: Final = 400  # a minute at the fastest; bounds memory whatever comes in

NN_MIN_S: Final = 0.3  # 200 a minute
NN_MAX_S: Final = 2.0  # 30 a minute
NN_NEIGHBOURS: Final = 5  # on either side, for the local median
NN_DEVIATION: Final = 0.25  # from it

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats of one window, `(n_beats,)` each, in order."""

    time_s: Float64  # of the R peak, since the stream's start
    amplitude_mv: Float64
    rr_s: Float64  # to the beat before; NaN where there is none that counts
    normal: Mask  # the RR counts and is a normal-to-normal one


class RrSeries:
    """Beats and RR of the last `WINDOW_S`, with the spans that could be analysed.

    Parameters
    ----------
    fs : sampling rate, Hz
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._span_n = round(WINDOW_S * fs)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as for a new stream."""
        self._spans: list[tuple[int, int]] = []  # good samples: first, end
        self._sample: list[int] = []  # of each beat, as the three below
        self._amplitude_mv: list[float] = []
        self._rr_s: list[float] = []
        self._normal: list[bool] = []
        self._broken = False

    def break_chain(self) -> None:
        """Let no RR and no span reach from before to after this call."""
        self._broken = True

    def add_good(self, first: int, end: int) -> None:
        """Samples `first` to `end` (exclusive) could be analysed."""
        if self._spans and self._spans[-1][1] == first and not self._broken:
            self._spans[-1] = (self._spans[-1][0], end)
        else:
            self._spans.append((first, end))
        self._broken = False

    def add_beat(self, sample: int, amplitude_mv: float) -> None:
        """A beat, in order; one that lies in no good span is left out."""
        span = next((s for s in reversed(self._spans) if s[0] <= sample < s[1]), None)
        last = self.last_beat()
        if span is None or (last is not None and sample <= last):
            return
        linked = last is not None and last >= span[0]
        self._sample.append(sample)
        self._amplitude_mv.append(amplitude_mv)
        self._rr_s.append(
            (sample - last) / self._fs if last is not None and linked else math.nan
        )
        self._normal.append(False)
        self._judge_newest()
        self._drop_oldest(len(self._sample) - MAX_BEATS)

    def _judge_newest(self) -> None:
        """Whether the newest RR are normal; a beat more may change the word on them."""
        n = len(self._rr_s)
        for i in range(max(0, n - NN_NEIGHBOURS - 1), n):
            around = self._rr_s[max(0, i - NN_NEIGHBOURS) : i + NN_NEIGHBOURS + 1]
            self._normal[i] = is_normal(self._rr_s[i], around)

    def _drop_oldest(self, n: int) -> None:
        if n > 0:
            for column in (self._sample, self._amplitude_mv, self._rr_s, self._normal):
                del column[:n]

    def forget_before(self, now: int) -> None:
        """Drop what lies more than a window before `now`."""
        start = now - self._span_n
        self._spans = [(max(a, start), b) for a, b in self._spans if b > start]
        self._drop_oldest(bisect_left(self._sample, start))

    def analysable(self, now: int) -> float:
        """Share of the window before `now` that was seen and good, 0 to 1."""
        start = now - self._span_n
        good = sum(max(0, min(b, now) - max(a, start)) for a, b in self._spans)
        return good / self._span_n

    def last_beat(self) -> int | None:
        return self._sample[-1] if self._sample else None

    def recent_rr(self, since: int, n_max: int) -> list[float]:
        """The RR of the last `n_max` beats that lie at `since` or later."""
        first = max(bisect_left(self._sample, since), len(self._sample) - n_max)
        return [rr_s for rr_s in self._rr_s[first:] if not math.isnan(rr_s)]

    def beats(self) -> Beats:
        """All beats of the window."""
        return Beats(
            np.array(self._sample, dtype=np.float64) / self._fs,
            np.array(self._amplitude_mv, dtype=np.float64),
            np.array(self._rr_s, dtype=np.float64),
            np.array(self._normal, dtype=np.bool_),
        )

    def state(self) -> State:
        return {
            "spans": [list(span) for span in self._spans],
            "sample": list(self._sample),
            "amplitude_mv": list(self._amplitude_mv),
            "rr_s": [None if math.isnan(rr_s) else rr_s for rr_s in self._rr_s],
            "normal": list(self._normal),
            "broken": self._broken,
        }

    def restore(self, state: State) -> None:
        self._spans = [(first, end) for first, end in state["spans"]]
        self._sample = list(state["sample"])
        self._amplitude_mv = list(state["amplitude_mv"])
        self._rr_s = [math.nan if rr_s is None else rr_s for rr_s in state["rr_s"]]
        self._normal = list(state["normal"])
        self._broken = state["broken"]


def is_normal(rr_s: float, around: Sequence[float]) -> bool:
    """Whether an RR is between two normal beats, as well as timing alone can tell.

    Kept: 0.3 to 2.0 s (200 to 30 a minute) and within 25 % of the median of the RR around
    it (five on either side, itself among them; NaN = none). A premature beat takes out both
    its short RR and the pause behind it; sinus arrhythmia, which turns over several beats,
    stays. In atrial fibrillation a part of the RR goes: variability is then a lower bound.
    """
    if not NN_MIN_S <= rr_s <= NN_MAX_S:
        return False
    known = sorted(value for value in around if not math.isnan(value))
    n = len(known)
    median = (known[(n - 1) // 2] + known[n // 2]) / 2.0
    return abs(rr_s - median) <= NN_DEVIATION * median
