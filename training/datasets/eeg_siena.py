"""Siena Scalp EEG as PhysioNet publishes it: EDF files, and a list of each person's seizures.

The list's times are times of day. They are counted from the beginning that the list gives,
or from the EDF file's own clock where that fits the recording's length and the list does not.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.datasets.eeg_files import EegFile, each, fitted
from training.datasets.eeg_recording import EegRecording, Warn, person_of
from training.datasets.eeg_siena_list import Listed, Registration, read_list
from training.datasets.records import left_out
from vitalwire.errors import InputError

_DAY_S: Final = 86_400
_TOLERANCE_S: Final = 2.0
_NUMBERLESS: Final = re.compile(r"PN\d+-?", re.IGNORECASE)


def subject_recordings(
    edfs: Sequence[Path], lists: Sequence[Path], warn: Warn
) -> list[EegRecording]:
    """Recordings of a folder's EDF files, by the lists beside them.

    Every file of the set has a seizure: one that no list names is left out.
    """
    said: dict[Path, tuple[Path, Listed]] = {}
    for path in lists:
        try:
            said |= _named(path, edfs, warn)
        except InputError as error:
            warn(f"left out: {error}")
    return each(edfs, lambda path: _recording(path, said.get(path), warn), warn)


def _named(path: Path, edfs: Sequence[Path], warn: Warn) -> dict[Path, tuple[Path, Listed]]:
    """What a list says of the files that are there."""
    said: dict[Path, tuple[Path, Listed]] = {}
    absent = []
    for listed in read_list(path):
        name = listed.registration.file
        edf = _meant(name, edfs)
        if edf is None or edf in said:
            absent.append(name or "(none)")
            continue
        if name != edf.name:
            warn(f"{path}: file name {name!r} is read as {edf.name}")
        said[edf] = (path, listed)
    for line in left_out(path, absent, "file name: names files that are not there"):
        warn(line)
    return said


def _meant(name: str, edfs: Sequence[Path]) -> Path | None:
    """The EDF file that a list names, with the letter O for a zero, or without a number."""
    stem = Path(name).stem
    if not stem or _NUMBERLESS.fullmatch(stem):
        meant = [one for one in edfs if one.stem.startswith(stem)]
        return meant[0] if len(meant) == 1 else None
    plain = name.casefold().replace("o", "0")
    return next((one for one in edfs if one.name.casefold().replace("o", "0") == plain), None)


def _recording(path: Path, said: tuple[Path, Listed] | None, warn: Warn) -> EegRecording:
    if said is None:
        raise InputError(f"{path}: no Seizures-list names it: its seizures are not known")
    where, listed = f"{said[0]}: {path.name}", said[1]
    if listed.fault:
        raise InputError(f"{where}: {listed.fault}")
    file = EegFile.open(path, warn)
    begin_s = _begin(listed.registration, file, where, warn)
    spans = []
    for start_s, end_s in listed.seizures:
        onset_s = (start_s - begin_s) % _DAY_S
        spans.append((onset_s, onset_s + (end_s - start_s) % _DAY_S))
    seizures = fitted(spans, file.duration_s, where, warn)
    return file.recording(person_of(path.stem), seizures)


def _begin(listed: Registration, file: EegFile, where: str, warn: Warn) -> float:
    """Time of day of the first sample, s."""
    begin_s = listed.begin_s
    own_s = None if file.start_ns is None else file.start_ns / 1e9 % _DAY_S
    if begin_s is None:
        if own_s is None:
            raise InputError(f"{where}: registration start time: none, nor a clock in the file")
        return own_s
    if own_s is None:
        return float(begin_s)
    if _apart(begin_s, own_s) <= _TOLERANCE_S:
        return float(begin_s)

    def fits(start_s: float) -> bool:
        end_s = listed.end_s
        return end_s is not None and _apart(start_s + file.duration_s, end_s) <= _TOLERANCE_S

    used = "file" if fits(own_s) and not fits(begin_s) else "list"
    warn(
        f"{where}: registration start time is {_shown(begin_s)}, by the file's clock it is "
        f"{_shown(own_s)}: the {used}'s is used"
    )
    return own_s if used == "file" else float(begin_s)


def _apart(a_s: float, b_s: float) -> float:
    """Between two times of day, the shorter way round."""
    ahead = (a_s - b_s) % _DAY_S
    return min(ahead, _DAY_S - ahead)


def _shown(time_s: float) -> str:
    return f"{int(time_s) // 3600:02}.{int(time_s) // 60 % 60:02}.{int(time_s) % 60:02}"
