"""A causal temporal convolutional network that carries its state from hop to hop.

Three rates, for rhythm 125 Hz (the shape of a wave), 25 Hz (a beat) and 5 Hz (the rhythm of
some 25 s). Every layer is a causal convolution, so a hop's answer needs the hop and each
layer's last inputs, which lie one after another in one flat row: the model's state. Zeros are
the state before the first sample, as zero padding is in training: a stream equals a whole
record.

Bai, Kolter and Koltun 2018 (arXiv:1803.01271) describe the family. Convolutions are Conv2d
with a kernel of 1 x k, which converts to TFLite without transposes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.beat_windows import N_CHANNELS
from edge.stages.rhythm_hops import N_HOP
from training.models.heads import BeatNet, RhythmHead, cut_row
from vitalwire.errors import InputError


@dataclass(frozen=True)
class TcnConfig:
    """Sizes; what is not said is what ships for rhythm."""

    n_classes: int = 5
    n_channels: int = 1
    stem: int = 16  # channels at 125 Hz
    beat: int = 48  # behind the first stride
    rhythm: int = 64  # behind the second
    strides: tuple[int, int] = (5, 5)
    beat_dilations: tuple[int, ...] = (1, 2, 4, 8)
    rhythm_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    dropout: float = 0.1


RHYTHM = TcnConfig()
BEAT = TcnConfig(
    n_classes=4,
    n_channels=N_CHANNELS,
    beat=32,
    rhythm=32,
    strides=(2, 2),
    beat_dilations=(1, 2, 4),
    rhythm_dilations=(1, 2, 4),
)


class CausalConv(nn.Module):
    """Convolution over time, normalised and rectified; the output sees no later input.

    With a stride of s an output stands for s inputs and sees up to the last of them.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.n_in = n_in
        self.n_kept = (kernel - 1) * dilation + 1 - stride  # inputs it needs from before
        self.conv = nn.Conv2d(
            n_in, n_out, (1, kernel), stride=(1, stride), dilation=(1, dilation), bias=False
        )
        self.norm = nn.BatchNorm2d(n_out)

    @property
    def n_state(self) -> int:
        return self.n_in * self.n_kept

    def forward(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        """(B, n_in, 1, T) and the `n_kept` inputs before it to (B, n_out, 1, T / stride)."""
        if self.n_kept:
            if before is None:
                x = functional.pad(x, (self.n_kept, 0))
            else:
                x = torch.cat([before, x], dim=3)
        y: Tensor = functional.relu(self.norm(self.conv(x)))
        return y

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next inputs and the last ones, as a row, to outputs and the row after them."""
        before = state.reshape(-1, self.n_in, 1, self.n_kept)
        kept = torch.cat([before, x], dim=3)[..., x.shape[3] :]
        return self(x, before), kept.flatten(1)


class TcnTrunk(nn.Module):
    """Layers without a head: (B, n_channels, 1, T) to (B, rhythm, 1, T / strides)."""

    def __init__(self, config: TcnConfig) -> None:
        super().__init__()
        self.config = c = config
        first, second = c.strides
        self.wave = CausalConv(c.n_channels, c.stem, 9)
        self.to_beat = CausalConv(c.stem, c.beat, 2 * first, stride=first)
        self.beat = nn.ModuleList(
            CausalConv(c.beat, c.beat, 5, dilation=d) for d in c.beat_dilations
        )
        self.to_rhythm = CausalConv(c.beat, c.rhythm, second, stride=second)
        self.rhythm = nn.ModuleList(
            CausalConv(c.rhythm, c.rhythm, 3, dilation=d) for d in c.rhythm_dilations
        )
        self.drop = nn.Dropout(c.dropout)

    def layers(self) -> list[CausalConv]:
        """Every layer with a state, in the order of their states in the row."""
        return [module for module in self.modules() if isinstance(module, CausalConv)]

    @property
    def n_state(self) -> int:
        return sum(layer.n_state for layer in self.layers())

    def forward(self, x: Tensor) -> Tensor:
        none: Sequence[Tensor | None] = [None] * len(self.layers())
        return self.run(x, iter(none))[0]

    def run(self, x: Tensor, states: Iterator[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
        """Features, and each layer's next state where it was given one."""
        kept: list[Tensor] = []

        def through(layer: nn.Module, x: Tensor) -> Tensor:
            assert isinstance(layer, CausalConv)
            state = next(states)
            if state is None:
                y: Tensor = layer(x)
                return y
            y, after = layer.step(x, state)
            kept.append(after)
            return y

        x = through(self.wave, x)
        x = through(self.to_beat, x)
        for layer in self.beat:
            x = x + self.drop(through(layer, x))
        x = through(self.to_rhythm, x)
        for layer in self.rhythm:
            x = x + self.drop(through(layer, x))
        return x, kept


class Tcn(TcnTrunk):
    """Logits of each hop of 25 samples.

    `forward` takes whole records, `step` one hop and the state.
    """

    n_hop = N_HOP

    def __init__(self, config: TcnConfig | None = None) -> None:
        super().__init__(config or RHYTHM)
        if prod(self.config.strides) != N_HOP:
            raise InputError(
                f"tcn: strides: expected two whose product is the hop of {N_HOP} samples, got "
                f"{self.config.strides}"
            )
        self.head = RhythmHead(self.config.rhythm, self.config.n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_channels, T) to logits (B, n_classes, T / 25)."""
        logits: Tensor = self.head(super().forward(x[:, :, None, :]))
        return logits

    def step(self, signal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One hop: (B, 25) and (B, n_state) to logits (B, n_classes) and the next state."""
        rows = iter(cut_row(state, [one.n_state for one in self.layers() if one.n_state]))
        states = [next(rows) if one.n_state else None for one in self.layers()]
        hop = signal.reshape(-1, self.config.n_channels, 1, self.n_hop)
        x, kept = self.run(hop, iter(states))
        return self.head(x)[:, :, 0], torch.cat(kept, dim=1)


def beat_tcn(config: TcnConfig = BEAT) -> BeatNet:
    """The same layers over a beat's window."""
    return BeatNet(TcnTrunk(replace(config, n_channels=N_CHANNELS)), config.rhythm)
