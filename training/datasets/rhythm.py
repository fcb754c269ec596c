"""Records as the rhythm model learns from them: its input, and what each hop may be called.

A label here is a set: the classes that a hop may have. A stretch whose annotation leaves it
open (an atrial flutter, the seconds behind a change) allows more than one, and one that nobody
annotated allows all; the loss then asks for no more than is known. Strong labels come from
rhythm annotations (`+` with `(AFIB` and the like, WFDB), weak ones from a table of whole
records (CinC 2017).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.model_signal import MODEL_FS_HZ, ModelSignal
from edge.stages.rhythm_hops import N_HOP
from training.datasets.records import open_ecg
from vitalwire.contracts import Rhythm
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations
from vitalwire.recordings.annotations import Annotations

LABELS: Final = tuple(Rhythm)
ANY: Final = frozenset(Rhythm)

_NORMAL, _AF, _OTHER = Rhythm.NORMAL, Rhythm.AF, Rhythm.OTHER
_SHOCKABLE, _NOISE = Rhythm.SHOCKABLE, Rhythm.NOISE
_OWN: Final = {one.value.upper(): one for one in Rhythm if one is not _NOISE}
"""NOISE is vfdb's too, and there it does not say what the heart did."""

ALLOWED: Final[Mapping[str, frozenset[Rhythm]]] = {
    # "N" names the pacemaker: with ectopic beats in it, CinC 2017 calls the whole other.
    **dict.fromkeys(("N", "NSR", "SBR", "SR"), frozenset({_NORMAL, _OTHER})),
    "AFIB": frozenset({_AF}),
    "AFL": frozenset({_AF, _OTHER}),  # flutter: CinC 2017 calls it other
    **dict.fromkeys(("VT", "VFL", "VF", "VFIB"), frozenset({_SHOCKABLE})),
    **dict.fromkeys(("B", "T", "SVTA", "NOD", "IVR", "AB", "BII", "HGEA"), frozenset({_OTHER})),
    # Conduction and pacing alter the beat, not the rhythm.
    **dict.fromkeys(("BI", "PREX", "P", "PM"), frozenset({_OTHER, _NORMAL})),
    "NOISE": frozenset({_NOISE, _OTHER, _NORMAL}),
    "ASYS": frozenset({_NOISE, _OTHER}),
    # Our own names, as `log export --annotations` writes them and a person corrects them.
    **{name: frozenset({rhythm}) for name, rhythm in _OWN.items()},
}
"""What a stretch of each annotated rhythm may be called (mitdb's and vfdb's names)."""

CHALLENGE_LABELS: Final[Mapping[str, Rhythm]] = {
    "N": _NORMAL, "A": _AF, "O": _OTHER, "~": _NOISE,
}  # fmt: skip

TRANSITION_S: Final = 2.0  # after a change the old name is still allowed

Allowed = NDArray[np.bool_]
"""(n_hops, n_labels): True where the class is one that the hop may have."""


@dataclass(frozen=True, slots=True, eq=False)
class RhythmRecord:
    """One lead of one record."""

    name: str
    patient: str  # records of one person share it
    x_mv: NDArray[np.float32]  # (n_samples,) at MODEL_FS_HZ, as `ModelSignal` gives it
    allowed: Allowed
    weak: bool  # the label is the whole record's

    @property
    def n_hops(self) -> int:
        return len(self.allowed)


def model_signal(x_mv: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """A whole lead as the gateway's stage gives it; NaN holds the value before it."""
    return ModelSignal(fs).push(filled(x_mv))


def filled(x_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Missing samples take the value before them, as the gateway's framing does."""
    known = ~np.isnan(x_mv)
    if known.all():
        return x_mv
    index = np.maximum.accumulate(np.where(known, np.arange(len(x_mv)), 0))
    return np.nan_to_num(x_mv[index])


def labelled_record(path: Path, label: str) -> RhythmRecord:
    """A record with one label of `CHALLENGE_LABELS` for the whole; its first lead.

    Raises
    ------
    InputError
        It cannot be read, is shorter than a hop, or has another label.
    """
    if label not in CHALLENGE_LABELS:
        known = " ".join(CHALLENGE_LABELS)
        raise InputError(f"{path}: expected a label of {known}, got {label!r}")
    recording = open_ecg(path)
    x = _whole_hops(path, recording.read()[0], recording.fs)
    row = np.array([one is CHALLENGE_LABELS[label] for one in LABELS])
    return RhythmRecord(path.name, path.name, x, np.tile(row, (len(x) // N_HOP, 1)), weak=True)


def annotated_record(path: Path, patient: str | None = None) -> list[RhythmRecord]:
    """Every lead of a record with rhythm annotations, the first lead first.

    Raises
    ------
    InputError
        It cannot be read, or is shorter than a hop.
    """
    recording = open_ecg(path)
    notes = read_annotations(path).at_rate(recording.fs)
    records = []
    for lead, x_mv in zip(recording.leads, recording.read(), strict=True):
        x = _whole_hops(path, x_mv, recording.fs)
        allowed = allowed_of(notes, recording.fs, len(x) // N_HOP)
        allowed[_is_missing(x_mv, recording.fs, len(allowed))] = True
        name = f"{path.name}/{lead}"
        records.append(RhythmRecord(name, patient or path.name, x, allowed, weak=False))
    return records


def _whole_hops(path: Path, x_mv: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """The models' signal of a lead that is at least a hop long and not missing throughout."""
    x = model_signal(x_mv, fs)
    if len(x) < N_HOP:
        raise InputError(f"{path}: expected at least 0.2 s of signal, got {len(x_mv)} samples")
    if np.isnan(x_mv).all():
        raise InputError(f"{path}: expected a signal, got nothing but missing samples")
    return x


def _is_missing(x_mv: NDArray[np.float32], fs: float, n_hops: int) -> NDArray[np.bool_]:
    """Hops without a sample, (n_hops,): what nobody recorded may be anything."""
    edges = np.arange(n_hops + 1) * N_HOP / MODEL_FS_HZ * fs
    known = np.searchsorted(np.flatnonzero(~np.isnan(x_mv)), edges)
    missing: NDArray[np.bool_] = np.diff(known) == 0
    return missing


def allowed_of(notes: Annotations, fs: float, n_hops: int) -> Allowed:
    """What each hop may be called by the record's rhythm annotations.

    A hop is known by its end: that is when it is answered.
    """
    hops_per_s = MODEL_FS_HZ / N_HOP
    changes = [(sample / fs * hops_per_s, _sets(text)) for sample, text in notes.rhythms]
    allowed = np.ones((n_hops, len(LABELS)), np.bool_)
    for (at, names), (end, _) in zip(changes, [*changes[1:], (n_hops, ANY)], strict=True):
        first, last = int(np.ceil(at)), int(np.ceil(end))
        allowed[first:last] = [label in names for label in LABELS]
    before = allowed.copy()
    for at, _ in changes[1:]:
        first = int(np.ceil(at))
        if 0 < first < n_hops:
            last = first + round(TRANSITION_S * hops_per_s)
            allowed[first:last] |= before[first - 1]
    return allowed


def _sets(text: str) -> frozenset[Rhythm]:
    name = re.sub(r"[^A-Z]", "", text.upper())
    return ALLOWED.get(name, ANY)
