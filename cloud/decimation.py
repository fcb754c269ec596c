"""Samples for the screen: filtered, few, integers. For the eye, never for analysis.

A causal 0.5 to 40 Hz band-pass (the monitor band of IEC 60601-2-27) with carried state, then
every n-th sample, counted from the stream's start: the same picture however the radio cut it.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloud.pieces import Counts, Run
from vitalwire.contracts import Samples
from vitalwire.dsp import CausalBandpass

LOW_HZ: Final = 0.5
HIGH_HZ: Final = 40.0
MAX_DISPLAY_HZ: Final = 130.0  # one of the common wearables' own rate
_FULL_SCALE: Final = 2**31 - 1


class Decimator:
    """The display samples of one stream.

    Parameters
    ----------
    fs : float
        Hz, of what comes in.
    n_leads : int
    unit_per_count : float
        mV or uV of one step of what goes out.
    """

    def __init__(self, fs: float, n_leads: int, unit_per_count: float) -> None:
        self.step = max(1, math.ceil(fs / MAX_DISPLAY_HZ))
        self.display_fs = fs / self.step
        self._fs = fs
        self._unit_per_count = unit_per_count
        self._last: Samples = np.zeros((n_leads, 1), np.float32)
        self.restart()

    def restart(self) -> None:
        """Forget what was before: samples are missing."""
        self._bandpass = _bandpass(self._fs, self.display_fs)

    def push(self, leads: Samples, first: int) -> Run:
        """Take the samples (n_leads, n_samples) from number `first` on, NaN = missing."""
        missing = np.isnan(leads)
        filled = _filled(leads, self._last) if missing.any() else leads
        self._last = filled[:, -1:].copy()
        filtered = self._bandpass.push(filled) if self._bandpass else filled
        offset = -first % self.step
        shown = np.rint(filtered[:, offset :: self.step] / self._unit_per_count)
        shown = np.clip(shown, -_FULL_SCALE, _FULL_SCALE)
        holes = missing[:, offset :: self.step]
        return Run((first + offset) // self.step, _counts(shown, holes))


def _bandpass(fs: float, display_fs: float) -> CausalBandpass | None:
    """The display band, narrower where the rate cannot carry it; None below 2 Hz."""
    high = min(HIGH_HZ, 0.4 * display_fs)
    return CausalBandpass(fs, LOW_HZ, high) if high > 2 * LOW_HZ else None


def _filled(leads: Samples, last: Samples) -> Samples:
    """Missing samples take the value before them, so that the filter sees no NaN."""
    padded = np.concatenate([last, leads], axis=1)
    index = np.where(np.isnan(padded), 0, np.arange(padded.shape[1]))
    index = np.maximum.accumulate(index, axis=1)
    filled: Samples = np.take_along_axis(padded, index, axis=1)[:, 1:]
    return filled


def _counts(shown: Samples, holes: NDArray[np.bool_]) -> Counts:
    rows: Sequence[Sequence[float]] = shown.tolist()
    return [
        [None if hole else int(value) for value, hole in zip(row, gone, strict=True)]
        for row, gone in zip(rows, holes.tolist(), strict=True)
    ]
