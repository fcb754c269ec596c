"""From a feature map (B, C, 1, T') to the classes of a beat, or of each hop of a rhythm."""

from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.stages.beat_context import N_CONTEXT
from edge.stages.rhythm_hops import N_HOP
from vitalwire.contracts import Rhythm

N_CLASSES_BEAT: Final = 4  # N, S, V, F: Q is for what nobody can classify
N_CLASSES_RHYTHM: Final = len(Rhythm)
N_WINDOW_RHYTHM: Final = 3750  # samples: 30 s at 125 Hz
N_HIDDEN: Final = 32  # of the context


class BeatHead(nn.Module):
    """Classes of a beat from its shape and its context, and where in the shape they lie.

    The context is a bias of the last convolution, so it decides what in a shape counts: a P
    wave that is missing means little in atrial fibrillation. It also reaches the logits by
    itself. Behind the pooling all is linear, so each class has a map over time whose mean is
    its share of the logit: its class activation (Zhou et al. 2016, arXiv:1512.04150).
    """

    def __init__(
        self, n_features: int, n_classes: int = N_CLASSES_BEAT, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.last = nn.Conv2d(n_features, n_features, (1, 3), padding=(0, 1))
        self.context = nn.Sequential(nn.Linear(N_CONTEXT, N_HIDDEN), nn.ReLU())
        self.context_drop = nn.Dropout(0.1)
        self.bias = nn.Linear(N_HIDDEN, n_features)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(n_features, n_classes)
        self.skip = nn.Linear(N_HIDDEN, n_classes)

    def forward(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, 1, T') and (B, N_CONTEXT) to logits (B, K) and activations (B, K, T')."""
        known = self.context(context)
        bias = self.bias(self.context_drop(known))
        x = functional.relu(self.last(x) + bias[:, :, None, None])
        pooled = x.mean(dim=3)[:, :, 0]
        logits = self.head(self.drop(pooled)) + self.skip(known)
        maps = functional.conv2d(x, self.head.weight[:, :, None, None])
        return logits, functional.relu(maps[:, :, 0, :])


class RhythmHead(nn.Conv2d):
    """Logits of each hop: a linear layer at every place of the map."""

    def __init__(self, n_features: int, n_classes: int = N_CLASSES_RHYTHM) -> None:
        super().__init__(n_features, n_classes, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T / 25) to (B, K, T / 25)."""
        return super().forward(x)[:, :, 0, :]


class BeatNet(nn.Module):
    """Any trunk that makes a feature map, with the head of beats."""

    def __init__(self, trunk: nn.Module, n_features: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = BeatHead(n_features, dropout=dropout)

    def forward(self, beat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 112) and (B, 24) to logits (B, 4) and class activations (B, 4, T')."""
        logits, maps = self.head(self.trunk(beat[:, :, None, :]), context)
        return logits, maps


class RhythmNet(nn.Module):
    """Any trunk with a place a hop, with the head of rhythms; it is asked about windows.

    It looks both ways in its window, so it carries no state: all of it is computed anew each
    time that it is asked.
    """

    n_hop = N_HOP
    n_window = N_WINDOW_RHYTHM

    def __init__(self, trunk: nn.Module, n_features: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.trunk = trunk
        self.drop = nn.Dropout(dropout)
        self.head = RhythmHead(n_features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, T) to logits (B, 5, T / 25)."""
        return cast("Tensor", self.head(self.drop(self.trunk(x[:, :, None, :]))))


def cut_row(state: Tensor, sizes: list[int]) -> list[Tensor]:
    """A state's row (B, n_state) into pieces (B, size), in order."""
    return list(torch.split(state, sizes, dim=1))
