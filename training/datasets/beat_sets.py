"""Everything in a data folder that the beat model can learn from, by patient.

Annotated beats of every record that has them, but MIT-BIH's DS2 and paced records: the first
lead by the gateway's own detector and at the annotated positions, the second lead as another
electrode. Beside them the beats of records with one label for the whole (challenge-2017, never
its test fifth): in a normal one all are N; in AF none is premature, so none is S.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW, BeatWindow
from training.datasets.beats import CLASSES, BeatSet, beat_set, windows_of
from training.datasets.records import (
    NEVER_TRAINED,
    files_of,
    left_out,
    open_ecg,
    patient_of,
)
from training.run_folder import data_hash
from training.scoring.record_sets import AnnotatedSet, LabelledSet, find_sets
from training.splits import is_test_record
from vitalwire.contracts import BeatClass
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations

ProbabilityOfAf = Callable[[NDArray[np.float32], float], NDArray[np.float32]]
"""`(x_mv, fs)` of a lead to the rhythm model's P(AF) after each hop."""

N_NORMAL: Final = 600  # records: enough hearts, and a minute of reading
_SETTLE: Final = 3  # beats at the start of a short record, whose template is still itself
_NOT_PREMATURE: Final = frozenset({BeatClass.N, BeatClass.V, BeatClass.F})
ALLOWED: Final = {"N": frozenset({BeatClass.N}), "A": _NOT_PREMATURE}


@dataclass(frozen=True, slots=True, eq=False)
class WeakBeats:
    """Beats whose record is labelled, not they."""

    beat: NDArray[np.float16]  # (n, N_CHANNELS, N_WINDOW)
    context: NDArray[np.float32]  # (n, N_CONTEXT)
    allowed: NDArray[np.bool_]  # (n, n_classes)


def no_weak_beats() -> WeakBeats:
    """None at all."""
    return WeakBeats(
        np.empty((0, N_CHANNELS, N_WINDOW), np.float16),
        np.empty((0, N_CONTEXT), np.float32),
        np.empty((0, len(CLASSES)), np.bool_),
    )


@dataclass(slots=True, eq=False)
class BeatData:
    """Beats to learn from and to choose by."""

    sets: list[BeatSet] = field(default_factory=list)
    first_leads: list[BeatSet] = field(default_factory=list)  # by the gateway's own detector
    weak: WeakBeats = field(default_factory=no_weak_beats)
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
    for labelled in sets.labelled:
        _add_weak(data, labelled, p_af)
    if not data.first_leads:
        raise InputError(f"{data_dir}: no record with annotated beats to train on")
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
    known = [None if p_af is None else p_af(x, recording.fs) for x in recording.read()[:2]]
    sets = [beat_set(path, 0, patient=patient, p_af=known[0])]
    for lead in range(1, len(known)):
        try:
            sets.append(beat_set(path, lead, patient=patient, p_af=known[lead]))
        except InputError as error:  # the electrode was off
            data.skipped.append(str(error))
    sets.append(beat_set(path, 0, patient=patient, annotated=True, p_af=known[0]))
    data.first_leads.append(sets[0])
    data.sets.extend(sets)


def _add_weak(data: BeatData, found: LabelledSet, p_af: ProbabilityOfAf | None) -> None:
    names = [name for name in found.paths if not is_test_record(name)]
    normal = [name for name in names if found.labels[name] == "N"]
    step = max(len(normal) // N_NORMAL, 1)
    chosen = [name for name in names if found.labels[name] == "A"] + normal[::step][:N_NORMAL]
    beats, contexts, allowed = [], [], []
    used: list[Path] = []
    for name in chosen:
        try:
            windows = _short_record(found.paths[name], p_af)
        except InputError as error:
            data.skipped.append(str(error))
            continue
        used.append(found.paths[name])
        if not windows:
            continue
        row = [one in ALLOWED[found.labels[name]] for one in CLASSES]
        beats.append(np.stack([one.inputs["beat"] for one in windows]).astype(np.float16))
        contexts.append(np.stack([one.inputs["context"] for one in windows]))
        allowed.append(np.tile(np.array(row), (len(windows), 1)))
    data.skipped += left_out(found.folder, found.missing, "named in its table, not there")
    if not beats:
        return
    data.weak = WeakBeats(
        np.concatenate(beats), np.concatenate(contexts), np.concatenate(allowed)
    )
    sha = data_hash(files_of(used), found.folder)
    what = f"{len(used)} records, labelled as a whole"
    data.entries.append({"name": found.folder.name, "sha256": sha, "what": what})


def _short_record(path: Path, p_af: ProbabilityOfAf | None) -> list[BeatWindow]:
    recording = open_ecg(path)
    x = recording.read()[0]
    known = None if p_af is None else p_af(x, recording.fs)
    return windows_of(x, recording.fs, p_af=known)[_SETTLE:-1]
