"""The heart speaks for a seizure, or says nothing: when, how much, and in no other way."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.fusion import WEIGHT, Fusion, Support
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Event,
    Priority,
    Signal,
    SignalState,
    Vitals,
)

S = 1_000_000_000
ONSET_S = 300
T0 = 1_772_366_400 * S


def vitals(at_s: float, bpm: float | None, device: str = "belt-3") -> Vitals:
    signal = Signal.EEG if bpm is None else Signal.ECG
    return Vitals(
        device, signal, 1, 0, T0 + round(at_s * S), SignalState.GOOD, heart_rate_bpm=bpm
    )


def alarm(mean: float = 0.7, phase: AlarmPhase = AlarmPhase.START) -> AlarmEvent:
    return AlarmEvent(
        alarm_id="a1", revision=0, phase=phase, kind=AlarmKind.SEIZURE,
        priority=Priority.HIGH, site="ward", device="cap-1", signal=Signal.EEG,
        patient="p-1", stream_id=1, declared_sample=0, onset_ns=T0 + ONSET_S * S,
        declared_ns=T0 + (ONSET_S + 8) * S, time_ns=T0 + (ONSET_S + 8) * S, active=True,
        latched=False, acknowledged=False, acknowledged_by=None, snoozed_until_ns=None,
        ended_ns=None, message="seizure", evidence={"mean": mean},
    )  # fmt: skip


def story(
    rest_bpm: float = 70.0, fit_bpm: float = 110.0, from_s: float = ONSET_S, to_s: float = 330.0
) -> list[tuple[float, Event]]:
    """A heart that is quicker for a time, beside an EEG, and the alarm 8 s after its onset."""
    told: list[tuple[float, Event]] = []
    for at_s in range(420):
        bpm = fit_bpm if from_s <= at_s < to_s else rest_bpm
        told += [(at_s, vitals(at_s, None, "cap-1")), (at_s, vitals(at_s, bpm))]
        if at_s == ONSET_S + 8:
            told.append((at_s, alarm()))
    return told


def run(
    events: list[tuple[float, Event]], wearer: str = "p-1", restore_at: int = -1
) -> list[tuple[int, Support]]:
    """When what was said; a tick a second."""
    fusion, said = Fusion(), []
    for tick in range(421):
        if tick == restore_at:
            saved = unpack(pack(fusion.state()))
            fusion = Fusion()
            fusion.restore(saved)
        for at_s, event in events:
            if tick - 1 <= at_s < tick:
                fusion.push(wearer if event.device == "belt-3" else "p-1", event)
        said += [(tick, one) for one in fusion.tick(T0 + tick * S)]
    return said


def test_a_heart_that_quickens_raises_the_confidence_and_says_so() -> None:
    ((tick, said),) = run(story())
    assert tick == ONSET_S + 9  # with the next tick after the alarm
    assert (said.device, said.alarm_id) == ("cap-1", "a1")
    assert said.evidence == {
        "confidence": pytest.approx(1.0 - 0.3 * (1.0 - WEIGHT)),
        "rests_on": "EEG, heart rate",
        "heart_rate_before_bpm": 70.0,
        "heart_rate_bpm": 110.0,
    }


def test_a_heart_that_quickens_before_the_onset_or_late_counts_too() -> None:
    assert run(story(from_s=275.0, to_s=295.0))
    ((tick, _),) = run(story(from_s=340.0, to_s=380.0))
    assert tick == 345  # five seconds of it


@pytest.mark.parametrize(
    "events",
    [
        story(fit_bpm=84.0),  # 20 %, but 14 a minute
        story(rest_bpm=100.0, fit_bpm=118.0),  # 18 a minute, but 18 %
        story(to_s=ONSET_S + 4),  # too short
        story(from_s=365.0, to_s=410.0),  # too late
        story(from_s=60.0, to_s=150.0),  # long before
        [one for one in story() if one[0] > 275],  # nobody knows the rate before
        [(at, one) for at, one in story() if not isinstance(one, Vitals)],
        [(at, one) for at, one in story() if not isinstance(one, AlarmEvent)],
    ],
)
def test_otherwise_the_heart_says_nothing(events: list[tuple[float, Event]]) -> None:
    assert run(events) == []


def test_the_heart_of_another_says_nothing() -> None:
    assert run(story(), wearer="p-2") == []


def test_it_is_said_again_when_the_alarm_has_changed_and_not_after_its_end() -> None:
    events: list[tuple[float, Event]] = [
        *story(), (320, alarm(0.72, AlarmPhase.UPDATE)), (325, alarm(0.9, AlarmPhase.UPDATE)),
    ]  # fmt: skip
    assert [tick for tick, _ in run(events)] == [309, 326]
    ended = [(at, one) for at, one in events if at < 312]
    ended += [(312, alarm(0.7, AlarmPhase.END)), (314, vitals(314, 150.0))]
    assert [tick for tick, _ in run(ended)] == [309]


def test_other_alarms_are_none_of_its_business() -> None:
    other = [
        (at, replace(one, kind=AlarmKind.ASYSTOLE) if isinstance(one, AlarmEvent) else one)
        for at, one in story()
    ]
    assert run(other) == []


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(8)), st.integers(0, 421))
def test_order_within_a_tick_and_a_restart_change_nothing(
    order: list[int], restored: int
) -> None:
    events = story()
    shuffled = []
    for i in range(0, len(events), 8):
        block = events[i : i + 8]
        shuffled += [block[k] for k in order if k < len(block)]
    assert run(shuffled, restore_at=restored) == run(events)


def test_what_is_kept_is_bounded() -> None:
    fusion = Fusion()
    for at_s in range(4000):
        fusion.push("p-1", vitals(at_s, 70.0))  # no EEG: nothing is kept
    assert fusion.state()["hearts"] == []
    fusion.push("p-1", vitals(0, None, "cap-1"))
    for at_s in range(4000):
        fusion.push("p-1", vitals(at_s, 70.0))
        fusion.tick(T0 + at_s * S)
    ((_, _, rates),) = fusion.state()["hearts"]
    assert len(rates) <= 301
