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
from training.datasets.rhythm import (
    RhythmRecord,
    annotated_record,
    challenge_records,
    model_signal,
)
from training.run_folder import data_hash
from training.scoring.record_sets import find_sets
from training.splits import DS2, PACED, SAME_MAN, is_test_record
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording, read_annotations

VALIDATION_SHARE: Final = 5
NEVER_TRAINED: Final = frozenset((*DS2, *PACED))
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
        """The same with these annotated records held out in place of the others."""
        everything = [*self.train_strong, *self.held_out_strong]
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
        names = [name for name in labelled.paths if not is_test_record(name)]
        for record in challenge_records(labelled.folder, names):
            held_out = is_validation_record(record.name)
            (data.held_out_weak if held_out else data.train_weak).append(record)
        what = "whole-record labels, without the test fifth"
        _note(data, labelled.folder, [labelled.paths[name] for name in names], what)
    for annotated in sets.annotated:
        names = [name for name in annotated.names if name not in NEVER_TRAINED]
        used = [name for name in names if _read_strong(data, annotated.folder / name)]
        paths = [annotated.folder / name for name in used]
        _note(data, annotated.folder, paths, "annotated rhythms")
    data.noises.extend(read_noises(data_dir))
    if not data.train_weak and not data.train_strong:
        raise InputError(f"{data_dir}: no record with a rhythm's label or annotations")
    return data


def _read_strong(data: RhythmData, path: Path) -> bool:
    """Whether the record has rhythms; they are added then."""
    try:
        if not read_annotations(path).rhythms:
            return False
        patient = SAME_MAN[0] if path.name in SAME_MAN else path.name
        data.train_strong.extend(annotated_record(path, patient))
    except InputError as error:
        data.skipped.append(str(error))
        return False
    return True


def _note(data: RhythmData, folder: Path, records: Sequence[Path], what: str) -> None:
    """Say what was read, by the hash of its files."""
    if not records:
        return
    files = [file for one in records for file in one.parent.glob(f"{one.name}.*")]
    files += folder.glob("REFERENCE*.csv")
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
                recording = open_recording(folder / name, signal=Signal.ECG)
                half = recording.read(0, recording.n_samples // 2)
                noises += [model_signal(lead, recording.fs) for lead in half]
        if noises:
            break
    return noises
