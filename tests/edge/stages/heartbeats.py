"""ECG and beats made by formula, with a known rate, breathing and noise."""

import numpy as np
from numpy.typing import NDArray

Signal1D = NDArray[np.float32]


def breathing_beats(
    n_s: float,
    *,
    heart_bpm: float,
    breaths_bpm: float,
    amplitude: float = 0.05,
    sinus: float = 0.03,
    noise: float = 0.01,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """Time (s) and R amplitude (mV) of beats that swing with the breath.

    `amplitude` and `sinus` are the swings of R amplitude and RR, `noise` of both, as shares.
    """
    rng = np.random.default_rng(seed)
    beats, t = [], 0.5
    while t < n_s:
        phase = 2.0 * np.pi * breaths_bpm / 60.0 * t
        r_mv = 1.0 + amplitude * np.sin(phase) + noise * rng.normal()
        beats.append((t, float(r_mv)))
        t += 60.0 / heart_bpm * (1.0 + sinus * np.sin(phase + 1.0) + noise * rng.normal())
    return beats


def ecg(beats_s: list[float], n_s: float, fs: float, *, r_mv: float = 1.0) -> Signal1D:
    """P, QRS and T at each beat, and nothing at all between them."""
    t = np.arange(round(n_s * fs)) / fs
    x = np.zeros(t.size)
    waves = ((-0.16, 0.1, 0.02), (0.0, 1.0, 0.011), (0.03, -0.2, 0.01), (0.25, 0.25, 0.04))
    for beat in beats_s:
        for at, height, width in waves:
            x += r_mv * height * np.exp(-0.5 * ((t - beat - at) / width) ** 2)
    # As a converter with 1 uV a step gives it: flat segments are exactly flat.
    quantised: Signal1D = (np.round(x * 1000.0) / 1000.0).astype(np.float32)
    return quantised
