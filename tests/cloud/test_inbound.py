import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud import inbound
from cloud.inbound import ActiveAlarms, Service, Status, StreamEvents
from tests.cloud.fake_gateway import alarm, beat, chunk, probabilities, vitals
from vitalwire import messages, wire
from vitalwire.contracts import (
    AlarmEvent,
    Beat,
    BeatClass,
    Chunk,
    Probabilities,
    Signal,
    Vitals,
)
from vitalwire.errors import WireError

BASE = "vitalwire/v1/ward"
TOPICS = [
    f"{BASE}/bed-1/alarm", f"{BASE}/bed-1/alarms/active", f"{BASE}/bed-1/vitals",
    f"{BASE}/bed-1/status", f"{BASE}/bed-1/receipt", f"{BASE}/bed-1/ecg/chunk",
    f"{BASE}/bed-1/ecg/events", f"{BASE}/bed-1/ecg/info", f"{BASE}/gateway/g/status",
    f"{BASE}/bridge/b/status",
]  # fmt: skip


def test_each_topic_gives_its_message() -> None:
    assert isinstance(inbound.read(TOPICS[0], messages.dump(alarm())), AlarmEvent)
    active = inbound.read(TOPICS[1], b"[" + messages.dump(alarm()) + b"]")
    assert active == ActiveAlarms("bed-1", (alarm(),))
    assert isinstance(inbound.read(TOPICS[2], messages.dump(vitals())), Vitals)
    assert isinstance(inbound.read(TOPICS[5], wire.encode(chunk(np.ones(2), 0))), Chunk)
    lines = b"\n".join([messages.dump_event(beat(5)), messages.dump_event(vitals())])
    events = inbound.read(TOPICS[6], lines)
    assert isinstance(events, StreamEvents)
    assert events.beats == (beat(5),)


def test_a_classified_beat_and_the_rhythm_come_with_the_events() -> None:
    seen = beat(5, label=BeatClass.V, probability=0.9, activation=(0.0, 1.0))
    said = probabilities(360, af=0.7)
    events = inbound.read(
        TOPICS[6], b"\n".join(messages.dump_event(one) for one in (seen, said))
    )
    assert events == StreamEvents("bed-1", Signal.ECG, (seen,), (), (said,))


def test_the_last_bit_of_a_float_costs_no_beat() -> None:
    seen = beat(5, label=BeatClass.V, probability=1.0000001, activation=(1.0000001, -1e-9))
    said = replace(probabilities(360), values=(1.0000001, -1e-9, 0.0, 0.0, 0.0))
    events = inbound.read(
        TOPICS[6], b"\n".join(messages.dump_event(one) for one in (seen, said))
    )
    assert events == StreamEvents("bed-1", Signal.ECG, (seen,), (), (said,))


def test_a_beat_of_a_gateway_without_models_is_read_as_ever() -> None:
    line = json.loads(messages.dump_event(beat(5)))
    del line["probability"], line["activation"]
    events = inbound.read(TOPICS[6], json.dumps(line).encode())
    assert events == StreamEvents("bed-1", Signal.ECG, (beat(5),))


@pytest.mark.parametrize(
    "event",
    [
        replace(probabilities(1), labels=("normal",)),
        replace(probabilities(1), labels=(), values=()),
        replace(probabilities(1), labels=("af",) * 5),
        replace(probabilities(1), values=(0.5, 0.9, 0.0, 0.0, 0.0)),
        replace(probabilities(1), values=(1.4, -0.4, 0.0, 0.0, 0.0)),
        replace(probabilities(1), labels=("n" * 33,), values=(1.0,)),
        replace(probabilities(1), labels=tuple(map(str, range(17))), values=(1.0, *[0.0] * 16)),
        beat(1, probability=1.5),
        beat(1, activation=(0.5, -0.1)),
        beat(1, activation=(0.5,) * 65),
    ],
)
def test_what_a_model_cannot_have_said_is_refused(event: Beat | Probabilities) -> None:
    with pytest.raises(WireError, match=r"expected|over 32 letters"):
        inbound.read(TOPICS[6], messages.dump_event(event))


