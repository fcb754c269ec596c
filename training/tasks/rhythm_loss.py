"""The loss of the rhythm model: no more is asked than the labels say. Pure.

A hop's label is a set of classes; its loss is the negative logarithm of their probability
together. A record with one label for the whole is asked twice: for the class of its mean
logits, and, less, of each of its hops.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.datasets.rhythm import LABELS
from training.datasets.rhythm_hints import HINTS
from training.tasks.crops import BINS, N_HOPS
from vitalwire.contracts import Rhythm

WARM_HOPS: Final = 15  # 3 s: nobody can tell a rhythm sooner
POOL_FROM: Final = 25  # hops: the mean of a record begins here
RAMP_HOPS: Final = 75  # until a hop of a weak record counts in full
HOP_SHARE: Final = 0.5  # of the hops in a weak record's loss
SMOOTHING: Final = 0.05  # labels of whole records are often wrong
CLASS_WEIGHT: Final = {Rhythm.AF: 1.5, Rhythm.NOISE: 1.5}
HINT_WEIGHT: Final = 1.0
BEAT_WEIGHT: Final = 0.3
_BEAT_ODDS: Final = 4.0  # bins without a beat for one with
_NEVER: Final = -1e9

_WEIGHTS = torch.tensor([CLASS_WEIGHT.get(label, 1.0) for label in LABELS])
_RECORD_LABELS = [i for i, label in enumerate(LABELS) if label is not Rhythm.SHOCKABLE]


class HintedModel(nn.Module):
    """A rhythm model, and a head beside its own that tells the hints while it learns."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.hints = nn.LazyConv2d(len(HINTS) + BINS, (1, 1))
        self._seen: list[Tensor] = []
        head = model.head
        assert isinstance(head, nn.Module)
        head.register_forward_pre_hook(lambda _, inputs: self._seen.append(inputs[0]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 1, T) to logits (B, 5, H), hints (B, H, n_hints) and beats (B, H * BINS)."""
        self._seen.clear()
        logits: Tensor = self.model(x)
        told = self.hints(self._seen.pop()).flatten(2).transpose(1, 2)
        return logits, told[..., : len(HINTS)], told[..., len(HINTS) :].flatten(1)


def rhythm_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Of a batch of crops, see `crops.CropBatch`."""
    x, allowed, valid, weak, hints, hinted, beats = batch
    logits, told_hints, told_beats = model(x)
    labels = torch.where(
        weak, _weak(logits, allowed, valid), _per_hop(logits, allowed, valid, weak)
    ).mean()
    off = functional.smooth_l1_loss(told_hints, hints, reduction="none").mean(2)
    of_hints = (off * hinted).sum() / hinted.sum().clamp(min=1)
    of_beats = functional.binary_cross_entropy_with_logits(
        told_beats, beats, pos_weight=torch.tensor(_BEAT_ODDS)
    )
    loss: Tensor = labels + HINT_WEIGHT * of_hints + BEAT_WEIGHT * of_beats
    return loss


def _per_hop(logits: Tensor, allowed: Tensor, valid: Tensor, weak: Tensor) -> Tensor:
    """Mean over a crop's hops of -log P(allowed), (B,)."""
    log_p = functional.log_softmax(logits, 1).transpose(1, 2)
    lost = -torch.logsumexp(torch.where(allowed, log_p, _NEVER), 2)
    hop = torch.arange(N_HOPS)
    weight = (valid & (hop >= WARM_HOPS)).float()
    ramp = (hop / RAMP_HOPS).clamp(max=1.0)
    weight = torch.where(weak[:, None], weight * ramp, weight)
    return (lost * weight).sum(1) / weight.sum(1).clamp(min=1)


def _weak(logits: Tensor, allowed: Tensor, valid: Tensor) -> Tensor:
    """Of a record's one label: by the mean of its logits, and less by each hop, (B,)."""
    counted = (valid & (torch.arange(N_HOPS) >= POOL_FROM)).float()[:, None]
    pooled = (logits * counted).sum(2) / counted.sum(2).clamp(min=1)
    log_p = functional.log_softmax(pooled, 1)
    label = allowed[:, -1].float()
    right = -(log_p * label).sum(1) * (1 - SMOOTHING)
    even = -log_p[:, _RECORD_LABELS].mean(1) * SMOOTHING
    hops = _per_hop(logits, allowed, valid, torch.ones(len(logits), dtype=torch.bool))
    return (label * _WEIGHTS).sum(1) * (right + even + HOP_SHARE * hops)
