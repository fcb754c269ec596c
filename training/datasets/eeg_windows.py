"""Stretches of EEG as the seizure model sees them, cut out of recordings of any length.

What is short is taken whole; of a long recording each seizure with what is around it, and
stretches of its background drawn by the recording's name, so many that all of it together
stays in `MAX_BYTES`. A piece cut out of a seizure comes behind the piece before it, as if
nothing had been cut out between them: that is how the gateway is scored on it, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.offline import chunks_of
from edge.stages.eeg_hops import hops_of
from edge.stages.eeg_signal import EEG_FS_HZ, HOP_S, N_HOP, SUPPORTED, Bools, supported
from training.datasets.eeg_recording import EegRecording, Kind, Span
from training.datasets.eeg_sets import EegSet, find_sets
from training.datasets.records import check_patients, nothing_of
from training.run_folder import data_hash
from vitalwire.contracts import Samples, Signal
from vitalwire.errors import InputError

MAX_BYTES: Final = 2_000_000_000
WHOLE_S: Final = 900.0  # a recording up to this long is taken whole
AROUND_S: Final = 90.0  # before and behind a seizure
PIECE_S: Final = 120.0  # of background
WARM_S: Final = 5.0  # read before a stretch, until filters and quality have settled
APART_S: Final = 300.0  # between background and the next seizure

Signal16 = NDArray[np.float16]
_BYTES: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class EegWindow:
    """A stretch of one recording; hops of `N_HOP` samples at `EEG_FS_HZ`."""

    patient: str
    name: str
    kind: Kind
    signal: Signal16  # (n_leads, n_hops * N_HOP), uV behind the filters
    good: Bools  # (n_leads, n_hops), see `EegHop`
    ictal: Bools  # (n_hops,): the hop's middle lies in a seizure
    n_before: int = 0  # hops of the piece before it, which is also a window of its own

    @property
    def n_hops(self) -> int:
        return len(self.ictal)

    @property
    def n_leads(self) -> int:
        return len(self.good)


@dataclass(frozen=True, slots=True, eq=False)
class EegData:
    """Windows to learn from, and to choose by."""

    windows: list[EegWindow] = field(default_factory=list)
    entries: list[dict[str, str]] = field(default_factory=list)  # name, sha256, what
    skipped: list[str] = field(default_factory=list)  # a line each

    def without(self, patients: Sequence[str]) -> "EegData":
        """The same without these people.

        Raises
        ------
        InputError
            One of them is not there.
        """
        check_patients(patients, (one.patient for one in self.windows))
        kept = [one for one in self.windows if one.patient not in patients]
        return replace(self, windows=kept)

    def of(self, patients: Sequence[str]) -> list[EegWindow]:
        """The windows of these people."""
        return [one for one in self.windows if one.patient in patients]

    @property
    def with_seizures(self) -> list[str]:
        """People in whom a seizure was recorded, those of training-only sets left out."""
        return sorted(
            {w.patient for w in self.windows if w.ictal.any() and w.kind != Kind.CLIP}
        )

    @property
    def without_seizures(self) -> list[str]:
        """The others."""
        people = {w.patient for w in self.windows if w.kind != Kind.CLIP}
        return sorted(people - set(self.with_seizures))


def read_eeg_data(data_dir: Path, max_bytes: int = MAX_BYTES) -> EegData:
    """Read all sets of a folder. What cannot be read is left out, with a line in `skipped`.

    Raises
    ------
    InputError
        There is no EEG, or no seizure in it.
    """
    data = EegData()
    sets = find_sets(data_dir, data.skipped.append)
    recordings = [one for found in sets for one in found.recordings]
    share = _background_share(recordings, max_bytes)
    for found in sets:
        used = []
        for recording in found.recordings:
            try:
                data.windows.extend(windows_of(recording, share))
            except InputError as error:
                data.skipped.append(str(error))
                continue
            used.append(recording)
        _note(data, found, used)
    if not any((one.ictal & one.good.any(axis=0)).any() for one in data.windows):
        what = "no EEG with an annotated seizure in leads that can be read"
        raise InputError(nothing_of(data_dir, what, data.skipped))
    return data


def windows_of(recording: EegRecording, background: float = 1.0) -> Iterator[EegWindow]:
    """The stretches of a recording; `background` is the share of its background to take.

    Raises
    ------
    InputError
        It cannot be read, or comes at a rate or with leads that the gateway does not take.
    """
    if not supported(recording.fs, len(recording.leads)):
        raise InputError(
            f"{recording.path}: expected {SUPPORTED}, got {len(recording.leads)} at "
            f"{recording.fs:g} Hz"
        )
    for span in spans_of(recording, background):
        yield _window(recording, span)


def spans_of(recording: EegRecording, background: float) -> list[Span]:
    """Which stretches are taken, s, in order and apart."""
    duration_s = recording.duration_s
    if duration_s <= WHOLE_S:
        return [(0.0, duration_s)]
    spans = _around(recording)
    places = [
        (first, first + PIECE_S)
        for first in np.arange(0.0, duration_s - PIECE_S, PIECE_S).tolist()
        if all(
            first + PIECE_S < onset - APART_S or first > end + APART_S
            for onset, end in recording.seizures
        )
    ]
    rng = np.random.default_rng(list(sha256(recording.name.encode()).digest()))
    n = min(round(background * len(places)), len(places))
    chosen = rng.permutation(len(places))[:n]
    return sorted([*spans, *(places[i] for i in chosen)])


def _around(recording: EegRecording) -> list[Span]:
    spans: list[Span] = []
    for onset, end in recording.seizures:
        span = (max(onset - AROUND_S, 0.0), min(end + AROUND_S, recording.duration_s))
        if spans and span[0] <= spans[-1][1]:
            span = (spans.pop()[0], span[1])
        spans.append(span)
    return spans


def _background_share(recordings: Sequence[EegRecording], max_bytes: int) -> float:
    """Which share of the long recordings' background there is room for."""
    always = sometimes = 0.0
    for one in recordings:
        a_second = len(one.leads) * EEG_FS_HZ * _BYTES
        if one.duration_s <= WHOLE_S:
            always += one.duration_s * a_second
        else:
            always += sum(end - first for first, end in _around(one)) * a_second
            sometimes += one.duration_s * a_second
    return min(1.0, max(max_bytes - always, 0.0) / sometimes) if sometimes else 1.0


