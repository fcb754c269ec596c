"""What the stages hand to each other inside one stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vitalwire.contracts import AlarmKind, Evidence, Samples, Signal

State = dict[str, Any]
"""A stage's state: JSON-plain values and numpy arrays, nested in dicts and lists."""


class Stateful(Protocol):
    """Every stage can hand over its state, and go on from it as if nothing had happened."""

    def state(self) -> State: ...

    def restore(self, state: State) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A fixed stretch of a stream, cut by sample count and so independent of the radio's cut.

    Frames follow each other without a break; only the last before a gap may be shorter.
    """

    first_sample: int  # of data[:, 0], samples since the stream's start
    data: Samples  # (n_channels, n_samples), finite: missing samples hold the last value
    missing: tuple[int, ...]  # samples of each lead that were missing
    lead_off: int  # bit i: lead i was off somewhere in the frame
    lead_state_known: bool
    injected: bool

    @property
    def end_sample(self) -> int:
        """The first sample after the frame."""
        return self.first_sample + int(self.data.shape[1])


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule's word on one kind of alarm: it holds from now on, or no longer.

    Sent on change only; the alarm's delays and its life are the business of `alarms`.
    """

    kind: AlarmKind
    active: bool
    sample: int  # at which the rule decided
    time_ns: int  # of that sample, UTC (or the gateway's clock where no sample came)
    onset_ns: int
    signal: Signal | None
    stream_id: int
    message: str = ""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a stream's time has come, UTC: what waits for sample time goes on."""

    time_ns: int


def evidence_of(saved: Mapping[str, Any]) -> Evidence:
    """Evidence out of a saved state, which gives tuples back as lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in saved.items()
    }


Limits = Mapping[str, float]
"""A patient's alarm limits by name; see `edge.stages.rules.DEFAULT_LIMITS`."""
