"""Band powers and amplitude of an EEG, once a second, over the leads that can be read. Pure.

Welch's method on the signal of `eeg_signal`: 2 s under a Hann window, a new one each second,
the mean of the last four. Not running powers behind band-pass filters: Welch's bands end where
they should (a filter steep enough at 4 Hz rings for as long as the window), and an artefact is
out of it after 5 s. 2 s, because delta needs half a hertz.

- Of a lead only windows count in which it could be read throughout.
- Over the leads the median, of each band: a blink is a large delta, on the frontal leads.
- delta 0.5-4, theta 4-8, alpha 8-13, beta 13-30, gamma 30-45 Hz; the first and the last end at
  the edges of the filter, which has taken half of the power there.
- The amplitude is the root of the mean square from 0.5 to 45 Hz.

None where too few leads can be read; nothing is carried over from before. A point is due when
the frames pass a multiple of `round(fs)` samples since the stream's start, as for the ECG.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.stages.eeg_hops import EegHop
from edge.stages.eeg_signal import EEG_FS_HZ, HOP_S, Bools, Float64
from edge.stages.items import State
from vitalwire.contracts import Samples, SignalState

WINDOW_S: Final = 2.0
N_WINDOWS: Final = 4
MINUTE_S: Final = 60.0
BANDS_HZ: Final = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))

_N_WINDOW: Final = round(WINDOW_S * EEG_FS_HZ)
_N_HOPS: Final = round(WINDOW_S / HOP_S)


@dataclass(frozen=True, slots=True)
class EegPoint:
    """Vital signs at one sample; fields of `vitalwire.contracts.Vitals`."""

    sample: int
    state: SignalState
    good_leads: int
    analysable: float
    powers_uv2: tuple[float, ...] | None = None  # of BANDS_HZ
    amplitude_uv: float | None = None


class EegVitals:
    """Vital signs of one EEG.

    Parameters
    ----------
    fs : float
        Hz, of the stream.
    """

    def __init__(self, fs: float) -> None:
        self._second = max(1, round(fs))
        self._minute = round(MINUTE_S * fs)
        self._analysed: deque[tuple[int, int]] = deque()  # stretches of the last minute
        self._clear()

    def _clear(self) -> None:
        self._hops: deque[tuple[Samples, Bools]] = deque(maxlen=_N_HOPS)  # and which are good
        self._windows: deque[tuple[float, ...]] = deque(maxlen=N_WINDOWS)

    def reset(self, sample: int) -> None:
        """Samples are missing up to `sample`: start anew there."""
        self._clear()
        if self._analysed and self._analysed[-1][1] > sample:  # the count went back
            self._analysed.clear()

    def push(
        self,
        start: int,
        end: int,
        hops: list[EegHop],
        n_good: int,
        state: SignalState,
    ) -> list[EegPoint]:
        """Take a frame, give the points that are due.

        Parameters
        ----------
        start, end : int
            Samples of the frame, since the stream's start.
        hops : list of EegHop
            That it has completed.
        n_good : int
            Leads that can be read.
        state : SignalState
            Of the leads together.
        """
        self._hops.extend((hop.signal, hop.good) for hop in hops)
        if state is SignalState.GOOD:
            self._add_analysed(start, end)
        due = range(start // self._second + 1, end // self._second + 1)
        return [self._point(k * self._second, n_good, state) for k in due]

    def _add_analysed(self, start: int, end: int) -> None:
        if self._analysed and self._analysed[-1][1] == start:
            start = self._analysed.pop()[0]
        self._analysed.append((start, end))

    def _share(self, now: int) -> float:
        since = now - self._minute
        while self._analysed and self._analysed[0][1] <= since:
            self._analysed.popleft()
        seen = sum(min(b, now) - max(a, since, 0) for a, b in self._analysed if a < now)
        return seen / self._minute

    def _point(self, now: int, n_good: int, state: SignalState) -> EegPoint:
        share = self._share(now)
        leads = self._window()
        if state is not SignalState.GOOD or not len(leads):
            self._windows.clear()
            return EegPoint(now, state, n_good, share)
        self._windows.append(tuple(_median(_powers(leads)).tolist()))
        *powers, total = np.mean(np.array(self._windows), axis=0).tolist()
        rounded = tuple(round(power, 3) for power in powers)
        return EegPoint(now, state, n_good, share, rounded, round(math.sqrt(total), 3))

    def _window(self) -> Samples:
        """The last two seconds of the leads that could be read throughout."""
        if len(self._hops) < _N_HOPS:
            return np.empty((0, _N_WINDOW), np.float32)
        whole = np.logical_and.reduce([good for _, good in self._hops])
        return np.concatenate([signal for signal, _ in self._hops], axis=1)[whole]

    def state(self) -> State:
        return {
            "analysed": [list(one) for one in self._analysed],
            "hops": [[signal.copy(), good.astype(np.int64)] for signal, good in self._hops],
            "windows": [list(one) for one in self._windows],
        }

    def restore(self, state: State) -> None:
        self._analysed = deque((start, end) for start, end in state["analysed"])
        self._hops.clear()
        for signal, good in state["hops"]:
            self._hops.append((np.array(signal, np.float32), np.array(good, np.bool_)))
        self._windows.clear()
        self._windows.extend(tuple(one) for one in state["windows"])


def _powers(x: Samples) -> Float64:
    """Power of each band and of the whole, `(n_leads, n_bands + 1)` in uV^2."""
    found = np.fft.rfft(x * _HANN)
    squares = found.real**2 + found.imag**2
    powers: Float64 = squares @ _SUMS
    return powers


def _median(values: Float64) -> Float64:
    """Over the leads; np.median takes ten times as long for so few."""
    ordered = np.sort(values, axis=0)
    n = len(ordered)
    middle: Float64 = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0
    return middle


def _sums() -> Float64:
    """From the squares of the spectrum to the mean square in each band, and in all of them."""
    hz = np.fft.rfftfreq(_N_WINDOW, 1.0 / EEG_FS_HZ)
    bands = [(hz >= low) & (hz < high) for low, high in BANDS_HZ]
    weights = np.stack([*bands, np.any(bands, axis=0)], axis=1).astype(np.float64)
    return weights * 2.0 / (_N_WINDOW * float(_HANN @ _HANN))


_HANN: Final = np.hanning(_N_WINDOW + 1)[:-1].astype(np.float64)
_SUMS: Final = _sums()
