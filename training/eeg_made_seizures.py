"""Discharges that are made up and laid over a real background: for training only.

A seizure on a scalp is most often a rhythm that grows out of the background and slows down,
in some leads more than in others. Laid over everybody's background they are what a recorder
cannot give away.
"""

import numpy as np

from edge.stages.eeg_signal import EEG_FS_HZ
from training.eeg_augment import Float64, band_noise, some_leads


def made_seizure(
    shape: tuple[int, int], onset_s: float, size: Float64, rng: np.random.Generator
) -> Float64:
    """What is to be added from `onset_s` on, (n_leads, n_samples).

    Parameters
    ----------
    shape : (n_leads, n_samples)
    onset_s : float
    size : (n_leads, 1)
        RMS of each lead's background: at its largest a discharge is 1 to 4 times as large.
    """
    n_leads, n = shape
    since = np.arange(n) / EEG_FS_HZ - onset_s
    ongoing = np.maximum(since, 0.0)
    wave = _wave(_phase(ongoing, rng), rng)
    wave = wave * np.exp(0.25 * band_noise((n,), 0.1, 1.5, rng))
    grown = 1.0 - np.exp(-ongoing / rng.uniform(0.5, 5))
    lags = rng.integers(0, 8, n_leads)  # samples: it spreads
    waves = np.stack([np.roll(wave, lag) for lag in lags])
    weights = some_leads(n_leads, rng) * rng.choice([-1.0, 1.0], (n_leads, 1))
    added: Float64 = size * weights * rng.uniform(1, 4) * grown * waves
    return added


def _phase(ongoing: Float64, rng: np.random.Generator) -> Float64:
    """Of a rhythm that slows down, and is never quite even."""
    first, last = rng.uniform(2.5, 9), rng.uniform(1.5, 5)
    if rng.random() < 0.3:
        last = first
    hz = last + (first - last) * np.exp(-ongoing / rng.uniform(5, 25))
    uneven = np.exp(0.16 * np.cumsum(band_noise(ongoing.shape, 0.1, 2, rng)) / EEG_FS_HZ)
    phase: Float64 = 2 * np.pi * np.cumsum(hz * uneven) / EEG_FS_HZ
    return phase


def _wave(phase: Float64, rng: np.random.Generator) -> Float64:
    """A sine, sharp waves, or spikes with a slow wave each; of deviation 1."""
    wave = np.exp(rng.uniform(0, 3) * np.cos(phase))
    wave = (wave - wave.mean()) / max(float(wave.std()), 1e-9)
    if rng.random() < 0.4:
        wave = wave - rng.uniform(0.3, 1) * np.sin(phase)
    scaled: Float64 = wave / max(float(wave.std()), 1e-9)
    return scaled
