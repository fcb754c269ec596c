"""What CHB-MIT says of its seizures: `chbNN-summary.txt`, and `FILE.edf.seizures`.

A summary names the files of one case, how many seizures are in each, and when they begin and
end, in seconds. It was typed by hand: seizures are numbered or not, sometimes wrongly, with
more spaces or fewer; chb24 has no clock times and names only the files with seizures. Which
leads there are, and since which file, is said by the EDF files themselves.

A `.seizures` file is a WFDB annotation file (Guttag 2010, PhysioNet): the samples of an onset
and an end, by turns.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from training.datasets.eeg_recording import Span
from vitalwire.errors import InputError
from vitalwire.recordings.annotations import check_definitions

SUMMARY: Final = "*-summary.txt"
SEIZURES: Final = "seizures"
"""What the name of an EDF file has behind it."""

_FILE: Final = "file name"
_COUNT: Final = "number of seizures in file"
_LINE: Final = re.compile(
    rf"\s*({_FILE}|{_COUNT}|seizure\s*\d*\s*(?:start|end) time)\s*:\s*(.*?)\s*", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a summary names it."""

    said_by: Path
    seizures: tuple[Span, ...] = ()
    fault: str = ""  # why they are not to be believed


def read_summary(path: Path) -> dict[str, Listed]:
    """The files that a summary names, in its order.

    Raises
    ------
    InputError
        Unreadable, or it names none.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    fields: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for match in filter(None, map(_LINE.fullmatch, lines)):
        label, value = match[1].lower(), match[2]
        if label == _FILE:
            name = value
            fields.setdefault(name, [])
        elif name:
            fields[name].append((label, value))
    if not fields:
        raise InputError(f"{path}: names no file: expected lines as File Name: chb01_01.edf")
    return {file: _listed(path, its) for file, its in fields.items()}


def read_seizures(path: Path, fs: float) -> tuple[Span, ...]:
    """The seizures of a `.seizures` file beside an EDF file of this rate.

    Raises
    ------
    InputError
        It cannot be read, or an onset has no end.
    """
    import wfdb

    check_definitions(path)
    try:
        notes = wfdb.rdann(str(path.with_suffix("")), SEIZURES)
    except Exception as error:
        raise InputError(f"{path}: not a WFDB annotation file ({error})") from error
    if len(notes.sample) % 2:
        raise InputError(
            f"{path}: expected an onset and an end of each seizure, got {len(notes.sample)} "
            "annotations"
        )
    times = np.reshape(notes.sample, (-1, 2)) / (notes.fs or fs)
    return tuple((float(onset), float(end)) for onset, end in times)


def _listed(path: Path, fields: Sequence[tuple[str, str]]) -> Listed:
    """Seizures in the order of their lines: their numbers are not to be relied on."""
    times: list[float] = []
    for label, value in fields:
        number = _NUMBER.fullmatch(value)
        if number is None:
            return Listed(path, fault=f"{label}: expected a number, got {value!r}")
        if label == _COUNT:
            continue
        if ("end" in label.split()) != (len(times) % 2 == 1):
            return Listed(path, fault=f"{label} {value}: starts and ends do not come by turns")
        times.append(float(number[1]))
    if len(times) % 2:
        return Listed(path, fault=f"the seizure at {times[-1]:g} s has no end time")
    spans = tuple(zip(times[::2], times[1::2], strict=True))
    for label, value in fields:
        if label == _COUNT and int(float(value)) != len(spans):
            return Listed(path, fault=f"{label} is {value}, times are given of {len(spans)}")
    return Listed(path, spans)
