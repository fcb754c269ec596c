"""A causal network for seizures that does not care about the montage, and carries its state.

One encoder sees every lead by itself; what it finds is pooled over the leads that can be read,
by their mean (how widespread) and their maximum (how strong where it is strongest). So leads
may come in any order and number. The encoder strides down early, from 128 Hz to the 4 Hz of
the hops; all that is heavy comes behind the pooling and looks back some 8 s.

Maps are (B, channels, leads, T): a kernel of 1 x k is the same for all leads. The encoder is
not normalised by batch: its input is on each lead's own scale, and leads that are not there
would count.

Pooling what is found in each of a set is from Zaheer et al. 2017 (arXiv:1703.06114).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.eeg_signal import N_HOP, N_LEADS_MAX
from training.models.heads import cut_row
from training.models.tcn import CausalConv
from vitalwire.errors import InputError

N_CLASSES_SEIZURE: Final = 2  # background, seizure


@dataclass(frozen=True)
class EegTcnConfig:
    """Sizes; what is not said is what ships."""

    encoder: tuple[int, ...] = (16, 24, 32)  # channels of a lead
    kernels: tuple[int, ...] = (16, 8, 8)
    strides: tuple[int, ...] = (8, 2, 2)  # together the hop
    n_pooled: int = 48  # channels behind the pooling
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.2


SEIZURE = EegTcnConfig()


class LeadConv(nn.Module):
    """A causal convolution over time, the same for each lead, rectified."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.n_in = n_in
        self.n_kept = kernel - stride  # inputs of each lead that it needs from before
        self.conv = nn.Conv2d(n_in, n_out, (1, kernel), stride=(1, stride))

    @property
    def n_state(self) -> int:
        return self.n_in * N_LEADS_MAX * self.n_kept

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, L, T) to (B, n_out, L, T / stride)."""
        y: Tensor = functional.relu(self.conv(functional.pad(x, (self.n_kept, 0))))
        return y

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next inputs and the last ones, as a row, to outputs and the row after them."""
        before = state.reshape(-1, self.n_in, N_LEADS_MAX, self.n_kept)
        x = torch.cat([before, x], dim=3)
        kept = x[..., x.shape[3] - self.n_kept :]
        return functional.relu(self.conv(x)), kept.flatten(1)


class LeadEncoder(nn.Module):
    """From the leads to what is pooled over them, and each lead's own word.

    Raises
    ------
    InputError
        Not one kernel and stride a layer, a kernel not above its stride, or strides whose
        product is not the hop.
    """

    def __init__(
        self, channels: Sequence[int], kernels: Sequence[int], strides: Sequence[int]
    ) -> None:
        super().__init__()
        _check(channels, kernels, strides)
        sizes = zip((1, *channels[:-1]), channels, kernels, strides, strict=True)
        self.layers = nn.ModuleList(LeadConv(*one) for one in sizes)
        self.lead_head = nn.Conv2d(channels[-1], 1, (1, 1))
        self.n_features = 2 * channels[-1]

    def forward(self, x: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """Pool over the leads of whole recordings.

        Parameters
        ----------
        x : (B, L, T)
        good : (B, L, T / N_HOP)
            1 where a lead can be read, else 0.

        Returns
        -------
        (B, n_features, 1, T / N_HOP) and (B, L, T / N_HOP)
        """
        x = x[:, None] * good.repeat_interleave(N_HOP, dim=2)[:, None]
        for layer in self.layers:
            x = layer(x)
        return self._pool(x, good)

    @property
    def state_sizes(self) -> list[int]:
        """Floats that each layer needs from before."""
        return [_n_state(layer) for layer in self.layers]

    def step(
        self, signal: Tensor, good: Tensor, rows: Iterator[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """One hop, and the row that each layer kept: see `EegTcn.step`.

        Returns
        -------
        (B, n_features, 1, 1), (B, N_LEADS_MAX), and the rows after them
        """
        x = (signal * good[:, :, None])[:, None]
        kept: list[Tensor] = []
        for layer in self.layers:
            x, after = _step(layer, x, rows)
            kept.append(after)
        features, leads = self._pool(x, good[:, :, None])
        return features, leads[:, :, 0], kept

    def _pool(self, x: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, L, T') and (B, L, T'): no feature is negative, so a lead of zeros is none."""
        there = good[:, None]
        n_good = torch.clamp(there.sum(dim=2, keepdim=True), min=1.0)
        leads = self.lead_head(x)[:, 0] * good
        x = x * there
        mean, largest = x.sum(dim=2, keepdim=True) / n_good, x.amax(dim=2, keepdim=True)
        return torch.cat([mean, largest], dim=1), leads


class EegTcn(nn.Module):
    """Logits of background and seizure in each hop, and what each lead spoke for a seizure.

    `forward` takes whole recordings, `step` one hop and the state.
    """

    n_hop = N_HOP

    def __init__(self, config: EegTcnConfig = SEIZURE) -> None:
        super().__init__()
        self.config = c = config
        self.encoder = LeadEncoder(c.encoder, c.kernels, c.strides)
        self.pooled = CausalConv(self.encoder.n_features, c.n_pooled, 1)
        self.layers = nn.ModuleList(
            CausalConv(c.n_pooled, c.n_pooled, 3, dilation=d) for d in c.dilations
        )
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Conv2d(c.n_pooled, N_CLASSES_SEIZURE, (1, 1))

    @property
    def n_state(self) -> int:
        return sum(self._sizes())

    def forward(self, x: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, T), (B, L, T / 32) to logits (B, 2, T / 32) and of leads (B, L, T / 32)."""
        x, leads = self.encoder(x, good)
        x = self.pooled(x)
        for layer in self.layers:
            x = x + self.drop(layer(x))
        return self.head(x)[:, :, 0, :], leads

    def step(
        self, signal: Tensor, good: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One hop of all places for leads, and the state.

        Parameters
        ----------
        signal : (B, N_LEADS_MAX, N_HOP)
        good : (B, N_LEADS_MAX)
        state : (B, n_state)

        Returns
        -------
        logits (B, 2), those of leads (B, N_LEADS_MAX), next state (B, n_state)
        """
        rows = iter(cut_row(state, self._sizes()))
        x, leads, kept = self.encoder.step(signal, good, rows)
        x = self.pooled(x)
        for layer in self.layers:
            y, after = _step(layer, x, rows)
            x = x + self.drop(y)
            kept.append(after)
        return self.head(x)[:, :, 0, 0], leads, torch.cat(kept, dim=1)

    def _sizes(self) -> list[int]:
        return [*self.encoder.state_sizes, *(_n_state(layer) for layer in self.layers)]


def _n_state(layer: nn.Module) -> int:
    assert isinstance(layer, LeadConv | CausalConv)
    return layer.n_state


def _step(layer: nn.Module, x: Tensor, rows: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, LeadConv | CausalConv)
    return layer.step(x, next(rows))


def _check(channels: Sequence[int], kernels: Sequence[int], strides: Sequence[int]) -> None:
    if len({len(channels), len(kernels), len(strides)}) != 1 or prod(strides) != N_HOP:
        raise InputError(
            "encoder: expected as many kernels and strides as channels, and strides whose "
            f"product is the hop of {N_HOP} samples, got kernels {kernels} and strides "
            f"{strides} for {len(channels)} layers"
        )
    if any(kernel <= stride for kernel, stride in zip(kernels, strides, strict=True)):
        raise InputError(
            f"encoder: expected kernels above their strides {strides}, got {kernels}"
        )
