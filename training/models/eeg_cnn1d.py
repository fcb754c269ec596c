"""A plain convolutional network over windows of 10 s of EEG: the comparison for seizures.

The same encoder of leads and the same pooling as `eeg_tcn`; behind it convolutions without
padding and their mean, so that every hop is answered by the window that ends with it and by
nothing else. It keeps what was pooled of the window as its state, and is asked like `eeg_tcn`.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.eeg_signal import N_HOP
from training.models.eeg_tcn import N_CLASSES_SEIZURE, EegTcnConfig, LeadEncoder
from training.models.heads import cut_row
from training.models.tcn import CausalConv
from vitalwire.errors import InputError

WINDOW_HOPS: Final = 40  # 10 s


@dataclass(frozen=True)
class EegCnn1dConfig:
    """Sizes; the encoder's are those of `EegTcnConfig`."""

    encoder: tuple[int, ...] = EegTcnConfig.encoder
    kernels: tuple[int, ...] = EegTcnConfig.kernels
    strides: tuple[int, ...] = EegTcnConfig.strides
    n_pooled: int = 48
    dilations: tuple[int, ...] = (1, 2, 4)
    kernel: int = 5
    dropout: float = 0.2


SEIZURE = EegCnn1dConfig()


class EegCnn1d(nn.Module):
    """Logits of background and seizure in each hop, and what each lead spoke for a seizure.

    Raises
    ------
    InputError
        Its convolutions look farther than the window.
    """

    n_hop = N_HOP

    def __init__(self, config: EegCnn1dConfig = SEIZURE) -> None:
        super().__init__()
        c = config
        self.encoder = LeadEncoder(c.encoder, c.kernels, c.strides)
        self.pooled = CausalConv(self.encoder.n_features, c.n_pooled, 1)
        self.layers = nn.ModuleList(
            CausalConv(c.n_pooled, c.n_pooled, c.kernel, dilation=d) for d in c.dilations
        )
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Conv2d(c.n_pooled, N_CLASSES_SEIZURE, (1, 1))
        self.n_mean = WINDOW_HOPS - (c.kernel - 1) * sum(c.dilations)
        if self.n_mean < 1:
            raise InputError(
                f"cnn1d: expected convolutions that look at less than {WINDOW_HOPS} hops, got "
                f"kernel {c.kernel} and dilations {c.dilations}"
            )

    @property
    def n_state(self) -> int:
        return sum(self._sizes())

    def forward(self, x: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, T), (B, L, T / 32) to logits (B, 2, T / 32) and of leads (B, L, T / 32)."""
        features, leads = self.encoder(x, good)
        return self._windows(functional.pad(features, (WINDOW_HOPS - 1, 0))), leads

    def step(
        self, signal: Tensor, good: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One hop of all places for leads, and the state: see `EegTcn.step`."""
        rows = iter(cut_row(state, self._sizes()))
        features, leads, kept = self.encoder.step(signal, good, rows)
        before = next(rows).reshape(-1, self.encoder.n_features, 1, WINDOW_HOPS - 1)
        window = torch.cat([before, features], dim=3)
        kept.append(window[..., 1:].flatten(1))
        return self._windows(window)[:, :, 0], leads, torch.cat(kept, dim=1)

    def _windows(self, features: Tensor) -> Tensor:
        """(B, n_features, 1, T') to the logits of each whole window, (B, 2, T' - 39)."""
        x = self.pooled(features)
        for layer in self.layers:
            x = layer(x[..., layer.n_kept :], x[..., : layer.n_kept])
        x = functional.avg_pool2d(x, (1, self.n_mean), stride=1)
        logits: Tensor = self.head(self.drop(x))[:, :, 0, :]
        return logits

    def _sizes(self) -> list[int]:
        return [*self.encoder.state_sizes, self.encoder.n_features * (WINDOW_HOPS - 1)]
