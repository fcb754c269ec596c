"""What a wearable does to an ECG, done on purpose: for training only.

Everything works on a crop as the models see it (125 Hz, mV) and draws from a generator that
is handed in, so that a run can be repeated. Noise records are nstdb's, filtered as the ECG is
(the filter is linear); signal-to-noise is that of the WFDB tool `nst` with the crop's own
peak-to-peak amplitude (its 2nd to 98th percentile) in place of the QRS's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.stages.model_signal import LIMIT_MV, MODEL_FS_HZ
from training.ranges import Amount, Positive, Share

Crop = NDArray[np.float32]
"""(n_samples,) mV at 125 Hz."""


@dataclass(frozen=True)
class AugmentConfig:
    """How often and how strongly."""

    gain_octaves: Amount = 1.0  # log-uniform, both ways
    p_polarity: Share = 0.2
    p_noise: Share = 0.3
    snr_db: tuple[float, float] = (0.0, 24.0)  # from, to
    p_wander: Share = 0.2
    wander_mv: Amount = 0.5
    p_warp: Share = 0.5
    warp: Share = 0.1  # of the rate, both ways
    p_clip: Share = 0.05
    p_coarse: Share = 0.1
    coarse_mv: tuple[Positive, Positive] = (0.005, 0.05)  # the step of a poor converter


def rate_of_crop(rng: np.random.Generator, config: AugmentConfig) -> float:
    """Seconds of the record for a second of the crop: a slower or faster heart."""
    if rng.random() >= config.p_warp:
        return 1.0
    return float(np.exp(rng.uniform(-config.warp, config.warp)))


def augmented(
    x: Crop, rng: np.random.Generator, config: AugmentConfig, noises: Sequence[Crop]
) -> Crop:
    """The crop as another device would have recorded it."""
    y = x.astype(np.float64)
    if noises and rng.random() < config.p_noise:
        y = y + _noise(x, rng, config, noises)
    if rng.random() < config.p_wander:
        y = y + _wander(len(x), rng, config)
    y *= 2.0 ** rng.uniform(-config.gain_octaves, config.gain_octaves)
    if rng.random() < config.p_polarity:
        y = -y
    if rng.random() < config.p_clip:
        rail = max(float(np.quantile(np.abs(y), rng.uniform(0.97, 0.999))), 0.05)
        y = np.clip(y, -rail, rail)
    if rng.random() < config.p_coarse:
        step = rng.uniform(*config.coarse_mv)
        y = np.round(y / step) * step
    return np.clip(y, -LIMIT_MV, LIMIT_MV).astype(np.float32)


def _noise(
    x: Crop, rng: np.random.Generator, config: AugmentConfig, noises: Sequence[Crop]
) -> NDArray[np.float64]:
    noise = noises[int(rng.integers(len(noises)))]
    first = int(rng.integers(max(len(noise) - len(x), 1)))
    piece = noise[first : first + len(x)].astype(np.float64)
    piece = np.resize(piece, len(x)) * rng.choice([-1.0, 1.0])
    rms = float(np.sqrt(np.mean(piece**2)))
    low, high = np.quantile(x, [0.02, 0.98])
    wanted = (high - low) / np.sqrt(8.0) * 10.0 ** (-rng.uniform(*config.snr_db) / 20.0)
    scaled: NDArray[np.float64] = piece * (wanted / rms if rms > 0 else 0.0)
    return scaled


def _wander(n: int, rng: np.random.Generator, config: AugmentConfig) -> NDArray[np.float64]:
    t = np.arange(n) / MODEL_FS_HZ
    wave = np.zeros(n)
    for _ in range(3):
        wave += rng.uniform(0, config.wander_mv) * np.sin(
            2 * np.pi * (rng.uniform(0.1, 0.7) * t + rng.random())
        )
    return wave
