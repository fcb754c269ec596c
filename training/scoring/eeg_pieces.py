"""What was told while each recording was played, counted and scored. Pure.

A stream's alarms fall to the recordings that it was made of. SzCORE scores each recording by
itself. Apart from that are counted: alarms in what was recorded before a seizure and cut out
with it (`lead_in`), and in continuous recordings without a seizure (`background`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets.eeg_recording import EegRecording, Kind
from training.scoring.eeg_jobs import Heard
from training.scoring.eeg_leads import chosen_leads
from training.scoring.intervals import known, known_bounds, poisson_rate
from training.scoring.spans import Span
from training.scoring.szcore_score import (
    AFTER_S,
    Recording,
    RecordingScore,
    score_recording,
)

LEAST_S: Final = 0.2
"""No alarm is shorter: one in a recording's last frame still counts."""

_UNBROKEN: Final = frozenset({Kind.CONTINUOUS, Kind.ONSET})


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One recording, and what was told of it; s from its start."""

    recording: EegRecording
    leads: tuple[str, ...]  # that were played
    alarms: tuple[Span, ...]  # one that began in the part before it starts below zero
    told_s: NDArray[np.float64]
    told: NDArray[np.float64]

    @property
    def began(self) -> list[Span]:
        """Alarms that began in it."""
        return [alarm for alarm in self.alarms if alarm[0] >= 0.0]

    @property
    def lead_in_s(self) -> float:
        """How long it is known to be without a seizure before one, where it was cut so."""
        kind, seizures = self.recording.kind, self.recording.seizures
        if kind is Kind.BEFORE:
            return self.recording.duration_s
        return seizures[0][0] if kind is Kind.ONSET and seizures else 0.0

    @property
    def lead_in_alarms(self) -> list[Span]:
        return [alarm for alarm in self.began if alarm[0] < self.lead_in_s]

    @property
    def is_background(self) -> bool:
        return self.recording.kind is Kind.CONTINUOUS and not self.recording.seizures

    def highest(self, start_s: float, end_s: float) -> float | None:
        """The highest probability that was told in a time."""
        inside = self.told[(self.told_s >= start_s) & (self.told_s <= end_s)]
        return float(inside.max()) if len(inside) else None

    def score(self) -> RecordingScore:
        """By SzCORE."""
        recording = self.recording
        return score_recording(
            Recording(
                recording.patient,
                recording.name,
                recording.duration_s,
                recording.seizures,
                [_within(alarm, recording.duration_s) for alarm in self.alarms],
                unbroken=recording.kind in _UNBROKEN,
            )
        )


def pieces_of(heard: Heard) -> list[Piece]:
    """Each recording of a stream with its alarms."""
    pieces = []
    for part, start in zip(heard.stream.parts, heard.stream.starts_s, strict=True):
        end = start + part.duration_s
        alarms = [(a - start, b - start) for a, b in heard.alarms if a < end and b > start]
        inside = (heard.told_s > start) & (heard.told_s <= end)
        leads = chosen_leads(part.leads, heard.stream.n_leads)
        told_s = heard.told_s[inside] - start
        pieces.append(Piece(part, leads, tuple(alarms), told_s, heard.told[inside]))
    return pieces


def seizures(pieces: Sequence[Piece]) -> dict[str, Any]:
    """How many there are, and in how many an alarm began and did not just go on."""
    spans = [(piece, one) for piece in pieces for one in piece.recording.seizures]
    began = sum(
        any(onset <= start < end + AFTER_S for start, _ in piece.alarms)
        for piece, (onset, end) in spans
    )
    return {"annotated": len(spans), "alarm_began_in": began}


def lead_in(pieces: Sequence[Piece]) -> dict[str, Any]:
    """Alarms in what was cut out before seizures: false, though SzCORE may not say so."""
    with_one = [piece for piece in pieces if piece.lead_in_s > 0.0]
    return {
        "alarms": sum(len(piece.lead_in_alarms) for piece in with_one),
        "n": len(with_one),
        "with_alarms": sum(bool(piece.lead_in_alarms) for piece in with_one),
        "minutes": known(sum(piece.lead_in_s for piece in with_one) / 60),
    }


def background(pieces: Sequence[Piece]) -> dict[str, Any]:
    """Alarms in continuous recordings without a seizure, with exact Poisson intervals."""
    quiet = [piece for piece in pieces if piece.is_background]
    hours = sum(piece.recording.duration_s for piece in quiet) / 3600
    n_alarms = sum(len(piece.alarms) for piece in quiet)
    people = {piece.recording.patient for piece in quiet}
    sick = {piece.recording.patient for piece in pieces if piece.recording.seizures}
    return {
        "alarms": n_alarms,
        "hours": known(hours),
        "people": len(people),
        "people_with_alarms": len({one.recording.patient for one in quiet if one.alarms}),
        "people_with_seizures": len(people & sick),
        "hours_of_people_with_seizures": known(
            sum(one.recording.duration_s for one in quiet if one.recording.patient in sick)
            / 3600
        ),
        "per_hour": known(n_alarms / hours) if hours else None,
        "per_hour_ci": known_bounds(poisson_rate(n_alarms, hours)),
        "per_day": known(24 * n_alarms / hours) if hours else None,
        "per_day_ci": known_bounds(poisson_rate(n_alarms, hours / 24)),
    }


def _within(alarm: Span, duration_s: float) -> Span:
    """The alarm as far as it lies in the recording, no shorter than `LEAST_S`."""
    start = max(min(alarm[0], duration_s - LEAST_S), 0.0)
    return start, min(max(alarm[1], start + LEAST_S), duration_s)
