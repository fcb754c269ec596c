"""EEG of people in whom no seizure was recorded: EDF files and a table of the participants.

`participants.tsv` has a line for each person, in a column `participant` or `participant_id`;
their files begin with it: `s03.edf`, `s03_2.edf`. Whether somebody has epilepsy is not what
counts: what was recorded has no seizure in it.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.datasets.eeg_files import EegFile, each
from training.datasets.eeg_recording import EegRecording, Warn, person_of
from training.datasets.records import left_out
from vitalwire.errors import InputError

PARTICIPANTS: Final = "participants.tsv"
_COLUMNS: Final = ("participant", "participant_id")


def background_recordings(edfs: Sequence[Path], table: Path, warn: Warn) -> list[EegRecording]:
    """Recordings without a seizure, by the table of participants beside them."""
    try:
        people = read_participants(table)
    except InputError as error:
        warn(f"left out: {error}")
        return []
    known = {person_of(name) for name in people}
    there = {person_of(path.stem) for path in edfs}
    for line in (
        *left_out(table, sorted(known - there), "names people without a file"),
        *left_out(
            table, sorted(there - known), "does not name people of files, read all the same"
        ),
    ):
        warn(line)

    def read(path: Path) -> EegRecording:
        return EegFile.open(path, warn).recording(person_of(path.stem), ())

    return each(edfs, read, warn)


def read_participants(path: Path) -> list[str]:
    """The people that a table names.

    Raises
    ------
    InputError
        Unreadable, or without a column of participants.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter="\t")
            column = next((one for one in _COLUMNS if one in (table.fieldnames or ())), None)
            if column is None:
                raise InputError(f"{path}: expected a column {_COLUMNS[0]}, has none")
            return [row[column].strip() for row in table if (row[column] or "").strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
