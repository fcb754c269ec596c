from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.inbound import StreamEvents
from cloud.waveform import KEPT_S, Piece, WaveBox, Waveforms
from tests.cloud.fake_gateway import beat, chunk, probabilities, vitals
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


def test_only_a_beat_that_is_not_normal_says_why() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:720], [])
    beats = tuple(
        beat(360 * (i + 1), label=label, probability=0.87654, activation=(0.123, 1.0))
        for i, label in enumerate([BeatClass.N, BeatClass.S, BeatClass.Q])
    )
    (piece,) = waveforms.push_events(StreamEvents("bed-1", Signal.ECG, beats))
    assert piece.view()["beats"] == [
        {"at": 120.0, "label": "N", "probability": 0.877},
        {"at": 240.0, "label": "S", "probability": 0.877, "activation": [0.12, 1.0]},
        {"at": 360.0, "label": "Q", "probability": 0.877},
    ]


def test_the_rhythm_stands_at_its_second() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:720], [])
    said = (probabilities(360, af=0.25), replace(probabilities(720), stream_id=9))
    (piece,) = waveforms.push_events(StreamEvents("bed-1", Signal.ECG, probabilities=said))
    (opinion,) = piece.opinions
    assert (opinion.position, opinion.values["af"], opinion.values["normal"]) == (
        120,
        0.25,
        0.75,
    )


def test_what_another_model_says_is_not_the_rhythm() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:720], [])
    said = replace(probabilities(360), labels=("seizure", "none"), values=(0.2, 0.8))
    assert waveforms.push_events(StreamEvents("bed-1", Signal.ECG, probabilities=(said,))) == []


def test_whether_a_second_could_be_analysed_comes_from_the_vitals() -> None:
    waveforms = Waveforms()
    assert waveforms.push_vitals(vitals()) == []
    push(waveforms, ECG[:720], [])
    pieces = [
        *waveforms.push_vitals(replace(vitals(), sample=360)),
        *waveforms.push_vitals(replace(vitals(rate=None), sample=720)),
    ]
    seen = [(one.position, one.good) for piece in pieces for one in piece.readings]
    assert seen == [(120.0, True), (240.0, False)]
    assert waveforms.push_vitals(replace(vitals(), stream_id=2)) == []


def test_one_who_comes_late_gets_what_stands_on_the_strip() -> None:
    waveforms = Waveforms()
    push(waveforms, ECG[:1440], [])
    for second in range(1, 5):
        said = (probabilities(360 * second, other=0.5),)
        waveforms.push_events(StreamEvents("bed-1", Signal.ECG, probabilities=said))
        waveforms.push_vitals(replace(vitals(), sample=360 * second))
    (kept,) = waveforms.recent()
    assert [one.position for one in kept.opinions] == [120.0, 240.0, 360.0, 480.0]
    assert [one.position for one in kept.readings] == [120.0, 240.0, 360.0, 480.0]
    assert kept.runs


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
        said = StreamEvents(
            "bed-1", Signal.ECG, (beat(i * 360),), probabilities=(probabilities(i * 360),)
        )
        pieces = [
            *waveforms.push(chunk(ECG[:360], i * 360, fs=FS)),
            *waveforms.push_events(said),
            *waveforms.push_vitals(replace(vitals(), sample=i * 360)),
        ]
        for piece in pieces:
            box.put(piece)
    (kept,) = box._items.values()
    n_samples = sum(run.n_samples for run in kept.runs)
    assert n_samples <= (KEPT_S + 1) * kept.fs
    assert kept.runs[-1].start == 399 * 120
    assert max(len(kept.opinions), len(kept.readings), len(kept.marks)) <= 60
    assert kept.opinions[-1].position == kept.readings[-1].position == 399 * 120


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=50))
def test_whatever_number_comes_the_page_gets_integers(values: list[float]) -> None:
    data = np.clip(np.array(values, np.float32), -1e9, 1e9)
    for piece in Waveforms().push(chunk(data, 0, fs=125.0)):
        for count in piece.runs[0].counts[0]:
            assert count is None or isinstance(count, int)
