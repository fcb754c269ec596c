from dataclasses import replace

from cloud.inbound import StreamEvents
from cloud.pieces import KEPT_S, WaveBox
from cloud.waveform import Waveforms
from tests.cloud.fake_gateway import T0_NS, beat, chunk, probabilities, vitals
from tests.cloud.test_waveform import ECG, FS, push
from vitalwire.contracts import Signal


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
            *waveforms.push(chunk(ECG[:360], i * 360, fs=FS), T0_NS + i),
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


def test_what_waits_says_when_its_newest_samples_came() -> None:
    waveforms, box = Waveforms(), WaveBox()
    (older,) = waveforms.push(chunk(ECG[:360], 0, fs=FS), T0_NS)
    (newer,) = waveforms.push(chunk(ECG[360:720], 360, fs=FS), T0_NS + 10**9)
    (later,) = waveforms.push_vitals(replace(vitals(time_ns=T0_NS + 9 * 10**9), sample=720))
    for piece in (older, newer, later):
        box.put(piece)
    (kept,) = box._items.values()
    assert kept.view()["heard_ms"] == T0_NS // 10**6 + 1000
