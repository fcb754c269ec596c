"""What people asked of the gateway and what it answered. Pure: the time is an argument.

A command is *pending* until the gateway's receipt comes. Nothing here changes an alarm: that
an alarm is acknowledged is for the gateway to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from vitalwire.contracts import Command, CommandAction, Receipt


class Progress(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"  # by receipt; the alarm's own message is still to come
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"  # no receipt in time


@dataclass(frozen=True, slots=True)
class Asked:
    """One command and what became of it so far."""

    command: Command
    alarm_id: str
    asked_ns: int
    progress: Progress = Progress.PENDING
    reason: str = ""


class Commands:
    """The latest command of each open alarm."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._timeout_s = timeout_s
        self._by_alarm: dict[str, Asked] = {}

    def get(self, alarm_id: str) -> Asked | None:
        return self._by_alarm.get(alarm_id)

    def ask(self, command: Command, alarm_id: str, now_ns: int) -> None:
        self._by_alarm[alarm_id] = Asked(command, alarm_id, now_ns)

    def forget(self, alarm_id: str) -> None:
        self._by_alarm.pop(alarm_id, None)

    def failed(self, command_id: str, reason: str) -> str | None:
        """It could not even be sent. Returns the alarm's id."""
        return self._settle(command_id, Progress.REFUSED, reason)

    def answer(self, receipt: Receipt) -> str | None:
        """Take a receipt in; a late one still counts. Returns the alarm's id."""
        progress = Progress.ACCEPTED if receipt.accepted else Progress.REFUSED
        return self._settle(receipt.command_id, progress, receipt.reason)

    def observe(self, alarm_id: str, acknowledged: bool, snoozed_until_ns: int | None) -> None:
        """The gateway's own word on the alarm settles what was asked for."""
        asked = self._by_alarm.get(alarm_id)
        if asked is None:
            return
        wanted = asked.command.action
        if (wanted is CommandAction.ACKNOWLEDGE and acknowledged) or (
            wanted is CommandAction.SNOOZE
            and asked.progress is Progress.ACCEPTED
            and snoozed_until_ns is not None
        ):
            self.forget(alarm_id)

    def tick(self, now_ns: int) -> Iterator[str]:
        """Alarms whose command has waited too long."""
        for alarm_id, asked in list(self._by_alarm.items()):
            late = now_ns - asked.asked_ns >= self._timeout_ns
            if asked.progress is Progress.PENDING and late:
                reason = f"gateway did not answer within {self._timeout_s:g} s"
                self._by_alarm[alarm_id] = replace(
                    asked, progress=Progress.UNCONFIRMED, reason=reason
                )
                yield alarm_id

    def _settle(self, command_id: str, progress: Progress, reason: str) -> str | None:
        for alarm_id, asked in self._by_alarm.items():
            if asked.command.command_id == command_id:
                self._by_alarm[alarm_id] = replace(asked, progress=progress, reason=reason)
                return alarm_id
        return None
