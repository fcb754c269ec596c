"""A gateway that says what a test tells it to say: contract messages over a real broker."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import aiomqtt
import numpy as np

from vitalwire import messages, topics, wire
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Beat,
    BeatClass,
    Brain,
    Chunk,
    Command,
    DeviceInfo,
    DeviceStatus,
    Epoch,
    Event,
    Evidence,
    Priority,
    Probabilities,
    Quality,
    Receipt,
    Rhythm,
    Signal,
    SignalState,
    Vitals,
)
from vitalwire.topics import Leaf

SITE = "ward"
T0_NS = 1_700_000_000_000_000_000


def alarm(
    alarm_id: str = "a1",
    device: str = "bed-1",
    kind: AlarmKind = AlarmKind.ASYSTOLE,
    priority: Priority = Priority.HIGH,
    revision: int = 0,
    time_ns: int = T0_NS,
    message: str = "no beat for 4.2 s",
    site: str = SITE,
) -> AlarmEvent:
    """An alarm at its start."""
    return AlarmEvent(
        alarm_id=alarm_id, revision=revision, phase=AlarmPhase.START, kind=kind,
        priority=priority, site=site, device=device, signal=Signal.ECG, patient="P-017",
        stream_id=1, declared_sample=1000, onset_ns=time_ns, declared_ns=time_ns,
        time_ns=time_ns, active=True, latched=False, acknowledged=False,
        acknowledged_by=None, snoozed_until_ns=None, ended_ns=None, message=message,
        evidence={"silence_s": 4.2, "leads_on": True},
    )  # fmt: skip


def acknowledged(event: AlarmEvent, by: str) -> AlarmEvent:
    """The same alarm, acknowledged."""
    return replace(
        event, revision=event.revision + 1, phase=AlarmPhase.ACKNOWLEDGE,
        acknowledged=True, acknowledged_by=by,
    )  # fmt: skip


def ended(event: AlarmEvent) -> AlarmEvent:
    """The same alarm, over."""
    return replace(
        event, revision=event.revision + 1, phase=AlarmPhase.END,
        active=False, latched=False, ended_ns=event.time_ns + 10**9,
    )  # fmt: skip


def vitals(device: str = "bed-1", time_ns: int = T0_NS, rate: float | None = 72.0) -> Vitals:
    """Vitals of a good signal; without a rate, of a poor one."""
    return Vitals(
        device, Signal.ECG, 1, 0, time_ns,
        SignalState.POOR if rate is None else SignalState.GOOD,
        heart_rate_bpm=rate, rr_s=rate and 60 / rate, rmssd_ms=rate and 31.0,
        sdnn_ms=rate and 42.0, respiration_bpm=None, analysable=0.97,
    )  # fmt: skip


def chunk(
    data: np.ndarray, first_sample: int, device: str = "bed-1", fs: float = 360.0,
    stream_id: int = 1, seq: int = 0, injected: bool = False, lead_off: int = 0,
) -> Chunk:  # fmt: skip
    """A chunk of one or more leads."""
    rows = np.atleast_2d(data).astype(np.float32)
    return Chunk(
        device, Signal.ECG, stream_id, seq, first_sample, T0_NS, Epoch.UTC, fs, rows,
        lead_off=lead_off, lead_state_known=True, injected=injected,
    )  # fmt: skip


def beat(
    sample: int, device: str = "bed-1", label: BeatClass = BeatClass.N,
    probability: float | None = None, activation: tuple[float, ...] = (),
) -> Beat:  # fmt: skip
    return Beat(device, Signal.ECG, 1, sample, T0_NS, label, 0.8, 1.2, probability, activation)


def probabilities(
    sample: int, device: str = "bed-1", time_ns: int = T0_NS, **values: float
) -> Probabilities:
    """A rhythm model's word; what is not named has no probability, normal has the rest."""
    shares = {rhythm.value: values.get(rhythm.value, 0.0) for rhythm in Rhythm}
    shares[Rhythm.NORMAL] = 1 - sum(values.values())
    return Probabilities(
        device, Signal.ECG, 1, sample, time_ns, tuple(shares), tuple(shares.values())
    )


def eeg_chunk(
    data: np.ndarray, first_sample: int, device: str = "bed-1", fs: float = 256.0
) -> Chunk:
    """A chunk of an EEG, (n_leads, n_samples) in uV."""
    return replace(chunk(data, first_sample, device, fs), signal=Signal.EEG)


