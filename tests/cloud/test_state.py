from dataclasses import replace

import pytest

from cloud.inbound import ActiveAlarms, Service, Status, StreamEvents
from cloud.mailbox import Update
from cloud.state import Link, RefusedError, WardState
from tests.cloud.fake_gateway import (
    T0_NS,
    acknowledged,
    alarm,
    beat,
    ended,
    probabilities,
    vitals,
)
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    CommandAction,
    DeviceStatus,
    Priority,
    Receipt,
    Signal,
    SignalState,
)

S = 10**9


def ward() -> WardState:
    state = WardState("ward", max_devices=10, command_timeout_s=10)
    state.set_link(Link(connected=True))
    return state


def of_kind(updates: list[Update], kind: str) -> dict[str, object]:
    found = [item.data for item in updates if item.kind == kind]
    assert found, f"no {kind} among {[item.kind for item in updates]}"
    assert isinstance(found[-1], dict)
    return found[-1]


def device(state: WardState, name: str = "bed-1") -> dict[str, object]:
    return of_kind([u for u in state.snapshot() if u.key == name], "device")


def the_alarm(state: WardState) -> dict[str, object]:
    return of_kind(state.snapshot(), "alarm")


def progress(state: WardState) -> object:
    command = the_alarm(state)["command"]
    return command["progress"] if isinstance(command, dict) else None


def ask(state: WardState, action: CommandAction = CommandAction.ACKNOWLEDGE) -> None:
    state.ask("c1", "a1", action, "NS", 60.0, T0_NS)


def receipt(accepted: bool = True, reason: str = "") -> Receipt:
    return Receipt("c1", "bed-1", accepted, reason, T0_NS, "a1")


def test_an_alarm_stays_until_the_gateway_says_it_is_over() -> None:
    state = ward()
    view = of_kind(state.push(alarm(), T0_NS), "alarm")
    assert (view["open"], view["category"], view["onset_ms"]) == (
        True, "physiological", T0_NS // 10**6,
    )  # fmt: skip
    latched = replace(alarm(revision=1), active=False, latched=True)
    assert of_kind(state.push(latched, T0_NS), "alarm")["open"] is True
    assert of_kind(state.push(ended(latched), T0_NS), "alarm")["open"] is False
    assert list(state.open_alarms()) == []


def test_a_message_delivered_again_or_late_changes_nothing() -> None:
    state = ward()
    state.push(acknowledged(alarm(), "NS"), T0_NS)
    assert state.push(alarm(), T0_NS) == []
    assert the_alarm(state)["acknowledged_by"] == "NS"


def test_the_list_of_open_alarms_is_the_truth_after_an_absence() -> None:
    state = ward()
    state.push(alarm("a1"), T0_NS)
    state.push(alarm("a2", kind=AlarmKind.LEAD_OFF), T0_NS)
    updates = state.push(ActiveAlarms("bed-1", (alarm("a3"),)), T0_NS)
    closed = {u.key for u in updates if u.kind == "alarm" and u.data["open"] is False}  # type: ignore[index]
    assert closed == {"a1", "a2"}
    assert [event.alarm_id for _, event in state.open_alarms()] == ["a3"]


def test_what_the_list_closed_is_not_opened_by_an_older_message() -> None:
    state = ward()
    state.push(alarm(revision=2), T0_NS)
    state.push(ActiveAlarms("bed-1", ()), T0_NS)
    assert state.push(alarm(revision=1), T0_NS) == []
    assert list(state.open_alarms()) == []


def test_an_empty_list_of_a_stranger_is_no_device() -> None:
    state = ward()
    assert state.push(ActiveAlarms("gw-1", ()), T0_NS) == []
    assert state.devices == {}


def test_a_gateway_that_alarms_is_not_shown_as_a_wearable() -> None:
    state = ward()
    state.push(alarm(device="gw-1", kind=AlarmKind.DISK_FULL), T0_NS)
    state.push(Service("gateway", "gw-1", online=True), T0_NS)
    assert device(state, "gw-1")["is_gateway"] is True


def test_acknowledge_is_pending_until_the_receipt_and_done_by_the_alarm() -> None:
    state = ward()
    state.push(alarm(), T0_NS)
    ask(state)
    assert (progress(state), the_alarm(state)["acknowledged"]) == ("pending", False)
    state.push(receipt(), T0_NS)
    assert (progress(state), the_alarm(state)["acknowledged"]) == ("accepted", False)
    state.push(acknowledged(alarm(), "NS"), T0_NS)
    assert (progress(state), the_alarm(state)["acknowledged"]) == (None, True)


def test_a_refusal_is_shown_with_its_reason_and_can_be_tried_again() -> None:
    state = ward()
    state.push(alarm(), T0_NS)
    ask(state)
    view = of_kind(state.push(receipt(False, "not now"), T0_NS), "alarm")
    assert view["command"]["reason"] == "not now"  # type: ignore[index]
    assert progress(state) == "refused"
    ask(state)
    assert progress(state) == "pending"


