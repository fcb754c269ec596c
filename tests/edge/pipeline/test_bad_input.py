"""Whatever comes: counted by its reason, logged without samples, dropped or limited.

That stream recovers, and the other devices never notice.
"""

import json
import logging
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np
import pytest

from edge.chunklog.records import Record, RecordKind
from edge.config import PipelineSettings
from edge.intake import RATE_LIMITED, Intake
from edge.pipeline.gateway import Output, Pipeline, Refusal
from tests.edge.pipeline.streams import (
    SITE,
    START_NS,
    Piece,
    arriving,
    cut,
    even,
    events,
    findings,
    piece,
    play,
)
from vitalwire import messages, topics, wire
from vitalwire.contracts import (
    AlarmEvent,
    Beat,
    Chunk,
    Command,
    CommandAction,
    DeviceStatus,
    Epoch,
    Event,
    Gap,
    GapReason,
    Quality,
    Receipt,
    Signal,
    SignalState,
    Vitals,
)
from vitalwire.topics import Leaf

WHOLE = piece(None, 0.0, 30.0)
BYSTANDER = piece(None, 100.0, 30.0)
CHUNK_TOPIC = topics.signal_topic(SITE, "w1", Signal.ECG, Leaf.CHUNK)
SECRET = "0.47110815"


def good(of: Piece = WHOLE, device: str = "w1") -> list[Record]:
    return arriving(of, cut(of, even(of), device=device))


def message(topic: str, payload: bytes, arrival_ns: int = START_NS) -> Record:
    return Record(RecordKind.MESSAGE, arrival_ns, topic, payload)


@dataclass
class Gateway:
    """Intake and pipeline, as the daemon joins them."""

    settings: PipelineSettings = field(default_factory=PipelineSettings)

    def __post_init__(self) -> None:
        self.intake = Intake(SITE, self.settings)
        self.pipeline = Pipeline(SITE, max_devices=self.settings.max_devices)

    def take(self, log: Iterable[Record]) -> list[Event]:
        """Everything to the end; what the pipeline refuses is counted by the intake too."""
        admitted = []
        for one in log:
            if one.kind is RecordKind.MESSAGE:
                record = self.intake.admit(one.topic, one.payload, one.arrival_ns)
                admitted += [record] if record else []
            else:
                admitted.append(one)
        outputs = play(self.pipeline, admitted)
        for output in outputs:
            if isinstance(output, Refusal):
                self.intake.refuse(output.topic, output.reason, output.message)
        return events(outputs)


def alone() -> list[Event]:
    return [e for e in Gateway().take(good(BYSTANDER, "w2")) if e.device == "w2"]


ALONE = alone()


def beside(log: Sequence[Record]) -> list[Record]:
    """With the records of a device that does nothing wrong, by time of arrival."""
    other = good(BYSTANDER, "w2")
    ticks = {one.arrival_ns for one in other if one.kind is RecordKind.TICK}
    log = [one for one in log if one.kind is not RecordKind.TICK or one.arrival_ns not in ticks]
    return sorted(
        [*log, *other], key=lambda one: (one.arrival_ns, one.kind is not RecordKind.TICK)
    )


def of_device(told: Iterable[Event], device: str) -> list[Event]:
    return [event for event in told if event.device == device]


def beats(told: Iterable[Event]) -> list[int]:
    return [event.sample for event in told if isinstance(event, Beat)]


# --- one message that cannot be read -----------------------------------------------------


def with_header(**changes: tuple[int, str, object]) -> Callable[[bytes], bytes]:
    """Overwrite fields at their offsets, and repair the checksum."""

    def change(payload: bytes) -> bytes:
        body = bytearray(payload[:-4])
        for at, kind, value in changes.values():
            struct.pack_into(f"<{kind}", body, at, value)
        return bytes(body) + struct.pack("<I", crc32(body))

    return change


def flip(payload: bytes) -> bytes:
    return payload[:70] + bytes([payload[70] ^ 0x10]) + payload[71:]


