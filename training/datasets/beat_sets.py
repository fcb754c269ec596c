"""Everything in a data folder that the beat model can learn from, by patient.

Annotated beats of every record that has them, but MIT-BIH's DS2 and paced records: the first
lead by the gateway's own detector and at the annotated positions, the second lead as another
electrode; and both with fewer normal beats. Beside them weak beats: those of records with one
label for the whole.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.datasets.beats import (
    BeatSet,
    ProbabilityOfAf,
    beat_set,
    labelled,
    reference_of,
    windows_of,
)
from training.datasets.records import (
    NEVER_TRAINED,
    files_of,
    left_out,
    nothing_of,
    open_ecg,
    patient_of,
)
from training.datasets.rhythm import filled
from training.datasets.splices import fewer_normal
from training.datasets.weak_beats import WeakBeats, joined, read_weak
from training.run_folder import data_hash
from training.scoring.record_sets import AnnotatedSet, LabelledSet, find_sets
from vitalwire.contracts import BeatClass
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations

_ECTOPIC: Final = (BeatClass.S.value, BeatClass.V.value)
_LEAST_ECTOPIC: Final = 15  # beats that make a denser record worth reading
_LEAST_BEATS: Final = 60  # that it needs
_MOST_LEFT: Final = 0.9  # of the record's beats: more, and it is the same record
_N_KEPT: Final = (0, 2)  # normal beats that stay in a row, see `fewer_normal`


@dataclass(slots=True, eq=False)
class BeatData:
    """Beats to learn from and to choose by."""

    sets: list[BeatSet] = field(default_factory=list)
    first_leads: list[BeatSet] = field(default_factory=list)  # by the gateway's own detector
    dense: list[BeatSet] = field(default_factory=list)  # the same where most beats are ectopic
    weak: WeakBeats = field(default_factory=lambda: joined([]))
    entries: list[dict[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_beat_data(data_dir: Path, p_af: ProbabilityOfAf | None = None) -> BeatData:
    """Read all of it. A record that cannot be read is left out, with a line in `skipped`.

    Raises
    ------
    InputError
        There is no annotated beat.
    """
    data = BeatData()
    sets = find_sets(data_dir)
    for annotated in sets.annotated:
        _add_annotated(data, annotated, p_af)
    for whole in sets.labelled:
        _add_weak(data, whole, p_af)
    if not data.first_leads:
        what = "no record with annotated beats to train on"
        raise InputError(nothing_of(data_dir, what, data.skipped))
    return data


def _add_annotated(data: BeatData, found: AnnotatedSet, p_af: ProbabilityOfAf | None) -> None:
    used: list[Path] = []
    without: list[str] = []
    for name in found.names:
        path = found.folder / name
        if name in NEVER_TRAINED:
            continue
        try:
            if len(read_annotations(path).beats[0]) == 0:
                without.append(name)
                continue
            _add_record(data, path, p_af)
        except InputError as error:
            data.skipped.append(str(error))
            continue
        used.append(path)
    data.skipped += left_out(found.folder, without, "no beat in the annotations")
    data.skipped += left_out(found.folder, found.bare, "no annotations (.atr)")
    if used:
        sha = data_hash(files_of(used), found.folder)
        what = f"{len(used)} records, annotated beats"
        data.entries.append({"name": found.folder.name, "sha256": sha, "what": what})


def _add_record(data: BeatData, path: Path, p_af: ProbabilityOfAf | None) -> None:
    """The first lead as found and as annotated, the second, if there are beats in it."""
    patient, recording = patient_of(path), open_ecg(path)
    leads = recording.read()[:2]
    known = [None if p_af is None else p_af(x, recording.fs) for x in leads]
    sets = [beat_set(path, 0, patient=patient, p_af=known[0])]
    for lead in range(1, len(known)):
        try:
            sets.append(beat_set(path, lead, patient=patient, p_af=known[lead]))
        except InputError as error:  # the electrode was off
            data.skipped.append(str(error))
    sets.append(beat_set(path, 0, patient=patient, annotated=True, p_af=known[0]))
    data.first_leads.append(sets[0])
    data.sets.extend(sets)
    _add_dense(data, path, leads, p_af)


def _add_dense(
    data: BeatData,
    path: Path,
    leads: NDArray[np.float32],
    p_af: ProbabilityOfAf | None,
) -> None:
    """The record with fewer normal beats: see `training.datasets.splices`."""
    fs = open_ecg(path).fs
    reference = reference_of(path, fs)
    if np.isin(reference.classes, _ECTOPIC).sum() < _LEAST_ECTOPIC:
        return
    for lead, x in enumerate(leads):
        for n_kept in _N_KEPT:
            y, left = fewer_normal(filled(x), fs, reference, n_kept)
            if not _LEAST_BEATS <= len(left.samples) <= _MOST_LEFT * len(reference.samples):
                continue
            windows = windows_of(y, fs, p_af=p_af and p_af(y, fs))
            name = f"{path.name}/{lead} with {n_kept + 1} normal beats in a row"
            try:
                seen = labelled(windows, left, fs, name, patient_of(path))
            except InputError:  # the electrode was off: said of the whole record
                continue
            data.sets.append(seen)
            if lead == 0:
                data.dense.append(seen)


def _add_weak(data: BeatData, found: LabelledSet, p_af: ProbabilityOfAf | None) -> None:
    weak = read_weak(found, p_af)
    data.skipped += weak.skipped
    if not len(weak.beats.beat):
        return
    data.weak = joined([data.weak, weak.beats])
    sha = data_hash(files_of(weak.used), found.folder)
    what = f"{len(weak.used)} records, labelled as a whole"
    data.entries.append({"name": found.folder.name, "sha256": sha, "what": what})