def test_without_a_receipt_it_is_not_confirmed_and_a_late_receipt_counts() -> None:
    state = ward()
    state.push(alarm(), T0_NS)
    ask(state)
    assert state.tick(T0_NS + 9 * S) == []
    assert of_kind(state.tick(T0_NS + 10 * S), "alarm")["acknowledged"] is False
    assert progress(state) == "unconfirmed"
    assert state.tick(T0_NS + 20 * S) == []
    state.push(receipt(), T0_NS)
    assert progress(state) == "accepted"


def test_a_snooze_is_settled_by_the_alarm_s_own_message() -> None:
    state = ward()
    state.push(alarm(), T0_NS)
    ask(state, CommandAction.SNOOZE)
    state.push(receipt(), T0_NS)
    state.push(replace(alarm(revision=1), snoozed_until_ns=T0_NS + 60 * S), T0_NS)
    assert progress(state) is None
    assert the_alarm(state)["snoozed_until_ms"] == (T0_NS + 60 * S) // 10**6


@pytest.mark.parametrize(
    ("event", "connected", "match"),
    [
        (None, True, "no open alarm"),
        (ended(alarm()), True, "no open alarm"),
        (acknowledged(alarm(), "XY"), True, "already, by XY"),
        (alarm(), False, "broker"),
    ],
)
def test_what_cannot_be_asked(event: AlarmEvent | None, connected: bool, match: str) -> None:
    state = ward()
    if event:
        state.push(event, T0_NS)
    state.set_link(Link(connected=connected))
    with pytest.raises(RefusedError, match=match):
        ask(state)


def test_two_people_cannot_ask_at_once() -> None:
    state = ward()
    state.push(alarm(), T0_NS)
    ask(state)
    with pytest.raises(RefusedError, match="asked by NS"):
        ask(state)


def test_states_of_a_device_the_worst_first() -> None:
    state = ward()
    state.push(Status("bed-1", DeviceStatus(True, bridge="b1")), T0_NS)
    assert device(state)["state"] == "unknown"
    state.push(vitals(), T0_NS)
    assert device(state)["state"] == "online"
    state.push(vitals(rate=None), T0_NS)
    assert (device(state)["state"], device(state)["reason"]) == (
        "cannot_analyse", "poor signal",
    )  # fmt: skip
    state.push(replace(vitals(rate=None), state=SignalState.LEAD_OFF), T0_NS)
    assert device(state)["state"] == "lead_off"
    state.push(alarm("s", kind=AlarmKind.DEVICE_SILENT, priority=Priority.MEDIUM), T0_NS)
    assert device(state)["state"] == "silent"
    state.push(Service("bridge", "b1", online=False), T0_NS)
    assert device(state)["state"] == "offline"
    state.push(Status("bed-1", DeviceStatus(False, "switched off")), T0_NS)
    assert device(state)["reason"] == "switched off"


def test_a_missing_number_comes_with_its_reason() -> None:
    state = ward()
    state.push(vitals(rate=None), T0_NS)
    shown = device(state)["vitals"]["ecg"]  # type: ignore[index]
    assert shown["heart_rate_bpm"] is None
    assert shown["missing"]["heart_rate_bpm"] == "poor signal"


def test_the_newest_word_on_the_rhythm_is_the_card_s() -> None:
    state = ward()
    state.push(vitals(), T0_NS)
    assert device(state)["rhythms"] == {}
    assert state.push(StreamEvents("bed-1", Signal.ECG, (beat(1),)), T0_NS) == []
    said = (probabilities(360, other=0.9), probabilities(720, af=0.8))
    update = of_kind(
        state.push(StreamEvents("bed-1", Signal.ECG, probabilities=said), T0_NS), "device"
    )
    assert update["rhythms"]["ecg"]["label"] == "af"  # type: ignore[index]
    state.push(vitals(rate=None), T0_NS)
    assert device(state)["rhythms"]["ecg"]["reason"] == "poor signal"  # type: ignore[index]


def test_another_model_s_word_is_not_the_rhythm() -> None:
    state = ward()
    said = replace(probabilities(360), labels=("seizure", "none"), values=(0.2, 0.8))
    events = StreamEvents("bed-1", Signal.ECG, probabilities=(said,))
    assert state.push(events, T0_NS) == []


def test_only_an_alarm_s_own_evidence_makes_it_a_test() -> None:
    state = ward()
    state.push(Status("bed-1", DeviceStatus(True, injected=("lead_off",))), T0_NS)
    assert of_kind(state.push(alarm("real"), T0_NS), "alarm")["injected"] is False
    made = replace(alarm("made"), evidence={"injected": True})
    assert of_kind(state.push(made, T0_NS), "alarm")["injected"] is True


def test_the_patient_comes_from_the_gateway_or_from_an_alarm() -> None:
    state = ward()
    state.push(Service("gateway", "g", True, patients={"bed-1": "P-1"}), T0_NS)
    state.push(vitals(), T0_NS)
    assert device(state)["patient"] == "P-1"
    state.push(alarm(), T0_NS)
    assert device(state)["patient"] == "P-017"


def test_devices_are_bounded_and_counted() -> None:
    state = WardState("ward", max_devices=2, command_timeout_s=10)
    for i in range(5):
        state.push(vitals(f"bed-{i}"), T0_NS)
    assert len(state.devices) == 2
    assert state.counts["devices_over_limit"] == 3