SPOILT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut in the header": ("truncated", lambda p: p[:20]),
    "cut in the samples": ("bad_length", lambda p: p[:-50]),
    "zero length": ("truncated", lambda _: b""),
    "a bit turned": ("bad_crc", flip),
    "oversized": ("oversized", lambda p: p + bytes(70_000)),
    "foreign": ("bad_magic", lambda _: b'{"ecg": [0.47110815, 0.1]}' * 9),
    "version 2": ("bad_version", with_header(version=(2, "B", 2))),
    "unknown flag": ("bad_flags", with_header(flags=(3, "B", 0x80))),
    "0 channels": ("bad_channels", with_header(n=(12, "B", 0))),
    "64 channels": ("bad_channels", with_header(n=(12, "B", 64))),
    "0 samples": ("bad_samples", with_header(n=(14, "H", 0))),
    "NaN rate": ("bad_rate", with_header(fs=(32, "d", float("nan")))),
    "rate 0": ("bad_rate", with_header(fs=(32, "d", 0.0))),
    "1 MHz": ("bad_rate", with_header(fs=(32, "d", 1e6))),
    "before 1970": ("bad_time", with_header(t0=(24, "q", -1))),
    "NaN scale": ("bad_scale", with_header(s=(44, "f", float("nan")))),
    "scale 0": ("bad_scale", with_header(s=(44, "f", 0.0))),
    "infinite offset": ("bad_scale", with_header(o=(48, "f", float("inf")))),
    "lead that is not there": ("bad_flags", with_header(off=(40, "I", 2))),
}


def one_less() -> list[Event]:
    log = good()
    return of_device(Gateway().take(beside([*log[:90], *log[91:]])), "w1")


ONE_LESS = one_less()


