"""What the page is told: contracts as JSON, times in ms since 1970.

JavaScript's numbers hold nanoseconds since 1970 only to 256 ns and print them badly, so every
`*_ns` leaves as a whole `*_ms`.
"""

from collections.abc import Mapping

from cloud.commands import Asked
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    Brain,
    Probabilities,
    Rhythm,
    Signal,
    SignalState,
    Vitals,
)

View = dict[str, object]


_STATE_REASON: Mapping[SignalState, str] = {
    SignalState.POOR: "poor signal",
    SignalState.FLAT: "flat signal",
    SignalState.LEAD_OFF: "lead off",
    SignalState.UNKNOWN: "signal not yet judged",
}
_OF_EEG = ("amplitude_uv", "delta_uv2", "theta_uv2", "alpha_uv2", "beta_uv2", "gamma_uv2")
_FIELDS: Mapping[Signal, tuple[str, ...]] = {
    Signal.ECG: ("heart_rate_bpm", "rr_s", "rmssd_ms", "sdnn_ms", "respiration_bpm"),
    Signal.EEG: _OF_EEG,
}
_NO_VALUE: Mapping[str, str] = {
    "heart_rate_bpm": "not enough beats",
    "rr_s": "not enough beats",
    "rmssd_ms": "not enough good beats",
    "sdnn_ms": "not enough good beats",
    "respiration_bpm": "cannot be measured now",
    **dict.fromkeys(_OF_EEG, "not seen for long enough yet"),
}


def to_ms(fields: Mapping[str, object]) -> View:
    """Rename and convert every `*_ns`."""
    view: View = {}
    for name, value in fields.items():
        if name.endswith("_ns"):
            ms = value // 1_000_000 if isinstance(value, int) else None
            view[f"{name.removesuffix('_ns')}_ms"] = ms
        else:
            view[name] = value
    return view


def alarm_view(event: AlarmEvent, asked: Asked | None) -> View:
    """One alarm as it stands."""
    view = to_ms(messages.plain(event))
    view["category"] = event.category.value
    view["rank"] = event.priority.rank
    view["open"] = is_open(event)
    # By the alarm's own evidence alone: on a device with a test fault, an alarm that the fault
    # did not make must not look like a test.
    view["injected"] = bool(event.evidence.get("injected", False))
    view["command"] = asked and {
        "command_id": asked.command.command_id,
        "action": asked.command.action.value,
        "by": asked.command.by,
        "asked_ms": asked.asked_ns // 1_000_000,
        "progress": asked.progress.value,
        "reason": asked.reason,
    }
    return view


def is_open(event: AlarmEvent) -> bool:
    """Open until it is over and, where it latches, acknowledged: the gateway's own words."""
    return event.active or event.latched


def vitals_view(vitals: Vitals, received_ns: int) -> View:
    """Vitals, and for each missing number the reason why it is missing."""
    view = to_ms(messages.plain(vitals))
    view["received_ms"] = received_ns // 1_000_000
    view["missing"] = {
        name: _STATE_REASON.get(vitals.state, _NO_VALUE[name])
        for name in _FIELDS[vitals.signal]
        if getattr(vitals, name) is None
    }
    return view


def rhythm_view(said: Probabilities, received_ns: int, state: SignalState) -> View:
    """The likeliest rhythm, and why it cannot be told where the signal is not good.

    A poor signal has no rhythm, and above all no normal one. Ventricular fibrillation is the
    exception: it looks like poor signal and must not hide behind it.
    """
    probability, label = max(zip(said.values, said.labels, strict=True))
    hidden = state is not SignalState.GOOD and label != Rhythm.SHOCKABLE
    return {
        "label": label,
        "probability": round(probability, 3),
        "reason": _STATE_REASON.get(state, "") if hidden else "",
        "time_ms": said.time_ns // 1_000_000,
        "received_ms": received_ns // 1_000_000,
    }


def seizure_view(said: Probabilities, received_ns: int, state: SignalState) -> View:
    """The probability of a seizure; what it is of an EEG that cannot be read, nobody knows."""
    values = dict(zip(said.labels, said.values, strict=True))
    return {
        "probability": round(values[Brain.SEIZURE], 3),
        "reason": signal_reason(state),
        "time_ms": said.time_ns // 1_000_000,
        "received_ms": received_ns // 1_000_000,
    }


def signal_reason(state: SignalState) -> str:
    """Why a signal in this state is not analysed; empty for a good one."""
    return _STATE_REASON.get(state, "")
