"""EDF files of EEG, and what is said of their seizures: each is held against the other."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from training.datasets.eeg_recording import EegRecording, Kind, Span, Warn
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording
from vitalwire.recordings.edf_reader import EdfFile
from vitalwire.recordings.leads import choose, is_voltage, kind_of

_SUFFIX: Final = ".edf"
_DUMMY: Final = re.compile(r"[-.]+(-?\d+)?")
"""CHB-MIT's signals without an electrode: `-`, of several `--2` and on."""

_ROUNDING_S: Final = 1.0  # ends are written in whole seconds, or with two decimals


@dataclass(frozen=True, slots=True)
class EegFile:
    """An EDF file whose header was read."""

    path: Path
    leads: tuple[str, ...]
    fs: float  # Hz
    n_samples: int
    start_ns: int | None  # by its own clock

    @classmethod
    def open(cls, path: Path, warn: Warn) -> "EegFile":
        """Choose the EEG leads, of the rate that most of them have.

        Raises
        ------
        InputError
            Not an intact EDF file, or no EEG lead in it that can be read.
        """
        opened = EdfFile.open(path)
        there = [
            lead
            for lead in opened.leads
            if not _DUMMY.fullmatch(lead.label) and kind_of(lead.label) is not Signal.ECG
        ]
        in_volts = [lead for lead in there if is_voltage(lead.unit)]
        usable = [lead for lead in in_volts if lead.label not in opened.without_range]
        if not usable:
            raise InputError(
                f"{path}: expected EEG leads with a unit of V and a physical range, got "
                + ", ".join(f"{lead.label} [{lead.unit}]" for lead in opened.leads)
            )
        choice = choose(path, usable, signal=Signal.EEG, wanted=None, unit=None)
        leads = tuple(usable[row].label for row in choice.rows)
        eeg = open_recording(path, signal=Signal.EEG, leads=leads)
        for lead in there:
            if lead not in in_volts and kind_of(lead.label) is Signal.EEG:
                warn(f"{path}: lead {lead.label} is left out: its unit is {lead.unit!r}, not V")
        empty = [lead.label for lead in in_volts if lead not in usable]
        if empty:
            warn(
                f"{path}: lead {', '.join(empty)} is left out: its range in the header is empty"
            )
        eegs = [lead.label for lead in usable if kind_of(lead.label) is Signal.EEG]
        slow = [label for label in eegs if label not in leads]
        if slow:
            warn(
                f"{path}: lead {', '.join(slow)} is left out: its rate is not the "
                f"{eeg.fs:g} Hz of most"
            )
        return cls(path, leads, eeg.fs, eeg.n_samples, eeg.start_ns)

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs

    def recording(
        self,
        patient: str,
        seizures: tuple[Span, ...],
        *,
        name: str | None = None,
        kind: Kind = Kind.CONTINUOUS,
    ) -> EegRecording:
        """The file as one to learn from, which opens it again when it is read."""
        return EegRecording(
            patient=patient,
            name=name or self.path.stem,
            path=self.path,
            kind=kind,
            leads=self.leads,
            fs=self.fs,
            n_samples=self.n_samples,
            seizures=seizures,
            source=partial(open_recording, self.path, signal=Signal.EEG, leads=self.leads),
        )


def edf_files(folder: Path) -> list[Path]:
    """The EDF files in a folder, by name, and links to some that are not there."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == _SUFFIX
        and not path.name.startswith(".")
        and (path.is_file() or path.is_symlink())
    ]


def each(
    paths: Iterable[Path], read: Callable[[Path], EegRecording], warn: Warn
) -> list[EegRecording]:
    """Read all of them; one that cannot be used costs itself and a line."""
    recordings = []
    for path in paths:
        try:
            recordings.append(read(path))
        except InputError as error:
            warn(f"left out: {error}")
    return recordings


def fitted(
    spans: Sequence[Span], duration_s: float, where: str, warn: Warn
) -> tuple[Span, ...]:
    """Seizures as a recording of this length can have them: in order, apart, within it.

    Seizures that overlap are one. What runs over an end of the recording is cut there, with
    a line if it is more than a second.

    Raises
    ------
    InputError
        A seizure that lies outside the recording, or ends before it begins: what was
        annotated is then another recording, and nothing in this one is known.
    """
    apart: list[Span] = []
    for onset, end in sorted(spans):
        if end <= onset:
            raise InputError(
                f"{where}: a seizure's end must follow its onset, got {onset:g} to {end:g} s"
            )
        if onset >= duration_s or end <= 0:
            raise InputError(
                f"{where}: a seizure at {onset:g} to {end:g} s lies outside the recording, "
                f"which has {duration_s:g} s"
            )
        if onset < -_ROUNDING_S or end > duration_s + _ROUNDING_S:
            warn(
                f"{where}: a seizure at {onset:g} to {end:g} s is cut to the recording's "
                f"{duration_s:g} s"
            )
        span = (max(onset, 0.0), min(end, duration_s))
        if apart and span[0] <= apart[-1][1]:
            span = (apart[-1][0], max(apart[-1][1], span[1]))
            apart.pop()
        apart.append(span)
    return tuple(apart)