@pytest.mark.parametrize("name", SPOILT)
def test_a_chunk_that_cannot_be_read_is_one_chunk_less(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reason, spoil = SPOILT[name]
    log, at = good(), 90
    spoilt = [*log[:at], replace(log[at], payload=spoil(log[at].payload)), *log[at + 1 :]]
    gateway = Gateway()
    with caplog.at_level(logging.DEBUG):
        told = gateway.take(beside(spoilt))
    assert dict(gateway.intake.refused) == {reason: 1}
    assert of_device(told, "w1") == ONE_LESS
    assert of_device(told, "w2") == ALONE
    assert beats(of_device(told, "w1"))[-1] > 0.9 * WHOLE.n_samples
    assert says_no_samples(caplog)
    # In the log already, from a gateway that let more through: the pipeline says the same.
    (refusal,) = play(Pipeline(SITE), [spoilt[at]])
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def says_no_samples(caplog: pytest.LogCaptureFixture) -> bool:
    plain = (str, int, float, bool, type(None), tuple)
    for record in caplog.records:
        fields = {k: v for k, v in vars(record).items() if k != "exc_info"}
        assert all(isinstance(value, plain) for value in fields.values()), fields
        text = " ".join(str(value) for value in fields.values())
        assert SECRET not in text
        assert len(text) < 2000
    return True


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("", "bad_topic"),
        ("#", "bad_topic"),
        ("vitalwire/v1/ward/w1/ecg/chunk/x", "bad_topic"),
        ("vitalwire/v2/ward/w1/ecg/chunk", "bad_topic"),
        ("vitalwire/v1/ward/w 1/ecg/chunk", "bad_topic"),
        ("vitalwire/v1/ward/../ecg/chunk", "bad_topic"),
        ("vitalwire/v1/ward/gateway/ecg/chunk", "bad_topic"),
        ("vitalwire/v1/ward/" + "w" * 65 + "/ecg/chunk", "bad_topic"),
        ("vitalwire/v1/ward/w1/ppg/chunk", "unknown_signal"),
        ("vitalwire/v1/ward/w1/ECG/chunk", "unknown_signal"),
        ("vitalwire/v1/other/w1/ecg/chunk", "bad_topic"),
        ("vitalwire/v1/other/w1/status", "bad_topic"),
        ("x" * 60_000, "bad_topic"),
    ],
)
def test_a_topic_that_is_not_ours(
    topic: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = message(topic, good()[5].payload, START_NS + 10**10)
    gateway = Gateway()
    with caplog.at_level(logging.DEBUG):
        told = gateway.take(beside([foreign]))
    assert dict(gateway.intake.refused) == {reason: 1}
    assert told == ALONE
    assert says_no_samples(caplog)
    (refusal,) = play(Pipeline(SITE), [foreign])
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


@pytest.mark.parametrize("leaf", [Leaf.ALARM, Leaf.VITALS, Leaf.RECEIPT, Leaf.ALARMS_ACTIVE])
def test_what_a_gateway_says_itself_is_not_read(leaf: Leaf) -> None:
    gateway = Gateway()
    foreign = message(topics.device_topic(SITE, "w1", leaf), b"{}", START_NS + 10**10)
    assert gateway.take(beside([foreign])) == ALONE
    assert dict(gateway.intake.refused) == {"bad_topic": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"online": "0.47110815"}',
        b'{"online": true, "battery": NaN}',
        b'{"online": true, "battery": 1e999}',
        b"[" * 30_000,
        b'{"command_id": 1}',
        b'{"command_id":"c","device":"w1","action":"shoot","by":"n"}',
        b'{"command_id":"c","device":"w1","action":"limits","by":"n","limits":{"a":"b"}}',
    ],
)
@pytest.mark.parametrize("leaf", [Leaf.STATUS, Leaf.COMMAND])
def test_json_that_is_none(
    leaf: Leaf, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway()
    foreign = message(topics.device_topic(SITE, "w2", leaf), payload, START_NS + 10**10)
    with caplog.at_level(logging.DEBUG):
        told = gateway.take(beside([foreign]))
    assert told == ALONE
    assert dict(gateway.intake.refused) == {"bad_json": 1}
    assert says_no_samples(caplog)
    (refusal,) = play(Pipeline(SITE), [foreign])
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "bad_json"


def test_json_that_is_too_long() -> None:
    gateway = Gateway()
    payload = b'{"online": true' + b" " * 70_000 + b"}"
    topic = topics.device_topic(SITE, "w2", Leaf.STATUS)
    assert gateway.take(beside([message(topic, payload, START_NS + 10**10)])) == ALONE
    assert dict(gateway.intake.refused) == {"oversized": 1}


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ({"action": CommandAction.ACKNOWLEDGE, "alarm_id": "nobody"}, False),
        ({"action": CommandAction.ACKNOWLEDGE}, False),
        ({"action": CommandAction.SNOOZE, "alarm_id": "x", "snooze_s": 1e300}, False),
        ({"action": CommandAction.LIMITS, "limits": {"tachycardia_bpm": 1e300}}, False),
        ({"action": CommandAction.LIMITS, "limits": {"unknown": 1.0}}, False),
        ({"action": CommandAction.LIMITS, "limits": {"bradycardia_bpm": 500.0}}, False),
        ({"action": CommandAction.LIMITS, "limits": {"tachycardia_bpm": 150.0}}, True),
    ],
)
def test_a_command_that_cannot_be_obeyed_gets_a_receipt(
    fields: dict[str, object], accepted: bool
) -> None:
    command = Command(command_id="c1", device="w1", by="nurse", **fields)  # type: ignore[arg-type]
    topic = topics.device_topic(SITE, "w1", Leaf.COMMAND)
    told = Gateway().take([*good(), message(topic, messages.dump(command), START_NS + 10**11)])
    (receipt,) = [event for event in told if isinstance(event, Receipt)]
    assert (receipt.command_id, receipt.accepted) == ("c1", accepted)
    assert bool(receipt.reason) is not accepted


def test_a_command_on_another_devices_topic_is_refused() -> None:
    command = Command("c1", "w2", CommandAction.ACKNOWLEDGE, "nurse", "x")
    topic = topics.device_topic(SITE, "w1", Leaf.COMMAND)
    gateway = Gateway()
    told = gateway.take(beside([message(topic, messages.dump(command), START_NS + 10**10)]))
    assert told == ALONE
    assert dict(gateway.intake.refused) == {"bad_json": 1}