@pytest.mark.parametrize("values", ["[NaN,1,0,0,0]", '["1",0,0,0,0]', "null", "1", "[[1],0]"])
def test_probabilities_that_are_no_numbers_are_refused(values: str) -> None:
    line = messages.dump_event(probabilities(1)).decode()
    with pytest.raises(WireError, match="Probabilities"):
        inbound.read(TOPICS[6], line.replace("[1.0,0.0,0.0,0.0,0.0]", values).encode())


def test_services_say_whether_they_are_there() -> None:
    gateway = inbound.read(TOPICS[8], b'{"online":true,"patients":{"bed-1":"P-1"},"load":1}')
    assert gateway == Service("gateway", "g", True, "", {"bed-1": "P-1"})
    assert inbound.read(TOPICS[9], b'{"online":false}') == Service("bridge", "b", False)
    assert inbound.read(TOPICS[9], b"") == Service("bridge", "b", False)


def test_a_cleared_retained_message_is_no_error() -> None:
    assert inbound.read(TOPICS[1], b"") == ActiveAlarms("bed-1", ())
    assert inbound.read(TOPICS[3], b"") == Status("bed-1", None)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPICS[0], messages.dump(alarm(device="bed-2"))),
        (TOPICS[0], messages.dump(alarm(site="elsewhere"))),
        (TOPICS[1], b"[" + messages.dump(alarm(device="bed-2")) + b"]"),
        (TOPICS[2], messages.dump(vitals("bed-2"))),
        (TOPICS[6], messages.dump_event(beat(1, "bed-2"))),
        (TOPICS[6], messages.dump_event(probabilities(1, "bed-2"))),
        (TOPICS[6], messages.dump_event(replace(probabilities(1), signal=Signal.EEG))),
    ],
)
def test_the_topic_is_the_identity(topic: str, payload: bytes) -> None:
    with pytest.raises(WireError, match="claim"):
        inbound.read(topic, payload)


def test_an_alarm_kind_of_tomorrow_is_refused_not_guessed() -> None:
    fields = json.loads(messages.dump(alarm()))
    with pytest.raises(WireError, match="kind"):
        inbound.read(TOPICS[0], json.dumps({**fields, "kind": "boredom"}).encode())


@given(st.sampled_from(TOPICS), st.binary(max_size=300))
def test_whatever_comes_raises_nothing_but_wire_error(topic: str, payload: bytes) -> None:
    with contextlib.suppress(WireError):
        inbound.read(topic, payload)


@given(st.sampled_from(TOPICS), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["online", "patients", "type", "device", "alarm_id", "x"]), inner)
    | st.fixed_dictionaries({"type": st.sampled_from(["beat", "probabilities"]),
                             "labels": inner, "values": inner, "activation": inner}),
    max_leaves=8))  # fmt: skip
def test_whatever_json_comes_raises_nothing_but_wire_error(topic: str, value: object) -> None:
    with contextlib.suppress(WireError):
        inbound.read(topic, json.dumps(value).encode())


def test_no_two_subscriptions_overlap() -> None:
    filters = [name.split("/") for name, _ in inbound.subscriptions("ward")]
    for topic in TOPICS:
        levels = topic.split("/")
        matching = [
            f for f in filters
            if len(f) == len(levels)
            and all(a in ("+", b) for a, b in zip(f, levels, strict=True))
        ]  # fmt: skip
        assert len(matching) == 1, topic


def test_evidence_that_is_not_finite_is_refused() -> None:
    event = replace(alarm(), evidence={"rate": float("nan")})
    with pytest.raises(WireError):
        inbound.read(TOPICS[0], messages.dump(event).replace(b"null", b"NaN", 1))
