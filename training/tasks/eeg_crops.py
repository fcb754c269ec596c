"""From pieces of EEG to a batch as the seizure model sees it: augmented, on its own scale.

Each lead's amplitude runs along by `EegAmplitude`, as in the gateway: begun with the crop, or
known from a longer past. A crop is as large as any other to begin with, so that no set's
amplitude tells it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.stages.eeg_signal import N_HOP, Bools, EegAmplitude, scaled
from training.eeg_augment import (
    EegAugmentConfig,
    band_limited,
    coloured,
    drifting,
    rereferenced,
    warped,
    with_artefacts,
)
from training.eeg_made_seizures import made_seizure
from training.eeg_spectra import AT_HZ
from training.ranges import Amount
from training.tasks.eeg_pools import (
    N_HOPS,
    Draw,
    Float64,
    Piece,
    Pools,
    draw_clip,
    draw_far,
    draw_ictal_clip,
    draw_near,
    draw_seizure,
)
from vitalwire.errors import InputError

WARM_HOPS: Final = 8  # 2 s: nothing is asked before
UNSURE: Final = (2, 10)  # hops before and behind a change: no onset is known to the second
FEW_LEADS: Final = 4
MANY_LEADS: Final = (5, 13)
SHARE_MANY: Final = 0.25  # of the batches
_SIZE_UV: Final = (8.0, 60.0)
_QUIET_HOPS: Final = 8  # of background that tell its size


@dataclass(frozen=True)
class MixConfig:
    """How often each kind of crop is drawn, against the others."""

    seizure: Amount = 0.28
    near: Amount = 0.22  # background of people with seizures
    far: Amount = 0.25  # of people without
    ictal_clip: Amount = 0.08
    clip: Amount = 0.09
    made: Amount = 0.08  # discharges that are made up, over any background


_DRAWS: Final[Mapping[str, Draw]] = {
    "seizure": draw_seizure,
    "near": draw_near,
    "far": draw_far,
    "ictal_clip": draw_ictal_clip,
    "clip": draw_clip,
}


class Crop(NamedTuple):
    """`N_HOPS` hops as the model sees them."""

    signal: NDArray[np.float32]  # (n_leads, N_HOPS * N_HOP)
    good: Bools  # (n_leads, N_HOPS)
    ictal: Bools  # (N_HOPS,)


class Crops:
    """Draws crops.

    Parameters
    ----------
    pools : Pools
    mix : MixConfig
        Kinds of which there is nothing are never drawn.
    augment : EegAugmentConfig

    Raises
    ------
    InputError
        There is nothing of any kind.
    """

    def __init__(self, pools: Pools, mix: MixConfig, augment: EegAugmentConfig) -> None:
        self._pools, self._augment = pools, augment
        there = {
            "seizure": pools.seizures, "near": pools.near, "far": pools.far,
            "ictal_clip": pools.ictal_clips if pools.clips else [], "clip": pools.clips,
        }  # fmt: skip
        odds = {kind: getattr(mix, kind) if its else 0.0 for kind, its in there.items()}
        self._backgrounds = [kind for kind in ("near", "far", "clip") if odds[kind]]
        odds["made"] = mix.made if self._backgrounds else 0.0
        if not sum(odds.values()):
            raise InputError("task.mix: there is nothing of the kinds that are to be drawn")
        self._kinds = list(odds)
        self._odds = np.array(list(odds.values())) / sum(odds.values())

    def batch(self, rng: np.random.Generator, n: int) -> tuple[Tensor, ...]:
        """Signal (B, L, T), good (B, L, H), labels (B, H), weights (B, H).

        Of few leads `n` crops, of many a third.
        """
        many = rng.random() < SHARE_MANY
        crops = []
        for _ in range(max(n // 3, 2) if many else n):
            most = int(rng.integers(*MANY_LEADS)) if many else int(rng.choice([1, 2, 4, 4]))
            crops.append(self.draw(rng, most))
        n_leads = max(len(one.good) for one in crops)
        signal = np.zeros((len(crops), n_leads, N_HOPS * N_HOP), np.float32)
        good = np.zeros((len(crops), n_leads, N_HOPS), np.float32)
        for row, one in enumerate(crops):
            signal[row, : len(one.good)], good[row, : len(one.good)] = one.signal, one.good
        labels = np.stack([one.ictal for one in crops]).astype(np.int64)
        weights = np.stack([_weights(one.ictal) for one in crops])
        return tuple(map(torch.from_numpy, (signal, good, labels, weights)))

    def draw(self, rng: np.random.Generator, most_leads: int) -> Crop:
        """One crop of at most so many leads."""
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._odds))]
        is_made = kind == "made"
        if is_made:
            kind = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        piece = _fewer(_DRAWS[kind](self._pools, rng), most_leads, rng)
        x, ictal = piece.signal.astype(np.float64), piece.ictal
        config = self._augment
        if rng.random() < config.p_reference:
            x = rereferenced(x, rng)
        if is_made:
            onset_s = rng.uniform(3, 12)
            x = x + made_seizure(x.shape, onset_s, _size(x, ictal), rng)
            ictal = np.arange(N_HOPS) * 0.25 >= onset_s + 0.5
        if self._pools.far and rng.random() < config.p_device:
            x = x + _size(x, ictal) * rng.uniform(0.3, 1.0) * self._other(x.shape, rng)
        if self._pools.spectra and rng.random() < config.p_colour:
            x = self._coloured(x, piece.spectrum, rng)
        return self._finished(x, piece.good, ictal, rng)

    def _finished(
        self, x: Float64, good: Bools, ictal: Bools, rng: np.random.Generator
    ) -> Crop:
        config = self._augment
        if rng.random() < config.p_drift:
            x = drifting(x, config.drift, rng)
        x = with_artefacts(x, _size(x, ictal), config.p_artefact, rng)
        x = x * rng.choice([-1.0, 1.0])
        if rng.random() < config.p_band:
            x = band_limited(x, rng.uniform(*config.band_hz))
        if rng.random() < config.p_warp:
            rate = float(np.exp(rng.normal(0, config.warp)))
            x = warped(x, rate)
            hops = np.minimum((np.arange(N_HOPS) * rate).astype(np.int64), N_HOPS - 1)
            good, ictal = good[:, hops], ictal[hops]
        if rng.random() < config.p_lost:
            good = good.copy()
            first = int(rng.integers(N_HOPS))
            good[int(rng.integers(len(good))), first : first + int(rng.integers(1, 40))] = False
        x = x / _size(x, ictal) * rng.uniform(*_SIZE_UV)
        return Crop(on_scale(x, good, _begun(x, good, rng)), good, ictal)

    def _other(self, shape: tuple[int, ...], rng: np.random.Generator) -> Float64:
        """Background of somebody else, each lead of RMS 1."""
        near = bool(self._pools.near) and rng.random() < 0.5
        piece = (draw_near if near else draw_far)(self._pools, rng)
        x = piece.signal[rng.integers(0, len(piece.signal), shape[0])].astype(np.float64)
        size: Float64 = np.maximum(np.sqrt((x**2).mean(axis=1, keepdims=True)), 1e-3)
        return x / size

    def _coloured(self, x: Float64, own: Float64, rng: np.random.Generator) -> Float64:
        """With a spectrum between its own and another person's."""
        other = self._pools.spectra[int(rng.integers(len(self._pools.spectra)))]
        gain = (other - own) * rng.uniform(0.5, 1.0)
        gain = gain + rng.normal(0, self._augment.tilt, (1, len(AT_HZ)))
        return coloured(x, np.clip(gain, -3, 3), AT_HZ)


