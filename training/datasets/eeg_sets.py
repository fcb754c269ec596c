"""Which EEG recordings a folder holds, and whose: known by what lies in it, never by names.

An EDF file is read by what is beside it that says where seizures are:

- an events table, as `NAME_events.tsv`: BIDS-EEG with SzCORE's tables, or pieces cut out;
- `chbNN-summary.txt` (CHB-MIT) in its folder, or for its case in any other of the same data
  folder, or `NAME.edf.seizures` beside it;
- `Seizures-list-PNxx.txt` (Siena);
- `participants.tsv`: nobody had a seizure.

Without any of them it is left out. A NumPy archive may be the Bonn clips.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Final

from training.datasets.eeg_background import PARTICIPANTS, background_recordings
from training.datasets.eeg_bonn import bonn_clips
from training.datasets.eeg_chbmit import case_recordings, seizures_file
from training.datasets.eeg_events import annotated_recordings, bids_folder, events_file
from training.datasets.eeg_files import edf_files
from training.datasets.eeg_recording import EegRecording, Warn, case_of
from training.datasets.eeg_siena import subject_recordings
from training.datasets.eeg_siena_list import LIST
from training.datasets.eeg_summary import SUMMARY
from training.datasets.records import left_out, nothing_of
from vitalwire.errors import InputError

_DEPTH: Final = 6  # folders below the one that was given: PhysioNet's, as wget lays them out
_COPIES: Final = ("derivatives", "sourcedata")  # of a BIDS folder: the same once more


class Layout(StrEnum):
    """How a set says where seizures are."""

    EVENTS = "events tables"
    CHB_MIT = "CHB-MIT"
    SIENA = "Siena"
    BACKGROUND = "no seizures"
    BONN = "Bonn clips"


@dataclass(frozen=True, slots=True)
class EegSet:
    """Recordings of one layout that lie together."""

    name: str
    layout: Layout
    folder: Path
    recordings: tuple[EegRecording, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Everybody, by name."""
        return tuple(sorted({one.patient for one in self.recordings}))

    @property
    def n_seizures(self) -> int:
        return sum(len(one.seizures) for one in self.recordings)

    @property
    def duration_s(self) -> float:
        return sum(one.duration_s for one in self.recordings)

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.layout}): {len(self.recordings)} recordings, "
            f"{self.duration_s / 3600:.1f} h, {self.n_seizures} seizures of "
            f"{len(self.patients)} patients"
        )


def find_sets(data_dir: Path, warn: Warn) -> list[EegSet]:
    """The EEG sets in a folder, in its `eeg` folder if it has one, or below it.

    Parameters
    ----------
    data_dir : Path
        A set's own folder, or one that holds some, as `VITALWIRE_DATA` names it.
    warn : callable
        Told in one line of each file that is left out, and of what was mended.

    Raises
    ------
    InputError
        No such folder, or no EEG in it of which seizures are known.
    """
    if not data_dir.is_dir():
        raise InputError(f"{data_dir}: no such folder: give one with EEG recordings")
    base = data_dir / "eeg" if (data_dir / "eeg").is_dir() else data_dir
    folders = [base, *_below(base)]
    summaries = [path for folder in folders for path in sorted(folder.glob(SUMMARY))]
    found: dict[tuple[Path, Layout], list[EegRecording]] = {}
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        warn(line)

    for folder in folders:
        for layout, recordings in _read(folder, summaries, told):
            if recordings:
                where = _set_folder(folder, base, layout)
                found.setdefault((where, layout), []).extend(recordings)
    for line in _idle(summaries, found):
        told(line)
    if not found:
        what = (
            "expected EDF files with events tables, CHB-MIT's summaries, Siena's lists or a "
            "table of participants beside them, found none that can be read"
        )
        fetch = "fetch some with `vitalwire data fetch chbmit --patients 1,3`"
        raise InputError(nothing_of(base, what, lines or [fetch]))
    return [
        EegSet(where.name, layout, where, tuple(recordings))
        for (where, layout), recordings in found.items()
    ]


def _read(
    folder: Path, summaries: Sequence[Path], warn: Warn
) -> Iterator[tuple[Layout, list[EegRecording]]]:
    """The recordings of one folder, by what says where their seizures are."""
    edfs = edf_files(folder)
    tables = {path: table for path in edfs if (table := events_file(path)) is not None}
    if tables:
        yield Layout.EVENTS, annotated_recordings(tables, warn)
    rest = [path for path in edfs if path not in tables]
    if lists := sorted(folder.glob(LIST)):
        yield Layout.SIENA, subject_recordings(rest, lists, warn)
        rest = []
    said = _summaries_of(folder, rest, summaries)
    cases = {case_of(path.name) for path in said}
    own = any(path.parent == folder for path in said)
    of_cases = [
        path
        for path in rest
        if own or case_of(path.name) in cases or seizures_file(path).is_file()
    ]
    if of_cases:
        yield Layout.CHB_MIT, case_recordings(of_cases, said, warn)
    rest = [path for path in rest if path not in of_cases]
    participants = folder / PARTICIPANTS
    if rest and participants.is_file():
        yield Layout.BACKGROUND, background_recordings(rest, participants, warn)
        rest = []
    for line in left_out(folder, (one.name for one in rest), "nothing says where seizures are"):
        warn(f"left out: {line}")
    for path in sorted(folder.glob("*.npz")):
        yield Layout.BONN, _clips(path, warn)


def _idle(
    summaries: Sequence[Path], found: Mapping[tuple[Path, Layout], Sequence[EegRecording]]
) -> Iterator[str]:
    """Summaries that were of no use, a line for each folder of them."""
    used = {
        case_of(one.path.name)
        for (_, layout), recordings in found.items()
        if layout is Layout.CHB_MIT
        for one in recordings
    }
    for folder, paths in groupby(summaries, key=lambda path: path.parent):
        idle = [path.name for path in paths if case_of(path.name) not in used]
        yield from left_out(folder, idle, "none of the files that these name can be read here")


def _clips(path: Path, warn: Warn) -> list[EegRecording]:
    try:
        return bonn_clips(path)
    except InputError as error:
        warn(f"left out: {error}")
        return []


def _summaries_of(folder: Path, edfs: Sequence[Path], summaries: Sequence[Path]) -> list[Path]:
    """The folder's own summaries, and for other cases those that lie elsewhere."""
    own = [path for path in summaries if path.parent == folder]
    wanted = {case_of(path.name) for path in edfs} - {case_of(path.name) for path in own}
    elsewhere = {case_of(path.name): path for path in summaries if path.parent != folder}
    return [*own, *(elsewhere[case] for case in sorted(wanted & set(elsewhere)))]


def _set_folder(folder: Path, base: Path, layout: Layout) -> Path:
    """Where a set lies: PhysioNet and BIDS have a folder in it for each person."""
    if layout is Layout.EVENTS:
        return bids_folder(folder)
    own_person = folder != base and case_of(folder.name) == folder.name
    return folder.parent if layout in (Layout.CHB_MIT, Layout.SIENA) and own_person else folder


def _below(folder: Path) -> list[Path]:
    """Folders to look into, in order."""
    found: list[Path] = []
    level = [folder]
    for _ in range(_DEPTH):
        level = [one for parent in level for one in _children(parent)]
        found += level
    return sorted(found)


def _children(folder: Path) -> list[Path]:
    inside = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")]
    is_bids = any(one.name.startswith("sub-") for one in inside)
    return [one for one in inside if not (is_bids and one.name in _COPIES)]
