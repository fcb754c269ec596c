"""One patient with a belt and a cap: the heart beside a seizure, through the whole pipeline."""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pytest

from edge.chunklog.records import Record, RecordKind
from edge.chunklog.snapshots import pack, unpack
from edge.offline import NOMINAL_START_NS, SITE, chunks_of
from edge.pipeline.gateway import Output, Pipeline
from edge.pipeline.models import SEIZURE_MODEL
from edge.rounds import run_rounds
from tests.edge.pipeline.eeg_streams import EEG, Loudness, chunks, encode, with_seizure
from tests.edge.stages.heartbeats import ecg
from vitalwire import messages, topics, wire
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase, Chunk, Event
from vitalwire.topics import Leaf

N_S, ONSET_S = 260.0, 180.0
EEG_FS, ECG_FS = 128.0, 125.0
BOTH = """
[[assignment]]
patient = "p-017"
device = "belt-3"
from = 2020-01-01T00:00:00Z

[[assignment]]
patient = "{who}"
device = "cap-1"
from = 2020-01-01T00:00:00Z
"""


@cache
def cap() -> tuple[Chunk, ...]:
    x = with_seizure(2, N_S, ((ONSET_S, ONSET_S + 40.0),), fs=EEG_FS)
    return tuple(chunks(x, EEG_FS, 0.5))


@cache
def belt(fit_bpm: float) -> tuple[Chunk, ...]:
    at_s, beats = 0.5, []
    while at_s < N_S:
        beats.append(at_s)
        at_s += 60.0 / (fit_bpm if ONSET_S <= at_s < ONSET_S + 50.0 else 70.0)
    lead = ecg(beats, N_S, ECG_FS)
    noise = np.random.default_rng(2).normal(0.0, 0.01, len(lead))
    data = (lead + noise).astype(np.float32)[None, :]
    return tuple(chunks_of(data, ECG_FS, "belt-3", chunk_s=0.5))


def records(
    fit_bpm: float = 110.0, who: str = "p-017", belt_late_s: float = 0.0
) -> list[Record]:
    """Both devices' chunks as they arrive, with ticks; the belt's radio may be late."""
    log = [Record(RecordKind.ASSIGNMENTS, NOMINAL_START_NS, "", BOTH.format(who=who).encode())]
    sent: list[tuple[int, Record]] = []
    for late_s, those in ((0.0, cap()), (belt_late_s, belt(fit_bpm))):
        for one in those:
            end_ns = one.t0_ns + round((one.n_samples / one.fs + late_s) * 1e9)
            topic = topics.signal_topic(SITE, one.device, one.signal, Leaf.CHUNK)
            payload = encode(one) if one.signal == "eeg" else wire.encode(one)
            sent.append((end_ns, Record(RecordKind.MESSAGE, end_ns, topic, payload)))
    ticks = range(NOMINAL_START_NS, NOMINAL_START_NS + round((N_S + 20) * 1e9), 10**9)
    sent += [(at, Record(RecordKind.TICK, at)) for at in ticks]
    return log + [record for _, record in sorted(sent, key=lambda one: one[0])]


def play(log: Sequence[Record], pipeline: Pipeline | None = None) -> list[Event]:
    pipeline = pipeline or Pipeline(SITE, eeg=EEG)
    done = run_rounds(pipeline, enumerate(log), {SEIZURE_MODEL: Loudness(0.8)})
    return [one.event for _, outputs in done for one in outputs if isinstance(one, Output)]


def seizure_alarms(told: Iterable[Event]) -> list[AlarmEvent]:
    return [
        one for one in told if isinstance(one, AlarmEvent) and one.kind is AlarmKind.SEIZURE
    ]


def plain(told: Iterable[Event]) -> list[object]:
    return [messages.plain(one) for one in told]


def test_a_quickened_heart_raises_the_confidence_of_the_alarm_that_is_there() -> None:
    told = seizure_alarms(play(records()))
    start = told[0]
    assert (start.phase, start.evidence["rests_on"]) == (AlarmPhase.START, "EEG")
    with_heart = [one for one in told if one.evidence["rests_on"] == "EEG, heart rate"]
    first = with_heart[0]
    assert (first.alarm_id, first.phase) == (start.alarm_id, AlarmPhase.UPDATE)
    assert first.active
    assert first.priority is start.priority
    assert start.evidence["confidence"] == start.evidence["mean"]
    assert first.evidence["confidence"] == pytest.approx(0.9, abs=0.03)
    assert float(str(first.evidence["heart_rate_before_bpm"])) == pytest.approx(70.0, abs=2.0)
    reached = [float(str(one.evidence["heart_rate_bpm"])) for one in with_heart]
    assert reached == sorted(reached)
    assert 84.0 <= reached[0] < 100.0 < reached[-1] < 115.0  # it is said again as it rises
    # What the EEG says later does not take it away.
    assert told[told.index(first) :] == with_heart
    assert [one.revision for one in told] == list(range(len(told)))


@pytest.mark.parametrize("made", [records(fit_bpm=72.0), records(who="p-018")])
def test_otherwise_the_alarm_is_what_it_is_without_a_heart(made: list[Record]) -> None:
    alone = [one for one in made if "/belt-3/" not in one.topic]
    assert plain(seizure_alarms(play(made))) == plain(seizure_alarms(play(alone)))


def test_neither_waits_for_the_other_nor_ends_by_it() -> None:
    """Start and end of the alarm, and everything of the ECG, are as if there were one alone."""

    both = records()
    told = play(both)
    no_heart = play([one for one in both if "/belt-3/" not in one.topic])
    no_brain = play([one for one in both if "/cap-1/" not in one.topic])
    assert plain(seizure_alarms(told)[:1]) == plain(seizure_alarms(no_heart)[:1])
    last, last_alone = seizure_alarms(told)[-1], seizure_alarms(no_heart)[-1]
    assert (last.active, last.latched) == (last_alone.active, last_alone.latched)
    of_belt = [one for one in told if getattr(one, "device", "") == "belt-3"]
    assert plain(of_belt) == plain(no_brain)


def test_a_belt_that_is_late_supports_late_and_a_restart_changes_nothing() -> None:
    late = records(belt_late_s=5.0)
    told = seizure_alarms(play(late))
    assert told[0].evidence["rests_on"] == "EEG"
    assert any(one.evidence["rests_on"] == "EEG, heart rate" for one in told)
    both = records()
    whole = play(both)
    for at in (900, 1100):  # before the seizure, and with its alarm open
        first, second = Pipeline(SITE, eeg=EEG), Pipeline(SITE, eeg=EEG)
        begun = play(both[:at], first)
        second.restore(unpack(pack(first.state())))
        assert plain(begun + play(both[at:], second)) == plain(whole)
