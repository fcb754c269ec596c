"""What could be said of each lead while a stream ran, from its quality events. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final

from vitalwire.contracts import Event, Quality, SignalState

_FINE: Final = frozenset({SignalState.GOOD, SignalState.UNKNOWN})
_SEEN: Final = frozenset({SignalState.GOOD, SignalState.POOR})
"""In a poor stretch there is something, if nothing that a rate is told from: VF looks poor."""


class LeadStates:
    """The states of all leads, each from the sample at which it was told."""

    def __init__(self, events: Iterable[Event]) -> None:
        changes: dict[int, list[tuple[int, SignalState]]] = {}
        for event in events:
            if isinstance(event, Quality):
                changes.setdefault(event.lead, []).append((event.first_sample, event.state))
        self._changes: Mapping[int, list[tuple[int, SignalState]]] = {
            lead: sorted(its, key=lambda one: one[0]) for lead, its in sorted(changes.items())
        }

    @property
    def blank(self) -> bool:
        """Whether no lead ever gave a signal; of leads that nobody judged, False."""
        states = {state for its in self._changes.values() for _, state in its}
        return bool(states) and not states & _SEEN

    def seen_at(self, sample: int) -> bool:
        """Whether some lead gave a signal there; of leads that nobody judged, True."""
        if not self._changes:
            return True
        for its in self._changes.values():
            at = bisect_right(its, sample, key=lambda one: one[0])
            if at and its[at - 1][1] in _SEEN:
                return True
        return False

    def lost_s(self, fs: float, duration_s: float) -> dict[int, dict[str, float]]:
        """Lead to state to seconds, of the leads that were poor, flat or off."""
        lost: dict[int, dict[str, float]] = {}
        for lead, its in self._changes.items():
            ends = [*(first for first, _ in its[1:]), round(duration_s * fs)]
            for (first, state), end in zip(its, ends, strict=True):
                if state not in _FINE and end > first:
                    its_s = lost.setdefault(lead, {})
                    its_s[state.value] = its_s.get(state.value, 0.0) + (end - first) / fs
        return lost
