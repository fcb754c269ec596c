"""What the feed makes of an EEG: lanes, states of leads, seizures, the card's words. Pure."""

from dataclasses import replace

import numpy as np
import pytest

from cloud import inbound
from cloud.inbound import ActiveAlarms, Info, StreamEvents
from cloud.pieces import MAX_CHANGES, Piece, joined
from cloud.state import WardState
from cloud.waveform import Waveforms
from tests.cloud.fake_gateway import (
    T0_NS,
    alarm,
    chunk,
    eeg_chunk,
    eeg_vitals,
    ended,
    lead_state,
    probabilities,
    seizure_alarm,
    seizure_probability,
    vitals,
)
from vitalwire import messages
from vitalwire.contracts import AlarmEvent, AlarmKind, DeviceInfo, Signal, SignalState
from vitalwire.errors import WireError

S = 10**9
FOUR = DeviceInfo(("F7-T7", "T7-P7", "FP1-F7", "CZ-PZ"), 256.0, "uV", 0.2)
EVENTS = "vitalwire/v1/ward/bed-1/eeg/events"


def started(n_leads: int = 4) -> Waveforms:
    waveforms = Waveforms()
    waveforms.push(eeg_chunk(np.zeros((n_leads, 512)), 0), T0_NS)
    return waveforms


def told(waveforms: Waveforms, *items: object) -> list[Piece]:
    payload = b"\n".join(map(messages.dump_event, items))  # type: ignore[arg-type]
    events = inbound.read(EVENTS, payload)
    assert isinstance(events, StreamEvents)
    return waveforms.push_events(events)


@pytest.mark.parametrize("n_leads", [1, 18, 32])
def test_every_lead_of_an_eeg_is_shown(n_leads: int) -> None:
    data = np.full((n_leads, 256), np.nan)
    (piece,) = Waveforms().push(eeg_chunk(data, 0), T0_NS)
    assert (len(piece.runs[0].counts), piece.fs, piece.unit) == (n_leads, 128.0, "uV")


def test_the_probability_of_a_seizure_stands_at_its_second() -> None:
    (piece,) = told(started(), seizure_probability(256, 0.25))
    assert [one.view() for one in piece.opinions] == [
        {"at": 128.0, "values": {"background": 0.75, "seizure": 0.25}}
    ]


def test_an_eeg_has_no_rhythm_and_an_ecg_no_seizure() -> None:
    waveforms = started()
    waveforms.push(chunk(np.zeros(360), 0), T0_NS)
    assert told(waveforms, replace(probabilities(256), signal=Signal.EEG)) == []
    said = (replace(seizure_probability(256, 0.9), signal=Signal.ECG),)
    assert waveforms.push_events(StreamEvents("bed-1", Signal.ECG, probabilities=said)) == []


def test_a_lead_keeps_its_state_for_who_comes_late() -> None:
    waveforms = started()
    told(waveforms, lead_state(2, 256, SignalState.FLAT))
    for second in range(40):
        waveforms.push(eeg_chunk(np.zeros((4, 256)), 512 + 256 * second), T0_NS)
        flapping = SignalState.POOR if second % 2 else SignalState.GOOD
        told(waveforms, lead_state(1, 512 + 256 * second, flapping))
    (kept,) = waveforms.recent()
    assert [one.view() for one in kept.leads if one.lead == 2] == [
        {"at": 128.0, "lead": 2, "state": "flat"}
    ]
    assert len([one for one in kept.leads if one.lead == 1]) == MAX_CHANGES
    assert kept.leads[-1].state is SignalState.POOR


def test_states_of_leads_that_are_not_there_are_not_kept() -> None:
    assert told(started(), lead_state(4, 256, SignalState.FLAT)) == []
    for lead in (-1, 32, 10**9):
        line = messages.dump_event(lead_state(lead, 0, SignalState.FLAT))
        with pytest.raises(WireError, match="lead"):
            inbound.read(EVENTS, line)


def shaded(waveforms: Waveforms) -> list[dict[str, object]]:
    (kept,) = waveforms.recent()
    return [one.view() for one in kept.seizures or ()]


def over(event: AlarmEvent, ended_ns: int, latched: bool = False) -> AlarmEvent:
    return replace(ended(event), latched=latched, ended_ns=ended_ns)


def test_a_seizure_is_shaded_from_its_onset_to_its_end() -> None:
    waveforms = started()
    waveforms.push_vitals(eeg_vitals(512, 4, time_ns=T0_NS + 2 * S))
    start = seizure_alarm(T0_NS + S)
    waveforms.push_alarms(start)
    assert shaded(waveforms) == [{"from": 128.0, "to": None}]
    waveforms.push_alarms(over(start, T0_NS + 3 * S))
    assert shaded(waveforms) == [{"from": 128.0, "to": 384.0}]


