"""Which annotated records a folder holds: known by what lies in it, never by names.

- A folder with a `REFERENCE*.csv`: a label for each whole record (CinC Challenge 2017). Its
  records lie in it or below it; of several tables the newest version counts.
- A folder of WFDB records with `.atr` beside them: beats, changes of rhythm, or both. What
  there is in a record's annotations decides what it is scored on.

A folder that holds neither may hold folders that do (`mitdb`, `ecg/vfdb` ...).
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vitalwire.errors import InputError

_KNOWN: Final = ("mitdb", "challenge-2017", "vfdb")
"""What of a data folder is scored: other sets may have been trained on, or are not scored."""

_DEPTH: Final = 3  # folders below the one that was given, where no known set is there


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Records with one label each."""

    folder: Path
    labels: dict[str, str]  # name to symbol, in the table's order
    paths: dict[str, Path]  # of the records that are there, without suffix

    @property
    def missing(self) -> list[str]:
        """Named in the table, not there."""
        return [name for name in self.labels if name not in self.paths]


@dataclass(frozen=True, slots=True)
class AnnotatedSet:
    """Records with `.atr` beside them."""

    folder: Path
    names: tuple[str, ...]  # with annotations, sorted
    bare: tuple[str, ...]  # without


@dataclass(frozen=True, slots=True)
class RecordSets:
    """Everything that was found."""

    labelled: list[LabelledSet] = field(default_factory=list)
    annotated: list[AnnotatedSet] = field(default_factory=list)


def find_sets(data_dir: Path) -> RecordSets:
    """The sets in a folder: its own, those of the known names in it, or all below it.

    Raises
    ------
    InputError : there is no such folder, or no set in it; a table that cannot be read
    """
    if not data_dir.is_dir():
        raise InputError(f"{data_dir}: no such folder: give one with annotated WFDB records")
    known = [data_dir / part / name for part in ("", "ecg") for name in _KNOWN]
    for folders in ([data_dir], [one for one in known if one.is_dir()], _below(data_dir)):
        found = _in_folders(folders)
        if found.labelled or found.annotated:
            return found
    raise InputError(
        f"{data_dir}: expected WFDB records (.hea) with annotations (.atr), or a "
        "REFERENCE.csv with a label for each record, found none: fetch them with "
        "`vitalwire data fetch mitdb`"
    )


def read_table(path: Path) -> dict[str, str]:
    """Record name to label, of lines such as `A00001,N`.

    Raises
    ------
    InputError : unreadable, a line without a name and a label, or a name that comes twice
    """
    labels: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8") as table:
            for number, row in enumerate(csv.reader(table), start=1):
                if not row:
                    continue
                if len(row) != 2 or not row[0].strip():
                    raise InputError(
                        f"{path}: line {number}: expected a record and its label, as A00001,N"
                    )
                name = row[0].strip()
                if name in labels:
                    raise InputError(f"{path}: line {number}: record {name} comes twice")
                labels[name] = row[1].strip()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not labels:
        raise InputError(f"{path}: names no record")
    return labels


def chosen(names: Iterable[str], wanted: Sequence[str] | None, folder: Path) -> list[str]:
    """The names that were asked for, all by default; what is not there is an error.

    Raises
    ------
    InputError : a record that is not there
    """
    there = list(names)
    if wanted is None:
        return there
    missing = [name for name in wanted if name not in set(there)]
    if missing:
        raise InputError(
            f"{folder}: no annotated record {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        )
    return list(wanted)


def _in_folders(folders: Sequence[Path]) -> RecordSets:
    found = RecordSets()
    claimed: set[Path] = set()  # folders whose records a table above them has labelled
    for folder in folders:
        if any(parent in claimed for parent in (folder, *folder.parents)):
            continue
        tables = sorted(folder.glob("REFERENCE*.csv"), key=_version)
        if tables:
            claimed.add(folder)
            labels = read_table(tables[-1])
            there = {one.stem: one.with_suffix("") for one in sorted(folder.rglob("*.hea"))}
            paths = {name: there[name] for name in labels if name in there}
            found.labelled.append(LabelledSet(folder, labels, paths))
        elif annotated := _annotated(folder):
            found.annotated.append(annotated)
    return found


def _annotated(folder: Path) -> AnnotatedSet | None:
    headers = sorted(folder.glob("*.hea"))
    names = [one.stem for one in headers if one.with_suffix(".atr").exists()]
    bare = [one.stem for one in headers if one.stem not in set(names)]
    return AnnotatedSet(folder, tuple(names), tuple(bare)) if names else None


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    level = [folder]
    for _ in range(_DEPTH):
        level = [
            one
            for parent in level
            for one in sorted(parent.iterdir())
            if one.is_dir() and not one.name.startswith(".")
        ]
        found += level
    return found


def _version(table: Path) -> tuple[int, str]:
    """`REFERENCE-v3.csv` is newer than `-v2`, and any of them than one without a number."""
    number = re.search(r"(\d+)$", table.stem)
    return (int(number[1]) if number else -1, table.name)
