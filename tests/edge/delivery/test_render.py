"""Each event is a point of its own, the same at every retry, with numbers for what counts."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.entries import Kind, Lane
from edge.delivery.lineprotocol import parse_line
from edge.delivery.render import alarm_point_ns, is_kept, live, render, render_gateway
from tests.edge.delivery.samples import PATIENT, T0, alarm, beat, stream, vitals
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Event,
    Probabilities,
    Quality,
    Receipt,
    Signal,
    SignalState,
)
from vitalwire.errors import ContractError

BOUNDED_TAGS = {"site", "device", "patient", "signal", "lead", "kind", "phase"}


def _line(event: Event, patient: str | None = PATIENT) -> str:
    line = render(event, "ward-1", patient).line
    assert line is not None
    return line


def test_vitals_as_a_line() -> None:
    assert _line(replace(vitals(3), rmssd_ms=41, heart_rate_bpm=None)) == (
        'vitals,device=strap-1,patient=p-17,signal=ecg,site=ward-1 state="good",state_code=1i,'
        "rr_s=0.8,rmssd_ms=41.0,analysable=1.0,sample=750i,stream_id=7i 1700000003000000000"
    )


def test_vitals_of_an_eeg_as_a_line() -> None:
    of_eeg = replace(
        vitals(3),
        signal=Signal.EEG,
        heart_rate_bpm=None,
        rr_s=None,
        good_leads=18,
        amplitude_uv=21,
        delta_uv2=210.5,
        theta_uv2=64.0,
        alpha_uv2=None,
        beta_uv2=38.0,
        gamma_uv2=7,
    )
    assert _line(of_eeg) == (
        'vitals,device=strap-1,patient=p-17,signal=eeg,site=ward-1 state="good",state_code=1i,'
        "analysable=1.0,good_leads=18i,amplitude_uv=21.0,delta_uv2=210.5,theta_uv2=64.0,"
        "beta_uv2=38.0,gamma_uv2=7.0,sample=750i,stream_id=7i 1700000003000000000"
    )


def test_a_device_that_nobody_wears_has_no_patient() -> None:
    assert "patient" not in parse_line(_line(beat(), None)).tags


def test_an_alarm_as_point_and_message() -> None:
    entry = render(alarm(), "elsewhere", "somebody")
    assert (entry.key, entry.kind.lane) == ("a00000000:0", Lane.URGENT)
    assert entry.topic == "vitalwire/v1/ward-1/strap-1/alarm"
    assert entry.payload is not None
    assert messages.load(AlarmEvent, entry.payload) == alarm()
    point = parse_line(entry.line or "")
    assert point.tags == {
        "site": "ward-1",
        "device": "strap-1",
        "patient": "p-17",
        "signal": "ecg",
        "kind": "asystole",
        "phase": "start",
    }
    assert (point.fields["alarm_id"], point.fields["revision"]) == ("a00000000", 0)
    assert (point.fields["rank"], point.fields["active"]) == (3, 1)
    assert point.fields["event_ns"] == T0
    assert json.loads(str(point.fields["evidence"])) == {"silence_s": 4.0, "leads_on": True}


def test_every_event_has_its_own_point_and_bounded_tags() -> None:
    lines = [entry.line for e in stream(60) if (entry := render(e, "w", PATIENT)).line]
    points = [parse_line(line) for line in lines if line]
    names = {(p.measurement, *sorted(p.tags.items()), p.time_ns) for p in points}
    assert len(names) == len(points) == len(stream(60)) - 12  # a receipt has no line
    assert {tag for p in points for tag in p.tags} == BOUNDED_TAGS


def test_each_point_has_a_number_for_a_store_of_numbers() -> None:
    for event in stream(10):
        if not isinstance(event, Receipt):
            fields = parse_line(_line(event)).fields
            assert any(isinstance(value, int | float) for value in fields.values())


@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.integers(0, 900), st.sampled_from(AlarmPhase)),
        unique=True,
        max_size=20,
    )
)
def test_messages_of_one_alarm_at_one_instant_do_not_overwrite_each_other(
    names: list[tuple[str, int, AlarmPhase]],
) -> None:
    for alarm_id, _, _ in names:
        mine = [replace(alarm(), alarm_id=alarm_id, revision=r) for r in range(20)]
        times = [alarm_point_ns(event) for event in mine]
        assert times == sorted(set(times))
        assert max(times) < T0 + 1_000_000


def test_two_alarms_of_one_kind_at_one_instant_do_not_overwrite_each_other() -> None:
    lines = {_line(replace(alarm(), alarm_id=name)).split(" ", 1)[0] for name in "abc"}
    times = {alarm_point_ns(replace(alarm(), alarm_id=name)) for name in "abc"}
    assert (len(lines), len(times)) == (1, 3)
    assert _line(alarm()) != _line(replace(alarm(), kind=AlarmKind.PAUSE))


def test_two_leads_at_one_instant_are_two_points() -> None:
    leads = [Quality("d", Signal.ECG, 1, n, 0, T0, SignalState.FLAT) for n in (0, 1)]
    assert len({_line(lead).split(" ", 1)[0] for lead in leads}) == 2


def test_a_number_keeps_its_type() -> None:
    """InfluxDB refuses a field that is once an integer and once a float."""
    whole, broken = beat(1), replace(beat(1), rr_s=1, amplitude_mv=2)
    types = [
        {k: type(v) for k, v in parse_line(_line(b)).fields.items()} for b in (whole, broken)
    ]
    assert types[0] == types[1]


def test_a_line_break_from_outside_does_not_end_the_line() -> None:
    named = replace(alarm(), acknowledged_by='Eve\n"; alarm active=0i 1\\')
    assert len(_line(named).splitlines()) == 1
    assert parse_line(_line(named)).fields["acknowledged_by"] == 'Eve "; alarm active=0i 1\\'


def test_the_gateway_as_a_point() -> None:
    entry = render_gateway("ward-1", "gw", {"backlog": 3, "load": 0.5}, 9)
    assert entry.kind is Kind.GATEWAY
    assert entry.line == "gateway,device=gw,site=ward-1 backlog=3i,load=0.5 9"


def test_live_messages_are_vitals_and_one_message_of_events_a_stream() -> None:
    events: list[Event] = [beat(0), vitals(0), alarm(), beat(1)]
    got = {message.topic: message.payload for message in live(events, "ward-1")}
    assert set(got) == {
        "vitalwire/v1/ward-1/strap-1/vitals",
        "vitalwire/v1/ward-1/strap-1/ecg/events",
    }
    lines = got["vitalwire/v1/ward-1/strap-1/ecg/events"].splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["beat", "beat"]


def test_probabilities_are_shown_and_not_kept() -> None:
    event = Probabilities("strap-1", Signal.ECG, 7, 250, T0, ("normal", "af"), (0.9, 0.1))
    assert not is_kept(event)
    assert all(is_kept(one) for one in stream(10))
    with pytest.raises(ContractError, match="ask is_kept first"):
        render(event, "ward-1", None)
    (message,) = live([event, alarm()], "ward-1")
    assert message.topic == "vitalwire/v1/ward-1/strap-1/ecg/events"
    assert json.loads(message.payload) == {
        "type": "probabilities", "device": "strap-1", "signal": "ecg", "stream_id": 7,
        "sample": 250, "time_ns": T0, "labels": ["normal", "af"], "values": [0.9, 0.1],
    }  # fmt: skip


def test_a_beat_has_the_probability_of_its_class_where_there_is_one() -> None:
    classified = replace(beat(1), probability=1, activation=(0.0, 1.0))
    fields = parse_line(_line(classified)).fields
    assert fields["probability"] == 1.0
    assert isinstance(fields["probability"], float)
    assert "activation" not in fields
    assert "probability" not in parse_line(_line(beat(1))).fields


def test_evidence_with_rows_of_numbers_comes_back_as_it_was() -> None:
    drawn = replace(alarm(), evidence={"classes": "NVVV", "activation": (0.0, 0.25, 1.0)})
    entry = render(drawn, "ward-1", None)
    assert entry.payload is not None
    assert messages.load(AlarmEvent, entry.payload) == drawn
    evidence = json.loads(str(parse_line(entry.line or "").fields["evidence"]))
    assert evidence == {"classes": "NVVV", "activation": [0.0, 0.25, 1.0]}
