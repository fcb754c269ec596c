"""Generated EEG: background of random phases, seizures, and what electrodes do."""

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples

Lead = NDArray[np.float64]


def background(
    n_leads: int, n_s: float, fs: float, rms_uv: float = 20.0, seed: int = 0
) -> Lead:
    """Noise whose power falls with the frequency, and an alpha rhythm; (n_leads, n) uV."""
    rng = np.random.default_rng(seed)
    n = round(n_s * fs)
    hz = np.fft.rfftfreq(n, 1.0 / fs)
    shape = np.where(hz >= 0.5, 1.0 / np.maximum(hz, 0.5), 0.0) * (hz < 60.0)
    spectrum = shape * np.exp(2j * np.pi * rng.random((n_leads, len(hz))))
    noise = np.fft.irfft(spectrum, n, axis=1)
    noise /= noise.std(axis=1, keepdims=True)
    alpha = np.sqrt(2.0) * np.sin(2 * np.pi * 10.0 * np.arange(n) / fs)
    told: Lead = rms_uv * (0.9 * noise + 0.4 * alpha)
    return told


def seizure(n_s: float, fs: float, size_uv: float = 500.0) -> Lead:
    """Spikes and waves three times a second: a sharp spike, then a slow wave; (n,) uV."""
    phase = np.arange(round(n_s * fs)) / fs * 3.0 % 1.0
    spike = np.exp(-(((phase - 0.15) / 0.08) ** 2))  # 44 ms wide at half its height
    wave = np.sin(np.pi * np.clip((phase - 0.3) / 0.7, 0.0, 1.0))
    told: Lead = size_uv * (spike - 0.8 * wave)
    return told


def muscle(n_s: float, fs: float, rms_uv: float, seed: int = 3) -> Lead:
    """White noise; (n,) uV."""
    told: Lead = np.random.default_rng(seed).normal(0.0, rms_uv, round(n_s * fs))
    return told


def samples(x: Lead | Samples) -> Samples:
    """As they come from a wearable."""
    told: Samples = np.atleast_2d(x).astype(np.float32)
    return told
