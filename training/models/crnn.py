"""Convolutions, and a recurrent layer that reads their map from both ends.

Zihlmann et al. 2017 (CinC) took the family to whole recordings of the Challenge.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from edge.stages.beat_windows import N_CHANNELS
from training.models.heads import BeatNet, RhythmNet
from training.models.layers import Conv, map_of, sequence_of


@dataclass(frozen=True)
class CrnnConfig:
    """Sizes."""

    stem: int = 24
    middle: int = 48  # behind the first stride
    features: int = 64  # behind the second
    hidden: int = 64  # of each direction
    strides: tuple[int, int] = (5, 5)
    dropout: float = 0.1


RHYTHM = CrnnConfig()
BEAT = CrnnConfig(middle=24, features=32, hidden=24, strides=(2, 2), dropout=0.3)


class CrnnTrunk(nn.Module):
    """(B, n_in, 1, T) to (B, 2 hidden, 1, T / strides)."""

    def __init__(self, n_in: int, config: CrnnConfig) -> None:
        super().__init__()
        c = config
        first, second = c.strides
        self.convs = nn.Sequential(
            Conv(n_in, c.stem, 7),
            Conv(c.stem, c.middle, first + 2, stride=first),
            Conv(c.middle, c.middle, 5),
            Conv(c.middle, c.features, second + 2, stride=second),
        )
        self.gru = nn.GRU(c.features, c.hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(sequence_of(self.convs(x)))
        return map_of(y)


def beat_crnn(config: CrnnConfig = BEAT) -> BeatNet:
    return BeatNet(CrnnTrunk(N_CHANNELS, config), 2 * config.hidden, config.dropout)


def rhythm_crnn(config: CrnnConfig = RHYTHM) -> RhythmNet:
    return RhythmNet(CrnnTrunk(1, config), 2 * config.hidden, config.dropout)
