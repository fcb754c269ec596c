"""Small recordings that the tests make themselves, and where the real ones are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples, Signal
from vitalwire.recordings import Recording


def recording(steps: NDArray[np.int16], fs: float = 360.0, scale: float = 0.005) -> Recording:
    """A recording in memory: `steps` is int16 (n_channels, n_samples)."""
    n = len(steps)
    return Recording(
        name="made",
        path=Path("made"),
        signal=Signal.ECG,
        leads=tuple(f"V{i + 1}" for i in range(n)),
        fs=fs,
        n_samples=steps.shape[1],
        start_ns=None,
        scale=np.full(n, scale, np.float32),
        offset=np.full(n, -5.12, np.float32),
        digital=lambda first, count: steps[:, first : first + count],
    )


def random_steps(n_channels: int, n_samples: int, seed: int = 0) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return rng.integers(-2000, 2000, (n_channels, n_samples)).astype(np.int16)


def random_samples(n_channels: int, n_samples: int, scale: float = 0.005) -> Samples:
    return (random_steps(n_channels, n_samples) * np.float32(scale)).astype(np.float32)
