"""CHB-MIT as PhysioNet publishes it: EDF files, and a summary of each case."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from training.datasets.eeg_files import EegFile, each, fitted
from training.datasets.eeg_recording import EegRecording, Span, Warn, person_of
from training.datasets.eeg_summary import SEIZURES, Listed, read_seizures, read_summary
from training.datasets.records import left_out
from vitalwire.errors import InputError

_TOLERANCE_S: Final = 1.0  # between what the two files say of a seizure


def case_recordings(
    edfs: Sequence[Path], summaries: Sequence[Path], warn: Warn
) -> list[EegRecording]:
    """Recordings of a folder's EDF files, by the summaries of their cases.

    A file that no summary names is read where its `.seizures` lies beside it, or where the
    summaries name nothing but files with seizures: then it has none.
    """
    listed: dict[str, Listed] = {}
    names_all = False
    for path in summaries:
        try:
            listed |= _named(path, edfs, warn)
        except InputError as error:
            warn(f"left out: {error}")
            names_all = True  # for all that is known
    names_all |= any(not one.seizures for one in listed.values())
    silent = [
        one for one in edfs if one.name not in listed and not seizures_file(one).is_file()
    ]
    if silent and summaries and not names_all:
        why = "names only files with seizures, so these are read as without any"
        warn(*left_out(summaries[0], (one.name for one in silent), why))
        listed |= {one.name: Listed(summaries[0]) for one in silent}
    return each(edfs, lambda path: _recording(path, listed.get(path.name), warn), warn)


def _named(path: Path, edfs: Sequence[Path], warn: Warn) -> dict[str, Listed]:
    files = read_summary(path)
    there = {one.name for one in edfs}
    absent = [name for name in files if name not in there]
    for line in left_out(path, absent, "names files that are not there"):
        warn(line)
    return files


def _recording(path: Path, said: Listed | None, warn: Warn) -> EegRecording:
    file = EegFile.open(path, warn)
    if said is not None and not said.fault:
        where, spans = f"{said.said_by}: {path.name}", said.seizures
        _compare(file, where, spans, warn)
    else:
        where, spans = str(seizures_file(path)), _not_by_summary(file, said, warn)
    return file.recording(person_of(path.stem), fitted(spans, file.duration_s, where, warn))


def _not_by_summary(file: EegFile, said: Listed | None, warn: Warn) -> tuple[Span, ...]:
    beside = seizures_file(file.path)
    if said is None:
        why = f"{file.path}: no summary names it"
    else:
        why = f"{said.said_by}: {file.path.name}: {said.fault}"
    if not beside.is_file():
        raise InputError(f"{why}, and there is no {beside.name}: its seizures are not known")
    spans = read_seizures(beside, file.fs)
    warn(f"{why}: read by {beside.name}")
    return spans


def _compare(file: EegFile, where: str, spans: Sequence[Span], warn: Warn) -> None:
    """Say it where the `.seizures` file says something else; the summary is what counts."""
    beside = seizures_file(file.path)
    if not beside.is_file():
        return
    try:
        also = read_seizures(beside, file.fs)
    except InputError as error:
        warn(f"{error}: the summary is used")
        return
    same = len(also) == len(spans) and np.allclose(also, spans, rtol=0, atol=_TOLERANCE_S)
    if not same:
        warn(f"{where}: {_told(spans)}; {beside.name}: {_told(also)}: the summary is used")


def _told(spans: Sequence[Span]) -> str:
    times = ", ".join(f"{onset:g} to {end:g} s" for onset, end in spans)
    return f"seizures at {times}" if spans else "no seizure"


def seizures_file(path: Path) -> Path:
    """Where the seizures of an EDF file are annotated, if they are."""
    return path.with_name(f"{path.name}.{SEIZURES}")