def _window(recording: EegRecording, span: Span) -> EegWindow:
    opened = recording.open()
    first_s = max(span[0] - WARM_S, 0.0) if span[0] else 0.0
    first = round(first_s * recording.fs)
    x = opened.read(first, min(round(span[1] * recording.fs), recording.n_samples) - first)
    n_before_s = 0.0
    if recording.primed_by is not None:
        before = recording.primed_by.open().read()
        if len(before) == len(x):
            x = np.concatenate([before, x], axis=1)
            n_before_s = before.shape[1] / recording.fs
    signal, good = _heard(x, recording.fs)
    origin_s = first / recording.fs - n_before_s
    middle_s = origin_s + (np.arange(good.shape[1]) + 0.5) * HOP_S
    ictal = np.zeros(len(middle_s), np.bool_)
    for onset, end in recording.seizures:
        ictal |= (middle_s >= onset) & (middle_s < end)
    skipped = round((span[0] - first_s) / HOP_S)
    return EegWindow(
        recording.patient, recording.name, recording.kind,
        signal[:, skipped * N_HOP :].astype(np.float16), good[:, skipped:], ictal[skipped:],
        round(n_before_s / HOP_S),
    )  # fmt: skip


def _heard(x: Samples, fs: float) -> tuple[Samples, Bools]:
    """Signal and good leads, hop by hop, as the gateway has them."""
    hops = list(hops_of(chunks_of(x, fs, signal=Signal.EEG, chunk_s=1.0)))
    if not hops:
        n = len(x)
        return np.zeros((n, 0), np.float32), np.zeros((n, 0), np.bool_)
    return (
        np.concatenate([hop.signal for hop in hops], axis=1),
        np.stack([hop.good for hop in hops], axis=1),
    )


def _note(data: EegData, found: EegSet, used: Sequence[EegRecording]) -> None:
    """Say what was read, by the hash of its files."""
    if not used:
        return
    files = sorted({one.path for one in used})
    tables = {path for one in files for path in one.parent.iterdir() if _is_table(path)}
    people = len({one.patient for one in used})
    n_seizures = sum(len(one.seizures) for one in used)
    what = (
        f"{len(used)} recordings of {people} people, {n_seizures} seizures"
        if not used[0].training_only
        else f"{len(used)} clips, {n_seizures} of seizures, for training only"
    )
    root = found.folder
    kept = [one for one in (*files, *tables) if one.is_relative_to(root)]
    data.entries.append({"name": found.name, "sha256": data_hash(kept, root), "what": what})


def _is_table(path: Path) -> bool:
    return path.suffix in (".tsv", ".txt", ".seizures") and path.is_file()
