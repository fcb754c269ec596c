"""What other devices and hearts do to a beat's window and context: for training only."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import CONTEXT
from training.ranges import Amount, Share, Whole

_OF_NEXT: Final = [i for i, name in enumerate(CONTEXT) if name.startswith("next_")]
_OF_AF: Final = [i for i, name in enumerate(CONTEXT) if name.startswith("p_af")]
_RATIOS: Final = CONTEXT.index("previous_s")  # those before it are logarithms of ratios
_SECONDS: Final = [CONTEXT.index("previous_s"), CONTEXT.index("median_s")]


@dataclass(frozen=True)
class BeatAugmentConfig:
    """How often and how strongly."""

    shift: Whole = 2  # samples, each channel for itself
    gain: Amount = 0.15  # of the logarithm
    p_polarity: Share = 0.15
    p_noise: Share = 0.6
    noise: Amount = 0.12  # of the template's QRS, at most
    wander: Amount = 0.1
    p_no_next: Share = 0.1  # the next beat was not known in time
    ratio_noise: Amount = 0.02
    rate_noise_s: Amount = 0.08  # a slower or faster heart
    p_no_af: Share = 0.1  # no rhythm model ran


def altered(
    beat: NDArray[np.float32],
    context: NDArray[np.float32],
    rng: np.random.Generator,
    config: BeatAugmentConfig,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windows (n, channels, samples) and contexts (n, N_CONTEXT), altered copies."""
    n, n_channels, n_samples = beat.shape
    shift = rng.integers(-config.shift, config.shift + 1, (n, n_channels, 1))
    at = np.clip(np.arange(n_samples) + shift, 0, n_samples - 1)
    x = np.take_along_axis(beat, at, 2) * np.exp(rng.normal(0, config.gain, (n, 1, 1)))
    x[rng.random(n) < config.p_polarity] *= -1.0
    loud = rng.uniform(0, config.noise, (n, 1, 1)) * (rng.random((n, 1, 1)) < config.p_noise)
    x += loud * rng.normal(0, 1, x.shape)
    t = np.linspace(0, 1, n_samples)
    phase = t * rng.uniform(0.2, 1, (n, n_channels, 1)) + rng.random((n, n_channels, 1))
    x += rng.normal(0, config.wander, (n, n_channels, 1)) * np.sin(2 * np.pi * phase)
    c = context.copy()
    c[:, :_RATIOS] += rng.normal(0, config.ratio_noise, (n, _RATIOS))
    c[:, _SECONDS] += rng.normal(0, config.rate_noise_s, (n, 1))
    unknown = np.flatnonzero(rng.random(n) < config.p_no_next)
    c[unknown[:, None], _OF_NEXT] = 0.0
    alone = np.flatnonzero(rng.random(n) < config.p_no_af)
    c[alone[:, None], _OF_AF] = 0.0
    return x.astype(np.float32), c.astype(np.float32)
