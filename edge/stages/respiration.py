"""Respiration rate from the beats of an ECG. Pure, and without state of its own.

Breathing turns the heart's axis, so the R amplitude swings with it, and modulates the
sinus node, so the RR does (respiratory sinus arrhythmia). Either may be missing: each
gives a spectrum, each spectrum counts by how much of its power lies in one peak
(peak-conditioned averaging after Lazaro et al., Med Biol Eng Comput 52, 2014), and without
one clear peak there is no answer.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.rr_series import Beats

WINDOW_S: Final = 45.0
MIN_SPAN_S: Final = 30.0  # of beats in the window
MAX_HOLE_S: Final = 4.0  # between two usable beats
MIN_SWING: Final = 1e-3  # of a series' size: less is the converter's steps
LOW_HZ: Final = 0.1  # 6 a minute
HIGH_HZ: Final = 0.7  # 42 a minute; and never above half the heart rate
PEAK_HALF_WIDTH_HZ: Final = 0.05  # main lobe of the window
PEAKEDNESS: Final = 0.55  # share of the band's power within the peak
AMPLITUDE_OUTLIER: Final = 5.0  # deviations (1.4826 MAD) from the window's median

GRID_HZ: Final = 4.0
N_GRID: Final = round(WINDOW_S * GRID_HZ)
N_FFT: Final = 1024

Float64 = NDArray[np.float64]


def respiration_bpm(beats: Beats, now_s: float) -> float | None:
    """Breaths a minute over the last 45 s; None where no clear rhythm is seen.

    Parameters
    ----------
    beats : at least the beats of that window
    now_s : end of the window, seconds since the stream's start
    """
    usable = beats.normal & (beats.time_s > now_s - WINDOW_S)
    time_s = beats.time_s[usable]
    if not _covers(time_s):
        return None
    rr_s = beats.rr_s[usable]
    f = _frequencies()
    band = (f >= LOW_HZ) & (f <= min(HIGH_HZ, 0.5 / float(rr_s.mean())))
    spectra = [
        _spectrum(time_s, series, now_s)[band]
        for series in (_without_outliers(beats.amplitude_mv[usable]), rr_s)
        if float(np.ptp(series)) > MIN_SWING * float(np.abs(series).max())
    ]
    return _fused_peak(f[band], spectra)


def _covers(time_s: Float64) -> bool:
    return (
        time_s.size >= 8
        and float(time_s[-1] - time_s[0]) >= MIN_SPAN_S
        and float(np.diff(time_s).max()) <= MAX_HOLE_S
    )


def _without_outliers(amplitude_mv: Float64) -> Float64:
    """Ectopic and noisy beats held at the edge of the others' range."""
    centre = np.median(amplitude_mv)
    reach = AMPLITUDE_OUTLIER * 1.4826 * np.median(np.abs(amplitude_mv - centre))
    return np.clip(amplitude_mv, centre - reach, centre + reach)


@lru_cache(maxsize=1)
def _frequencies() -> Float64:
    return np.asarray(np.fft.rfftfreq(N_FFT, 1.0 / GRID_HZ), dtype=np.float64)


@lru_cache(maxsize=1)
def _cubic() -> Float64:
    """Orthonormal cubics over the window, `(n_grid, 4)`: slower changes than breathing."""
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, N_GRID), 4))
    return np.asarray(basis, dtype=np.float64)


@lru_cache(maxsize=1)
def _hann() -> Float64:
    return np.hanning(N_GRID)


def _spectrum(time_s: Float64, series: Float64, now_s: float) -> Float64:
    grid_s = now_s - WINDOW_S + (np.arange(N_GRID) + 1.0) / GRID_HZ
    even = np.interp(grid_s, time_s, series)
    basis = _cubic()
    even = (even - basis @ (basis.T @ even)) * _hann()
    return np.square(np.abs(np.fft.rfft(even, N_FFT)))


def _fused_peak(f: Float64, spectra: list[Float64]) -> float | None:
    """Rate at the peak of the averaged spectrum, a minute."""
    if not spectra or f.size < 3:
        return None
    fused = np.zeros_like(f)
    for spectrum in spectra:
        share = spectrum / spectrum.sum()
        fused += _peakedness(f, share) ** 2 * share
    fused /= fused.sum()
    top = int(np.argmax(fused))
    if top in (0, f.size - 1) or _peakedness(f, fused) < PEAKEDNESS:
        return None
    before, here, after = fused[top - 1 : top + 2]
    shift = 0.5 * (before - after) / (before - 2.0 * here + after)
    return float(60.0 * (f[top] + shift * (f[1] - f[0])))


def _peakedness(f: Float64, share: Float64) -> float:
    """Share of the power that lies in the highest peak."""
    near = np.abs(f - f[int(np.argmax(share))]) <= PEAK_HALF_WIDTH_HZ
    return float(share[near].sum())
