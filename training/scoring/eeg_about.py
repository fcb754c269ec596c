"""The first lines of a report on seizures: what data it is, and what it cannot say. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from training.datasets.eeg_recording import Kind
from training.datasets.eeg_sets import EegSet
from training.scoring.eeg_pieces import Piece
from training.scoring.szcore_figures import LEAST_PATIENTS

ENOUGH_H: Final = 1.0  # of continuous EEG without a seizure, of people who have some


def about(
    sets: Sequence[EegSet],
    pieces: Sequence[Piece],
    background: Mapping[str, Any],
    lead_in: Mapping[str, Any],
    what: str,
) -> list[str]:
    """The lines.

    Parameters
    ----------
    pieces : all that was scored
    background, lead_in : of `eeg_pieces`
    what : who listened
    """
    named = "; ".join(str(one) for one in sets)
    return [
        f"Data: {named}.",
        what,
        *_cannot_say(pieces, background, lead_in),
        *_left_out(sets),
    ]


def _cannot_say(
    pieces: Sequence[Piece], background: Mapping[str, Any], lead_in: Mapping[str, Any]
) -> Iterator[str]:
    sick = {one.recording.patient for one in pieces if one.recording.seizures}
    if not sick:
        yield (
            "Nobody here has a seizure: sensitivity, precision and F1 cannot be computed, only "
            "alarms in time without a seizure are counted."
        )
    elif len(sick) < LEAST_PATIENTS:
        yield (
            f"All seizures are of {_people(len(sick))}: it cannot say how others fare, and "
            "intervals take seizures of one person for independent."
        )
    if sick and background["hours_of_people_with_seizures"] < ENOUGH_H:
        yield (
            f"False alarms in the same people's continuous EEG cannot be measured: here are "
            f"{background['hours_of_people_with_seizures']:.1f} h of it. Those that are "
            "counted are of other people and, it may be, of another device: a detector of the "
            "device would do well here."
        )
    yield from _of_pieces(pieces, lead_in)
    if background["hours"] and not background["alarms"]:
        yield (
            f"No alarm in {background['hours']:.1f} h without a seizure still allows "
            f"{background['per_day_ci'][1]:.0f} a day."
        )


def _of_pieces(pieces: Sequence[Piece], lead_in: Mapping[str, Any]) -> Iterator[str]:
    ictal = [one.recording for one in pieces if one.recording.kind is Kind.ICTAL]
    if ictal:
        primed = sum(one.primed_by is not None for one in ictal)
        yield (
            f"{len(ictal)} seizures are pieces cut out of them, {primed} played right behind "
            "the piece before the onset as if nothing were missing between the two: where they "
            "meet the signal may jump, and how soon they are told cannot be measured."
        )
    timed = {
        one.recording.patient
        for one in pieces
        if one.recording.seizures and one.recording.kind in (Kind.ONSET, Kind.CONTINUOUS)
    }
    if len(timed) == 1:
        yield f"All delays from onset to alarm are of one person ({timed.pop()})."
    if lead_in["n"]:
        yield (
            f"SzCORE forgives an alarm up to 30 s before an onset: alarms in the "
            f"{lead_in['minutes']:.1f} min before onsets that were cut out with them are "
            "counted apart."
        )


def _left_out(sets: Sequence[EegSet]) -> Iterator[str]:
    for one in sets:
        if all(recording.training_only for recording in one.recordings):
            yield f"{one.name} is not scored: who is who in it is not known."


def _people(n: int) -> str:
    return "one person" if n == 1 else f"{n} people"
