"""What the pipeline finds does not depend on how the samples came; what is lost is said.

Real records, to the sample: beats, vital signs, qualities, alarms and their ids.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.chunklog.records import Record, RecordKind
from edge.chunklog.snapshots import pack, unpack
from edge.pipeline.gateway import Pipeline
from tests.edge.pipeline.streams import (
    SITE,
    START_NS,
    Piece,
    arriving,
    cut,
    even,
    events,
    findings,
    gateway,
    piece,
    play,
    ragged,
    records,
)
from vitalwire import messages, topics
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Beat,
    BeatClass,
    Chunk,
    DeviceStatus,
    Episode,
    Epoch,
    Event,
    Gap,
    GapReason,
    Probabilities,
    Quality,
    SignalState,
    Vitals,
)
from vitalwire.topics import Leaf

RECORDS = {  # first and length, s; what its rhythm must bring up
    "bundled": (0.0, 120.0, set()),
    "mitdb/203": (0.0, 90.0, {AlarmKind.EXTREME_TACHYCARDIA}),
    "mitdb/232": (890.0, 200.0, {AlarmKind.PAUSE, AlarmKind.ASYSTOLE}),
    "cudb/cu01": (300.0, 200.0, set()),
}

OF_DETECTIONS = {
    AlarmKind.ASYSTOLE,
    AlarmKind.PAUSE,
    AlarmKind.EXTREME_BRADYCARDIA,
    AlarmKind.EXTREME_TACHYCARDIA,
}


@pytest.fixture(params=RECORDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stretch(name: str, request: pytest.FixtureRequest) -> Piece:
    first_s, length_s, _ = RECORDS[name]
    if name == "bundled":
        return piece(None, first_s, length_s)
    folder: Path = request.getfixturevalue("data_dir")
    return piece(folder / "ecg" / name, first_s, length_s)


def found(of: Piece, chunks: Sequence[Chunk], *, classify: bool = False) -> list[Event]:
    pipeline = gateway(classify)
    return findings(events(play(pipeline, records(of, chunks), classify=classify)))


def beats(told: Sequence[Event]) -> list[Beat]:
    return [event for event in told if isinstance(event, Beat)]


def samples(told: Sequence[Beat]) -> list[int]:
    return [beat.sample for beat in told]


def up_to(told: Sequence[Beat], sample: float) -> list[int]:
    return [beat.sample for beat in told if beat.sample < sample]


def gaps(told: Sequence[Event]) -> list[tuple[GapReason, int, int]]:
    return [(e.reason, e.first_sample, e.n_samples) for e in told if isinstance(e, Gap)]


def test_the_cut_changes_nothing(name: str, stretch: Piece) -> None:
    clean = found(stretch, cut(stretch, even(stretch)))
    raised = {event.kind for event in clean if isinstance(event, AlarmEvent)}
    assert RECORDS[name][2] <= raised
    assert len(beats(clean)) > 0.8 * stretch.n_samples / stretch.fs
    for seed in range(3):
        assert found(stretch, cut(stretch, ragged(stretch, seed))) == clean


SHORT = piece(None, 30.0, 25.0)
SHORT_EVEN = found(SHORT, cut(SHORT, even(SHORT)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, SHORT.n_samples - 1), unique=True, min_size=12, max_size=80))
def test_any_cut_changes_nothing(cuts: list[int]) -> None:
    assert found(SHORT, cut(SHORT, [*cuts, *even(SHORT, 2.0)])) == SHORT_EVEN


def test_one_sample_a_chunk_changes_nothing() -> None:
    few = piece(None, 30.0, 6.0)
    by_one = found(few, cut(few, range(few.n_samples)))
    assert by_one == found(few, cut(few, even(few)))
    assert beats(by_one)


def disturbed(of: Piece, cuts: Sequence[int]) -> list[Chunk]:
    """A lead that comes off, samples that are missing, a stretch of noise put in."""
    borders = [round(at * of.fs) for at in (20, 32, 50, 60)]
    data = of.data.copy()
    data[:, round(40 * of.fs) : round(43.3 * of.fs)] = np.nan
    data[0, round(70.1 * of.fs) : round(70.2 * of.fs)] = np.nan
    noisy = data[:, round(80 * of.fs) : round(92 * of.fs)]
    noisy += np.random.default_rng(1).normal(size=noisy.shape)
    chunks = cut(replace(of, data=data), [*cuts, *borders])
    return [
        replace(
            one,
            lead_off=int(20 <= one.first_sample / of.fs < 32),
            injected=50 <= one.first_sample / of.fs < 60,
        )
        for one in chunks
    ]


def test_the_cut_of_a_poor_signal_changes_nothing() -> None:
    whole = piece(None, 0.0, 120.0)
    clean = found(whole, disturbed(whole, even(whole)))
    states = {event.state for event in clean if isinstance(event, Quality)}
    assert {SignalState.LEAD_OFF, SignalState.POOR, SignalState.GOOD} <= states
    assert AlarmKind.LEAD_OFF in {e.kind for e in clean if isinstance(e, AlarmEvent)}
    for seed in range(3):
        assert found(whole, disturbed(whole, ragged(whole, seed))) == clean
    # No interval reaches across what could not be read.
    changes = [e for e in clean if isinstance(e, Quality)]
    bad = {SignalState.LEAD_OFF, SignalState.POOR}
    borders = [e.first_sample for e in changes if e.state in bad]
    for before, beat in zip(beats(clean), beats(clean)[1:], strict=False):
        if any(before.sample < border <= beat.sample for border in borders):
            assert beat.rr_s is None
        elif beat.rr_s is not None:
            assert beat.rr_s == (beat.sample - before.sample) / whole.fs


@pytest.mark.parametrize("classify", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_anywhere_changes_nothing(seed: int, classify: bool) -> None:
    whole = piece(None, 0.0, 60.0)
    rng = random.Random(seed)
    chunks = disturbed(whole, ragged(whole, seed))
    chunks = [chunk for chunk in chunks if rng.random() > 0.01]
    for _ in range(20):
        at = rng.randrange(len(chunks) - 1)
        chunks[at : at + 2] = reversed(chunks[at : at + 2])
    log = arriving(whole, chunks)
    clean = play(gateway(classify), log, classify=classify)
    told, begin = [], 0
    pipeline = gateway(classify)
    for end in [*sorted(rng.sample(range(1, len(log)), 12)), len(log)]:
        restored = gateway(classify)
        restored.restore(unpack(pack(pipeline.state())))
        pipeline = restored
        last = end == len(log)
        told += play(pipeline, log[begin:end], finish=last, classify=classify)
        begin = end
    assert told == clean
    assert beats(events(clean))


def test_classes_are_all_that_a_model_adds(stretch: Piece) -> None:
    without = beats(found(stretch, cut(stretch, even(stretch))))
    asked = beats(found(stretch, cut(stretch, even(stretch)), classify=True))
    assert len({beat.label for beat in asked}) > 2
    unsaid = [
        replace(beat, label=BeatClass.Q, probability=None, activation=()) for beat in asked
    ]
    assert unsaid == without


def test_alarms_of_detections_do_not_wait_for_the_models(stretch: Piece) -> None:
    def of_detections(classify: bool) -> list[tuple[str, AlarmPhase, int]]:
        told = found(stretch, cut(stretch, even(stretch)), classify=classify)
        return [
            (one.alarm_id, one.phase, one.time_ns)
            for one in told
            if isinstance(one, AlarmEvent) and one.kind in OF_DETECTIONS
            if one.phase is AlarmPhase.START or not one.active
        ]

    assert of_detections(True) == of_detections(False)


def test_classes_and_rhythm_do_not_depend_on_the_cut(name: str, stretch: Piece) -> None:
    clean = found(stretch, cut(stretch, even(stretch)), classify=True)
    assert sum(isinstance(one, Episode) for one in clean) >= 4
    assert sum(isinstance(one, Probabilities) for one in clean) > 80
    if name == "cudb/cu01":
        kinds = {one.kind for one in clean if isinstance(one, AlarmEvent)}
        assert AlarmKind.SHOCKABLE_RHYTHM in kinds
    assert found(stretch, cut(stretch, ragged(stretch, 5)), classify=True) == clean


def merged(logs: Sequence[list[Record]]) -> list[Record]:
    """Many devices' records in the order of their arrival; one clock for all."""
    ticks = {record.arrival_ns: record for log in logs for record in log if not record.topic}
    sent = [record for log in logs for record in log if record.topic]
    return sorted([*ticks.values(), *sent], key=lambda one: (one.arrival_ns, bool(one.topic)))


