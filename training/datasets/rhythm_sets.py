"""Everything in a data folder that the rhythm model can learn from, split by patient.

Which sets there are is known by what lies in the folder (`training.scoring.record_sets`), so
that a stream which a gateway recorded, exported with its annotations, is as good as
PhysioNet's. Never trained on: the test fifth of a set with whole-record labels, and MIT-BIH's
DS2 and paced records. A further fifth of the labelled records is held out to choose by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.augment import Crop
from training.datasets.records import (
    NEVER_TRAINED,
    check_patients,
    files_of,
    left_out,
    nothing_of,
    open_ecg,
    patient_of,
)
from training.datasets.rhythm import (
    RhythmRecord,
    annotated_record,
    labelled_record,
    model_signal,
)
from training.run_folder import data_hash
from training.scoring.record_sets import AnnotatedSet, LabelledSet, find_sets
from training.splits import is_test_record
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations

VALIDATION_SHARE: Final = 5
NOISE_RECORDS: Final = ("ma", "bw")


@dataclass(frozen=True, slots=True, eq=False)
class RhythmData:
    """Records to train on, and records to choose by."""

    train_weak: list[RhythmRecord] = field(default_factory=list)
    held_out_weak: list[RhythmRecord] = field(default_factory=list)
    train_strong: list[RhythmRecord] = field(default_factory=list)
    held_out_strong: list[RhythmRecord] = field(default_factory=list)
    noises: list[Crop] = field(default_factory=list)
    entries: list[dict[str, str]] = field(default_factory=list)  # name, sha256, what
    skipped: list[str] = field(default_factory=list)  # a line each

    def without(self, names: Sequence[str]) -> "RhythmData":
        """The same with these patients' annotated records held out in place of the others.

        Raises
        ------
        InputError
            One of them has none.
        """
        everything = [*self.train_strong, *self.held_out_strong]
        check_patients(names, (one.patient for one in everything))
        kept = [one for one in everything if one.patient not in names]
        first_leads: dict[str, RhythmRecord] = {}
        for one in everything:
            if one.patient in names:
                first_leads.setdefault(one.patient, one)
        return RhythmData(
            self.train_weak, self.held_out_weak, kept, list(first_leads.values()),
            self.noises, self.entries, self.skipped,
        )  # fmt: skip


def is_validation_record(name: str) -> bool:
    """Whether a labelled record is held out to choose by."""
    return int(sha256(name.encode()).hexdigest(), 16) % VALIDATION_SHARE == 1


def read_rhythm_data(data_dir: Path) -> RhythmData:
    """Read all of it. A record that cannot be read is left out, with a line in `skipped`.

    Raises
    ------
    InputError
        There is nothing to learn from.
    """
    data = RhythmData()
    sets = find_sets(data_dir)
    for labelled in sets.labelled:
        _read_labelled(data, labelled)
    for annotated in sets.annotated:
        _read_annotated(data, annotated)
    data.noises.extend(read_noises(data_dir))
    if not data.train_weak and not data.train_strong:
        what = "no record with a rhythm's label or annotations"
        raise InputError(nothing_of(data_dir, what, data.skipped))
    return data


def _read_labelled(data: RhythmData, found: LabelledSet) -> None:
    used: list[Path] = []
    for name, path in found.paths.items():
        if is_test_record(name):
            continue
        try:
            record = labelled_record(path, found.labels[name])
        except InputError as error:
            data.skipped.append(str(error))
            continue
        (data.held_out_weak if is_validation_record(name) else data.train_weak).append(record)
        used.append(path)
    data.skipped.extend(left_out(found.folder, found.missing, "named in its table, not there"))
    _note(data, found.folder, used, "whole-record labels, without the test fifth")


def _read_annotated(data: RhythmData, found: AnnotatedSet) -> None:
    used: list[Path] = []
    without: list[str] = []
    for name in found.names:
        path = found.folder / name
        if name in NEVER_TRAINED:
            continue
        try:
            if not read_annotations(path).rhythms:
                without.append(name)
                continue
            data.train_strong.extend(annotated_record(path, patient_of(path)))
        except InputError as error:
            data.skipped.append(str(error))
            continue
        used.append(path)
    data.skipped.extend(left_out(found.folder, without, "no rhythm in the annotations"))
    data.skipped.extend(left_out(found.folder, found.bare, "no annotations (.atr)"))
    _note(data, found.folder, used, "annotated rhythms")


def _note(data: RhythmData, folder: Path, records: Sequence[Path], what: str) -> None:
    """Say what was read, by the hash of its files."""
    if not records:
        return
    files = [*files_of(records), *folder.glob("REFERENCE*.csv")]
    sha = data_hash(files, folder)
    data.entries.append(
        {"name": folder.name, "sha256": sha, "what": f"{len(records)} records, {what}"}
    )


def read_noises(data_dir: Path) -> list[NDArray[np.float32]]:
    """Leads of nstdb's noise records, as the models see them; none where there are none.

    Only their first half: the second is for tests.
    """
    noises = []
    for folder in (data_dir / "nstdb", data_dir / "ecg" / "nstdb", data_dir.parent / "nstdb"):
        for name in NOISE_RECORDS:
            if (folder / f"{name}.hea").exists():
                recording = open_ecg(folder / name)
                half = recording.read(0, recording.n_samples // 2)
                noises += [model_signal(lead, recording.fs) for lead in half]
        if noises:
            break
    return noises
