"""The alarms of one device: declared once, told in phases, ended when over and seen.

Two time lines. An alarm of a signal lives in the time of that signal's samples: conditions
and `advance` move it, so delays and ids come out the same however the radio cut the stream,
and an alarm of a device that has gone silent stays as it is. An alarm of the device itself
(silence, battery) lives in the time of ticks. What people ask for (a snooze) is measured in
ticks too. Both lines add up steps of bounded length: a gap, or a clock that is set, makes
nothing due. Messages of one alarm are ordered by revision; `time_ns` is UTC by the samples
or by the gateway's clock, whichever caused the message.

Phases after IHE SDPi; priority, latching and acknowledgement after IEC 60601-1-8.
"""

from collections import deque
from dataclasses import asdict
from hashlib import blake2b
from math import isfinite
from typing import Final

from edge.stages.alarm_life import AlarmLife
from edge.stages.alarm_table import POLICIES
from edge.stages.items import Condition, State
from edge.stages.time_line import TimeLine
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Command,
    CommandAction,
    Evidence,
    Priority,
    Receipt,
    Signal,
)

SNOOZE_MIN_S: Final = 1.0
SNOOZE_MAX_S: Final = {Priority.HIGH: 600.0, Priority.MEDIUM: 3600.0, Priority.LOW: 3600.0}
"""The longest snooze. IEC 60601-1-8 leaves it to the manufacturer; a high one for 10 min."""

REMEMBERED: Final = 256
"""Commands, and ids of alarms, that are remembered against repetition."""

_S: Final = 1_000_000_000
_SAMPLE_STEP_NS: Final = 1 * _S  # frames are 0.2 s apart
_TICK_STEP_NS: Final = 5 * _S  # ticks are a second apart
_MAX_NAME: Final = 128

_Key = tuple[AlarmKind, Signal | None]


