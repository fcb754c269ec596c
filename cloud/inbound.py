"""What arrives from the broker, read and checked: topic and bytes in, frozen message out.

The topic is the identity: a payload that claims to be of another device is refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vitalwire import messages, topics, wire
from vitalwire.contracts import (
    AlarmEvent,
    Beat,
    Chunk,
    DeviceInfo,
    DeviceStatus,
    Probabilities,
    Quality,
    Receipt,
    Signal,
    Vitals,
)
from vitalwire.errors import WireError, WireReason
from vitalwire.topics import ROOT, Leaf, Topic

MAX_EVENT_LINES = 1000
MAX_LABELS = 16
MAX_LABEL = 32
"""Letters of a label."""
MAX_ACTIVATION = 64
ROUNDING = 1e-4  # a softmax in float32 may pass one by its last bit
SUM_TOLERANCE = 0.02  # a quantised model's probabilities do not sum to one exactly


@dataclass(frozen=True, slots=True)
class Status:
    device: str
    status: DeviceStatus | None  # None: the retained message was cleared


@dataclass(frozen=True, slots=True)
class Info:
    device: str
    signal: Signal
    info: DeviceInfo


@dataclass(frozen=True, slots=True)
class ActiveAlarms:
    """All open alarms of a device, as its gateway sees them."""

    device: str
    alarms: tuple[AlarmEvent, ...]


@dataclass(frozen=True, slots=True)
class StreamEvents:
    """Beats, lead states and a model's probabilities of one signal, for the strip."""

    device: str
    signal: Signal
    beats: tuple[Beat, ...] = ()
    qualities: tuple[Quality, ...] = ()
    probabilities: tuple[Probabilities, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A gateway or a bridge says whether it is there."""

    kind: str  # "gateway" or "bridge"
    name: str
    online: bool
    version: str = ""
    patients: Mapping[str, str] = field(default_factory=dict)  # device -> pseudonym


WardMessage = (
    Status | Info | Vitals | AlarmEvent | ActiveAlarms | StreamEvents | Receipt | Service
)
Inbound = Chunk | WardMessage


def subscriptions(site: str) -> list[tuple[str, int]]:
    """Filters and their QoS. No two overlap, so nothing is delivered twice.

    Waveforms and vitals at QoS 0: a broker must not hoard them for a feed that is away.
    """
    base = f"{ROOT}/{topics.check_name(site, 'site')}"
    return [
        (f"{base}/+/status", 1),
        (f"{base}/+/+/info", 1),
        (f"{base}/+/alarms/active", 1),
        (f"{base}/+/alarm", 1),
        (f"{base}/+/receipt", 1),
        (f"{base}/bridge/+/status", 1),
        (f"{base}/gateway/+/status", 1),
        (f"{base}/+/vitals", 0),
        (f"{base}/+/+/chunk", 0),
        (f"{base}/+/+/events", 0),
    ]


def is_bulk(topic: str) -> bool:
    """Whether a message may be dropped for the sake of others: the next one makes it up."""
    return topic.endswith(("/chunk", "/events", "/vitals"))


def read(topic: str, payload: bytes) -> Inbound:
    """Read one message.

    Raises
    ------
    WireError
        For anything that is not what its topic promises.
    """
    service = _service_name(topic)
    if service:
        return _service(*service, payload)
    where = topics.parse(topic)
    return (
        _of_signal(where, where.signal, payload) if where.signal else _of_device(where, payload)
    )


def _of_signal(where: Topic, signal: Signal, payload: bytes) -> Inbound:
    if where.leaf is Leaf.CHUNK:
        return wire.decode(payload, where.device, signal)
    if where.leaf is Leaf.INFO:
        return Info(where.device, signal, messages.load(DeviceInfo, payload))
    return _events(where.device, signal, payload)


def _of_device(where: Topic, payload: bytes) -> Inbound:
    match where.leaf:
        case Leaf.STATUS:
            status = messages.load(DeviceStatus, payload) if payload else None
            return Status(where.device, status)
        case Leaf.VITALS:
            vitals = messages.load(Vitals, payload)
            _same(where, vitals.device)
            return vitals
        case Leaf.ALARM:
            alarm = messages.load(AlarmEvent, payload)
            _same(where, alarm.device, alarm.site)
            return alarm
        case Leaf.ALARMS_ACTIVE:
            alarms = messages.load(tuple[AlarmEvent, ...], payload) if payload else ()
            for alarm in alarms:
                _same(where, alarm.device, alarm.site)
            return ActiveAlarms(where.device, alarms)
        case Leaf.RECEIPT:
            receipt = messages.load(Receipt, payload)
            _same(where, receipt.device)
            return receipt
        case _:
            raise WireError(WireReason.BAD_TOPIC, f"{where.leaf.value} is not for the feed")


def _same(where: Topic, device: str, site: str | None = None) -> None:
    if device != where.device or site not in (None, where.site):
        raise WireError(
            WireReason.BAD_TOPIC,
            f"payload claims {site or where.site}/{device[:64]}, came on {where}",
        )


def _events(device: str, signal: Signal, payload: bytes) -> StreamEvents:
    """What the strip shows out of JSON lines; other kinds are not for it."""
    beats: list[Beat] = []
    qualities: list[Quality] = []
    probabilities: list[Probabilities] = []
    for line in _lines(payload):
        fields = _object(line)
        kind = fields.pop("type", None)
        body = json.dumps(fields).encode()
        if kind == "beat":
            beats.append(_beat(body))
        elif kind == "quality":
            qualities.append(_quality(body))
        elif kind == "probabilities":
            probabilities.append(_probabilities(body))
    events: list[Beat | Quality | Probabilities] = [*beats, *qualities, *probabilities]
    named = {(item.device, item.signal) for item in events}
    if named - {(device, signal)}:
        raise WireError(
            WireReason.BAD_TOPIC, f"events on {device}/{signal} claim another device or signal"
        )
    return StreamEvents(device, signal, tuple(beats), tuple(qualities), tuple(probabilities))


def _quality(body: bytes) -> Quality:
    quality = messages.load(Quality, body)
    if not 0 <= quality.lead < wire.MAX_CHANNELS:
        raise WireError(
            WireReason.BAD_JSON,
            f"Quality: lead: expected 0 to {wire.MAX_CHANNELS - 1}, got {quality.lead}",
        )
    return quality


def _beat(body: bytes) -> Beat:
    beat = messages.load(Beat, body)
    if beat.probability is not None and not _is_share(beat.probability):
        raise WireError(WireReason.BAD_JSON, "Beat: probability: expected 0 to 1")
    row = beat.activation
    if len(row) > MAX_ACTIVATION or not all(map(_is_share, row)):
        raise WireError(
            WireReason.BAD_JSON,
            f"Beat: activation: expected at most {MAX_ACTIVATION} values of 0 to 1",
        )
    return beat


def _probabilities(body: bytes) -> Probabilities:
    said = messages.load(Probabilities, body)
    labels, values = said.labels, said.values
    unique = len(set(labels)) == len(labels) == len(values)
    if not (unique and 0 < len(labels) <= MAX_LABELS):
        raise WireError(
            WireReason.BAD_JSON,
            f"Probabilities: expected 1 to {MAX_LABELS} labels, each once and with its value, "
            f"got {len(labels)} labels and {len(values)} values",
        )
    if any(len(label) > MAX_LABEL for label in labels):
        raise WireError(WireReason.BAD_JSON, f"Probabilities: a label over {MAX_LABEL} letters")
    if not all(map(_is_share, values)) or abs(sum(values) - 1) > SUM_TOLERANCE:
        raise WireError(WireReason.BAD_JSON, "Probabilities: expected 0 to 1, sum 1")
    return said


def _is_share(value: float) -> bool:
    return -ROUNDING <= value <= 1 + ROUNDING


def _lines(payload: bytes) -> Iterator[bytes]:
    if len(payload) > messages.MAX_JSON_BYTES or payload.count(b"\n") > MAX_EVENT_LINES:
        raise WireError(WireReason.OVERSIZED, f"{len(payload)} bytes of events")
    return (line for line in payload.split(b"\n") if line.strip())


def _service_name(topic: str) -> tuple[str, str] | None:
    match topic.removeprefix(f"{ROOT}/").split("/"):
        case [_, ("bridge" | "gateway") as kind, name, "status"]:
            return kind, name[:64]
    return None


def _service(kind: str, name: str, payload: bytes) -> Service:
    if not payload:
        return Service(kind, name, online=False)
    fields = _object(payload)
    patients = fields.get("patients")
    return Service(
        kind,
        name,
        online=fields.get("online") is True,
        version=str(fields.get("version", ""))[:64],
        patients={str(device): str(patient) for device, patient in patients.items()}
        if isinstance(patients, dict)
        else {},
    )


def _object(text: bytes) -> dict[str, object]:
    if len(text) > messages.MAX_JSON_BYTES:
        raise WireError(WireReason.OVERSIZED, f"{len(text)} bytes of JSON")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError(WireReason.BAD_JSON, "expected an object") from None
    if not isinstance(value, dict):
        raise WireError(WireReason.BAD_JSON, f"expected an object, got {type(value).__name__}")
    return value
