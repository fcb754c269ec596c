"""Events to deliver, made by rule: every one of them gives a point of its own."""

from dataclasses import replace

from edge.delivery.entries import Entry, Kind
from edge.delivery.render import render
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Beat,
    BeatClass,
    Episode,
    Event,
    Gap,
    GapReason,
    Priority,
    Quality,
    Receipt,
    Signal,
    SignalState,
    Vitals,
)

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
PATIENT = "p-17"


def alarm(i: int = 0, *, revision: int = 0, phase: AlarmPhase = AlarmPhase.START) -> AlarmEvent:
    """The start of alarm `i`, a second after the one before."""
    time_ns = T0 + i * SECOND
    return AlarmEvent(
        alarm_id=f"a{i:08x}",
        revision=revision,
        phase=phase,
        kind=AlarmKind.ASYSTOLE,
        priority=Priority.HIGH,
        site="ward-1",
        device="strap-1",
        signal=Signal.ECG,
        patient=PATIENT,
        stream_id=7,
        declared_sample=250 * i,
        onset_ns=time_ns - 4 * SECOND,
        declared_ns=time_ns,
        time_ns=time_ns,
        active=True,
        latched=False,
        acknowledged=False,
        acknowledged_by=None,
        snoozed_until_ns=None,
        ended_ns=None,
        message='no beat for 4 s, "flat"',
        evidence={"silence_s": 4.0, "leads_on": True},
    )


def vitals(i: int = 0) -> Vitals:
    return Vitals(
        device="strap-1",
        signal=Signal.ECG,
        stream_id=7,
        sample=250 * i,
        time_ns=T0 + i * SECOND,
        state=SignalState.GOOD,
        heart_rate_bpm=60.0 + i % 50,
        rr_s=0.8,
        analysable=1.0,
    )


def beat(i: int = 0) -> Beat:
    return Beat(
        device="strap-1",
        signal=Signal.ECG,
        stream_id=7,
        sample=200 * i,
        time_ns=T0 + i * 800_000_000,
        label=BeatClass.V if i % 9 == 0 else BeatClass.N,
        rr_s=None if i == 0 else 0.8,
        amplitude_mv=1.25,
    )


def stream(n: int) -> list[Event]:
    """A stretch of `n` seconds: beats, vitals, and now and then everything else."""
    events: list[Event] = []
    for i in range(n):
        events += [beat(i), vitals(i)]
        if i % 5 == 0:
            now = T0 + i * SECOND
            events += [
                alarm(i),
                replace(alarm(i), time_ns=now + SECOND, revision=1, phase=AlarmPhase.END),
                Quality("strap-1", Signal.ECG, 7, 0, 250 * i, now, SignalState.GOOD),
                Quality("strap-1", Signal.ECG, 7, 1, 250 * i, now, SignalState.LEAD_OFF),
                Gap("strap-1", Signal.ECG, 7, 250 * i, 50, GapReason.LOST, now),
                Episode("strap-1", Signal.ECG, 7, "af", 250 * i, None, now, None, 0.9),
                Receipt(f"c{i}", "strap-1", accepted=True, reason="", time_ns=now),
            ]
    return events


def entries(events: list[Event]) -> list[Entry]:
    return [render(event, "ward-1", PATIENT) for event in events]


def poisoned(i: int = 0) -> Entry:
    """A point whose `rr_s` is a word: a store that has seen it as a number refuses it."""
    line = f'beat,device=strap-1,site=ward-1 rr_s="long" {T0 + i}'
    return Entry(Kind.BEAT, T0 + i, line=line)
