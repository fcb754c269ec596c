"""Convolutions down to a place a hop, and self-attention over the places.

A place knows where it is by a convolution over its neighbours (Chu et al. 2021,
arXiv:2102.10882), so a window may have any length. Attention is written out as products of
matrices: that converts everywhere.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.beat_windows import N_CHANNELS
from training.models.heads import BeatNet, RhythmNet
from training.models.layers import Conv, map_of, sequence_of
from vitalwire.errors import InputError


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes."""

    stem: int = 24
    width: int = 64
    n_heads: int = 4
    n_layers: int = 3
    strides: tuple[int, int] = (5, 5)
    dropout: float = 0.1


RHYTHM = TransformerConfig()
BEAT = TransformerConfig(width=40, n_layers=2, strides=(2, 2))


class Attention(nn.Module):
    """Every place asks every other one (Vaswani et al. 2017)."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        if width % n_heads:
            raise InputError(
                f"transformer: expected a width that n_heads divides, got {width} and {n_heads}"
            )
        self.n_heads = n_heads
        self.asked = nn.Linear(width, 3 * width)  # queries, keys, values
        self.told = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) in and out."""
        _, n_places, width = x.shape
        size = width // self.n_heads
        query, key, value = (
            part.reshape(-1, n_places, self.n_heads, size).transpose(1, 2)  # (B, H, T, size)
            for part in torch.split(self.asked(x), width, dim=2)
        )
        weights = torch.softmax(query @ key.transpose(2, 3) * size**-0.5, dim=3)  # (B, H, T, T)
        y: Tensor = self.told((weights @ value).transpose(1, 2).reshape(-1, n_places, width))
        return y


class Block(nn.Module):
    """Attention, then two linear layers, each normalised before and added."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, config.n_heads)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm_attention(x)))
        y: Tensor = self.drop(self.down(functional.relu(self.up(self.norm_mlp(x)))))
        return x + y


class TransformerTrunk(nn.Module):
    """(B, n_in, 1, T) to (B, width, 1, T / strides)."""

    def __init__(self, n_in: int, config: TransformerConfig) -> None:
        super().__init__()
        c = config
        first, second = c.strides
        self.convs = nn.Sequential(
            Conv(n_in, c.stem, 7),
            Conv(c.stem, c.stem, first + 2, stride=first),
            Conv(c.stem, c.width, second + 2, stride=second),
        )
        self.place = nn.Conv2d(c.width, c.width, (1, 9), padding=(0, 4), groups=c.width)
        self.blocks = nn.Sequential(*(Block(c) for _ in range(c.n_layers)))
        self.norm = nn.LayerNorm(c.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x)
        x = x + self.place(x)
        return map_of(self.norm(self.blocks(sequence_of(x))))


def beat_transformer(config: TransformerConfig = BEAT) -> BeatNet:
    return BeatNet(TransformerTrunk(N_CHANNELS, config), config.width)


def rhythm_transformer(config: TransformerConfig = RHYTHM) -> RhythmNet:
    return RhythmNet(TransformerTrunk(1, config), config.width, config.dropout)
