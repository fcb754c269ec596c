"""The whole gateway between the chunk log and the outbox: records in, outputs out. Pure.

Everything that the gateway reacts to is a record of the chunk log, the clock's ticks too.
The same records give the same outputs, whether they come from the radio, from the log after
a crash, or from a file on a workstation.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.assignments import Assignments
from edge.chunklog.records import Record, RecordKind
from edge.inference import Asking
from edge.pipeline.device import DevicePipeline
from edge.pipeline.ecg import SUPPORTED as ECG_SUPPORTED
from edge.pipeline.ecg import EcgAnalysis
from edge.pipeline.ecg import supported as ecg_supported
from edge.pipeline.eeg import EegAnalysis
from edge.pipeline.models import EcgModels, EegModels
from edge.pipeline.recorded_only import RecordedOnly
from edge.pipeline.stream import Analysis, StreamName
from edge.stages.eeg_signal import SUPPORTED as EEG_SUPPORTED
from edge.stages.eeg_signal import supported as eeg_supported
from edge.stages.fusion import Fusion
from edge.stages.items import Limits, State
from vitalwire import messages, topics, wire
from vitalwire.contracts import (
    AlarmEvent,
    Command,
    DeviceStatus,
    Episode,
    Event,
    Receipt,
    Signal,
)
from vitalwire.errors import InputError, WireError, WireReason
from vitalwire.topics import Leaf

INTERNAL_ERROR: Final = "internal_error"
"""A fault of our own in one device's streams; it is counted and logged like a refusal."""

NO_MODELS: Final = EcgModels()
NO_EEG_MODELS: Final = EegModels()


