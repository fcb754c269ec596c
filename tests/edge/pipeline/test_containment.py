"""A fault of ours in one device's stages costs that device its state, and no other anything."""

from dataclasses import replace

import pytest

from edge.chunklog.records import Record
from edge.offline import SITE, chunks_of, records_of
from edge.pipeline.gateway import INTERNAL_ERROR, Output, Pipeline, Refusal
from edge.rounds import run_rounds
from edge.stages.vitals import VitalsStage
from vitalwire.contracts import Beat
from vitalwire.recordings.bundled import bundled_recording

FS = 360.0


def records(device: str) -> list[Record]:
    data = bundled_recording().read(0, round(30 * FS))
    return list(records_of(replace(chunk, device=device) for chunk in chunks_of(data, FS)))


def beats(outputs: list[Output | Refusal], device: str) -> list[int]:
    events = [one.event for one in outputs if isinstance(one, Output)]
    return [e.sample for e in events if isinstance(e, Beat) and e.device == device]


def test_the_ward_goes_on_and_so_does_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = records("good"), records("bad")
    both = [one for pair in zip(good, bad, strict=True) for one in pair]
    healthy = list(outputs_of(Pipeline(SITE), both))
    calls = 0
    push = VitalsStage.push

    def fail_once(self: VitalsStage, *args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 100:  # of the second device: the first takes the odd ones
            raise ZeroDivisionError("a bug")
        return push(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(VitalsStage, "push", fail_once)
    told = list(outputs_of(Pipeline(SITE), both))
    refusals = [one for one in told if isinstance(one, Refusal)]
    assert [one.reason for one in refusals] == [INTERNAL_ERROR]
    assert refusals[0].topic == "bad"
    assert beats(told, "good") == beats(healthy, "good")
    assert beats(told, "bad")[-5:] == beats(healthy, "bad")[-5:]


def test_a_snapshot_of_another_version_starts_that_stream_cold() -> None:
    pipeline = Pipeline(SITE)
    first, rest = records("chest")[:100], records("chest")[100:]
    list(outputs_of(pipeline, first))
    state = pipeline.state()
    del state["devices"]["chest"]["streams"]["ecg"]["analysis"]["detector"]
    restored = Pipeline(SITE)
    restored.restore(state)
    assert beats(list(outputs_of(restored, rest)), "chest")


def outputs_of(pipeline: Pipeline, those: list[Record]) -> list[Output | Refusal]:
    done = run_rounds(pipeline, enumerate(those), {})
    return [output for _, outputs in done for output in outputs]