def eeg_vitals(
    sample: int, good_leads: int, state: SignalState = SignalState.GOOD, time_ns: int = T0_NS
) -> Vitals:
    """Vitals of an EEG; without numbers where it cannot be read."""
    good = state is SignalState.GOOD
    return Vitals(
        "bed-1", Signal.EEG, 1, sample, time_ns, state, analysable=0.9, good_leads=good_leads,
        amplitude_uv=31.6 if good else None, delta_uv2=612.0 if good else None,
        theta_uv2=120.4 if good else None, alpha_uv2=88.0 if good else None,
        beta_uv2=40.0 if good else None, gamma_uv2=2.5 if good else None,
    )  # fmt: skip


def lead_state(lead: int, first_sample: int, state: SignalState) -> Quality:
    return Quality("bed-1", Signal.EEG, 1, lead, first_sample, T0_NS, state)


def seizure_probability(sample: int, value: float, time_ns: int = T0_NS) -> Probabilities:
    """A seizure model's word."""
    return Probabilities(
        "bed-1", Signal.EEG, 1, sample, time_ns, tuple(Brain), (1.0 - value, value)
    )


def seizure_alarm(time_ns: int = T0_NS, leads: tuple[float, ...] = (0.1, 0.6, 0.0, 0.3)) -> (
    AlarmEvent
):  # fmt: skip
    """The alarm of a seizure with its evidence, at its start."""
    order = sorted(
        (lead for lead in range(len(leads)) if leads[lead] > 0), key=leads.__getitem__
    )
    strongest = ", ".join(str(lead + 1) for lead in reversed(order[-4:]))
    message = f"seizure, most of all on lead {strongest}"
    event = alarm("s1", kind=AlarmKind.SEIZURE, time_ns=time_ns, message=message)
    evidence: Evidence = {
        "model": "eeg-seizure", "probability": 0.94, "mean": 0.81, "confidence": 0.81,
        "rests_on": "EEG", "trace": (0.02, 0.4, 0.9, 0.94), "leads": leads,
        "strongest": strongest, "n_read": max(1, len(leads) - 1), "n_leads": len(leads),
    }  # fmt: skip
    return replace(event, signal=Signal.EEG, evidence=evidence)


class FakeGateway:
    """Publishes, and keeps the commands that come."""

    def __init__(self, port: int, site: str = SITE, name: str = "gw-1") -> None:
        will = aiomqtt.Will(
            topics.gateway_status(site, name), b'{"online":false}', qos=1, retain=True
        )
        self.site, self.name = site, name
        self.client = aiomqtt.Client("127.0.0.1", port, will=will)
        self.commands: asyncio.Queue[Command] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        await self.client.subscribe(topics.device_topic(self.site, "x", Leaf.COMMAND)
                                    .replace("/x/", "/+/"), qos=1)  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._reading:
            self._reading.cancel()
        await self.client.__aexit__(kind, error, trace)

    async def status(self, online: bool = True, **more: object) -> None:
        body = json.dumps({"online": online, "version": "0.1.0", **more})
        topic = topics.gateway_status(self.site, self.name)
        await self.client.publish(topic, body, qos=1, retain=True)

    async def device(
        self, device: str, status: DeviceStatus, info: DeviceInfo, signal: Signal = Signal.ECG
    ) -> None:
        await self._say(device, Leaf.STATUS, status, retain=True)
        topic = topics.signal_topic(self.site, device, signal, Leaf.INFO)
        await self.client.publish(topic, messages.dump(info), qos=1, retain=True)

    async def say(self, message: Vitals | Receipt | AlarmEvent) -> None:
        leaf = {Vitals: Leaf.VITALS, Receipt: Leaf.RECEIPT, AlarmEvent: Leaf.ALARM}
        await self._say(message.device, leaf[type(message)], message)

    async def active(self, device: str, alarms: Sequence[AlarmEvent]) -> None:
        await self._say(device, Leaf.ALARMS_ACTIVE, tuple(alarms), retain=True)

    async def chunk(self, piece: Chunk) -> None:
        topic = topics.signal_topic(self.site, piece.device, piece.signal, Leaf.CHUNK)
        await self.client.publish(topic, wire.encode(piece), qos=1)

    async def events(
        self, device: str, events: Sequence[Event], signal: Signal = Signal.ECG
    ) -> None:
        topic = topics.signal_topic(self.site, device, signal, Leaf.EVENTS)
        await self.client.publish(topic, b"\n".join(map(messages.dump_event, events)))

    async def answer(self, command: Command, accepted: bool = True, reason: str = "") -> None:
        receipt = Receipt(
            command.command_id, command.device, accepted, reason, T0_NS, command.alarm_id
        )
        await self.say(receipt)

    async def _say(
        self, device: str, leaf: Leaf, message: object, retain: bool = False
    ) -> None:
        topic = topics.device_topic(self.site, device, leaf)
        await self.client.publish(topic, messages.dump(message), qos=1, retain=retain)

    async def _read(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            self.commands.put_nowait(messages.load(Command, message.payload))
