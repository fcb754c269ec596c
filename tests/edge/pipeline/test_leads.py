"""Two leads: the second is analysed when the first is lost, and the loss is told."""

from dataclasses import replace

import numpy as np
import pytest

from edge.offline import analyze, chunks_of, records_of
from edge.results import events_of
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase, Beat, Chunk, Event
from vitalwire.recordings.bundled import bundled_recording

FS = 360.0
OFF_S = (30.0, 50.0)


def events(*, known: bool) -> list[Event]:
    lead = bundled_recording().read(0, round(90 * FS))[0]
    chunks = chunks_of(np.stack([lead, 0.7 * lead]), FS)
    return events_of(analyze(records_of(_lead_0_off(chunk, known) for chunk in chunks)))


def _lead_0_off(chunk: Chunk, known: bool) -> Chunk:
    if not OFF_S[0] <= chunk.first_sample / FS < OFF_S[1]:
        return chunk
    data = chunk.data.copy()
    data[0] = 0.0
    return replace(chunk, data=data, lead_off=int(known), lead_state_known=known)


@pytest.mark.parametrize("known", [True, False])
def test_beats_go_on_from_the_other_lead(known: bool) -> None:
    told = events(known=known)
    beats = [event.sample / FS for event in told if isinstance(event, Beat)]
    whole = [event.sample / FS for event in events_of_one_lead() if isinstance(event, Beat)]
    settled = OFF_S[0] + 6.0  # a flat lead is known to be flat after 3.2 s
    lost = [at for at in whole if at > settled and min(abs(at - b) for b in beats) > 0.1]
    assert lost == []


def test_the_lead_that_is_off_is_reported_though_the_other_is_analysed() -> None:
    alarms = [event for event in events(known=True) if isinstance(event, AlarmEvent)]
    kinds = {(alarm.kind, alarm.phase) for alarm in alarms}
    assert (AlarmKind.LEAD_OFF, AlarmPhase.START) in kinds
    assert (AlarmKind.LEAD_OFF, AlarmPhase.END) in kinds
    assert not {kind for kind, _ in kinds} - {AlarmKind.LEAD_OFF}


def events_of_one_lead() -> list[Event]:
    lead = bundled_recording().read(0, round(90 * FS))
    return events_of(analyze(records_of(chunks_of(lead, FS))))


def test_the_first_lead_is_analysed_again_when_it_is_back() -> None:
    """The stand-in may be much worse: nobody should stay with it for good."""
    lead = bundled_recording().read(0, round(90 * FS))[0]
    # Neither flat nor noisy, and without a heart in it: good, as far as anybody can tell.
    wave = 0.5 * np.sin(2 * np.pi * 2.0 * np.arange(len(lead)) / FS).astype(np.float32)
    chunks = chunks_of(np.stack([lead, wave]), FS)
    told = events_of(analyze(records_of(_lead_0_off(chunk, True) for chunk in chunks)))
    beats = [event.sample / FS for event in told if isinstance(event, Beat)]
    whole = [event.sample / FS for event in events_of_one_lead() if isinstance(event, Beat)]
    back = OFF_S[1] + 8.0
    lost = [at for at in whole if at > back and min(abs(at - b) for b in beats) > 0.1]
    assert lost == []
