"""A patient's alarm limits: their names, defaults, and how far a person may move them.

A limit is refused when it would take the alarm away in all but name: an asystole alarm that
waits a minute is none. IEC 60601-2-27 wants asystole and extreme rates declared within about
10 s; the ranges leave room for the QRS detector's decision delay.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge.stages.items import Limits
from vitalwire.errors import InputError


@dataclass(frozen=True, slots=True)
class Range:
    """Where a limit may lie, both ends included, and what it is by default."""

    default: float
    low: float
    high: float
    meaning: str
    whole: bool = False  # a count


RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    {
        # Rates, beats and the 4 s are those of the CinC 2015 challenge.
        "asystole_s": Range(4.0, 3.0, 8.0, "time without a beat"),
        "bradycardia_bpm": Range(40.0, 20.0, 100.0, "extreme bradycardia below this rate"),
        "bradycardia_beats": Range(5, 3, 8, "consecutive beats it is the mean of", True),
        "tachycardia_bpm": Range(140.0, 100.0, 300.0, "extreme tachycardia above this rate"),
        "tachycardia_beats": Range(17, 5, 32, "consecutive beats it is the mean of", True),
        "pause_s": Range(3.0, 2.0, 6.0, "a pause: one RR interval at least this long"),
        "vt_bpm": Range(100.0, 60.0, 150.0, "ventricular tachycardia above this rate"),
        "vt_beats": Range(5, 3, 15, "ventricular beats in a row that make one", True),
        "vrun_beats": Range(3, 3, 15, "ventricular beats in a row that make a run", True),
        "lead_off_s": Range(2.0, 0.2, 30.0, "time off before a lead is reported"),
        "poor_signal_s": Range(30.0, 5.0, 120.0, "time that could not be analysed"),
        "device_silent_s": Range(10.0, 5.0, 60.0, "time without a chunk"),
        "low_battery_fraction": Range(0.15, 0.05, 0.5, "battery below this part of full"),
    }
)

DEFAULT_LIMITS: Final[Limits] = MappingProxyType(
    {name: limit.default for name, limit in RANGES.items()}
)
"""What holds for a patient for whom nobody has said otherwise."""


def check_limits(limits: Limits, base: Limits = DEFAULT_LIMITS) -> dict[str, float]:
    """Complete a patient's own limits with the others, and refuse what is not safe.

    Parameters
    ----------
    limits : mapping
        Any of the names in `DEFAULT_LIMITS`.
    base : mapping
        What holds for the names that `limits` leaves out.

    Returns
    -------
    dict
        Every limit.

    Raises
    ------
    InputError
        Unknown name, no number, out of the safe range, or two limits that contradict each
        other; the message names the field.
    """
    checked = {**DEFAULT_LIMITS, **base}
    for name, value in limits.items():
        checked[name] = _check(name, value)
    if checked["bradycardia_bpm"] >= checked["tachycardia_bpm"]:
        raise InputError(
            "bradycardia_bpm must be below tachycardia_bpm, got "
            f"{checked['bradycardia_bpm']:g} and {checked['tachycardia_bpm']:g}"
        )
    if checked["pause_s"] > checked["asystole_s"]:
        raise InputError(
            f"pause_s must not exceed asystole_s, got {checked['pause_s']:g} and "
            f"{checked['asystole_s']:g}: a longer pause is an asystole"
        )
    if checked["vrun_beats"] > checked["vt_beats"]:
        raise InputError(
            f"vrun_beats must not exceed vt_beats, got {checked['vrun_beats']:g} and "
            f"{checked['vt_beats']:g}: a run is the lesser alarm"
        )
    return checked


def _check(name: str, value: object) -> float:
    known = RANGES.get(name)
    if known is None:
        raise InputError(f"unknown limit {name!r}: known are {', '.join(RANGES)}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and known.low <= value <= known.high):
        raise InputError(
            f"{name} ({known.meaning}) must be from {known.low:g} to {known.high:g}, "
            f"got {value:g}"
        )
    if known.whole and value != int(value):
        raise InputError(f"{name} must be a whole number, got {value:g}")
    return int(value) if known.whole else float(value)