def test_a_command_for_a_device_that_nobody_knows() -> None:
    command = Command("c1", "ghost", CommandAction.ACKNOWLEDGE, "nurse", "x")
    topic = topics.device_topic(SITE, "ghost", Leaf.COMMAND)
    gateway = Gateway()
    (receipt,) = gateway.take([message(topic, messages.dump(command))])
    assert isinstance(receipt, Receipt)
    assert not receipt.accepted
    assert list(gateway.pipeline.devices) == []


# --- a stream that does not keep to its form ---------------------------------------------


def played(chunks: Sequence[Chunk], of: Piece = WHOLE) -> tuple[Gateway, list[Event]]:
    """Chunks as they come, beside a device that does nothing wrong."""
    gateway = Gateway()
    told = gateway.take(beside(arriving(of, chunks)))
    assert of_device(told, "w2") == ALONE
    return gateway, of_device(told, "w1")


def gaps(told: Iterable[Event]) -> list[tuple[GapReason, int]]:
    return [(event.reason, event.n_samples) for event in told if isinstance(event, Gap)]


CLEAN = beats(played(cut(WHOLE, even(WHOLE)))[1])


def settled(found: Iterable[int], since: int) -> list[int]:
    return [sample for sample in found if sample > since + 12 * WHOLE.fs]


@pytest.mark.parametrize("jump", [1, 1000, 1 << 31, (1 << 32) - 5])
def test_a_seq_that_jumps(jump: int) -> None:
    chunks = cut(WHOLE, even(WHOLE))
    jumped = chunks[:80] + [
        replace(one, seq=(one.seq + jump) % (1 << 32)) for one in chunks[80:]
    ]
    gateway, told = played(jumped)
    assert gaps(told) == [(GapReason.LOST, 0)]
    assert settled(beats(told), jumped[80].first_sample) == settled(
        CLEAN, jumped[80].first_sample
    )
    assert gateway.pipeline.counters()["w1"]["ecg"]["seq_jump"] == 1


def test_a_seq_that_wraps_is_no_gap() -> None:
    _, told = played(cut(WHOLE, even(WHOLE), seq=(1 << 32) - 50))
    assert gaps(told) == []
    assert beats(told) == CLEAN


def test_a_rate_and_a_lead_count_that_change() -> None:
    chunks = cut(WHOLE, even(WHOLE))
    changed = [
        *chunks[:60],
        *(replace(one, data=one.data.repeat(2, axis=0)) for one in chunks[60:100]),
        *(replace(one, fs=180.0) for one in chunks[100:101]),
        *chunks[101:],
    ]
    double = Piece(WHOLE.data, WHOLE.fs, WHOLE.scale.repeat(2), WHOLE.offset.repeat(2))
    log = []
    gateway = Gateway()
    for one, record in zip(changed, messages_of(arriving(WHOLE, chunks)), strict=True):
        encode = double.encode if one.n_channels == 2 else WHOLE.encode
        log.append(replace(record, payload=encode(one)))
    told = gateway.take(beside(log))
    assert of_device(told, "w2") == ALONE
    told = of_device(told, "w1")
    assert gaps(told) == [(GapReason.FORMAT, 0)] * 3
    leads = {event.lead for event in told if isinstance(event, Quality)}
    assert leads == {0, 1}
    assert beats(told)[-1] == CLEAN[-1]
    sorted_beats = beats(told)
    assert sorted_beats == sorted(set(sorted_beats))


def messages_of(log: Iterable[Record]) -> list[Record]:
    return [one for one in log if one.kind is RecordKind.MESSAGE]


def test_a_sample_count_that_runs_away_is_not_believed_at_once() -> None:
    chunks = cut(WHOLE, even(WHOLE))
    wild = replace(chunks[70], first_sample=1 << 53)
    gateway, told = played([*chunks[:70], wild, *chunks[71:]])
    assert gaps(told) == [(GapReason.LOST, chunks[70].n_samples)]
    assert gateway.pipeline.counters()["w1"]["ecg"]["ahead"] == 1
    assert beats(told)[-1] == CLEAN[-1]


