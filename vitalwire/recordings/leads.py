"""Which leads of a file are ECG and which EEG, and what their units are in mV or uV."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings.recording import lead_index

_VOLTS: Final = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "nv": 1e-9}

# Customary ECG leads: limb, augmented, precordial, Holter (MLII, CC5, CM5 ...), as PhysioNet,
# AHA and ESC databases name them.
_ECG: Final = re.compile(
    r"(ecg|ekg)\b.*|(ecg|ekg)[ _-]?\w*|(lead[ _-]?)?(i{1,3}|avr|avl|avf|v[1-9]r?|ml?[iv]{1,3}"
    r"|mv[1-6]|mcl\d|cc5|cm[1-6]|cs\d|d[1-4]|e-?s|a-?s|a-?i)",
    re.IGNORECASE,
)
# An electrode of the 10-20 and 10-10 systems, and two of them as a bipolar lead.
_ELECTRODE: Final = r"(nz|fpz|iz|(fp|af|fc|ft|tp|cp|po|[fctpoam])(z|10|[1-9]))h?"
_EEG: Final = re.compile(
    rf"eeg\b.*|{_ELECTRODE}\.*([-–]({_ELECTRODE}|ref|le|ar|avg|a1a2|cs2)(-\d)?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as its file describes it."""

    label: str
    unit: str
    fs: float  # Hz


@dataclass(frozen=True, slots=True)
class Choice:
    """The leads of one signal that are to be read."""

    signal: Signal
    rows: tuple[int, ...]
    factors: tuple[float, ...]  # from the file's unit to the signal's


def unique_labels(labels: Sequence[str]) -> list[str]:
    """Labels that differ: a second `ECG` becomes `ECG-2`."""
    seen: Counter[str] = Counter()
    unique: list[str] = []
    for i, label in enumerate(labels):
        plain = " ".join(label.split()) or f"lead {i + 1}"
        seen[plain] += 1
        unique.append(plain if seen[plain] == 1 else f"{plain}-{seen[plain]}")
    return unique


def kind_of(label: str) -> Signal | None:
    """ECG or EEG by a lead's label; None where it says nothing."""
    if _ECG.fullmatch(label.strip()):
        return Signal.ECG
    if _EEG.fullmatch(label.strip()):
        return Signal.EEG
    return None


def choose(
    path: Path,
    leads: Sequence[Lead],
    *,
    signal: Signal | None,
    wanted: Sequence[str] | None,
    unit: str | None,
) -> Choice:
    """Choose the leads to read: those asked for, else those of the signal that most are of.

    Raises
    ------
    InputError
        No lead, an unknown lead or unit, leads of differing rates asked for together.
    """
    if not leads:
        raise InputError(f"{path}: has no leads: choose a file with signals")
    if wanted is not None:
        rows = [lead_index(name, [lead.label for lead in leads], path) for name in wanted]
        if not rows or len(set(rows)) != len(rows):
            raise InputError(f"{path}: name each lead once, got {', '.join(wanted) or 'none'}")
        kinds = [kind_of(leads[row].label) for row in rows]
        found = signal or _majority(kinds) or _by_unit(leads, rows)
    else:
        found, rows = _by_itself(path, leads, signal, unit)
    if len({leads[row].fs for row in rows}) != 1:
        raise InputError(
            f"{path}: leads of differing rates cannot be one stream: "
            + ", ".join(f"{leads[row].label} {leads[row].fs:g} Hz" for row in rows)
        )
    return Choice(
        found, tuple(rows), tuple(_factor(path, leads[row], unit, found) for row in rows)
    )


def _by_itself(
    path: Path, leads: Sequence[Lead], signal: Signal | None, unit: str | None
) -> tuple[Signal, list[int]]:
    """Signal and leads where nobody named the leads: those that share the usual rate."""
    kinds = [kind_of(lead.label) for lead in leads]
    found = signal or _majority(kinds)
    rows = [row for row, kind in enumerate(kinds) if kind is not None and kind is found]
    if not rows:  # labels say nothing: take whatever is a voltage
        rows = [i for i, lead in enumerate(leads) if unit or _volts(lead.unit) is not None]
    if not rows:
        raise InputError(
            f"{path}: no lead is a voltage: {_described(leads)}; name leads and unit"
        )
    rate = Counter(leads[row].fs for row in rows).most_common(1)[0][0]
    return found or _by_unit(leads, rows), [row for row in rows if leads[row].fs == rate]


def _majority(kinds: Sequence[Signal | None]) -> Signal | None:
    known = Counter(kind for kind in kinds if kind is not None)
    return known.most_common(1)[0][0] if known else None


def _by_unit(leads: Sequence[Lead], rows: Sequence[int]) -> Signal:
    units = [_plain(leads[row].unit) for row in rows]
    return Signal.EEG if units and all(unit in ("uv", "nv") for unit in units) else Signal.ECG


def _factor(path: Path, lead: Lead, unit: str | None, signal: Signal) -> float:
    given = unit if unit is not None else lead.unit or signal.unit
    volts = _volts(given)
    if volts is None:
        raise InputError(
            f"{path}: unit of lead {lead.label}: expected V, mV, uV or nV, got {given!r}: "
            "correct it, or choose other leads"
        )
    return volts / _VOLTS[signal.unit.lower()]


def is_voltage(unit: str) -> bool:
    """Whether a lead of this unit can be read; a file may leave it open."""
    return not unit.strip() or _volts(unit) is not None


def _volts(unit: str) -> float | None:
    return _VOLTS.get(_plain(unit))


def _plain(unit: str) -> str:
    # Two code points for the same letter: the micro sign and the Greek mu.
    return unit.strip().replace("\u00b5", "u").replace("\u03bc", "u").lower()


def _described(leads: Sequence[Lead]) -> str:
    return ", ".join(f"{lead.label} [{lead.unit or 'no unit'}]" for lead in leads[:8])


def parse_leads(text: str) -> list[str]:
    """Leads of a command line: labels or numbers with commas, and spans, as `1-8,V1`."""
    wanted: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        span = re.fullmatch(r"(\d+)-(\d+)", part)
        if span:
            wanted += [str(i) for i in range(int(span.group(1)), int(span.group(2)) + 1)]
        else:
            wanted.append(part)
    return wanted
