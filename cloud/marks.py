"""What stands on and under a strip, at its place among the display samples. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vitalwire.contracts import (
    Beat,
    BeatClass,
    Brain,
    Probabilities,
    Quality,
    Rhythm,
    SignalState,
    Vitals,
)

_EXPLAINED: Final = frozenset({BeatClass.S, BeatClass.V, BeatClass.F})
_RHYTHMS: Final = frozenset(rhythm.value for rhythm in Rhythm)
_BRAIN: Final = frozenset(state.value for state in Brain)


@dataclass(frozen=True, slots=True)
class Mark:
    """A beat at a position between display samples."""

    position: float
    label: str
    probability: float | None = None
    activation: tuple[float, ...] = ()  # of a beat that is not normal, if its model said so

    def view(self) -> dict[str, object]:
        shown: dict[str, object] = {"at": self.position, "label": self.label}
        if self.probability is not None:
            shown["probability"] = self.probability
        if self.activation:
            shown["activation"] = list(self.activation)
        return shown


@dataclass(frozen=True, slots=True)
class Opinion:
    """The probabilities of the rhythm, or of a seizure, of the signal up to a position."""

    position: float
    values: Mapping[str, float]  # by the values of `Rhythm` or of `Brain`

    def view(self) -> dict[str, object]:
        return {"at": self.position, "values": dict(self.values)}


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether the second up to a position could be analysed."""

    position: float
    good: bool

    def view(self) -> dict[str, object]:
        return {"at": self.position, "good": self.good}


@dataclass(frozen=True, slots=True)
class LeadChange:
    """The state of a lead from a position on."""

    position: float
    lead: int
    state: SignalState

    def view(self) -> dict[str, object]:
        return {"at": self.position, "lead": self.lead, "state": self.state.value}


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one position to another; None: it has not ended."""

    start: float
    end: float | None

    def view(self) -> dict[str, object]:
        return {"from": self.start, "to": self.end}


def mark(beat: Beat, step: int) -> Mark:
    """A beat on a strip that shows every `step`-th sample."""
    explained = beat.activation if beat.label in _EXPLAINED else ()
    return Mark(
        _position(beat.sample, step),
        beat.label.value,
        None if beat.probability is None else round(beat.probability, 3),
        tuple(round(value, 2) for value in explained),
    )


def opinion(said: Probabilities, step: int) -> Opinion:
    """A model's word on such a strip."""
    values = {
        label: round(value, 3) for label, value in zip(said.labels, said.values, strict=True)
    }
    return Opinion(_position(said.sample, step), values)


def reading(vitals: Vitals, step: int) -> Reading:
    """Whether the gateway could analyse the signal, second for second."""
    return Reading(_position(vitals.sample, step), vitals.state is SignalState.GOOD)


def lead_change(quality: Quality, step: int) -> LeadChange:
    """What became of a lead on such a strip."""
    return LeadChange(_position(quality.first_sample, step), quality.lead, quality.state)


def is_rhythm(said: Probabilities) -> bool:
    """Whether these are probabilities of the rhythm: other models speak of other things."""
    return _RHYTHMS.issuperset(said.labels)


def is_brain(said: Probabilities) -> bool:
    """Whether these are probabilities of a seizure."""
    return set(said.labels) == _BRAIN


def _position(sample: int, step: int) -> float:
    return round(sample / step, 2)