def test_a_sample_count_that_starts_again_is_believed_after_a_while() -> None:
    first = cut(WHOLE, even(WHOLE))
    again = piece(None, 0.0, 120.0)
    later_ns = START_NS + 40 * 10**9
    second = cut(again, even(again), t0_ns=later_ns)
    pipeline = Pipeline(SITE)
    told = events(play(pipeline, arriving(again, first + second)))
    assert gaps(told) == [(GapReason.RESTART, 0)]
    at = next(i for i, event in enumerate(told) if isinstance(event, Gap))
    behind = beats(told[at:])
    assert len(behind) > 100
    assert behind == sorted(set(behind))
    times = [event.time_ns for event in told if isinstance(event, Beat)]
    assert times == sorted(times)
    alarms = [event.kind for event in told if isinstance(event, AlarmEvent) and event.signal]
    assert alarms == []


@pytest.mark.parametrize("t0_ns", [0, 4_133_980_800 * 10**9, 1 << 62])
@pytest.mark.parametrize("arrival_ns", [0, START_NS])
def test_clocks_of_1970_and_2100(t0_ns: int, arrival_ns: int) -> None:
    """The beats are the same; UTC is the device's, or, where that cannot be, the gateway's."""
    t0_ns = min(t0_ns, (1 << 62) - 50 * 10**9)
    chunks = cut(WHOLE, even(WHOLE), t0_ns=t0_ns)
    log = [
        replace(one, arrival_ns=one.arrival_ns - t0_ns + arrival_ns)
        for one in arriving(WHOLE, chunks)
    ]
    told = Gateway().take(log)
    assert beats(told) == CLEAN
    times = [event.time_ns for event in told if isinstance(event, Beat)]
    assert times == sorted(times)
    if arrival_ns:
        assert abs(times[0] - arrival_ns) < 10 * 10**9
    for event in told:
        messages.dump_event(event)


def test_a_gateway_that_learns_the_date_raises_no_alarm() -> None:
    log = arriving(WHOLE, cut(WHOLE, even(WHOLE)))
    half = len(log) // 2
    unset = [replace(one, arrival_ns=one.arrival_ns - START_NS) for one in log[:half]]
    told = Gateway().take([*unset, *log[half:]])
    assert beats(told) == CLEAN
    assert not [event for event in told if isinstance(event, AlarmEvent)]


@pytest.mark.parametrize("fs", [1.0, 50.0, 99.0, 2000.0, 8192.0])
def test_an_ecg_of_a_rate_that_cannot_be_analysed_is_only_recorded(fs: float) -> None:
    chunks = cut(WHOLE, even(WHOLE))
    odd = [replace(one, fs=fs, t0_ns=START_NS) for one in chunks[:50]]
    gateway = Gateway()
    told = gateway.take([*messages_of(arriving(WHOLE, odd, every_ns=200_000_000))])
    assert [type(event) for event in told if not isinstance(event, AlarmEvent)] == []
    assert gateway.pipeline.counters()["w1"]["ecg"]["delivered"] == 50


@pytest.mark.parametrize("fs", [100.0, 1024.0, 125.5])
def test_an_ecg_at_the_edge_of_what_can_be_analysed(fs: float) -> None:
    t = np.arange(round(30 * fs)) / fs
    data = np.exp(-(((t % 0.8) - 0.4) ** 2) / 2e-4).astype(np.float32)[None, :]
    drawn = Piece(data, fs, np.array([1e-4], np.float32), np.zeros(1, np.float32))
    _, told = played(cut(drawn, even(drawn)), drawn)
    assert len(beats(told)) == pytest.approx(37, abs=2)