def test_many_devices_are_as_each_alone() -> None:
    pieces = [piece(None, 10.0 * i, 40.0) for i in range(6)]
    logs = [
        arriving(one, cut(one, ragged(one, i), device=f"w{i}", stream_id=i))
        for i, one in enumerate(pieces)
    ]
    together = play(gateway(True), merged(logs), classify=True)
    for i, log in enumerate(logs):
        alone = findings(events(play(gateway(True), log, classify=True)))
        assert findings(events(together, device=f"w{i}")) == alone
        assert beats(alone)


# --- what is lost is said ----------------------------------------------------------------


def test_a_gap_is_exact_and_no_interval_reaches_across_it(name: str, stretch: Piece) -> None:
    cuts = ragged(stretch, 3)
    chunks = cut(stretch, cuts)
    clean = beats(found(stretch, chunks))
    middle = len(chunks) // 2
    lost = chunks[middle : middle + 4]
    first, end = lost[0].first_sample, lost[-1].first_sample + lost[-1].n_samples
    log = records(stretch, chunks[:middle] + chunks[middle + 4 :])
    told = events(play(Pipeline(SITE), log))
    assert gaps(told) == [(GapReason.LOST, first, end - first)]
    with_gap = beats(told)
    # Before it, all but a beat at the very edge; behind it, once the levels are learnt.
    edge, settled = first - stretch.fs, end + 12 * stretch.fs
    assert up_to(with_gap, edge) == up_to(clean, edge)
    if name != "cudb/cu01":  # fibrillation: there is no level to learn
        assert set(samples(with_gap)) - set(up_to(with_gap, settled)) == set(
            samples(clean)
        ) - set(up_to(clean, settled))
    assert not [beat for beat in with_gap if first <= beat.sample < end]
    behind = next(beat for beat in with_gap if beat.sample >= end)
    assert behind.rr_s is None


