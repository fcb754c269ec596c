from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cloud.inbound import StreamEvents
from cloud.pieces import Piece
from cloud.waveform import Waveforms
from tests.cloud.fake_gateway import T0_NS, beat, chunk, probabilities, vitals
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
        for piece in waveforms.push(chunk(data[..., a:b], start + a, fs=FS), T0_NS)
    ]


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


def test_a_new_boot_and_a_restart_wipe_the_strip() -> None:
    waveforms = Waveforms()
    first = push(waveforms, ECG, [])[0].stream
    again = waveforms.push(chunk(ECG[:360], 0, fs=FS, stream_id=2), T0_NS)[0].stream
    at = 0
    for part in np.split(np.tile(ECG, 2), 20):
        waveforms.push(chunk(part, at := at + 360, fs=FS, stream_id=2), T0_NS)
    restarted = waveforms.push(chunk(ECG[:360], 0, fs=FS, stream_id=2), T0_NS)[0].stream
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