def test_a_gap_in_an_eeg_is_told_and_no_beat() -> None:
    chunks = [replace(one, signal=Signal.EEG) for one in cut(WHOLE, even(WHOLE))]
    gateway, told = played(chunks[:50] + chunks[52:])
    assert gaps(told) == [(GapReason.LOST, 144)]
    assert not beats(told)
    assert {one.signal for one in told if isinstance(one, Quality)} == {Signal.EEG}
    assert gateway.pipeline.counters()["w1"]["eeg"]["delivered"] == len(chunks) - 2


def test_ecg_and_eeg_of_one_device_do_not_mix() -> None:
    chunks = cut(WHOLE, even(WHOLE))
    both = [s for one in chunks for s in (one, replace(one, signal=Signal.EEG))]
    gateway = Gateway()
    log = beside(arriving(WHOLE, both, every_ns=100_000_000))
    told = gateway.take(log)
    assert of_device(told, "w2") == ALONE
    told = of_device(told, "w1")
    assert beats(told) == CLEAN
    assert gaps(told) == []


@pytest.mark.parametrize("value", [0.0, 5.0, 1e5, float("nan")])
def test_a_constant_or_missing_signal_is_never_normal(value: float) -> None:
    data = np.full_like(WHOLE.data, value)
    scale = np.array([max(value, 1.0) / 30_000 if value == value else 1.0], np.float32)
    of = Piece(data, WHOLE.fs, scale, np.zeros(1, np.float32))
    _, told = played(cut(of, even(of)), of)
    assert beats(told) == []
    assert {e.heart_rate_bpm for e in told if isinstance(e, Vitals)} == {None}
    states = [event.state for event in told if isinstance(event, Quality)]
    assert states[-1] in (SignalState.FLAT, SignalState.POOR)
    assert [event for event in told if isinstance(event, AlarmEvent)]


def test_a_wild_signal_stays_finite() -> None:
    rng = np.random.default_rng(3)
    data = np.where(rng.random(WHOLE.data.shape) < 0.5, 9e8, -9e8).astype(np.float32)
    of = Piece(data, WHOLE.fs, np.array([3e4], np.float32), np.zeros(1, np.float32))
    _, told = played(cut(of, even(of)), of)
    for event in told:
        messages.dump_event(event)
    assert {e.heart_rate_bpm for e in told if isinstance(e, Vitals)} == {None}


# --- too much ----------------------------------------------------------------------------


def test_a_device_at_a_thousand_times_its_rate_is_limited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flood = piece(None, 0.0, 300.0)
    settings = PipelineSettings(max_speed=10.0, backlog_s=20.0)
    chunks = cut(flood, even(flood))
    log = messages_of(arriving(flood, chunks, every_ns=200_000))  # 0.2 s of signal in 0.2 ms
    gateway = Gateway(settings)
    with caplog.at_level(logging.DEBUG):
        told = gateway.take(beside(log))
    taken = gateway.pipeline.counters()["w1"]["ecg"]["delivered"]
    assert 0 < taken * 0.2 < 20 + 10 * 0.3 + 1
    assert gateway.intake.refused == Counter({RATE_LIMITED: len(chunks) - taken})
    assert of_device(told, "w2") == ALONE
    assert len(caplog.records) < 10
    assert says_no_samples(caplog)


def test_it_recovers_when_it_slows_down() -> None:
    settings = PipelineSettings(max_speed=10.0, backlog_s=20.0)
    flood = piece(None, 0.0, 300.0)
    chunks = cut(flood, even(flood))
    fast = messages_of(arriving(flood, chunks[:1000], every_ns=200_000))
    slow = [
        replace(one, arrival_ns=one.arrival_ns + 60 * 10**9)
        for one in messages_of(arriving(flood, chunks[1000:], every_ns=100_000_000))
    ]
    gateway = Gateway(settings)
    told = gateway.take([*fast, *slow])
    behind = [sample for sample in beats(told) if sample > chunks[1000].first_sample]
    assert len(behind) > 110
    assert {reason for reason, _ in gaps(told)} == {GapReason.LOST}