def test_a_seizure_that_comes_back_leaves_the_time_between_unshaded() -> None:
    waveforms = started()
    waveforms.push_vitals(eeg_vitals(0, 4))
    start = seizure_alarm(T0_NS)
    waveforms.push_alarms(start)
    waveforms.push_alarms(over(start, T0_NS + 10 * S, latched=True))
    waveforms.push_alarms(replace(start, revision=2, time_ns=T0_NS + 60 * S))
    assert shaded(waveforms) == [{"from": 0.0, "to": 1280.0}, {"from": 7680.0, "to": None}]


def test_an_alarm_that_came_before_the_streams_time_is_known_is_shaded_with_it() -> None:
    waveforms = started()
    assert waveforms.push_alarms(ActiveAlarms("bed-1", (seizure_alarm(T0_NS - S),))) == []
    (piece,) = waveforms.push_vitals(eeg_vitals(256, 4))
    assert [one.view() for one in piece.seizures or ()] == [{"from": 0.0, "to": None}]


def test_a_seizure_whose_end_was_not_seen_is_not_shaded_for_ever() -> None:
    waveforms = started()
    waveforms.push_vitals(eeg_vitals(512, 4))
    waveforms.push_alarms(seizure_alarm(T0_NS))
    waveforms.push_alarms(ActiveAlarms("bed-1", (alarm("a9"),)))
    assert shaded(waveforms) == []


def test_other_alarms_shade_nothing_and_many_seizures_are_bounded() -> None:
    waveforms = started()
    waveforms.push_vitals(eeg_vitals(512, 4))
    assert waveforms.push_alarms(alarm()) == []
    for i in range(50):
        event = replace(seizure_alarm(T0_NS + i * S), alarm_id=f"s{i}")
        waveforms.push_alarms(over(event, T0_NS + (i + 1) * S))
    assert len(shaded(waveforms)) == 4


def test_a_piece_without_news_of_seizures_keeps_those_that_are_known() -> None:
    waveforms = started()
    waveforms.push_vitals(eeg_vitals(512, 4))
    (piece,) = waveforms.push_alarms(seizure_alarm(T0_NS))
    (newer,) = waveforms.push(eeg_chunk(np.zeros((4, 64)), 512), T0_NS)
    assert joined(piece, newer).seizures == piece.seizures
    assert newer.view()["seizures"] is None


def ward() -> WardState:
    state = WardState("ward", 10, 10.0)
    state.push(Info("bed-1", Signal.EEG, FOUR), T0_NS)
    return state


def card(state: WardState) -> dict[str, object]:
    (view,) = [one.data for one in state.snapshot() if one.kind == "device"]
    assert isinstance(view, dict)
    return view


def test_too_few_leads_cannot_be_analysed_and_how_few_is_said() -> None:
    state = ward()
    state.push(eeg_vitals(512, 4), T0_NS)
    assert card(state)["state"] == "online"
    state.push(eeg_vitals(768, 1, SignalState.POOR), T0_NS)
    view = card(state)
    assert (view["state"], view["reason"]) == ("cannot_analyse", "1 of 4 leads can be read")


def test_of_two_signals_the_card_says_which_cannot_be_analysed() -> None:
    state = ward()
    state.push(eeg_vitals(512, 4), T0_NS)
    state.push(vitals(rate=None), T0_NS)
    assert card(state)["reason"] == "ECG: poor signal"


def test_an_eeg_that_goes_on_without_a_lead_is_still_analysed() -> None:
    state = ward()
    off = replace(alarm(kind=AlarmKind.LEAD_OFF), signal=Signal.EEG)
    state.push(off, T0_NS)
    state.push(eeg_vitals(512, 3), T0_NS)
    assert card(state)["state"] == "online"
    state.push(eeg_vitals(512, 1, SignalState.FLAT), T0_NS)
    assert card(state)["state"] == "lead_off"


def test_what_is_missing_of_an_eeg_has_its_reason() -> None:
    state = ward()
    state.push(eeg_vitals(512, 1, SignalState.FLAT), T0_NS)
    missing = card(state)["vitals"]["eeg"]["missing"]  # type: ignore[index]
    assert set(missing.values()) == {"flat signal"}
    assert "amplitude_uv" in missing
    assert "heart_rate_bpm" not in missing


def test_the_probability_of_what_cannot_be_read_is_not_known() -> None:
    state = ward()
    for vitals_now, reason in (
        (eeg_vitals(512, 4), ""),
        (eeg_vitals(512, 1, SignalState.POOR), "poor signal"),
    ):
        state.push(vitals_now, T0_NS)
        said = (seizure_probability(512, 0.12345),)
        state.push(StreamEvents("bed-1", Signal.EEG, probabilities=said), T0_NS)
        view = card(state)["seizures"]["eeg"]  # type: ignore[index]
        assert (view["probability"], view["reason"]) == (0.123, reason)
