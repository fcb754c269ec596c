"""When the gateway says there was a seizure: what is shaded behind the EEG. Pure.

By the seizure alarms, not by the episodes: an episode's end is told 90 s late, for another may
follow that belongs to it, and by then it is off the screen.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from vitalwire.contracts import AlarmEvent, AlarmKind, Signal

MAX_KEPT: Final = 4
"""Seizures of one signal: those before have long left the screen."""


@dataclass(frozen=True, slots=True)
class Seizure:
    """From its onset to its end in ns; None while it lasts."""

    alarm_id: str
    onset_ns: int
    end_ns: int | None


class Seizures:
    """The last seizures of every signal."""

    def __init__(self) -> None:
        self._by_signal: dict[tuple[str, Signal], list[Seizure]] = {}

    def of(self, device: str, signal: Signal) -> list[Seizure]:
        """In the order in which they were told."""
        return list(self._by_signal.get((device, signal), ()))

    def take(self, event: AlarmEvent) -> None:
        """Take an alarm's message in; one of another kind is not for here."""
        if event.kind is not AlarmKind.SEIZURE or event.signal is None:
            return
        end_ns = None if event.active else event.ended_ns or event.time_ns
        known = self._by_signal.setdefault((event.device, event.signal), [])
        mine = [i for i, one in enumerate(known) if one.alarm_id == event.alarm_id]
        if not mine:
            known.append(Seizure(event.alarm_id, event.onset_ns, end_ns))
        elif known[mine[-1]].end_ns is None:
            known[mine[-1]] = replace(known[mine[-1]], end_ns=end_ns)
        elif event.active:  # back under the same alarm: between the two there was none
            known.append(Seizure(event.alarm_id, event.time_ns, None))
        del known[:-MAX_KEPT]

    def keep(self, device: str, alarm_ids: Collection[str]) -> None:
        """Forget those that last and are not among the device's open alarms any more."""
        for (name, _), known in self._by_signal.items():
            if name == device:
                known[:] = [
                    one for one in known if one.end_ns is not None or one.alarm_id in alarm_ids
                ]