@dataclass(frozen=True, slots=True)
class Output:
    """An event, and the patient whom it is about."""

    event: Event
    patient: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Input that could not be used: counted by reason and logged by the shell."""

    topic: str
    reason: str
    message: str


class Pipeline:
    """All devices of a site.

    Parameters
    ----------
    site : str
    ecg : EcgModels
        The models that can be asked about an ECG.
    eeg : EegModels
        And about an EEG.
    max_devices : int
        More devices than this are refused: a flood of made-up names must not fill memory.
    """

    def __init__(
        self,
        site: str,
        *,
        ecg: EcgModels = NO_MODELS,
        eeg: EegModels = NO_EEG_MODELS,
        max_devices: int = 2000,
    ) -> None:
        self._site, self._max_devices = site, max_devices
        self._ecg, self._eeg = ecg, eeg
        self._devices: dict[str, DevicePipeline] = {}
        self._assignments = Assignments.parse("")
        self.assignments_text = ""
        self._fusion = Fusion()

    @staticmethod
    def key(record: Record) -> str | None:
        """The device that a record is for; None where it concerns all of them."""
        if record.kind is not RecordKind.MESSAGE:
            return None
        levels = record.topic.split("/")
        return levels[3] if len(levels) > 3 else ""

    def process(self, record: Record) -> Asking[Output | Refusal]:
        """Take the next record; give what came of it.

        Two records of one device are never at work at once; see `key`.
        """
        try:
            return (yield from self._process(record))
        except WireError as error:
            return [Refusal(record.topic, error.reason.value, str(error))]

    def _contained(self, name: str, work: Asking[Event]) -> Asking[Output | Refusal]:
        """Let a fault of ours cost one device its streams' state, and no other anything.

        Stopping would be no better: after a restart the log gives the same record again.
        """
        try:
            events = yield from work
        except Exception as error:  # noqa: BLE001 - whatever it is, the ward goes on
            told = list(self._outputs(name, self._devices[name].take()))
            self._devices[name].abandon_streams()
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} at {where.name}:{where.lineno}: {error}"
            return [*told, Refusal(name, INTERNAL_ERROR, text)]
        return list(self._outputs(name, events))

    def finish(self) -> Asking[Output]:
        """The end of a recording: give everything that is pending."""
        outputs: list[Output] = []
        for name, device in self._devices.items():
            events = yield from device.finish()
            outputs += self._outputs(name, events)
        return outputs

    def open_alarms(self, device: str) -> list[AlarmEvent]:
        """The open alarms of a device, for its retained topic."""
        return self._devices[device].open_alarms() if device in self._devices else []

    @property
    def devices(self) -> Iterator[str]:
        """Names of the devices that were heard."""
        return iter(self._devices)

    def patients(self) -> dict[str, str]:
        """Who wears which device now, as pseudonyms."""
        return {
            name: device.patient for name, device in self._devices.items() if device.patient
        }

    def counters(self) -> dict[str, dict[str, dict[str, int]]]:
        """What went wrong so far, by device, signal and reason."""
        return {name: device.counters() for name, device in self._devices.items()}

    def _process(self, record: Record) -> Asking[Output | Refusal]:
        now_ns = record.arrival_ns
        match record.kind:
            case RecordKind.MESSAGE:
                return (yield from self._message(record))
            case RecordKind.TICK:
                outputs: list[Output | Refusal] = []
                for name, device in self._devices.items():
                    self._assign_device(name, device, now_ns)
                    outputs += yield from self._contained(name, device.tick(now_ns))
                return outputs + self._fuse(now_ns)
            case RecordKind.RESUMED:
                for device in self._devices.values():
                    device.resumed(now_ns)
            case RecordKind.ASSIGNMENTS:
                return self._assign(record)
        return []

    def _message(self, record: Record) -> Asking[Output | Refusal]:
        topic = topics.parse(record.topic)
        name, now_ns = topic.device, record.arrival_ns
        if topic.site != self._site:
            raise WireError(
                WireReason.BAD_TOPIC, f"expected site {self._site}, got {topic.site}"
            )
        if topic.leaf is Leaf.CHUNK and topic.signal is not None:
            chunk = wire.decode(record.payload, name, topic.signal)
            device = self._device(name, now_ns)
            return (yield from self._contained(name, device.chunk(chunk, now_ns)))
        if topic.leaf is Leaf.STATUS:
            status = messages.load(DeviceStatus, record.payload)
            device = self._device(name, now_ns)
            return (yield from self._contained(name, device.status(status, now_ns)))
        if topic.leaf is Leaf.COMMAND:
            command = messages.load(Command, record.payload)
            if command.device != name:
                raise WireError(WireReason.BAD_JSON, f"Command: device: expected {name}")
            return list(self._outputs(name, self._command(name, command, now_ns)))
        return []

    def _command(self, name: str, command: Command, now_ns: int) -> list[Event]:
        if name not in self._devices:
            reason = f"no device {name} was heard by this gateway"
            return [Receipt(command.command_id, name, False, reason, now_ns)]
        return self._devices[name].command(command, now_ns)

    def _device(self, name: str, now_ns: int) -> DevicePipeline:
        if name not in self._devices:
            if len(self._devices) >= self._max_devices:
                raise WireError(
                    WireReason.BAD_TOPIC,
                    f"expected at most {self._max_devices} devices, got one more: "
                    "raise [pipeline] max_devices, or check who publishes",
                )
            device = DevicePipeline(self._site, name, self._make_analysis)
            self._devices[name] = device
            self._assign_device(name, device, now_ns, anew=True)
        return self._devices[name]

    def _assign(self, record: Record) -> list[Output | Refusal]:
        text = record.payload.decode(errors="replace")
        try:
            self._assignments = Assignments.parse(text)
        except InputError as error:  # the file was checked before it was logged
            return [Refusal("assignments", "bad_assignments", str(error))]
        self.assignments_text = text
        for name, device in self._devices.items():
            self._assign_device(name, device, record.arrival_ns, anew=True)
        return []

    def _assign_device(
        self, name: str, device: DevicePipeline, now_ns: int, *, anew: bool = False
    ) -> None:
        patient = self._assignments.patient_of(name, now_ns)
        if patient == device.patient and not anew:
            return
        device.assign(patient, self._assignments.limits_of(patient) if patient else {})

    def _fuse(self, now_ns: int) -> list[Output]:
        """What the signals of one person say for each other; no device is at work now."""
        return [
            output
            for one in self._fusion.tick(now_ns)
            for output in self._outputs(
                one.device,
                self._devices[one.device].support(one.alarm_id, one.evidence, now_ns),
            )
        ]

    def _outputs(self, device: str, events: list[Event]) -> list[Output]:
        outputs = []
        for event in events:
            patient = self._assignments.patient_of(device, _time_of(event))
            self._fusion.push(patient or f"{device} (nobody's)", event)
            outputs.append(Output(event, patient))
        return outputs

    def _make_analysis(
        self, name: StreamName, fs: float, n_leads: int, limits: Limits
    ) -> Analysis:
        if name.signal is Signal.ECG:
            if ecg_supported(fs):
                return EcgAnalysis(name, fs, n_leads, limits, self._ecg)
            return RecordedOnly(name, fs, n_leads, ECG_SUPPORTED)
        if eeg_supported(fs, n_leads):
            return EegAnalysis(name, fs, n_leads, limits, self._eeg)
        return RecordedOnly(name, fs, n_leads, EEG_SUPPORTED)

    def state(self) -> State:
        return {
            "devices": {name: device.state() for name, device in self._devices.items()},
            "assignments": self.assignments_text,
            "fusion": self._fusion.state(),
        }

    def restore(self, state: State) -> None:
        self.assignments_text = state["assignments"]
        self._assignments = Assignments.parse(self.assignments_text)
        for name, saved in state["devices"].items():
            device = DevicePipeline(self._site, name, self._make_analysis)
            device.restore(saved)
            self._devices[name] = device
        if "fusion" in state:  # a snapshot of an older version has none
            self._fusion.restore(state["fusion"])


def _time_of(event: Event) -> int:
    return event.onset_ns if isinstance(event, Episode) else event.time_ns
