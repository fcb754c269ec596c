"""Causal convolutions down to a place a hop, and a long short-term memory behind them.

It carries its state from hop to hop as the TCN does: the last inputs of the convolutions, then
each layer's output and cell, in one row. Its memory has no fixed length, and its row is short.
"""

from dataclasses import dataclass
from math import prod
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.beat_windows import N_CHANNELS
from edge.stages.rhythm_hops import N_HOP
from training.models.heads import BeatNet, RhythmHead, cut_row
from training.models.layers import map_of, sequence_of
from training.models.tcn import CausalConv
from vitalwire.errors import InputError

N_GATES: Final = 4


@dataclass(frozen=True)
class LstmConfig:
    """Sizes."""

    stem: int = 32
    features: int = 64
    hidden: int = 88
    n_layers: int = 2
    strides: tuple[int, int] = (5, 5)
    dropout: float = 0.1


RHYTHM = LstmConfig()
BEAT = LstmConfig(stem=24, features=32, hidden=48, n_layers=1, strides=(2, 2), dropout=0.0)


class LstmTrunk(nn.Module):
    """Layers without a head: (B, n_in, 1, T) to (B, hidden, 1, T / strides)."""

    def __init__(self, n_in: int, config: LstmConfig) -> None:
        super().__init__()
        self.config = c = config
        first, second = c.strides
        self.wave = CausalConv(n_in, c.stem, 2 * first + 5, stride=first)
        self.to_hop = CausalConv(c.stem, c.features, 2 * second, stride=second)
        dropout = c.dropout if c.n_layers > 1 else 0.0
        self.lstm = nn.LSTM(c.features, c.hidden, c.n_layers, batch_first=True, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(sequence_of(self.to_hop(self.wave(x))))
        return map_of(y)


class Lstm(LstmTrunk):
    """Logits of each hop of 25 samples.

    `forward` takes whole records, `step` one hop and the state.
    """

    n_hop = N_HOP

    def __init__(self, config: LstmConfig = RHYTHM) -> None:
        super().__init__(1, config)
        if prod(config.strides) != N_HOP:
            raise InputError(
                f"lstm: strides: expected two whose product is the hop of {N_HOP} samples, "
                f"got {config.strides}"
            )
        self.drop = nn.Dropout(config.dropout)
        self.head = RhythmHead(config.hidden)

    @property
    def state_sizes(self) -> list[int]:
        cells = [self.config.hidden] * (2 * self.config.n_layers)
        return [self.wave.n_state, self.to_hop.n_state, *cells]

    @property
    def n_state(self) -> int:
        return sum(self.state_sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, T) to logits (B, 5, T / 25)."""
        logits: Tensor = self.head(self.drop(super().forward(x[:, :, None, :])))
        return logits

    def step(self, signal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One hop: (B, 25) and (B, n_state) to logits (B, 5) and the next state."""
        wave, to_hop, *cells = cut_row(state, self.state_sizes)
        x, wave = self.wave.step(signal[:, None, None, :], wave)
        x, to_hop = self.to_hop.step(x, to_hop)
        row, after = x.flatten(1), []
        for layer in range(self.config.n_layers):
            row, cell = self._cell(layer, row, *cells[2 * layer : 2 * layer + 2])
            after += [row, cell]
        logits = self.head(row[:, :, None, None])[:, :, 0]
        return logits, torch.cat([wave, to_hop, *after], dim=1)

    def _cell(
        self, layer: int, x: Tensor, output: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step of a layer, written out: a graph of it has no loop."""
        weights = [
            getattr(self.lstm, f"{name}_l{layer}")
            for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
        ]
        gates = functional.linear(x, *weights[:2]) + functional.linear(output, *weights[2:])
        take, forget, new, give = torch.split(gates, [self.config.hidden] * N_GATES, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(new)
        return torch.sigmoid(give) * torch.tanh(cell), cell


def beat_lstm(config: LstmConfig = BEAT) -> BeatNet:
    """The same layers over a beat's window."""
    return BeatNet(LstmTrunk(N_CHANNELS, config), config.hidden)