def on_scale(x: Float64, good: Bools, amplitude: EegAmplitude) -> NDArray[np.float32]:
    """The signal on each lead's running amplitude, zero where it cannot be read."""
    y = np.zeros(x.shape, np.float32)
    wide = x.astype(np.float32)
    for hop in range(good.shape[1]):
        samples = slice(hop * N_HOP, (hop + 1) * N_HOP)
        part = wide[:, samples]
        size_uv = amplitude.push(part, good[:, hop])
        y[:, samples] = scaled(part, size_uv) * good[:, hop, None]
    return y


def _begun(x: Float64, good: Bools, rng: np.random.Generator) -> EegAmplitude:
    """Amplitudes as they may be where a crop begins: nothing known, or a longer past."""
    n_leads = len(good)
    amplitude = EegAmplitude(n_leads)
    if rng.random() < 0.5:
        rms = np.sqrt((x[:, : 12 * N_HOP] ** 2).mean(axis=1))
        known = np.log(np.maximum(rms, 1.0)) + rng.normal(0, 0.15, n_leads)
        seen = np.full(n_leads, int(rng.integers(10, 121)), np.int64)
        amplitude.restore({"log": known, "seen": seen})
    return amplitude


def _fewer(piece: Piece, most: int, rng: np.random.Generator) -> Piece:
    n = len(piece.good)
    if n <= most:
        return piece
    kept = rng.choice(n, most, replace=False)
    return Piece(piece.signal[kept], piece.good[kept], piece.ictal, piece.spectrum[kept])


def _size(x: Float64, ictal: Bools) -> Float64:
    """RMS of each lead's background, of all of it where there is hardly any."""
    quiet = np.repeat(~ictal, N_HOP)
    part = x[:, quiet] if quiet.sum() >= _QUIET_HOPS * N_HOP else x
    size: Float64 = np.sqrt((part**2).mean(axis=1, keepdims=True)) + 1e-3
    return size


def _weights(ictal: Bools) -> NDArray[np.float32]:
    """What counts of a crop's hops."""
    weights = np.ones(len(ictal), np.float32)
    for change in np.flatnonzero(np.diff(ictal)) + 1:
        weights[max(change - UNSURE[0], 0) : change + UNSURE[1]] = 0.0
    weights[:WARM_HOPS] = 0.0
    return weights