def test_a_reboot_starts_afresh() -> None:
    whole, again = piece(None, 0.0, 40.0), piece(None, 60.0, 40.0)
    later_ns = START_NS + 45 * 10**9
    first = cut(whole, even(whole), stream_id=1)
    second = cut(again, even(again), stream_id=2, t0_ns=later_ns)
    told = events(play(Pipeline(SITE), records(whole, first + second)))
    assert gaps(told) == [(GapReason.REBOOT, whole.n_samples, 0)]
    at = next(i for i, event in enumerate(told) if isinstance(event, Gap))
    assert findings(told[:at]) == found(whole, first)
    behind = [e for e in findings(told[at:]) if isinstance(e, Beat | Vitals | Quality)]
    assert behind == found(again, second)


def test_a_clock_set_back_moves_no_beat_and_no_utc_back() -> None:
    whole = piece(None, 0.0, 90.0)
    chunks = cut(whole, even(whole))
    half = len(chunks) // 2
    jumped = chunks[:half] + [
        replace(chunk, t0_ns=chunk.t0_ns - 3600 * 10**9) for chunk in chunks[half:]
    ]
    straight = beats(events(play(Pipeline(SITE), arriving(whole, chunks))))
    pipeline = Pipeline(SITE)
    told = beats(events(play(pipeline, arriving(whole, jumped))))
    assert [(b.sample, b.rr_s) for b in told] == [(b.sample, b.rr_s) for b in straight]
    times = [beat.time_ns for beat in told]
    assert times == sorted(times)
    assert max(abs(a.time_ns - b.time_ns) for a, b in zip(told, straight, strict=True)) < 5e7
    assert pipeline.counters()["w1"]["ecg"]["clock_jump"] == 1


def test_a_clock_that_counts_from_boot_gives_the_same_beats() -> None:
    whole = piece(None, 0.0, 40.0)
    chunks = cut(whole, even(whole))
    booted = [
        replace(chunk, t0_ns=chunk.t0_ns - START_NS, epoch=Epoch.BOOT) for chunk in chunks
    ]
    told = beats(events(play(Pipeline(SITE), arriving(whole, chunks))))
    log = [
        replace(boot, arrival_ns=utc.arrival_ns)
        for boot, utc in zip(arriving(whole, booted), arriving(whole, chunks), strict=True)
    ]
    by_boot = beats(events(play(Pipeline(SITE), log)))
    assert [beat.sample for beat in by_boot] == [beat.sample for beat in told]
    assert max(abs(a.time_ns - b.time_ns) for a, b in zip(told, by_boot, strict=True)) < 10**8


