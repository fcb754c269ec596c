"""The public sets of recordings that vitalwire knows, and where they lie on this machine."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitalwire.contracts import Signal
from vitalwire.errors import InputError

DATA_VARIABLE: Final = "VITALWIRE_DATA"
_RECORDS: Final = (".hea", ".edf", ".bdf", ".npz")
CITATION: Final = "Goldberger et al. 2000, PhysioNet, Circulation 101(23):e215-e220"


@dataclass(frozen=True, slots=True)
class DataSet:
    """A set of recordings, at PhysioNet unless it says where else."""

    name: str  # here and at PhysioNet
    version: str
    signal: Signal
    about: str
    licence: str = "ODC-By 1.0"
    patient: str | None = None  # a patient's folder, by number
    elsewhere: str | None = None  # who published it, where PhysioNet does not have it

    @property
    def folder(self) -> str:
        """Where it lies below a data folder."""
        return f"{self.signal.value}/{self.name}"


SETS: Final = {
    found.name: found
    for found in (
        DataSet("mitdb", "1.0.0", Signal.ECG, "MIT-BIH Arrhythmia: 48 records, beats"),
        DataSet("nstdb", "1.0.0", Signal.ECG, "MIT-BIH Noise Stress: noise to add"),
        DataSet("vfdb", "1.0.0", Signal.ECG, "MIT-BIH Malignant Ventricular: VT, VF"),
        DataSet("cudb", "1.0.0", Signal.ECG, "Creighton Ventricular Tachyarrhythmia"),
        DataSet("afdb", "1.0.0", Signal.ECG, "MIT-BIH Atrial Fibrillation: 25 x 10 h"),
        DataSet("svdb", "1.0.0", Signal.ECG, "MIT-BIH Supraventricular Arrhythmia"),
        DataSet(
            "challenge-2017", "1.0.0", Signal.ECG, "CinC 2017: AF from a wearable"
        ),
        DataSet(
            "chbmit", "1.0.0", Signal.EEG,
            "CHB-MIT scalp EEG: 22 children (24 cases), 198 seizures",
            patient="chb{:02}",
        ),
        DataSet(
            "siena-scalp-eeg", "1.0.0", Signal.EEG,
            "Siena scalp EEG: 14 adults, 47 seizures, 128 h",
            licence="CC BY 4.0", patient="PN{:02}",
        ),
        DataSet(
            "eegmmidb", "1.0.0", Signal.EEG, "EEG motor imagery: 109 people, 64 leads",
            patient="S{:03}",
        ),
        DataSet(
            "background-emotiv", "2018", Signal.EEG,
            "Guinea-Bissau: resting, 14-lead wearable, no seizures",
            licence="CC BY 4.0", elsewhere="van Hees et al. 2018",
        ),
        DataSet(
            "bonn", "2001", Signal.EEG,
            "Bonn: 500 clips of 23.6 s, 1 lead, 100 of seizures",
            licence="for research", elsewhere="Andrzejak et al. 2001",
        ),
    )
}  # fmt: skip

_SHORT: Final = {"siena": "siena-scalp-eeg"}


@dataclass(frozen=True, slots=True)
class Present:
    """What of a set lies on this machine."""

    folder: Path
    records: int
    bytes: int


def known(name: str) -> DataSet:
    """A set by its name, else `InputError` with the names there are."""
    name = _SHORT.get(name, name)
    if name not in SETS:
        raise InputError(f"data set {name!r} is not known; known: {', '.join(SETS)}")
    return SETS[name]


def cache_folder() -> Path:
    """Where fetched sets go: `$XDG_CACHE_HOME/vitalwire`, laid out as a data folder."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vitalwire"


def data_folders() -> list[Path]:
    """Where recordings are looked for: `$VITALWIRE_DATA`, then the cache."""
    given = os.environ.get(DATA_VARIABLE)
    return [*([Path(given).expanduser()] if given else []), cache_folder()]


def present(found: DataSet, folders: Sequence[Path]) -> list[Present]:
    """Where a set lies, whole or in part (`chbmit-segments` is part of `chbmit`)."""
    places: list[Present] = []
    for base in folders:
        parent = base / found.signal.value
        if not parent.is_dir():
            continue
        for folder in sorted(parent.iterdir()):
            if folder.is_dir() and re.fullmatch(rf"{re.escape(found.name)}(-.*)?", folder.name):
                files = [path for path in folder.rglob("*") if path.is_file()]
                records = sum(path.suffix in _RECORDS for path in files)
                places.append(Present(folder, records, sum(p.stat().st_size for p in files)))
    return places
