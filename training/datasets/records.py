"""Records of a data folder, as every task reads them: at which rate, whose, in which files."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from edge.pipeline.ecg import SUPPORTED, supported
from training.splits import DS2, PACED, SAME_MAN
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import Recording, open_recording

NEVER_TRAINED: Final = frozenset((*DS2, *PACED))
_SHOWN: Final = 5  # names in a line


def open_ecg(path: Path) -> Recording:
    """Open a record whose rate the gateway takes.

    Raises
    ------
    InputError
        It cannot be read, or comes at another rate.
    """
    recording = open_recording(path, signal=Signal.ECG)
    if not supported(recording.fs):
        raise InputError(f"{path}: expected {SUPPORTED}, got {recording.fs:g} Hz: resample it")
    return recording


def patient_of(path: Path) -> str:
    """Whose record it is: splits are made by this.

    A recording that `vitalwire log export` wrote has a `NAME.json` beside it. What one device
    recorded is taken for one person's, in however many recordings, unless a `patient` was
    written into that file. Any other record is a person of its own.

    Raises
    ------
    InputError
        The file beside it cannot be read.
    """
    beside = path.with_name(f"{path.name}.json")
    if beside.is_file():
        try:
            said = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{beside}: cannot be read ({error})") from None
        if isinstance(said, dict) and said.get("patient"):
            return str(said["patient"])
        if isinstance(said, dict) and said.get("device"):
            return f"{said.get('site', '')}/{said['device']}"
    return SAME_MAN[0] if path.name in SAME_MAN else path.name


def files_of(records: Sequence[Path]) -> list[Path]:
    """All files of these records: `NAME.hea`, `NAME.dat`, `NAME.atr` and what else there is."""
    names = {one.parent: set[str]() for one in records}
    for one in records:
        names[one.parent].add(one.name)
    return [
        file
        for folder, wanted in names.items()
        for file in folder.iterdir()
        if file.name.rpartition(".")[0] in wanted
    ]


def left_out(folder: Path, names: Iterable[str], why: str) -> list[str]:
    """A line for all the records that are left out for one reason; none for none."""
    listed = list(names)
    if not listed:
        return []
    shown = ", ".join(listed[:_SHOWN])
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return [f"{folder}: {why}: {shown}{more}"]


def nothing_of(data_dir: Path, what: str, lines: Sequence[str]) -> str:
    """Why there is nothing at all: the first of the lines, and how many more there are."""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{data_dir}: {what}" + (f": {lines[0]}{more}" if lines else "")


def check_patients(wanted: Iterable[str], there: Iterable[str]) -> None:
    """Who is to be held out has to be there: else they would not be, and nobody would know.

    Raises
    ------
    InputError
        Somebody is not.
    """
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise InputError(
            f"no annotated record to train on is of {', '.join(missing)}: nobody to hold out"
        )
