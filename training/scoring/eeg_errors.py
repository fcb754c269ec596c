"""The worst errors of a detector of seizures, for the strips of a report. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from training.scoring.eeg_pieces import Piece
from training.scoring.spans import Span
from training.scoring.szcore_score import AFTER_S, BEFORE_S

MOST: Final = 6  # of each kind


def worst(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Seizures missed by most, then false alarms that were surest, at most `MOST` of each.

    An error has `record`, `patient`, `path`, `leads`, `at_s`, `lasts_s`, `reference`, `told`
    and `certainty`, the highest probability that was told while it lasted, None for none.
    """
    missed = [
        _error(piece, span, "seizure", "nothing")
        for piece in pieces
        for span in piece.recording.seizures
        if not _any_near(piece.alarms, span)
    ]
    false = [
        _error(piece, alarm, "no seizure", "seizure")
        for piece in pieces
        for alarm in piece.began
        if alarm[0] < piece.lead_in_s
        or not _any_near(piece.recording.seizures, alarm, told=True)
    ]
    missed.sort(key=_certainty)
    false.sort(key=_certainty, reverse=True)
    return missed[:MOST] + false[:MOST]


def _any_near(others: Sequence[Span], one: Span, *, told: bool = False) -> bool:
    """Whether any overlaps, with SzCORE's tolerance; `told`: `one` is an alarm."""
    before, after = (AFTER_S, BEFORE_S) if told else (BEFORE_S, AFTER_S)
    return any(start < one[1] + after and end > one[0] - before for start, end in others)


def _error(piece: Piece, span: Span, reference: str, told: str) -> dict[str, Any]:
    return {
        "record": piece.recording.name,
        "patient": piece.recording.patient,
        "path": str(piece.recording.path),
        "leads": list(piece.leads),
        "at_s": round(span[0], 2),
        "lasts_s": round(span[1] - span[0], 2),
        "reference": reference,
        "told": told,
        "certainty": piece.highest(*span),
    }


def _certainty(error: dict[str, Any]) -> float:
    return error["certainty"] or 0.0