# --- what comes twice, or in another order -----------------------------------------------


def shuffled(chunks: Sequence[Chunk], seed: int) -> list[Chunk]:
    """Neighbours exchanged and chunks doubled, none of them by more than a few places."""
    rng = random.Random(seed)
    out = list(chunks)
    for _ in range(len(out) // 4):
        at = rng.randrange(1, len(out) - 3)
        part = out[at : at + 3]
        rng.shuffle(part)
        out[at : at + 3] = part
    for _ in range(len(out) // 4):
        at = rng.randrange(len(out) - 6)
        out.insert(at + rng.randint(1, 6), out[at])
    return out


@pytest.mark.parametrize("seed", range(3))
def test_doubled_and_out_of_order_is_the_same_as_clean(seed: int) -> None:
    whole = piece(None, 0.0, 60.0)
    chunks = cut(whole, even(whole))
    mixed = shuffled(chunks, seed)
    told = events(play(Pipeline(SITE), arriving(whole, mixed, every_ns=150_000_000)))
    assert gaps(told) == []
    assert findings(told) == found(whole, chunks)


def test_a_redelivery_of_everything_gives_nothing_new() -> None:
    whole = piece(None, 0.0, 60.0)
    log = arriving(whole, disturbed(whole, even(whole)))
    pipeline = Pipeline(SITE)
    assert beats(events(play(pipeline, log, finish=False)))
    again = [replace(one, arrival_ns=log[-1].arrival_ns + i) for i, one in enumerate(log)]
    told = events(play(pipeline, [one for one in again if one.topic], finish=False))
    assert told == []


def test_a_redelivery_in_the_middle_changes_nothing() -> None:
    whole = piece(None, 0.0, 60.0)
    chunks = cut(whole, even(whole))
    half, back = len(chunks) // 2, 40
    doubled = chunks[:half] + chunks[half - back :]
    assert found(whole, doubled) == found(whole, chunks)


def status(record: Record, **fields: object) -> Record:
    topic = topics.device_topic(SITE, "w1", Leaf.STATUS)
    payload = messages.dump(DeviceStatus(**fields))  # type: ignore[arg-type]
    return Record(RecordKind.MESSAGE, record.arrival_ns, topic, payload)


def test_a_goodbye_gives_what_is_pending_and_the_stream_may_go_on() -> None:
    whole = piece(None, 0.0, 60.0)
    log = arriving(whole, cut(whole, even(whole)))
    clean = beats(found(whole, cut(whole, even(whole))))
    half = len(log) // 2
    goodbye = status(log[half], online=False, reason="switched off")
    pipeline = Pipeline(SITE)
    play(pipeline, log[:half], finish=False)
    pending = beats(events(play(pipeline, [goodbye], finish=False)))
    at = max(beat.sample for beat in pending)
    assert [b.sample for b in pending] == [
        b.sample for b in clean if pending[0].sample <= b.sample <= at
    ]
    assert events(play(pipeline, [goodbye], finish=False)) == []
    told = beats(events(play(pipeline, log[half:])))
    assert told[0].rr_s is None
    settled = [beat.sample for beat in told if beat.sample > at + 12 * whole.fs]
    assert settled == [b.sample for b in clean if b.sample > at + 12 * whole.fs]


@pytest.mark.parametrize("away_s", [60.0, 3 * 86_400.0])
def test_a_stream_that_goes_on_long_after_its_goodbye_raises_no_alarm(away_s: float) -> None:
    """The time in between was not watched; it was no poor signal and no standstill either."""
    whole = piece(None, 0.0, 60.0)
    first = cut(whole, even(whole))
    away = round(away_s * whole.fs)
    second = cut(
        whole,
        even(whole),
        first_sample=whole.n_samples + away,
        seq=len(first),
        t0_ns=START_NS + round((60 + away_s) * 1e9),
    )
    log = records(whole, first)
    log.append(status(log[-1], online=False, reason="switched off"))
    pipeline = Pipeline(SITE)
    told = events(play(pipeline, log, finish=False))
    told += events(play(pipeline, [one for one in records(whole, second) if one.topic]))
    alarms = [e.kind for e in told if isinstance(e, AlarmEvent) and e.phase is AlarmPhase.START]
    assert alarms == []
    assert len(gaps(told)) == 1
    assert len(beats(told)) > 100
