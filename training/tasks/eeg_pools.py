"""Where crops of EEG are cut from: seizures, backgrounds, clips. Pure.

Seizures and the background of the same people are pieces of some seconds; a crop is longer.
So pieces of one person are joined, in background as in seizures: a join may tell nothing.
Everybody is drawn as often as everybody else, whatever there is of them.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_signal import N_HOP, Bools
from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegWindow
from training.eeg_spectra import spectrum

N_HOPS: Final = 80  # of a crop: 20 s
LEAST_PIECE: Final = 16  # hops of background that are worth joining: 4 s
LEAST_ICTAL: Final = 12  # hops of seizure in a crop of one
SETTLE_HOPS: Final = 4  # of a recording that begins: its leads are not known yet

Float64 = NDArray[np.float64]


class Piece(NamedTuple):
    """Consecutive hops; the signal in uV."""

    signal: NDArray[np.floating]  # (n_leads, n_hops * N_HOP)
    good: Bools  # (n_leads, n_hops)
    ictal: Bools  # (n_hops,)
    spectrum: Float64  # (n_leads, n_frequencies), of the background where there is some

    @property
    def n_hops(self) -> int:
        return len(self.ictal)

    def cut(self, first: int, n: int) -> "Piece":
        """Some of the hops."""
        samples = slice(first * N_HOP, (first + n) * N_HOP)
        hops = slice(first, first + n)
        return Piece(
            self.signal[:, samples], self.good[:, hops], self.ictal[hops], self.spectrum
        )

    def reversed(self) -> "Piece":
        """Backwards in time."""
        return Piece(self.signal[:, ::-1], self.good[:, ::-1], self.ictal[::-1], self.spectrum)


def joined(first: Piece, second: Piece) -> Piece:
    """One behind the other."""
    return Piece(
        np.concatenate([first.signal, second.signal], axis=1),
        np.concatenate([first.good, second.good], axis=1),
        np.concatenate([first.ictal, second.ictal]),
        second.spectrum,
    )


ByPerson = list[list[Piece]]
"""Pieces of each person, of one number of leads."""


@dataclass(frozen=True, slots=True)
class Pools:
    """What there is to draw from."""

    seizures: ByPerson  # pieces with a seizure
    near: ByPerson  # background of the same people, in the same order
    far: ByPerson  # of people without a seizure
    ictal_clips: list[Piece]
    clips: list[Piece]  # without a seizure
    spectra: list[Float64]  # of each person's background


def pools_of(windows: Sequence[EegWindow]) -> Pools:
    """Sort the windows into pools.

    A person with recordings of several lead counts is several here.
    """
    seizures: dict[tuple[str, int], list[Piece]] = defaultdict(list)
    background: dict[tuple[str, int], list[Piece]] = defaultdict(list)
    ictal_clips: list[Piece] = []
    clips: list[Piece] = []
    for one in windows:
        piece = _piece(one)
        if piece.n_hops < LEAST_PIECE:
            continue
        who = (one.patient, one.n_leads)
        if one.kind is Kind.CLIP:
            (ictal_clips if one.ictal.any() else clips).append(piece)
            continue
        if one.ictal.any():
            seizures[who].append(piece)
        if not one.n_before:  # the piece before it is a window of its own
            background[who] += _quiet(piece)
    with_both = [who for who in seizures if background[who]]
    far = [its for who, its in background.items() if who not in seizures and its]
    near = [background[who] for who in with_both]
    spectra = [np.mean([p.spectrum.mean(0) for p in its], axis=0) for its in [*near, *far]]
    return Pools([seizures[who] for who in with_both], near, far, ictal_clips, clips, spectra)


def _piece(window: EegWindow) -> Piece:
    whole = Piece(window.signal, window.good, window.ictal, np.zeros(0))
    whole = whole.cut(SETTLE_HOPS, whole.n_hops - SETTLE_HOPS)
    quiet = np.repeat(~whole.ictal, N_HOP)
    x = whole.signal[:, quiet] if quiet.sum() >= LEAST_PIECE * N_HOP else whole.signal
    return whole._replace(spectrum=spectrum(x.astype(np.float64)))


def _quiet(piece: Piece) -> list[Piece]:
    """Its stretches of background."""
    edges = np.flatnonzero(np.diff(piece.ictal, prepend=True, append=True))
    spans = zip(edges[::2], edges[1::2], strict=False)
    found = [piece.cut(int(a), int(b - a)) for a, b in spans if b - a >= LEAST_PIECE]
    return [one for one in found if not one.ictal.any()]


Draw = Callable[["Pools", np.random.Generator], Piece]


def draw_seizure(pools: Pools, rng: np.random.Generator) -> Piece:
    """A crop in which a seizure begins, or goes on."""
    who = int(rng.integers(len(pools.seizures)))
    piece = _any(pools.seizures[who], rng)
    if rng.random() < 0.3:
        piece = joined(_any(pools.near[who], rng), piece)
    while piece.n_hops < N_HOPS:
        piece = joined(_any(pools.near[who], rng).reversed(), piece)
    first = int(rng.integers(piece.n_hops - N_HOPS + 1))
    if piece.ictal[first : first + N_HOPS].sum() < LEAST_ICTAL:
        last = int(np.flatnonzero(piece.ictal)[-1])
        first = min(max(last + 1 - N_HOPS, 0), piece.n_hops - N_HOPS)
    return piece.cut(first, N_HOPS)


def draw_near(pools: Pools, rng: np.random.Generator) -> Piece:
    """Background of somebody with seizures, out of pieces, forwards or backwards."""
    its = pools.near[int(rng.integers(len(pools.near)))]
    whole = _turned(_any(its, rng), rng)
    while whole.n_hops < N_HOPS:
        whole = joined(whole, _turned(_any(its, rng), rng))
    return whole.cut(int(rng.integers(whole.n_hops - N_HOPS + 1)), N_HOPS)


def draw_far(pools: Pools, rng: np.random.Generator) -> Piece:
    """Background of somebody without seizures, with a join at times."""
    its = pools.far[int(rng.integers(len(pools.far)))]
    n = N_HOPS if rng.random() > 0.35 else int(rng.integers(20, 60))
    crop = _stretch(its, n, rng)
    while crop.n_hops < N_HOPS:
        crop = joined(crop, _stretch(its, N_HOPS - crop.n_hops, rng))
    return crop


def draw_clip(pools: Pools, rng: np.random.Generator) -> Piece:
    """A clip without a seizure, sometimes joined to another one."""
    return _of_clips(_any(pools.clips, rng), _any(pools.clips, rng), 1.0, 0.3, rng)


def draw_ictal_clip(pools: Pools, rng: np.random.Generator) -> Piece:
    """A clip of a seizure, sometimes behind one without, which is as much smaller."""
    smaller = rng.uniform(1.5, 6)
    return _of_clips(_any(pools.clips, rng), _any(pools.ictal_clips, rng), smaller, 0.6, rng)


def _of_clips(
    before: Piece, clip: Piece, smaller: float, p_join: float, rng: np.random.Generator
) -> Piece:
    whole = clip
    while whole.n_hops < N_HOPS:
        whole = joined(whole.reversed(), whole)
    crop = whole.cut(int(rng.integers(whole.n_hops - N_HOPS + 1)), N_HOPS)
    if rng.random() >= p_join or before.n_hops < 50:
        return crop
    n = int(rng.integers(16, 50))
    x = before.signal.astype(np.float64)
    x *= crop.signal.std(dtype=np.float64) / max(float(x.std()), 1e-9) / smaller
    first = before._replace(signal=x).cut(0, n)
    return joined(first, crop.cut(0, N_HOPS - n))


def _stretch(its: Sequence[Piece], n: int, rng: np.random.Generator) -> Piece:
    piece = _any(its, rng)
    n = min(n, piece.n_hops)
    return piece.cut(int(rng.integers(piece.n_hops - n + 1)), n)


def _any(pieces: Sequence[Piece], rng: np.random.Generator) -> Piece:
    return pieces[int(rng.integers(len(pieces)))]


def _turned(piece: Piece, rng: np.random.Generator) -> Piece:
    return piece.reversed() if rng.random() < 0.5 else piece
