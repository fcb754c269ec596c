"""A signal that cannot be analysed is recorded, and somebody is told that nobody watches."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from edge.chunklog.snapshots import pack, unpack
from edge.offline import NOMINAL_START_NS, SITE, analyze, chunks_of, records_of
from edge.pipeline.gateway import Pipeline
from edge.results import events_of
from edge.rounds import run_rounds
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase, Chunk, Event, Signal

POOR = AlarmKind.POOR_SIGNAL


def stream(fs: float, n_leads: int, signal: Signal, seconds: float = 12.0) -> list[Chunk]:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 20.0 if signal is Signal.EEG else 0.3, (n_leads, round(seconds * fs)))
    return list(chunks_of(x.astype(np.float32), fs, signal=signal))


def again(chunks: Iterable[Chunk], after_s: float) -> list[Chunk]:
    """As the sender's next start."""
    after_ns = round(after_s * 1e9)
    return [replace(one, stream_id=2, t0_ns=one.t0_ns + after_ns) for one in chunks]


def told(chunks: Iterable[Chunk]) -> list[Event]:
    return events_of(analyze(records_of(chunks)))


def alarms(events: Iterable[Event]) -> list[AlarmEvent]:
    return [one for one in events if isinstance(one, AlarmEvent) and one.kind is POOR]


NOBODY = "only recorded: the patient is not monitored; send"


@pytest.mark.parametrize(
    ("fs", "n_leads", "signal", "said"),
    [
        (50.0, 1, Signal.ECG, f"ECG of 1 lead at 50 Hz is {NOBODY} 100 to 1024 Hz"),
        (2000.0, 3, Signal.ECG, f"ECG of 3 leads at 2000 Hz is {NOBODY}"),
        (64.0, 2, Signal.EEG, f"EEG of 2 leads at 64 Hz is {NOBODY} 1 to 32 leads at 100"),
    ],
)
def test_it_is_said_at_once_and_once(
    fs: float, n_leads: int, signal: Signal, said: str
) -> None:
    start, *later = alarms(told(stream(fs, n_leads, signal)))
    assert start.phase is AlarmPhase.START
    assert said in start.message
    assert start.signal is signal
    assert start.onset_ns == NOMINAL_START_NS
    assert [one.phase for one in later if one.phase is not AlarmPhase.ESCALATE] == []


def test_a_stream_that_can_be_analysed_ends_it() -> None:
    bad = stream(64.0, 2, Signal.EEG)
    good = again(stream(256.0, 2, Signal.EEG, seconds=30.0), 13.0)
    found = alarms(told(chain(bad, good)))
    assert found[0].phase is AlarmPhase.START
    assert found[-1].phase is AlarmPhase.END


def test_a_restored_gateway_does_not_say_it_again() -> None:
    records = list(enumerate(records_of(stream(50.0, 1, Signal.ECG))))
    first = Pipeline(SITE)
    run_rounds(first, records[:20], {})
    second = Pipeline(SITE)
    second.restore(unpack(pack(first.state())))
    later = run_rounds(second, records[20:], {})
    assert alarms(events_of(one for _, outputs in later for one in outputs)) == []
