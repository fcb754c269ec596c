"""An event as what the stores and the broker take. Pure; done once, before the outbox.

Measurements `vitals`, `beat`, `episode`, `alarm`, `quality`, `gap`, `gateway`. Tags `site`,
`device`, `patient` and `signal` where there is one; `lead` on `quality`; `kind` on `gap` (its
reason), `episode` and `alarm`; `phase` on the last two. All are bounded. Ids are fields.

A store that keeps numbers only (VictoriaMetrics) must lose nothing essential, so each word
has a number beside it: `state_code`, `label_code`, `rank`, `active`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from zlib import crc32

from edge.delivery.entries import Entry, Kind, Message
from edge.delivery.lineprotocol import FieldValue, format_line
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    Beat,
    BeatClass,
    Episode,
    Event,
    Gap,
    Probabilities,
    Quality,
    Receipt,
    Signal,
    SignalState,
    Vitals,
)
from vitalwire.errors import ContractError
from vitalwire.topics import Leaf, device_topic, signal_topic

STATE_CODES: Final[Mapping[SignalState, int]] = {
    SignalState.UNKNOWN: 0,
    SignalState.GOOD: 1,
    SignalState.POOR: 2,
    SignalState.FLAT: 3,
    SignalState.LEAD_OFF: 4,
}
LABEL_CODES: Final[Mapping[BeatClass, int]] = {
    BeatClass.N: 1,
    BeatClass.S: 2,
    BeatClass.V: 3,
    BeatClass.F: 4,
    BeatClass.Q: 5,
}

Fields = dict[str, FieldValue | None]


def is_kept(event: Event) -> bool:
    """Whether the outbox keeps anything of an event; if not, it is only shown live."""
    return not isinstance(event, Probabilities)


def render(event: Event, site: str, patient: str | None) -> Entry:
    """What the outbox keeps of an event.

    `patient` is who wears the device; an alarm names its own.

    Raises
    ------
    ContractError
        An event that is only shown live, see `is_kept`.
    """
    match event:
        case Probabilities():
            raise ContractError(
                f"expected an event that is kept, got Probabilities of {event.device}: ask "
                "is_kept first"
            )
        case AlarmEvent():
            return _alarm(event)
        case Receipt():
            return _receipt(event, site)
        case Episode():
            return _episode(event, site, patient)
        case _:
            kind, fields, more = _point(event)
            tags = {**_tags(site, event.device, patient, event.signal), **more}
            line = format_line(kind, tags, fields, event.time_ns)
            return Entry(kind, event.time_ns, line=line)


def render_gateway(
    site: str, gateway: str, fields: Mapping[str, FieldValue | None], time_ns: int
) -> Entry:
    """The gateway's own figures as a point; its name is the tag `device`."""
    line = format_line(Kind.GATEWAY, {"site": site, "device": gateway}, fields, time_ns)
    return Entry(Kind.GATEWAY, time_ns, line=line)


def live(events: Iterable[Event], site: str) -> list[Message]:
    """What the page shows while it happens (QoS 0, not kept): vitals, and events by stream.

    Alarms and receipts are not among them: they go through the outbox.
    """
    sent: list[Message] = []
    lines: defaultdict[tuple[str, Signal], list[bytes]] = defaultdict(list)
    for event in events:
        if isinstance(event, Vitals):
            topic = device_topic(site, event.device, Leaf.VITALS)
            sent.append(Message(topic, messages.dump(event)))
        elif not isinstance(event, AlarmEvent | Receipt):
            lines[event.device, event.signal].append(messages.dump_event(event))
    for (device, signal), those in lines.items():
        topic = signal_topic(site, device, signal, Leaf.EVENTS)
        sent.append(Message(topic, b"\n".join(those)))
    return sent


def _tags(
    site: str, device: str, patient: str | None, signal: Signal | None
) -> dict[str, str | None]:
    return {"site": site, "device": device, "patient": patient, "signal": signal}


def _point(event: Vitals | Beat | Quality | Gap) -> tuple[Kind, Fields, dict[str, str]]:
    match event:
        case Vitals():
            return Kind.VITALS, _vitals(event), {}
        case Beat():
            return Kind.BEAT, _beat(event), {}
        case Quality():
            # The lead is a tag: two leads often change their state at one instant.
            return Kind.QUALITY, _quality(event), {"lead": str(event.lead)}
        case Gap():
            return Kind.GAP, _gap(event), {"kind": event.reason}


