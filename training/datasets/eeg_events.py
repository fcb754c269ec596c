"""EDF files with an events table beside them, as SzCORE defines it.

`NAME_events.tsv` beside `NAME.edf`, or beside `NAME_eeg.edf` in a BIDS-EEG folder, has a line
for each event: `onset` and `duration` in seconds from the first sample, `eventType` `sz` or
`sz_` with the seizure's type, or `bckg`; further columns are confidence, channels, dateTime
and recordingDuration (Dan et al. 2024, Epilepsia, doi:10.1111/epi.18113; the types are those
of HED-SCORE).

A file name's last part may say what was cut out around a seizure: `_onset` from before it to
its end, `_before` up to its onset, `_ictal` from within it. What a detector has to have heard
before `X_ictal` is `X_before`.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Final

from training.datasets.eeg_files import EegFile, each, fitted
from training.datasets.eeg_recording import EegRecording, Kind, Span, Warn, person_of
from vitalwire.errors import InputError

_SEIZURE: Final = "sz"
_NO_SEIZURE: Final = ("bckg", "impd")  # background; impedance was measured (SeizeIT2)
_COLUMNS: Final = ("onset", "duration", "eventType")
_CUTS: Final = {f"_{kind}": kind for kind in (Kind.ONSET, Kind.BEFORE, Kind.ICTAL)}
_TOLERANCE_S: Final = 1.0

_SUBJECT: Final = re.compile(r"sub-([A-Za-z0-9]+)_")
_ORIGINALS: Final = {"chb-mit": "chb", "siena scalp": "PN"}
"""What is in the name of a BIDS copy, and what the set it is made of calls a person."""


@dataclass(frozen=True, slots=True)
class Events:
    """An events table."""

    seizures: tuple[Span, ...]
    recording_s: float | None  # length of the recording that was annotated


def events_file(edf: Path) -> Path | None:
    """The events table beside an EDF file, if there is one."""
    stem = edf.stem.removesuffix("_eeg")
    path = edf.with_name(f"{stem}_events.tsv")
    return path if path.is_file() else None


def read_events(path: Path) -> Events:
    """Read an events table.

    Raises
    ------
    InputError
        Unreadable, without one of the columns, or an event that is not told in full.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter="\t")
            for name in _COLUMNS:
                n = list(table.fieldnames or ()).count(name)
                if n != 1:  # of two, the last would hide a seizure that the first tells
                    raise InputError(f"{path}: expected a column {name}, has {n or 'none'}")
            rows = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    seizures, lengths = [], []
    for number, row in enumerate(rows, start=2):
        where = f"{path}: line {number}"
        kind = (row["eventType"] or "").strip()
        if kind.startswith(_SEIZURE):
            onset = _seconds(where, "onset", row["onset"])
            seizures.append((onset, onset + _seconds(where, "duration", row["duration"])))
        elif kind not in _NO_SEIZURE:
            raise InputError(f"{where}: eventType: expected sz, sz_... or bckg, got {kind!r}")
        if (row.get("recordingDuration") or "n/a").strip() != "n/a":
            lengths.append(_seconds(where, "recordingDuration", row["recordingDuration"]))
    return Events(tuple(seizures), lengths[0] if lengths else None)


def annotated_recordings(tables: Mapping[Path, Path], warn: Warn) -> list[EegRecording]:
    """Recordings of EDF files, each with the events table beside it."""
    found = each(tables, lambda path: _recording(path, tables[path], warn), warn)
    before = {one.path.stem: one for one in found if one.kind is Kind.BEFORE}
    return [_primed(one, before, warn) if one.kind is Kind.ICTAL else one for one in found]


def _recording(path: Path, table: Path, warn: Warn) -> EegRecording:
    events = read_events(table)
    file = EegFile.open(path, warn)
    told_s = events.recording_s
    if told_s is not None and abs(told_s - file.duration_s) > _TOLERANCE_S:
        warn(
            f"{table}: recordingDuration is {told_s:g} s, {path.name} has "
            f"{file.duration_s:g} s: read as it is"
        )
    seizures = fitted(events.seizures, file.duration_s, str(table), warn)
    kind = next((one for end, one in _CUTS.items() if path.stem.endswith(end)), Kind.CONTINUOUS)
    name = path.stem.removesuffix("_eeg")
    return file.recording(_patient(path), seizures, name=name, kind=kind)


def _primed(ictal: EegRecording, before: dict[str, EegRecording], warn: Warn) -> EegRecording:
    stem = ictal.path.stem.removesuffix(Kind.ICTAL) + Kind.BEFORE
    if stem not in before:
        warn(f"{ictal.path}: has no {stem}.edf beside it: nothing to prime a detector with")
    return replace(ictal, primed_by=before.get(stem))


def _patient(path: Path) -> str:
    """By the file's name; a subject of a BIDS folder by the folder's name as well.

    `sub-01` is somebody else in every BIDS folder; in a copy of CHB-MIT it is chb01.
    """
    subject = _SUBJECT.match(path.name)
    if subject is None:
        return person_of(path.stem)
    name = _dataset_name(bids_folder(path.parent))
    for copied, prefix in _ORIGINALS.items():
        number = re.search(r"\d+$", subject[1])
        if copied in name.lower() and number:
            return person_of(f"{prefix}{int(number[0]):02}")
    return f"{name}/sub-{subject[1]}"


def bids_folder(folder: Path) -> Path:
    """The folder above the `sub-` folder that a folder is, or lies in; else itself."""
    above = [one.parent for one in (folder, *folder.parents) if one.name.startswith("sub-")]
    return above[-1] if above else folder


def _dataset_name(folder: Path) -> str:
    try:
        said = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return folder.name
    return str(said["Name"]) if isinstance(said, dict) and said.get("Name") else folder.name


def _seconds(where: str, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{where}: {column}: expected seconds, got {text!r}")
    return value
