"""The people that a run held out: an export is judged on them, so only they are read."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from training import runs
from training.datasets.beat_sets import BeatData
from training.datasets.beats import ProbabilityOfAf, beat_set
from training.datasets.records import (
    NEVER_TRAINED,
    check_patients,
    nothing_of,
    open_ecg,
    patient_of,
)
from training.run_folder import RunFolder
from training.scoring.record_sets import find_sets
from training.tasks.ecg_beat import BeatConfig, BeatTask
from training.tasks.ecg_rhythm import RhythmTask
from training.tasks.eeg_seizure import SeizureTask
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations

Say = Callable[[str], None]


def validation_of(
    run: RunFolder, data_dir: Path, say: Say
) -> BeatTask | RhythmTask | SeizureTask:
    """What judges an export of a run: the same people as in training, the same numbers.

    Raises
    ------
    InputError
        Somebody who was held out is not there, or there is nothing to judge by.
    """
    config = runs.config_of(run)
    if not isinstance(config, runs.BeatRun):
        return runs.task_of(run, data_dir, say)
    hold_out = (*config.task.hold_out, *runs.leave_of(run))
    data = read_held_out(data_dir, hold_out, runs.rhythm_of(config.task))
    for line in data.skipped:
        say(f"left out: {line}")
    # A task that holds nobody out is judged on all that it has: here, on them alone. Nothing
    # is drawn from it, so any share of the classes will do, and the default allows for all.
    return BeatTask(replace(config.task, hold_out=(), share=BeatConfig().share), data)


def read_held_out(
    data_dir: Path, patients: Collection[str], p_af: ProbabilityOfAf | None = None
) -> BeatData:
    """The first lead of these patients' records, by the gateway's own detector.

    As `read_beat_data` reads it; of nobody's in particular, all of them.

    Raises
    ------
    InputError
        One of them has no annotated beat, or nobody has any.
    """
    data = BeatData()
    for found in find_sets(data_dir).annotated:
        for name in found.names:
            if name in NEVER_TRAINED:
                continue
            path = found.folder / name
            try:
                patient = patient_of(path)
                if patients and patient not in patients:
                    continue
                if len(read_annotations(path).beats[0]) == 0:
                    continue
                recording = open_ecg(path)
                x = recording.read()[0]
                known = None if p_af is None else p_af(x, recording.fs)
                data.first_leads.append(beat_set(path, 0, patient=patient, p_af=known))
            except InputError as error:
                data.skipped.append(str(error))
    check_patients(patients, (one.patient for one in data.first_leads))
    if not data.first_leads:
        what = "no record with annotated beats to judge by"
        raise InputError(nothing_of(data_dir, what, data.skipped))
    data.sets.extend(data.first_leads)
    return data
