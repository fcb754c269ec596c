"""The beats of the last minute and the RR intervals between them. Pure.

An RR counts only where every sample between its two beats was seen and `GOOD`: never across
a gap, a poor or a flat stretch, or a lead that was off. That is known from the *spans* of
good frames without a break: both beats must lie in the same one.
"""

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
        self._beats: list[tuple[int, float, float]] = []  # sample, amplitude (mV), rr (s)
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
        last = self._beats[-1][0] if self._beats else None
        if span is None or (last is not None and sample <= last):
            return
        linked = last is not None and last >= span[0]
        rr_s = (sample - last) / self._fs if last is not None and linked else float("nan")
        self._beats.append((sample, amplitude_mv, rr_s))
        del self._beats[:-MAX_BEATS]

    def forget_before(self, now: int) -> None:
        """Drop what lies more than a window before `now`."""
        start = now - self._span_n
        self._spans = [(max(a, start), b) for a, b in self._spans if b > start]
        n_old = 0
        while n_old < len(self._beats) and self._beats[n_old][0] < start:
            n_old += 1
        del self._beats[:n_old]

    def analysable(self, now: int) -> float:
        """Share of the window before `now` that was seen and good, 0 to 1."""
        start = now - self._span_n
        good = sum(max(0, min(b, now) - max(a, start)) for a, b in self._spans)
        return good / self._span_n

    def last_beat(self) -> int | None:
        return self._beats[-1][0] if self._beats else None

    def recent_rr(self, since: int, n_max: int) -> list[float]:
        """The last RR, at most `n_max`, whose second beat is at `since` or later."""
        rr = [beat[2] for beat in self._beats[-n_max:] if beat[0] >= since]
        return [value for value in rr if value == value]  # not NaN

    def beats(self) -> Beats:
        """All beats of the window."""
        table = np.array(self._beats, dtype=np.float64).reshape(-1, 3)
        rr_s = table[:, 2]
        return Beats(table[:, 0] / self._fs, table[:, 1], rr_s, normal_to_normal(rr_s))

    def state(self) -> State:
        return {
            "spans": [list(span) for span in self._spans],
            "beats": [list(beat) for beat in self._beats],
            "broken": self._broken,
        }

    def restore(self, state: State) -> None:
        self._spans = [(int(a), int(b)) for a, b in state["spans"]]
        self._beats = [(int(s), float(a), float(rr)) for s, a, rr in state["beats"]]
        self._broken = bool(state["broken"])


def normal_to_normal(rr_s: Float64) -> Mask:
    """Which RR are between two normal beats, as well as timing alone can tell.

    Kept: 0.3 to 2.0 s (200 to 30 a minute) and within 25 % of the median of the RR around
    it (five on either side, itself among them). A premature beat takes out both its short
    RR and the pause behind it; sinus arrhythmia, which turns over several beats, stays. In
    atrial fibrillation a part of the RR goes: variability is then a lower bound.
    """
    n = rr_s.size
    if n == 0:
        return np.zeros(0, dtype=np.bool_)
    padded = np.full(n + 2 * NN_NEIGHBOURS, np.nan)
    padded[NN_NEIGHBOURS : NN_NEIGHBOURS + n] = rr_s
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * NN_NEIGHBOURS + 1)
    ranked = np.sort(around, axis=1)  # NaN last
    n_known = np.count_nonzero(~np.isnan(around), axis=1)
    rows = np.arange(n)
    low, high = np.maximum(n_known - 1, 0) // 2, n_known // 2
    median = (ranked[rows, low] + ranked[rows, high]) / 2.0
    deviation = np.abs(rr_s - median)
    # A comparison with NaN is false: an RR that is not known is never normal.
    return np.asarray(
        (rr_s >= NN_MIN_S) & (rr_s <= NN_MAX_S) & (deviation <= NN_DEVIATION * median)
    )
