"""One wearable: its streams, whether it is there, and the life of its alarms."""

from collections.abc import Generator, Sequence

from edge.inference import Asking
from edge.pipeline.stream import AnalysisFactory, Item, SignalStream
from edge.stages.alarms import Alarms
from edge.stages.items import Advance, Condition, Limits, State
from edge.stages.rules import check_limits
from edge.stages.silence import SilenceWatch
from vitalwire.contracts import (
    AlarmEvent,
    Arrays,
    Chunk,
    Command,
    CommandAction,
    DeviceStatus,
    Event,
    Evidence,
    InferenceRequest,
    Receipt,
    Signal,
)
from vitalwire.errors import ContractError, InputError


class DevicePipeline:
    """Everything that is known of one device. Pure: time comes with the data.

    Parameters
    ----------
    site, device : str
    make_analysis : AnalysisFactory
    """

    def __init__(self, site: str, device: str, make_analysis: AnalysisFactory) -> None:
        self._device = device
        self._make_analysis = make_analysis
        self._streams: dict[Signal, SignalStream] = {}
        self._silence = SilenceWatch(device)
        self._alarms = Alarms(site, device)
        self._patient: str | None = None
        self._limits: Limits = {}  # of the patient
        self._ordered: Limits = {}  # by command, over the patient's
        self._told: list[Event] = []  # in this call

    @property
    def patient(self) -> str | None:
        """Who wears the device now."""
        return self._patient

    def assign(self, patient: str | None, limits: Limits) -> None:
        """Who wears the device now, and that person's limits.

        What was ordered for the person before does not hold for the next.
        """
        if patient != self._patient:
            self._ordered = {}
        self._patient, self._limits = patient, limits
        self._apply_limits()

    def chunk(self, chunk: Chunk, arrival_ns: int) -> Asking[Event]:
        """Take a chunk in any order."""
        self._told += self._conditions(self._silence.heard(arrival_ns))
        if chunk.signal not in self._streams:
            self._streams[chunk.signal] = SignalStream(
                self._device, chunk.signal, self._make_analysis, self._all_limits()
            )
        items = yield from self._streams[chunk.signal].push(chunk, arrival_ns)
        self._tell(items, chunk.signal)
        return self.take()

    def status(self, status: DeviceStatus, arrival_ns: int) -> Asking[Event]:
        """What the device, or its bridge for it, says of itself.

        A goodbye ends its streams: what is pending is told now, since nothing will follow.
        """
        said = self._conditions(self._silence.status(status, arrival_ns))
        if not status.online and status.reason:
            yield from self._finish_streams()
        self._told += said
        return self.take()

    def tick(self, now_ns: int) -> Asking[Event]:
        """The gateway's clock."""
        for signal, stream in self._streams.items():
            items = yield from stream.tick(now_ns)
            self._tell(items, signal)
        self._told += self._conditions(self._silence.tick(now_ns))
        self._told += self._alarms.tick(now_ns)
        return self.take()

    def resumed(self, now_ns: int) -> None:
        """The gateway was away: its silence is not the device's."""
        self._silence.resumed(now_ns)

    def finish(self) -> Asking[Event]:
        """The end of a recording: give everything that is pending."""
        yield from self._finish_streams()
        return self.take()

    def take(self) -> list[Event]:
        """What was told and not taken yet: after a fault, what came before it."""
        told, self._told = self._told, []
        return told

    def command(self, command: Command, now_ns: int) -> list[Event]:
        """Do what a person asked, and say what became of it."""
        if command.action is CommandAction.LIMITS:
            return [self._set_limits(command, now_ns)]
        return list(self._alarms.command(command, now_ns))

    def support(self, alarm_id: str, evidence: Evidence, now_ns: int) -> list[Event]:
        """What another signal of the same person says for an open alarm."""
        return list(self._alarms.support(alarm_id, evidence, now_ns))

    def open_alarms(self) -> list[AlarmEvent]:
        """The last message of every alarm that is open."""
        return self._alarms.open()

    def counters(self) -> dict[str, dict[str, int]]:
        """What went wrong so far, by signal and reason."""
        return {signal.value: one.counters() for signal, one in self._streams.items()}

    def _finish_streams(self) -> Generator[list[InferenceRequest], list[Arrays], None]:
        for signal, stream in self._streams.items():
            items = yield from stream.finish()
            self._tell(items, signal)

    def _tell(self, items: Sequence[Item], signal: Signal) -> None:
        for item in items:
            if isinstance(item, Condition):
                self._told += self._alarms.push(item, self._patient)
            elif isinstance(item, Advance):
                self._told += self._alarms.advance(item.time_ns, signal)
            else:
                self._told.append(item)

    def _conditions(self, conditions: Sequence[Condition]) -> list[Event]:
        return [
            event
            for condition in conditions
            for event in self._alarms.push(condition, self._patient)
        ]

    def _set_limits(self, command: Command, now_ns: int) -> Receipt:
        if answered := self._alarms.answered(command.command_id):
            return answered
        wanted = {**self._ordered, **(command.limits or {})}
        reason = ""
        try:
            check_limits(wanted, base=check_limits(self._limits))
        except InputError as error:
            reason = str(error)
        else:
            self._ordered = wanted
            self._apply_limits()
        receipt = Receipt(command.command_id, self._device, not reason, reason, now_ns)
        self._alarms.remember(receipt)
        return receipt

    def _all_limits(self) -> Limits:
        return {**self._limits, **self._ordered}

    def _apply_limits(self) -> None:
        try:
            check_limits(self._all_limits())
        except InputError:  # the patient's limits were changed and contradict what was ordered
            self._ordered = {}
        self._silence.set_limits(self._all_limits())
        for stream in self._streams.values():
            stream.set_limits(self._all_limits())

    def abandon_streams(self) -> None:
        """Start the streams anew; the alarms stay, until they are refuted or seen to."""
        self._streams.clear()

    def state(self) -> State:
        return {
            "streams": {signal.value: one.state() for signal, one in self._streams.items()},
            "silence": self._silence.state(),
            "alarms": self._alarms.state(),
            "patient": self._patient,
            "limits": dict(self._limits),
            "ordered": dict(self._ordered),
        }

    def restore(self, state: State) -> None:
        self._patient, self._limits = state["patient"], state["limits"]
        self._ordered = state["ordered"]
        self._silence.restore(state["silence"])
        self._alarms.restore(state["alarms"])
        for value, saved in state["streams"].items():
            signal = Signal(value)
            stream = SignalStream(self._device, signal, self._make_analysis, self._all_limits())
            try:
                stream.restore(saved)
            except (KeyError, TypeError, ValueError, IndexError, ContractError):
                continue  # of another version: this stream starts cold, its alarms are kept
            self._streams[signal] = stream