class Alarms:
    """Keeps the open alarms of one device.

    Parameters
    ----------
    site, device : str
    """

    def __init__(self, site: str, device: str) -> None:
        self._site, self._device = site, device
        self._open: dict[_Key, AlarmLife] = {}
        self._ticks = TimeLine(_TICK_STEP_NS)
        self._samples: dict[Signal, TimeLine] = {}
        self._receipts: dict[str, Receipt] = {}  # by command, oldest first
        self._ids: deque[str] = deque(maxlen=REMEMBERED)

    def push(self, condition: Condition, patient: str | None) -> list[AlarmEvent]:
        """Take a rule's word; `patient` wears the device now, if anybody is known to."""
        signal, time_ns = condition.signal, condition.time_ns
        out = self._advance(time_ns, signal)
        line_ns = self._line(signal).ns
        key = (condition.kind, signal)
        life = self._open.get(key)
        if life and condition.active and patient and life.event.patient not in (None, patient):
            out.append(life.end(time_ns, line_ns))  # another person wears the device now
            self._drop_ended()
            life = None
        if life:
            out += (
                life.on(condition, patient, line_ns)
                if condition.active
                else life.off(condition, line_ns)
            )
            self._drop_ended()
        elif condition.active:
            event = self._declare(condition, patient)
            self._open[key] = AlarmLife(event, line_ns)
            out.append(event)
        return out

    def advance(self, sample_time_ns: int, signal: Signal = Signal.ECG) -> list[AlarmEvent]:
        """The samples of a signal have come to `sample_time_ns` UTC; once a frame."""
        return self._advance(sample_time_ns, signal)

    def tick(self, now_ns: int) -> list[AlarmEvent]:
        """The gateway's clock: snoozes, and the alarms that no sample drives."""
        out = self._advance(now_ns, None)
        for life in self._open.values():
            line_ns = self._line(life.event.signal).ns
            out += life.tick(now_ns, self._ticks.ns, line_ns)
        return out

    def support(self, alarm_id: str, evidence: Evidence, now_ns: int) -> list[AlarmEvent]:
        """Add to the evidence of an open alarm what another signal says for it."""
        life = self._named(alarm_id)
        if life is None:
            return []
        return [life.support(evidence, now_ns, self._line(life.event.signal).ns)]

    def command(self, command: Command, now_ns: int) -> list[AlarmEvent | Receipt]:
        """Do what a person asked; the receipt comes last.

        A command that is delivered again gets the receipt it got, and does nothing. Limits
        are of the device, not of an alarm: whoever answers them uses `answered` and
        `remember` for the same protection.
        """
        if known := self.answered(command.command_id):
            return [known]
        self._ticks.to(now_ns)
        reason = self._refusal(command)
        events = [] if reason else self._obey(command, now_ns)
        receipt = Receipt(
            command_id=command.command_id,
            device=self._device,
            accepted=not reason,
            reason=reason,
            time_ns=now_ns,
            alarm_id=command.alarm_id,
        )
        self.remember(receipt)
        self._drop_ended()
        return [*events, receipt]

    def answered(self, command_id: str) -> Receipt | None:
        """What became of a command, if it came before."""
        return self._receipts.get(command_id)

    def remember(self, receipt: Receipt) -> None:
        """Answer this command the same way when it comes again."""
        self._receipts[receipt.command_id] = receipt
        if len(self._receipts) > REMEMBERED:
            del self._receipts[next(iter(self._receipts))]

    def open(self) -> list[AlarmEvent]:
        """The last message of every open alarm, the most urgent and oldest first."""
        events = [life.event for life in self._open.values()]
        return sorted(events, key=lambda e: (-e.priority.rank, e.declared_ns, e.alarm_id))

    def _advance(self, time_ns: int, signal: Signal | None) -> list[AlarmEvent]:
        line_ns = self._line(signal).to(time_ns)
        out: list[AlarmEvent] = []
        for (_, of), life in self._open.items():
            if of is signal:
                out += life.advance(time_ns, line_ns)
        self._drop_ended()
        return out

    def _line(self, signal: Signal | None) -> TimeLine:
        if signal is None:
            return self._ticks
        return self._samples.setdefault(signal, TimeLine(_SAMPLE_STEP_NS))

    def _drop_ended(self) -> None:
        self._open = {key: life for key, life in self._open.items() if not life.ended}

    def _declare(self, condition: Condition, patient: str | None) -> AlarmEvent:
        return AlarmEvent(
            alarm_id=self._new_id(condition),
            revision=0,
            phase=AlarmPhase.START,
            kind=condition.kind,
            priority=POLICIES[condition.kind].priority,
            site=self._site,
            device=self._device,
            signal=condition.signal,
            patient=patient,
            stream_id=condition.stream_id,
            declared_sample=condition.sample,
            onset_ns=condition.onset_ns,
            declared_ns=condition.time_ns,
            time_ns=condition.time_ns,
            active=True,
            latched=False,
            acknowledged=False,
            acknowledged_by=None,
            snoozed_until_ns=None,
            ended_ns=None,
            message=condition.message,
            evidence=dict(condition.evidence),
        )

    def _new_id(self, condition: Condition) -> str:
        """Same site, device, kind, signal, stream and sample: same id, also in a replay.

        The signal is in it because the two signals of a device share the stream id. A sender
        whose sample count starts again within a stream could meet an old id: its alarm would
        be taken for a repetition and lost, so it is counted on.
        """
        parts = [self._site, self._device, condition.kind.value, condition.signal or "-"]
        name = "/".join([*parts, str(condition.stream_id), str(condition.sample)])
        n = 0
        while (alarm_id := _hash(name if n == 0 else f"{name}/{n}")) in self._ids:
            n += 1
        self._ids.append(alarm_id)
        return alarm_id

    def _refusal(self, command: Command) -> str:
        """Why a command cannot be obeyed; "" if it can."""
        if command.device != self._device:
            return f"for device {command.device[:_MAX_NAME]!r}, came to {self._device!r}"
        if not 1 <= len(command.by.strip()) <= _MAX_NAME:
            return f"by: expected who asks, 1 to {_MAX_NAME} characters"
        if command.action is CommandAction.LIMITS:
            return "limits: are set for a device, not for an alarm"
        life = self._named(command.alarm_id)
        if life is None:
            return "alarm_id: no open alarm has this id; it may have ended"
        if command.action is CommandAction.SNOOZE:
            return _snooze_refusal(life.event, command.snooze_s)
        return ""

    def _obey(self, command: Command, now_ns: int) -> list[AlarmEvent]:
        life = self._named(command.alarm_id)
        assert life is not None
        line_ns = self._line(life.event.signal).ns
        if command.action is CommandAction.ACKNOWLEDGE:
            return life.acknowledge(command.by, now_ns, line_ns)
        hold_ns = round((command.snooze_s or 0.0) * _S)
        until_ns, until_tick_ns = now_ns + hold_ns, self._ticks.ns + hold_ns
        return [life.snooze(until_ns, until_tick_ns, now_ns, line_ns)]

    def _named(self, alarm_id: str | None) -> AlarmLife | None:
        for life in self._open.values():
            if life.event.alarm_id == alarm_id:
                return life
        return None

    def state(self) -> State:
        return {
            "open": [life.state() for life in self._open.values()],
            "ticks": self._ticks.state(),
            "samples": {one.value: line.state() for one, line in self._samples.items()},
            "receipts": [asdict(receipt) for receipt in self._receipts.values()],
            "ids": list(self._ids),
        }

    def restore(self, state: State) -> None:
        lives = [AlarmLife.restored(saved) for saved in state["open"]]
        self._open = {(life.event.kind, life.event.signal): life for life in lives}
        self._ticks.restore(state["ticks"])
        self._samples = {}
        for value, saved in state["samples"].items():
            self._line(Signal(value)).restore(saved)
        self._receipts = {saved["command_id"]: Receipt(**saved) for saved in state["receipts"]}
        self._ids = deque(state["ids"], maxlen=REMEMBERED)


def _hash(name: str) -> str:
    return blake2b(name.encode(), digest_size=16).hexdigest()


def _snooze_refusal(event: AlarmEvent, snooze_s: float | None) -> str:
    longest = SNOOZE_MAX_S[event.priority]
    if snooze_s is None or not isfinite(snooze_s) or not SNOOZE_MIN_S <= snooze_s <= longest:
        return (
            f"snooze_s: expected {SNOOZE_MIN_S:g} to {longest:g} for a {event.priority} "
            f"alarm, got {snooze_s}"
        )
    if event.acknowledged:
        return "the alarm is acknowledged: it does not sound"
    return ""
