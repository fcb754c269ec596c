from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.inbound import StreamEvents
from cloud.waveform import KEPT_S, Piece, WaveBox, Waveforms
from tests.cloud.fake_gateway import beat, chunk
from vitalwire.contracts import BeatClass, Signal

FS = 360.0
TIME_S = np.arange(3600) / FS
ECG = (np.sin(2 * np.pi * 1.2 * TIME_S) + 0.3).astype(np.float32)


def push(
    waveforms: Waveforms, data: NDArray[np.float32], cuts: Iterable[int], start: int = 0
) -> list[Piece]:
    edges = [0, *cuts, data.shape[-1]]
    return [
        piece
        for a, b in pairwise(edges)
        for piece in waveforms.push(chunk(data[..., a:b], start + a, fs=FS))
    ]


def shown(pieces: Sequence[Piece]) -> dict[int, int | None]:
    return {
        run.start + i: count
        for piece in pieces
        for run in piece.runs
        for i, count in enumerate(run.counts[0])
    }


@given(st.lists(st.integers(1, 3599), unique=True, max_size=8).map(sorted))
def test_the_picture_does_not_depend_on_the_cut(cuts: list[int]) -> None:
    assert shown(push(Waveforms(), ECG, cuts)) == shown(push(Waveforms(), ECG, []))


def test_few_samples_leave_and_their_rate_is_right() -> None:
    piece = push(Waveforms(), ECG, [])[0]
    assert piece.fs == 120.0
    assert piece.runs[0].n_samples == 1200
    peak = max(count for count in shown([piece]).values() if count is not None)
    assert 900 < peak < 1400  # counts of a microvolt


@given(st.sampled_from([1.0, 2.0, 50.0, 125.0, 130.0, 131.0, 250.0, 1000.0, 8192.0]))
def test_any_rate_of_the_wire_can_be_shown(fs: float) -> None:
    data = np.ones(64, np.float32)
    piece = Waveforms().push(chunk(data, 0, fs=fs))[0]
    assert piece.fs <= 130.0


def test_twice_is_once_and_late_is_not_shown() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:720], [])
    assert push(waveforms, ECG[:720], []) == []
    overlap = push(waveforms, ECG[360:1080], [], start=360)
    assert overlap[0].runs[0].start == 240


def test_a_gap_stays_a_gap() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:360], [])
    piece = push(waveforms, ECG[1080:1440], [], start=1080)[0]
    assert piece.runs[0].start == 360
    assert all(count is not None for count in piece.runs[0].counts[0])


def test_missing_samples_are_holes_and_harm_no_other() -> None:
    data = ECG[:720].copy()
    data[100:200] = np.nan
    counts = shown(push(Waveforms(), data, [150]))
    assert all(counts[i] is None for i in range(34, 66))
    assert counts[33] is not None
    assert counts[67] is not None


def test_a_new_boot_and_a_restart_wipe_the_strip() -> None:
    waveforms = Waveforms()
    first = push(waveforms, ECG, [])[0].stream
    again = waveforms.push(chunk(ECG[:360], 0, fs=FS, stream_id=2))[0].stream
    at = 0
    for part in np.split(np.tile(ECG, 2), 20):
        waveforms.push(chunk(part, at := at + 360, fs=FS, stream_id=2))
    restarted = waveforms.push(chunk(ECG[:360], 0, fs=FS, stream_id=2))[0].stream
    assert len({first, again, restarted}) == 3


def test_beats_stand_at_their_sample() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:720], [])
    events = StreamEvents("bed-1", Signal.ECG, (beat(363, label=BeatClass.V),))
    marks = waveforms.push_events(events)[0].marks
    assert [(mark.position, mark.label) for mark in marks] == [(121.0, "V")]
    assert waveforms.push_events(StreamEvents("bed-9", Signal.ECG, events.beats)) == []


def test_a_beat_found_after_its_samples_were_fetched_is_not_lost() -> None:
    waveforms, box = Waveforms(), WaveBox()
    push(waveforms, ECG[:720], [])
    events = StreamEvents("bed-1", Signal.ECG, (beat(363),))
    for piece in [*waveforms.push_events(events), *push(waveforms, ECG[720:1440], [], 720)]:
        box.put(piece)
    (kept,) = box._items.values()
    assert [mark.position for mark in kept.marks] == [121.0]
    assert [run.start for run in kept.runs] == [240]


def test_a_reader_that_sleeps_costs_a_bounded_strip() -> None:
    waveforms, box = Waveforms(), WaveBox()
    for i in range(400):
        for piece in waveforms.push(chunk(ECG[:360], i * 360, fs=FS)):
            box.put(piece)
    (kept,) = box._items.values()
    n_samples = sum(run.n_samples for run in kept.runs)
    assert n_samples <= (KEPT_S + 1) * kept.fs
    assert kept.runs[-1].start == 399 * 120


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=50))
def test_whatever_number_comes_the_page_gets_integers(values: list[float]) -> None:
    data = np.clip(np.array(values, np.float32), -1e9, 1e9)
    for piece in Waveforms().push(chunk(data, 0, fs=125.0)):
        for count in piece.runs[0].counts[0]:
            assert count is None or isinstance(count, int)