def test_more_devices_than_there_may_be() -> None:
    gateway = Gateway(PipelineSettings(max_devices=2))
    first = arriving(WHOLE, cut(WHOLE, even(WHOLE), device="w1"))[:50]
    crowd = [
        message(topics.device_topic(SITE, f"x{i}", Leaf.STATUS), b'{"online":true}', at)
        for i in range(100)
        for at in [START_NS + 5 * 10**9]
    ]
    payload = messages_of(first)[0].payload
    crowd += [
        message(topics.signal_topic(SITE, f"y{i}", Signal.ECG, Leaf.CHUNK), payload, at)
        for i in range(100)
        for at in [START_NS + 5 * 10**9]
    ]
    told = gateway.take(beside([*first, *crowd]))
    assert sorted(gateway.pipeline.devices) == ["w1", "w2"]
    assert of_device(told, "w2") == ALONE
    assert sum(gateway.intake.refused.values()) == 200


# --- everything at once ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_wild_sender_never_stops_the_others(seed: int) -> None:
    """Chunks that are well-formed and senseless: no exception, every number finite."""
    rng = np.random.default_rng(seed)
    log = [wild_chunk(rng, i) for i in range(250)]
    gateway = Gateway()
    told = gateway.take(beside(log))
    assert of_device(told, "w2") == ALONE
    for event in told:
        line = json.loads(messages.dump_event(event))
        assert line["device"] in ("w1", "w2")
    assert findings(told)


def wild_chunk(rng: np.random.Generator, i: int) -> Record:
    n_channels, n_samples = int(rng.choice([1, 1, 2, 32])), int(rng.choice([1, 50, 72, 500]))
    data = np.tile(WHOLE.data[:, 40 * i : 40 * i + n_samples], (n_channels, 1))
    data[rng.random(data.shape) < rng.choice([0, 0, 0.3, 1])] = np.nan
    far = int(rng.integers(0, 1 << 53))
    chunk = Chunk(
        device="w1",
        signal=Signal.ECG,
        stream_id=int(rng.choice([1, 1, 1, 2])),
        seq=int(rng.choice([i, i, i, far % (1 << 32)])),
        first_sample=int(rng.choice([72 * i, 72 * i, 72 * i, far])),
        t0_ns=int(rng.choice([START_NS + i * 200_000_000, START_NS, 0, 1 << 62])),
        epoch=Epoch.UTC if rng.random() < 0.8 else Epoch.BOOT,
        fs=float(rng.choice([360.0, 360.0, 360.0, 50.0, 100.0, 1024.0])),
        data=data,
        lead_off=int(rng.choice([0, 0, (1 << n_channels) - 1])),
    )
    topic = topics.signal_topic(SITE, "w1", Signal.ECG, Leaf.CHUNK)
    return message(topic, wire.encode(chunk), START_NS + i * 160_000_000)


def test_a_status_of_every_kind_is_survived() -> None:
    topic = topics.device_topic(SITE, "w1", Leaf.STATUS)
    kinds = [
        DeviceStatus(True),
        DeviceStatus(False),
        DeviceStatus(False, "bye"),
        DeviceStatus(True, battery=-5.0),
        DeviceStatus(True, battery=0.01),
        DeviceStatus(True, battery=1e300),
        DeviceStatus(True, firmware="x" * 10_000, injected=("a",) * 100),
    ]
    log = [
        message(topic, messages.dump(kind), START_NS + (7 * j + i) * 10**9)
        for j in range(5)
        for i, kind in enumerate(kinds)
    ]
    told = Gateway().take(beside(log))
    assert of_device(told, "w2") == ALONE


def test_an_assignments_record_that_cannot_be_read_changes_nothing() -> None:
    for payload in (b"\xff", b"[[assignment]]", b"x = 1"):
        record = Record(RecordKind.ASSIGNMENTS, START_NS + 10**10, "", payload)
        outputs = play(Pipeline(SITE), [record])
        assert [type(output) for output in outputs] == [Refusal]
        outputs = play(Pipeline(SITE), beside([record]))
        assert [one.event for one in outputs if isinstance(one, Output)] == ALONE