def _vitals(event: Vitals) -> Fields:
    return {
        "state": event.state.value,
        "state_code": STATE_CODES[event.state],
        "heart_rate_bpm": _number(event.heart_rate_bpm),
        "rr_s": _number(event.rr_s),
        "rmssd_ms": _number(event.rmssd_ms),
        "sdnn_ms": _number(event.sdnn_ms),
        "respiration_bpm": _number(event.respiration_bpm),
        "analysable": float(event.analysable),
        "good_leads": event.good_leads,
        "amplitude_uv": _number(event.amplitude_uv),
        "delta_uv2": _number(event.delta_uv2),
        "theta_uv2": _number(event.theta_uv2),
        "alpha_uv2": _number(event.alpha_uv2),
        "beta_uv2": _number(event.beta_uv2),
        "gamma_uv2": _number(event.gamma_uv2),
        "sample": event.sample,
        "stream_id": event.stream_id,
    }


def _beat(event: Beat) -> Fields:
    return {
        "label": event.label.value,
        "label_code": LABEL_CODES[event.label],
        "probability": _number(event.probability),
        "rr_s": _number(event.rr_s),
        "amplitude_mv": float(event.amplitude_mv),
        "sample": event.sample,
        "stream_id": event.stream_id,
    }


def _quality(event: Quality) -> Fields:
    return {
        "state": event.state.value,
        "state_code": STATE_CODES[event.state],
        "sample": event.first_sample,
        "stream_id": event.stream_id,
    }


def _gap(event: Gap) -> Fields:
    return {
        "n_samples": event.n_samples,
        "sample": event.first_sample,
        "stream_id": event.stream_id,
    }


def _episode(event: Episode, site: str, patient: str | None) -> Entry:
    """A point at its onset while it lasts, and a second one at its end."""
    time_ns = event.onset_ns if event.end_ns is None else event.end_ns
    tags = {
        **_tags(site, event.device, patient, event.signal),
        "kind": event.kind,
        "phase": "start" if event.end_ns is None else "end",
    }
    fields: Fields = {
        "active": int(event.end_ns is None),
        "confidence": float(event.confidence),
        "duration_s": None if event.end_ns is None else (event.end_ns - event.onset_ns) / 1e9,
        "onset_ns": event.onset_ns,
        "onset_sample": event.onset_sample,
        "end_sample": event.end_sample,
        "stream_id": event.stream_id,
    }
    line = format_line(Kind.EPISODE, tags, fields, time_ns)
    return Entry(Kind.EPISODE, time_ns, line=line)


def alarm_point_ns(event: AlarmEvent) -> int:
    """Timestamp of an alarm's message in the stores, at most 1 ms after `time_ns`.

    Points of the same tags and timestamp overwrite each other, and the id is no tag. So the
    place below the millisecond tells messages of one instant apart: microseconds from the
    id, nanoseconds from the revision. It depends on nothing else: a retry is the same point.
    """
    return event.time_ns + crc32(event.alarm_id.encode()) % 997 * 1_000 + event.revision


def _alarm(event: AlarmEvent) -> Entry:
    tags = {
        **_tags(event.site, event.device, event.patient, event.signal),
        "kind": event.kind,
        "phase": event.phase,
    }
    line = format_line(Kind.ALARM, tags, _alarm_fields(event), alarm_point_ns(event))
    return Entry(
        Kind.ALARM,
        event.time_ns,
        key=f"{event.alarm_id}:{event.revision}",
        line=line,
        topic=device_topic(event.site, event.device, Leaf.ALARM),
        payload=messages.dump(event),
    )


def _alarm_fields(event: AlarmEvent) -> Fields:
    return {
        "alarm_id": event.alarm_id,
        "revision": event.revision,
        "priority": event.priority.value,
        "rank": event.priority.rank,
        "category": event.category.value,
        "active": int(event.active),
        "latched": int(event.latched),
        "acknowledged": int(event.acknowledged),
        "acknowledged_by": event.acknowledged_by,
        "message": event.message,
        "evidence": json.dumps(dict(event.evidence), sort_keys=True),
        "event_ns": event.time_ns,
        "onset_ns": event.onset_ns,
        "declared_ns": event.declared_ns,
        "declared_sample": event.declared_sample,
        "ended_ns": event.ended_ns,
        "snoozed_until_ns": event.snoozed_until_ns,
        "stream_id": event.stream_id,
    }


def _receipt(event: Receipt, site: str) -> Entry:
    return Entry(
        Kind.RECEIPT,
        event.time_ns,
        key=f"receipt:{event.device}:{event.command_id}:{event.time_ns}",
        topic=device_topic(site, event.device, Leaf.RECEIPT),
        payload=messages.dump(event),
    )


def _number(value: float | None) -> float | None:
    """As a float: a field that is once an integer and once not is refused by the store."""
    return None if value is None else float(value)
