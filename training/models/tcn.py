"""A causal temporal convolutional network that carries its state from hop to hop.

Three rates: 125 Hz (the shape of a wave), 25 Hz (a beat), 5 Hz (the rhythm of some 25 s).
Every layer is a causal convolution, so a hop's answer needs the hop and each layer's last
inputs, which lie one after another in one flat row: the model's state. Zeros are the state
before the first sample, as zero padding is in training: a stream equals a whole record.

Bai, Kolter and Koltun 2018 (arXiv:1803.01271) describe the family. Convolutions are Conv2d
with a kernel of 1 x k, which converts to TFLite without transposes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class TcnConfig:
    """Sizes; what is not said is what ships."""

    n_classes: int = 5
    n_channels: int = 1
    stem: int = 16  # channels at 125 Hz
    beat: int = 48  # at 25 Hz
    rhythm: int = 64  # at 5 Hz
    beat_dilations: tuple[int, ...] = (1, 2, 4, 8)
    rhythm_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    dropout: float = 0.1


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

    def forward(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        """(B, n_in, 1, T) and the `n_kept` inputs before it to (B, n_out, 1, T / stride)."""
        if before is None:
            x = functional.pad(x, (self.n_kept, 0))
        else:
            x = torch.cat([before, x], dim=3)
        y: Tensor = functional.relu(self.norm(self.conv(x)))
        return y

    def kept(self, x: Tensor, before: Tensor) -> Tensor:
        """The last `n_kept` inputs, for the next hop."""
        return torch.cat([before, x], dim=3)[..., x.shape[3] :]


class Tcn(nn.Module):
    """Logits of each hop of 25 samples.

    `forward` takes whole records, `step` one hop and the state.
    """

    causal = True
    n_hop = 25

    def __init__(self, config: TcnConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or TcnConfig()
        self.wave = CausalConv(c.n_channels, c.stem, 9)
        self.to_beat = CausalConv(c.stem, c.beat, 10, stride=5)
        self.beat = nn.ModuleList(
            CausalConv(c.beat, c.beat, 5, dilation=d) for d in c.beat_dilations
        )
        self.to_rhythm = CausalConv(c.beat, c.rhythm, 5, stride=5)
        self.rhythm = nn.ModuleList(
            CausalConv(c.rhythm, c.rhythm, 3, dilation=d) for d in c.rhythm_dilations
        )
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Conv2d(c.rhythm, c.n_classes, (1, 1))

    def layers(self) -> list[CausalConv]:
        """Every layer with a state, in the order of their states in the row."""
        return [module for module in self.modules() if isinstance(module, CausalConv)]

    @property
    def n_state(self) -> int:
        return sum(layer.n_in * layer.n_kept for layer in self.layers())

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_channels, T) to logits (B, n_classes, T / 25)."""
        none: Sequence[Tensor | None] = [None] * len(self.layers())
        logits, _ = self._run(x[:, :, None, :], iter(none))
        return logits[:, :, 0, :]

    def step(self, signal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One hop: (B, 25) and (B, n_state) to logits (B, n_classes) and the next state."""
        befores, at = [], 0
        for layer in self.layers():
            size = layer.n_in * layer.n_kept
            rows = state[:, at : at + size]
            befores.append(rows.reshape(-1, layer.n_in, 1, layer.n_kept))
            at += size
        hop = signal.reshape(-1, self.config.n_channels, 1, self.n_hop)
        logits, kept = self._run(hop, iter(befores))
        return logits[:, :, 0, 0], torch.cat([one.flatten(1) for one in kept], dim=1)

    def _run(self, x: Tensor, befores: Iterator[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
        kept: list[Tensor] = []

        def through(layer: nn.Module, x: Tensor) -> Tensor:
            assert isinstance(layer, CausalConv)
            before = next(befores)
            if before is not None and layer.n_kept:
                kept.append(layer.kept(x, before))
            y: Tensor = layer(x, before if layer.n_kept else None)
            return y

        x = through(self.wave, x)
        x = through(self.to_beat, x)
        for layer in self.beat:
            x = x + self.drop(through(layer, x))
        x = through(self.to_rhythm, x)
        for layer in self.rhythm:
            x = x + self.drop(through(layer, x))
        return self.head(x), kept
