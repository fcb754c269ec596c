"""Crops of rhythm records: pieces of one length, altered as wearables alter them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP
from training.augment import AugmentConfig, Crop, augmented, rate_of_crop
from training.datasets.rhythm import RhythmRecord
from training.datasets.rhythm_hints import Hints

CROP_S: Final = 30.0
N_CROP: Final = round(CROP_S * MODEL_FS_HZ)
N_HOPS: Final = N_CROP // N_HOP
BINS: Final = 5  # places in a hop where a beat may be
ONSET_AT: Final = (-0.1, 0.9)  # of the crop: where in it the rhythm begins, or just before it
HINT_WARM_S: Final = 10.0  # an interval before the crop is not seen
_DELAY_BINS: Final = 4  # a causal model tells a beat this much after its peak


@dataclass(frozen=True, slots=True)
class CropBatch:
    """Crops side by side."""

    x_mv: Tensor  # (B, 1, N_CROP)
    allowed: Tensor  # (B, N_HOPS, n_labels) bool
    valid: Tensor  # (B, N_HOPS) bool: within the record
    weak: Tensor  # (B,) bool
    hints: Tensor  # (B, N_HOPS, n_hints)
    hinted: Tensor  # (B, N_HOPS) bool
    beats: Tensor  # (B, N_HOPS * BINS): 1 where a beat is told

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the fields."""
        return (
            self.x_mv, self.allowed, self.valid, self.weak, self.hints, self.hinted, self.beats,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hinted:
    """A record and what was measured of it."""

    record: RhythmRecord
    hints: Hints
    onsets: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Hops in which a shockable rhythm begins."""


def crop_batch(
    records: Sequence[Hinted],
    at_onset: Sequence[bool],
    rng: np.random.Generator,
    config: AugmentConfig,
    noises: Sequence[Crop],
) -> CropBatch:
    """One random crop of each record; where wanted, one in which a shockable rhythm begins."""
    rows = [
        _crop(one, onset, rng, config, noises)
        for one, onset in zip(records, at_onset, strict=True)
    ]
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    x, allowed, valid, hints, hinted, beats = (torch.from_numpy(one) for one in columns)
    weak = torch.tensor([one.record.weak for one in records])
    return CropBatch(x[:, None], allowed, valid, weak, hints, hinted, beats)


def _crop(
    one: Hinted,
    at_onset: bool,
    rng: np.random.Generator,
    config: AugmentConfig,
    noises: Sequence[Crop],
) -> tuple[NDArray[np.generic], ...]:
    """The columns of `CropBatch` for one record, without its label's kind."""
    record, rate = one.record, rate_of_crop(rng, config)
    n, needed = len(record.x_mv), int(N_CROP * rate) + 2
    last_first = max(n - needed, 0)
    if at_onset and len(one.onsets):
        onset = int(rng.choice(one.onsets)) * N_HOP
        first = int(np.clip(onset - rng.uniform(*ONSET_AT) * N_CROP * rate, 0, last_first))
    else:
        first = int(rng.integers(0, last_first + 1))
    at = first + np.arange(N_CROP) * rate
    inside = at <= n - 1
    piece = record.x_mv[first : min(first + needed, n)]
    x = np.interp(at - first, np.arange(len(piece)), piece).astype(np.float32)
    x = augmented(x, rng, config, noises)
    x[~inside] = 0.0
    valid = inside[N_HOP - 1 :: N_HOP]
    end = first + (np.arange(N_HOPS) + 1) * N_HOP * rate
    hop = np.clip((end / N_HOP).astype(int) - 1, 0, record.n_hops - 1)
    hints = one.hints.values[hop].copy()
    hints[:, 0] += np.log(rate)
    warm = np.arange(N_HOPS) >= round(HINT_WARM_S * MODEL_FS_HZ / N_HOP)
    hinted = one.hints.known[hop] & valid & (warm | (first == 0))
    return x, record.allowed[hop], valid, hints, hinted, _beats(one.hints.beats, first, rate)


def _beats(beats: NDArray[np.int64], first: int, rate: float) -> NDArray[np.float32]:
    """Where a causal model tells the beats of a crop, (N_HOPS * BINS,)."""
    told = np.zeros(N_HOPS * BINS, np.float32)
    low, high = np.searchsorted(beats, [first, first + N_CROP * rate])
    place = ((beats[low:high] - first) / rate / (N_HOP / BINS)).astype(int) + _DELAY_BINS
    told[place[place < len(told)]] = 1.0
    return told
