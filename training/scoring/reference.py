"""What the annotators of a record saw, and whom the record is of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.ec57 import Reference, read_reference
from training.scoring.spans import Span, clipped, merged
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import Recording, open_recording, read_annotations
from vitalwire.recordings.annotations import Annotations

SHOCKABLE: Final = frozenset({"VT", "VFL", "VF", "VFIB"})
FIBRILLATION: Final = frozenset({"AFIB"})
FLUTTER: Final = frozenset({"AFL"})

_PACED: Final = "/"
_AGE_SEX: Final = re.compile(r"^\s*(-?\d{1,3})\s+([MFmf])\b")  # MIT-BIH
_AGE: Final = re.compile(r"\bage\W*\s*(\d{1,3})\b", re.IGNORECASE)
_SEX: Final = re.compile(r"\bsex\W*\s*([MF])", re.IGNORECASE)
_BANDS: Final = ((0, "under 50"), (50, "50 to 64"), (65, "65 to 74"), (75, "75 and over"))


@dataclass(frozen=True, slots=True)
class Person:
    """Who wore it, as the header's comments say; empty where they do not."""

    sex: str = ""  # F or M
    age_band: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class BeatReference:
    """Beats of one record."""

    name: str
    fs: float
    n_samples: int
    leads: tuple[str, ...]
    person: Person
    beats: Reference
    paced: bool  # has paced beats: stays out of the class tables, as EC57 asks

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs


@dataclass(frozen=True, slots=True)
class RhythmReference:
    """Rhythms of one record; spans in s from its start."""

    name: str
    duration_s: float
    shockable: tuple[Span, ...]
    af: tuple[Span, ...]
    flutter: tuple[Span, ...]
    noise: tuple[Span, ...]


def read_beat_reference(path: Path) -> BeatReference | None:
    """Beats of a record; None where its annotations hold no beat at all, but rhythms.

    Raises
    ------
    InputError : unreadable, symbols that are unknown, nothing annotated
    """
    recording, notes = _open(path)
    if not len(notes.beats[0]) and notes.rhythms:
        return None
    return BeatReference(
        name=path.name,
        fs=recording.fs,
        n_samples=recording.n_samples,
        leads=recording.leads,
        person=person_of(_comments(path)),
        beats=read_reference(path.name, notes.samples, notes.symbols),
        paced=_PACED in notes.symbols,
    )


def read_rhythm_reference(path: Path) -> RhythmReference | None:
    """Rhythms of a record; None where its annotations hold beats alone.

    Raises
    ------
    InputError : unreadable, nothing annotated
    """
    recording, notes = _open(path)
    spans = rhythm_spans(notes, recording.duration_s)
    flutter_or_fibrillation = _bracketed(notes, recording.duration_s)
    if not spans and not flutter_or_fibrillation:
        if not len(notes.beats[0]):
            raise InputError(
                f"record {path.name}: its annotations hold no beat and no rhythm, nothing can "
                "be scored"
            )
        return None

    def of(names: frozenset[str]) -> tuple[Span, ...]:
        return merged([span for name, span in spans if name in names])

    return RhythmReference(
        name=path.name,
        duration_s=recording.duration_s,
        shockable=merged([*of(SHOCKABLE), *flutter_or_fibrillation]),
        af=of(FIBRILLATION),
        flutter=of(FLUTTER),
        noise=of(frozenset({"NOISE"})),
    )


def rhythm_spans(notes: Annotations, duration_s: float) -> list[tuple[str, Span]]:
    """Each annotated rhythm, by its name without the bracket, until the next begins."""
    changes = [
        (sample / notes.fs, re.sub(r"[^A-Z0-9]", "", text.upper()))
        for sample, text in notes.rhythms
    ]
    ends = [*(start for start, _ in changes[1:]), duration_s][: len(changes)]
    return [
        (name, (start, min(end, duration_s)))
        for (start, name), end in zip(changes, ends, strict=True)
        if name
    ]


def person_of(comments: list[str]) -> Person:
    """Sex and age band from a header's comments (`69 M 1085 1629 x1`, or `Age: 69 Sex: M`)."""
    age, sex = None, ""
    for line in comments:
        if match := _AGE_SEX.match(line):
            age, sex = int(match[1]), match[2].upper()
            break
        if match := _AGE.search(line):
            age = int(match[1])
        if match := _SEX.search(line):
            sex = match[1].upper()
    if age is None or not 0 < age < 120:  # MIT-BIH writes -1 for an age nobody noted
        return Person(sex)
    return Person(sex, [name for least, name in _BANDS if age >= least][-1])


def first_lead(path: Path, lead: int = 1) -> tuple[NDArray[np.float32], float]:
    """One lead, by its number from 1, float32 `(n_samples,)` in mV, and its rate.

    Raises
    ------
    InputError : unreadable, no ECG, or no such lead
    """
    recording = open_recording(path, signal=Signal.ECG, leads=[str(lead)])
    return np.ascontiguousarray(recording.read()[0]), recording.fs


def _open(path: Path) -> tuple[Recording, Annotations]:
    recording = open_recording(path, signal=Signal.ECG)
    notes = read_annotations(path).at_rate(recording.fs)
    if not len(notes):
        raise InputError(f"record {path.name}: its annotation file is empty")
    return recording, notes


def _bracketed(notes: Annotations, duration_s: float) -> tuple[Span, ...]:
    """Stretches from `[` to `]`: ventricular flutter or fibrillation."""
    spans: list[Span] = []
    onset: float | None = None
    for sample, symbol in zip(notes.samples, notes.symbols, strict=True):
        if symbol == "[" and onset is None:
            onset = sample / notes.fs
        elif symbol == "]" and onset is not None:
            spans.append((onset, sample / notes.fs))
            onset = None
    if onset is not None:
        spans.append((onset, duration_s))
    return clipped(spans, 0.0, duration_s)


def _comments(path: Path) -> list[str]:
    """Comment lines of a WFDB header; none where there is no such header."""
    header = path.with_name(f"{path.name}.hea")
    text = header.read_text(encoding="utf-8", errors="replace") if header.exists() else ""
    return [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
