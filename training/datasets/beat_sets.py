"""Everything in a data folder that the beat model can learn from, by patient.

Annotated beats of every record that has them, but MIT-BIH's DS2 and paced records: the first
lead by the gateway's own detector and at the annotated positions, the second lead as another
electrode. Beside them the beats of records with one label for the whole (challenge-2017, never
its test fifth): in a normal one all are N; in AF none is premature, so none is S.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from training.datasets.beats import CLASSES, BeatSet, beat_set, windows_of
from training.datasets.rhythm_sets import NEVER_TRAINED
from training.run_folder import data_hash
from training.scoring.record_sets import AnnotatedSet, LabelledSet, find_sets
from training.splits import SAME_MAN, is_test_record
from vitalwire.contracts import BeatClass, Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording, read_annotations

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
    used: list[str] = []
    for name in found.names:
        if name in NEVER_TRAINED:
            continue
        try:
            if len(read_annotations(found.folder / name).beats[0]) == 0:
                continue
            leads = _of_record(found.folder / name, p_af)
        except InputError as error:
            data.skipped.append(str(error))
            continue
        data.first_leads.append(leads[0])
        data.sets.extend(leads)
        used.append(name)
    if used:
        files = [file for name in used for file in found.folder.glob(f"{name}.*")]
        entry = {"name": found.folder.name, "sha256": data_hash(files, found.folder)}
        data.entries.append({**entry, "what": f"{len(used)} records, annotated beats"})


def _of_record(path: Path, p_af: ProbabilityOfAf | None) -> list[BeatSet]:
    patient = SAME_MAN[0] if path.name in SAME_MAN else path.name
    recording = open_recording(path, signal=Signal.ECG)
    known = [None if p_af is None else p_af(x, recording.fs) for x in recording.read()[:2]]
    sets = [
        beat_set(path, lead, patient=patient, p_af=known[lead]) for lead in range(len(known))
    ]
    return [*sets, beat_set(path, 0, patient=patient, annotated=True, p_af=known[0])]


def _add_weak(data: BeatData, found: LabelledSet, p_af: ProbabilityOfAf | None) -> None:
    names = [name for name in found.paths if not is_test_record(name)]
    normal = [name for name in names if found.labels[name] == "N"]
    step = max(len(normal) // N_NORMAL, 1)
    chosen = [name for name in names if found.labels[name] == "A"] + normal[::step][:N_NORMAL]
    beats, contexts, allowed = [], [], []
    for name in chosen:
        windows = _short_record(found.paths[name], p_af)
        if not windows[0].size:
            continue
        row = [one in ALLOWED[found.labels[name]] for one in CLASSES]
        beats.append(windows[0].astype(np.float16))
        contexts.append(windows[1])
        allowed.append(np.tile(np.array(row), (len(windows[0]), 1)))
    if not beats:
        return
    data.weak = WeakBeats(
        np.concatenate(beats), np.concatenate(contexts), np.concatenate(allowed)
    )
    files = [found.paths[name].with_suffix(".hea") for name in chosen]
    files += [file for name in chosen for file in found.paths[name].parent.glob(f"{name}.mat")]
    entry = {"name": found.folder.name, "sha256": data_hash(files, found.folder)}
    data.entries.append({**entry, "what": f"{len(chosen)} records, labelled as a whole"})


def _short_record(
    path: Path, p_af: ProbabilityOfAf | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    recording = open_recording(path, signal=Signal.ECG)
    x = recording.read()[0]
    known = None if p_af is None else p_af(x, recording.fs)
    windows = windows_of(x, recording.fs, p_af=known)[_SETTLE:-1]
    if not windows:
        return np.empty((0, N_CHANNELS, N_WINDOW), np.float32), np.empty((0, N_CONTEXT))
    beats: Sequence[NDArray[np.float32]] = [one.inputs["beat"] for one in windows]
    return np.stack(beats), np.stack([one.inputs["context"] for one in windows])
