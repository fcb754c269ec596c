"""A plain convolutional network: what ships for beats.

For rhythm it is the same with more layers, the last ones dilated: a hop sees some 4 s to
both sides.
"""

from dataclasses import dataclass

from torch import nn

from edge.stages.beat_windows import N_CHANNELS
from training.models.heads import BeatNet, RhythmNet
from training.models.layers import Conv
from vitalwire.errors import InputError


@dataclass(frozen=True)
class Cnn1dConfig:
    """Sizes, one number a layer."""

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    dropout: float


BEAT = Cnn1dConfig(
    channels=(24, 24, 32), kernels=(7, 5, 5), strides=(1, 2, 2), dilations=(1, 1, 1),
    dropout=0.3,
)  # fmt: skip
RHYTHM = Cnn1dConfig(
    channels=(24, 48, 48, 64, 64, 64, 64),
    kernels=(7, 7, 5, 5, 7, 7, 7),
    strides=(1, 5, 1, 5, 1, 1, 1),
    dilations=(1, 1, 1, 1, 1, 2, 4),
    dropout=0.1,
)


def trunk(n_in: int, config: Cnn1dConfig) -> nn.Sequential:
    """(B, n_in, 1, T) to (B, channels[-1], 1, T / strides).

    Raises
    ------
    InputError
        Not one number a layer.
    """
    sizes = (config.channels, config.kernels, config.strides, config.dilations)
    if len({len(one) for one in sizes}) != 1 or not config.channels:
        raise InputError(
            "cnn1d: expected as many kernels, strides and dilations as channels, got "
            f"{', '.join(str(len(one)) for one in sizes[1:])} for {len(config.channels)}"
        )
    inputs = (n_in, *config.channels[:-1])
    return nn.Sequential(
        *(
            Conv(before, after, kernel, stride=stride, dilation=dilation)
            for before, after, kernel, stride, dilation in zip(inputs, *sizes, strict=True)
        )
    )


def beat_cnn1d(config: Cnn1dConfig = BEAT) -> BeatNet:
    return BeatNet(trunk(N_CHANNELS, config), config.channels[-1], config.dropout)


def rhythm_cnn1d(config: Cnn1dConfig = RHYTHM) -> RhythmNet:
    return RhythmNet(trunk(1, config), config.channels[-1], config.dropout)
