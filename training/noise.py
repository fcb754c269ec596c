"""Noise stress test: calibrated noise on a clean ECG, as the WFDB tool `nst` adds it. Pure.

`nst` (G. Moody, WFDB applications guide) defines the signal-to-noise ratio as
``SNR_dB = 10 log10(S / N)``:

- ``S = pp**2 / 8``: `pp` is the peak-to-peak amplitude within 50 ms either side of a
  beat, trimmed mean (5 % off either end) over the first 300 beats which are neither
  ventricular nor fusion beats. A sine of that peak-to-peak amplitude has that power;
- ``N = rms**2``: `rms` is the trimmed mean (5 %) of the root mean square, about their own
  mean, of the noise record's first 300 seconds, one by one.

The noise comes on at minute 5 (the end of EC57's learning time), two minutes on, two
minutes clean, to the end. At each switch the offset is chosen so that the signal does
not jump. `nst` starts the noise record with the clean record; here `offset` says where in
the noise record sample 0 lies, so that each record can meet other noise: it is drawn from
a seed that is printed with the figures. A noise record that is too short starts over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vitalwire.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_MEASURED: Final = 300  # sigamp's limit of beats, and of seconds of noise
FIRST_NOISE_S: Final = 300.0
SEGMENT_S: Final = 120.0
QRS_HALF_WIDTH_S: Final = 0.05
TRIM: Final = 0.05
SUPRAVENTRICULAR: Final = frozenset("NLRBAaJSejn/fQ?")
"""Symbols `sigamp` measures: all beats but ventricular ones and fusions of them."""


def signal_amplitude_mv(
    x_mv: NDArray[np.float64], beats: NDArray[np.int64], *, fs: float
) -> float:
    """Peak-to-peak QRS amplitude as WFDB's `sigamp -a` measures it, mV.

    Parameters
    ----------
    x_mv : (n_samples,) clean ECG
    beats : samples of the beats that are neither ventricular nor fusions

    Raises
    ------
    InputError : no beat to measure
    """
    half = round(QRS_HALF_WIDTH_S * fs)
    inside = beats[(beats >= half) & (beats + half < len(x_mv))][:N_MEASURED]
    if not len(inside):
        raise InputError("no beat lies within the signal: its amplitude is not defined")
    windows = x_mv[inside[:, None] + np.arange(-half, half + 1)]
    return _trimmed_mean(np.ptp(windows, axis=1))


def noise_rms_mv(noise_mv: NDArray[np.float64], *, fs: float) -> float:
    """Root mean square of noise as WFDB's `sigamp -r` measures it, mV.

    Raises
    ------
    InputError : less than a second of it
    """
    n_second = round(fs)
    n_windows = min(N_MEASURED, len(noise_mv) // n_second)
    if n_windows < 1:
        raise InputError(f"noise must last a second or more, got {len(noise_mv)} samples")
    windows = noise_mv[: n_windows * n_second].reshape(n_windows, n_second)
    return _trimmed_mean(np.std(windows, axis=1))


def noise_gain(
    x_mv: NDArray[np.float64],
    beats: NDArray[np.int64],
    noise_mv: NDArray[np.float64],
    *,
    fs: float,
    snr_db: float,
) -> float:
    """Factor on the noise for the wanted signal-to-noise ratio.

    Raises
    ------
    InputError : silent noise, or no beat to measure
    """
    rms = noise_rms_mv(noise_mv, fs=fs)
    if rms == 0.0:
        raise InputError("the noise is flat: no factor gives it a power")
    amplitude = signal_amplitude_mv(x_mv, beats, fs=fs)
    return float(amplitude / np.sqrt(8.0) * 10.0 ** (-snr_db / 20.0) / rms)


def noisy_spans(n_samples: int, *, fs: float) -> list[tuple[int, int]]:
    """Where the noise is on: first and last sample of each stretch."""
    segment, first = round(SEGMENT_S * fs), round(FIRST_NOISE_S * fs)
    return [
        (onset, min(onset + segment, n_samples) - 1)
        for onset in range(first, n_samples, 2 * segment)
    ]


def add_noise(
    x_mv: NDArray[np.float64],
    noise_mv: NDArray[np.float64],
    *,
    fs: float,
    gain: float,
    offset: int = 0,
) -> NDArray[np.float64]:
    """Add noise by the protocol above.

    Parameters
    ----------
    x_mv : (n_samples,) clean ECG at `fs`
    noise_mv : noise at the same `fs`
    gain : from `noise_gain`
    offset : sample of the noise record that meets sample 0 of the ECG

    Returns
    -------
    (n_samples,) noisy ECG, continuous at each switch
    """
    n_samples = len(x_mv)
    scaled = gain * noise_mv[(np.arange(n_samples) + offset) % len(noise_mv)]
    on = np.zeros(n_samples, dtype=np.bool_)
    for first, last in noisy_spans(n_samples, fs=fs):
        on[first : last + 1] = True
    added = np.where(on, scaled, 0.0)
    # `nst` shifts all that follows a switch by the jump it would make.
    switches = np.flatnonzero(np.diff(on.astype(np.int8)) != 0) + 1
    jumps = np.zeros(n_samples)
    jumps[switches] = np.where(on[switches], scaled[switches - 1], -scaled[switches - 1])
    return np.asarray(x_mv + added - np.cumsum(jumps), dtype=np.float64)


def _trimmed_mean(values: NDArray[np.float64]) -> float:
    """Mean without the lowest and the highest 5 %."""
    n_cut = int(len(values) * TRIM)
    return float(np.sort(values)[n_cut : len(values) - n_cut].mean())
