"""The shape of an EEG's spectrum: what gives a device, a montage and a person away. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_signal import EEG_FS_HZ, HIGH_HZ, LOW_HZ

Float64 = NDArray[np.float64]

AT_HZ: Final = np.array([0.5, 1, 2, 3, 5, 8, 12, 16, 22, 30, 40, 45])
"""Where it is told."""

_N: Final = 512  # samples of a periodogram
_LEAST: Final = 1e-7


def spectrum(x: Float64) -> Float64:
    """The logarithm of the amplitude at `AT_HZ`, each lead's against its own mean power.

    Parameters
    ----------
    x : (n_leads, n_samples)
        128 Hz; shorter than 4 s it is filled up with zeros.
    """
    x = np.pad(x, ((0, 0), (0, max(_N - x.shape[1], 0))))
    starts = range(0, x.shape[1] - _N + 1, _N // 2)
    window = np.hanning(_N)
    parts = [np.abs(np.fft.rfft(x[:, at : at + _N] * window, axis=1)) ** 2 for at in starts]
    power = np.mean(parts, axis=0)
    hz = np.fft.rfftfreq(_N, 1 / EEG_FS_HZ)
    inside = (hz > LOW_HZ) & (hz < HIGH_HZ)
    power /= np.maximum(power[:, inside].mean(axis=1, keepdims=True), 1e-9)
    log = 0.5 * np.log(power + _LEAST)
    bands = [(hz >= at * 0.8) & (hz <= at * 1.25 + 0.3) for at in AT_HZ]
    told: Float64 = np.stack([log[:, band].mean(axis=1) for band in bands], axis=1)
    return told
