"""JSON messages: there and back, golden text, and every way of being refused."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Beat,
    BeatClass,
    Command,
    CommandAction,
    DeviceInfo,
    DeviceStatus,
    Episode,
    Gap,
    GapReason,
    Priority,
    Probabilities,
    Quality,
    Receipt,
    Signal,
    SignalState,
    Vitals,
)
from vitalwire.errors import WireError, WireReason

WIRE_MD = Path(__file__).parents[2] / "docs" / "wire.md"

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# What JSON in UTF-8 can carry: no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MAYBE_NUMBERS = st.none() | NUMBERS

MESSAGES = st.one_of(
    st.builds(DeviceInfo, st.lists(TEXTS).map(tuple), NUMBERS, TEXTS, NUMBERS, TEXTS),
    st.builds(
        DeviceStatus,
        st.booleans(),
        TEXTS,
        MAYBE_NUMBERS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.lists(TEXTS).map(tuple),
    ),
    st.builds(
        Command,
        TEXTS,
        TEXTS,
        st.sampled_from(CommandAction),
        TEXTS,
        st.none() | TEXTS,
        MAYBE_NUMBERS,
        st.none() | st.dictionaries(TEXTS, NUMBERS, max_size=3),
    ),
    st.builds(Receipt, TEXTS, TEXTS, st.booleans(), TEXTS, st.integers(0, 2**62)),
)


@settings(deadline=None)
@given(MESSAGES)
def test_round_trip(message: Any) -> None:
    assert messages.load(type(message), messages.dump(message)) == message
    assert json.loads(messages.dump(message)) == messages.plain(message)


ALARM = AlarmEvent(
    alarm_id="a1",
    revision=0,
    phase=AlarmPhase.START,
    kind=AlarmKind.ASYSTOLE,
    priority=Priority.HIGH,
    site="ward-1",
    device="w1",
    signal=Signal.ECG,
    patient="p-7",
    stream_id=17,
    declared_sample=5000,
    onset_ns=1_750_000_000_000_000_000,
    declared_ns=1_750_000_004_000_000_000,
    time_ns=1_750_000_004_000_000_001,
    active=True,
    latched=False,
    acknowledged=False,
    acknowledged_by=None,
    snoozed_until_ns=None,
    ended_ns=None,
    message="no beat for 4.0 s",
    evidence={"flat_s": 4.0, "beats": 0, "lead": "II", "leads_on": True},
)


def test_an_alarm_comes_back_to_the_nanosecond_and_with_its_evidence() -> None:
    again = messages.load(AlarmEvent, messages.dump(ALARM))
    assert again == ALARM
    assert {k: type(v) for k, v in again.evidence.items()} == {
        "flat_s": float,
        "beats": int,
        "lead": str,
        "leads_on": bool,
    }


def test_golden_text() -> None:
    info = DeviceInfo(("I", "II"), 250.0, "mV", 0.2)
    assert messages.dump(info) == (
        b'{"leads":["I","II"],"fs":250.0,"unit":"mV","interval_s":0.2,"source":""}'
    )
    beat = Beat("w1", Signal.ECG, 7, 100, 5, BeatClass.Q, None, 0.5)
    assert messages.dump_event(beat) == (
        b'{"type":"beat","device":"w1","signal":"ecg","stream_id":7,"sample":100,"time_ns":5,'
        b'"label":"Q","rr_s":null,"amplitude_mv":0.5,"probability":null,"activation":[]}'
    )


def test_the_examples_of_the_page_are_read() -> None:
    blocks = re.findall(r"```json\n(.*?)```", WIRE_MD.read_text(), re.S)
    lines = [line.encode() for block in blocks for line in block.splitlines()]
    classes = [
        DeviceInfo, DeviceStatus, *[Command] * 3, Receipt, Vitals, Vitals, Beat, Quality,
        Probabilities, Episode, Gap,
    ]  # fmt: skip
    for cls, line in zip([*classes, AlarmEvent], lines, strict=True):
        messages.load(cls, line)


def test_an_event_is_one_line() -> None:
    gap = Gap("w\n1", Signal.EEG, 7, 100, 0, GapReason.LOST, 5)
    vitals = Vitals("w1", Signal.ECG, 7, 100, 5, SignalState.GOOD, heart_rate_bpm=61.5)
    for event, name in ((gap, "gap"), (vitals, "vitals"), (ALARM, "alarmevent")):
        line = messages.dump_event(event)
        assert b"\n" not in line
        assert json.loads(line)["type"] == name


BAD = {
    "empty": b"",
    "no JSON": b"\x00\x01\x02",
    "no UTF-8": b'{"leads":["\xff"],"fs":250,"unit":"mV","interval_s":1}',
    "a list": b"[]",
    "null": b"null",
    "a field missing": b'{"leads":["I"],"unit":"mV","interval_s":1}',
    "another type": b'{"leads":"I","fs":250,"unit":"mV","interval_s":1}',
    "NaN": b'{"leads":["I"],"fs":NaN,"unit":"mV","interval_s":1}',
    "Infinity": b'{"leads":["I"],"fs":-Infinity,"unit":"mV","interval_s":1}',
    "1e999": b'{"leads":["I"],"fs":1e999,"unit":"mV","interval_s":1}',
    "400 digits": b'{"leads":["I"],"fs":1%b,"unit":"mV","interval_s":1}' % (b"0" * 400),
    "5000 digits": b'{"leads":["I"],"fs":1%b,"unit":"mV","interval_s":1}' % (b"0" * 5000),
    "lone surrogate": b'{"leads":["\\ud800"],"fs":250,"unit":"mV","interval_s":1}',
    "deep": b'{"leads":' + b"[" * 60_000,
    "torn": b'{"leads":["I"],"fs":250',
}


@pytest.mark.parametrize("name", BAD)
def test_bad_json_is_refused(name: str) -> None:
    with pytest.raises(WireError) as caught:
        messages.load(DeviceInfo, BAD[name])
    assert caught.value.reason is WireReason.BAD_JSON
    assert len(str(caught.value)) < 300


def test_too_long_is_refused_unread() -> None:
    with pytest.raises(WireError) as caught:
        messages.load(DeviceStatus, b'{"online":true}'.ljust(messages.MAX_JSON_BYTES + 1))
    assert caught.value.reason is WireReason.OVERSIZED
    assert messages.load(DeviceStatus, b'{"online":true}'.ljust(messages.MAX_JSON_BYTES))


def test_numbers_inside_a_mapping_are_checked_too() -> None:
    payload = b'{"command_id":"c","device":"w1","action":"limits","by":"x","limits":{"a":NaN}}'
    with pytest.raises(WireError, match="not finite"):
        messages.load(Command, payload)


def test_an_unknown_action_is_refused() -> None:
    payload = b'{"command_id":"c","device":"w1","action":"shock","by":"x"}'
    with pytest.raises(WireError, match="action"):
        messages.load(Command, payload)


def test_unknown_fields_are_for_a_newer_receiver() -> None:
    assert messages.load(DeviceStatus, b'{"online":true,"colour":"red"}') == DeviceStatus(True)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_nothing_but_wire_errors(noise: bytes) -> None:
    valid = messages.dump(DeviceInfo(("I",), 250.0, "mV", 0.2))
    for payload in (noise, valid[:20] + noise, valid + noise, valid[:20] + noise + valid[20:]):
        for cls in (DeviceInfo, DeviceStatus, Command, AlarmEvent):
            with suppress(WireError):
                messages.load(cls, payload)
