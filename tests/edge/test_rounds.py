"""Rounds keep each device's order, and give the outputs by the records' offsets."""

from collections.abc import Sequence

import numpy as np

from edge.chunklog.records import Record, RecordKind
from edge.offline import chunks_of, records_of
from edge.pipeline.gateway import Output, Pipeline, Refusal
from edge.pipeline.models import BeatModel, EcgModels
from edge.rounds import run_rounds
from vitalwire import topics
from vitalwire.contracts import Arrays, Beat, BeatClass
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.topics import Leaf

SITE = "ward"
ECG = EcgModels(
    beat=BeatModel(tuple(BeatClass), {label: 0.5 for label in BeatClass if label != "N"})
)


class Constant:
    """Calls every beat a V; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Arrays) -> Arrays:
        n = len(inputs["beat"])
        self.batches.append(n)
        return {"probability": np.tile(np.array([0, 0, 1, 0, 0], np.float32), (n, 1))}


def ward(names: Sequence[str], n_s: int = 20) -> list[tuple[int, Record]]:
    """The same signal on several devices, a tick a second between."""
    recording = bundled_recording()
    data = recording.read(0, round(n_s * recording.fs))
    streams = [
        list(records_of(chunks_of(data, recording.fs, name), site=SITE)) for name in names
    ]
    merged = [
        record
        for together in zip(*streams, strict=True)
        for i, record in enumerate(together)
        if i == 0 or record.kind is RecordKind.MESSAGE
    ]
    return list(enumerate(merged))


def beats(done: list[tuple[int, list[Output | Refusal]]], device: str) -> list[Beat]:
    events = [one.event for _, outputs in done for one in outputs if isinstance(one, Output)]
    return [e for e in events if isinstance(e, Beat) and e.device == device]


def test_offsets_come_back_in_order_and_each_once() -> None:
    records = ward(["a", "b", "c"])
    done = run_rounds(Pipeline(SITE), records, {})
    assert [offset for offset, _ in done] == [offset for offset, _ in records]


def test_many_devices_in_a_batch_are_as_one_by_one() -> None:
    records = ward(["a", "b", "c", "d"])
    batched, single = Constant(), Constant()
    together = run_rounds(Pipeline(SITE, ecg=ECG), records, {"ecg-beat": batched})
    alone = Pipeline(SITE, ecg=ECG)
    one_by_one = [
        done for record in records for done in run_rounds(alone, [record], {"ecg-beat": single})
    ]
    assert together == one_by_one
    assert batched.batches == [4 * n for n in single.batches[::4]]
    found = beats(together, "c")
    assert len(found) > 15
    assert {beat.label for beat in found} == {BeatClass.V}


def test_two_records_of_a_device_are_never_at_work_at_once() -> None:
    records = [one for one in ward(["a"]) if one[1].kind is RecordKind.MESSAGE]
    together, single = Constant(), Constant()
    run_rounds(Pipeline(SITE, ecg=ECG), records, {"ecg-beat": together})
    alone = Pipeline(SITE, ecg=ECG)
    for record in records:
        run_rounds(alone, [record], {"ecg-beat": single})
    assert together.batches == single.batches


def test_a_foreign_topic_is_refused_beside_the_others() -> None:
    status = topics.device_topic(SITE, "a", Leaf.STATUS)
    records = [
        (1, Record(RecordKind.MESSAGE, 1, "x")),
        (2, Record(RecordKind.MESSAGE, 2, status, b'{"online":true}')),
        (3, Record(RecordKind.MESSAGE, 3, "a/b/c/d/e")),
        (4, Record(RecordKind.TICK, 4)),
        (5, Record(RecordKind.MESSAGE, 5, "", b"\0")),
    ]
    done = run_rounds(Pipeline(SITE), records, {})
    assert [offset for offset, _ in done] == [1, 2, 3, 4, 5]
    refused = [[one.reason for one in out if isinstance(one, Refusal)] for _, out in done]
    assert refused == [["bad_topic"], [], ["bad_topic"], [], ["bad_topic"]]
