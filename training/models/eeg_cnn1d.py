"""A plain convolutional network over windows of 10 s of EEG: the comparison for seizures.

The same encoder of leads and the same pooling as `eeg_tcn`; behind it convolutions that look
both ways. It carries no state, so all of a window is computed anew each time that it is asked.
"""

from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from edge.stages.eeg_signal import N_HOP
from training.models.eeg_tcn import (
    N_CLASSES_SEIZURE,
    EegTcnConfig,
    LeadEncoder,
)
from training.models.layers import Conv

N_WINDOW_SEIZURE: Final = 40 * N_HOP  # samples: 10 s at 128 Hz


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
    """Logits of background and seizure in each hop, and what each lead spoke for a seizure."""

    n_hop = N_HOP
    n_window = N_WINDOW_SEIZURE

    def __init__(self, config: EegCnn1dConfig = SEIZURE) -> None:
        super().__init__()
        c = config
        self.encoder = LeadEncoder(c.encoder, c.kernels, c.strides)
        self.layers = nn.Sequential(
            Conv(self.encoder.n_features, c.n_pooled, 1),
            *(Conv(c.n_pooled, c.n_pooled, c.kernel, dilation=d) for d in c.dilations),
        )
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Conv2d(c.n_pooled, N_CLASSES_SEIZURE, (1, 1))

    def forward(self, x: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, T), (B, L, T / 32) to logits (B, 2, T / 32) and of leads (B, L, T / 32)."""
        x, leads = self.encoder(x, good)
        return self.head(self.drop(self.layers(x)))[:, :, 0, :], leads
