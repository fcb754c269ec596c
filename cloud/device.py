"""One device as the page shows it. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from cloud.inbound import StreamEvents
from cloud.marks import is_brain, is_rhythm
from cloud.views import View, rhythm_view, seizure_view, signal_reason, vitals_view
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    DeviceInfo,
    DeviceStatus,
    Probabilities,
    Signal,
    SignalState,
    Vitals,
)


class DeviceState(StrEnum):
    """What a card says of its device, the most important first."""

    OFFLINE = "offline"
    SILENT = "silent"
    LEAD_OFF = "lead_off"
    CANNOT_ANALYSE = "cannot_analyse"
    ONLINE = "online"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Device:
    """What is known of one device."""

    name: str
    patient: str | None = None
    status: DeviceStatus | None = None
    infos: dict[Signal, DeviceInfo] = field(default_factory=dict)
    vitals: dict[Signal, tuple[Vitals, int]] = field(default_factory=dict)  # and their arrival
    leads: dict[tuple[Signal, int], SignalState] = field(default_factory=dict)
    rhythms: dict[Signal, tuple[Probabilities, int]] = field(default_factory=dict)
    seizures: dict[Signal, tuple[Probabilities, int]] = field(default_factory=dict)
    alarms: dict[str, AlarmEvent] = field(default_factory=dict)  # the open ones, by id

    def take(self, events: StreamEvents, now_ns: int) -> bool:
        """Keep what the card shows of them; false if there is nothing."""
        for quality in events.qualities:
            self.leads[quality.signal, quality.lead] = quality.state
        told = bool(events.qualities)
        for item in events.probabilities:
            if is_rhythm(item):
                self.rhythms[events.signal] = (item, now_ns)
            elif is_brain(item):
                self.seizures[events.signal] = (item, now_ns)
            else:
                continue
            told = True
        return told


def device_view(device: Device, is_gateway: bool, bridge_gone: bool) -> View:
    """The device's card. A gateway raises alarms under its own name, and wears nothing."""
    state, reason = device_state(device, bridge_gone)
    status = device.status
    return {
        "device": device.name,
        "is_gateway": is_gateway,
        "patient": device.patient,
        "state": state.value,
        "reason": reason,
        "battery": status.battery if status else None,
        "firmware": status.firmware if status else None,
        "bridge": status.bridge if status else None,
        "injected": list(status.injected) if status else [],
        "signals": {
            signal.value: messages.plain(info) for signal, info in device.infos.items()
        },
        "vitals": {
            signal.value: vitals_view(vitals, received_ns)
            for signal, (vitals, received_ns) in device.vitals.items()
        },
        "rhythms": {
            signal.value: rhythm_view(said, received_ns, _signal_state(device, signal))
            for signal, (said, received_ns) in device.rhythms.items()
        },
        "seizures": {
            signal.value: seizure_view(said, received_ns, _signal_state(device, signal))
            for signal, (said, received_ns) in device.seizures.items()
        },
        "leads_off": [
            f"{signal.value} {_lead_name(device, signal, lead)}"
            for (signal, lead), lead_state in sorted(device.leads.items())
            if lead_state is SignalState.LEAD_OFF
        ],
    }


def device_state(device: Device, bridge_gone: bool) -> tuple[DeviceState, str]:
    """The most important thing to say, and why."""
    status = device.status
    if status and not status.online:
        return DeviceState.OFFLINE, status.reason or "unexpectedly"
    if bridge_gone:
        return DeviceState.OFFLINE, "its bridge is gone"
    active = [event for event in device.alarms.values() if event.active]
    if AlarmKind.DEVICE_SILENT in {event.kind for event in active}:
        return DeviceState.SILENT, "no data arrives"
    states = {vitals.state: vitals for vitals, _ in device.vitals.values()}
    off = any(
        event.kind is AlarmKind.LEAD_OFF
        # An EEG goes on with one lead less, and its lanes say which.
        and not (event.signal is Signal.EEG and _is_good(device, Signal.EEG))
        for event in active
    )
    if off or SignalState.LEAD_OFF in states:
        return DeviceState.LEAD_OFF, "lead off"
    for state in (SignalState.FLAT, SignalState.POOR, SignalState.UNKNOWN):
        if state in states:
            return DeviceState.CANNOT_ANALYSE, _why(device, states[state])
    if not states:
        return DeviceState.UNKNOWN, "no vitals yet" if status else "nothing said yet"
    return DeviceState.ONLINE, ""


def _is_good(device: Device, signal: Signal) -> bool:
    return _signal_state(device, signal) is SignalState.GOOD


def _why(device: Device, vitals: Vitals) -> str:
    """Why a signal is not analysed, and which where the device has two."""
    which = f"{vitals.signal.upper()}: " if len(device.vitals) > 1 else ""
    info = device.infos.get(vitals.signal)
    if vitals.good_leads is None or info is None or vitals.state is SignalState.UNKNOWN:
        return which + signal_reason(vitals.state)
    return f"{which}{vitals.good_leads} of {len(info.leads)} leads can be read"


def _signal_state(device: Device, signal: Signal) -> SignalState:
    vitals = device.vitals.get(signal)
    return vitals[0].state if vitals else SignalState.UNKNOWN


def _lead_name(device: Device, signal: Signal, lead: int) -> str:
    info = device.infos.get(signal)
    return info.leads[lead] if info and lead < len(info.leads) else str(lead + 1)
