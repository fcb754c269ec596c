"""What a model says of a beat becomes a class by what it said of the same person before."""

from collections.abc import Sequence

import numpy as np
import pytest

from edge.chunklog.snapshots import pack, unpack
from edge.pipeline.beat_classes import BeatClasses
from edge.pipeline.models import BeatModel
from edge.pipeline.stream import StreamName
from edge.stages.beat_windows import LinkedBeat
from edge.stages.limits import DEFAULT_LIMITS
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.qrs import Detection
from vitalwire.contracts import Arrays, Beat, BeatClass, Signal

MODEL = BeatModel((BeatClass.N, BeatClass.S, BeatClass.V), {BeatClass.S: 0.5, BeatClass.V: 0.5})
SURELY_N, SURELY_V, UNSURE = (0.96, 0.02, 0.02), (0.02, 0.02, 0.96), (0.48, 0.06, 0.46)
EVERY_S = 1.0


def utc_of(sample: int) -> int:
    """A sample a nanosecond."""
    return sample


def classes() -> BeatClasses:
    name = StreamName("belt", Signal.ECG, 1)
    return BeatClasses(name, MODEL_FS_HZ, DEFAULT_LIMITS, MODEL)


def classified(
    stage: BeatClasses, widths: Sequence[float], said: Sequence[tuple[float, ...]]
) -> list[Beat]:
    """Beats a second apart, of these widths in samples, answered so."""
    n = round(EVERY_S * MODEL_FS_HZ)
    t = np.arange(n * len(widths)) % n - n // 2
    x = np.exp(-((t / np.repeat(widths, n)) ** 2)).astype(np.float32)
    beats = [
        LinkedBeat(Detection(n * i + n // 2, n * i + n // 2 + 20, 1.0), EVERY_S if i else None)
        for i in range(len(widths))
    ]
    told: list[Beat] = []
    answers = iter(said)
    for asking in (
        stage.push(x, beats, 0.0, utc_of),
        stage.flush([], 0.0, utc_of),
    ):
        given: list[Arrays] | None = None
        try:
            while True:
                questions = next(asking) if given is None else asking.send(given)
                given = [
                    {
                        "probability": np.array(next(answers), np.float32),
                        "activation": np.ones(28, np.float32),
                    }
                    for _ in questions
                ]
        except StopIteration as stop:
            told += stop.value
    return told


def test_an_unsure_beat_is_what_it_is_like() -> None:
    widths = [3.0, 10.0, 3.0, 10.0, 3.0, 10.0, 3.0]
    said = (SURELY_N, SURELY_V, SURELY_N, SURELY_V, UNSURE, UNSURE, UNSURE)
    beats = classified(classes(), widths, said)
    assert "".join(beat.label for beat in beats) == "NVNVNVN"
    assert (beats[5].probability or 0.0) > 0.6
    # What spoke for a class is the model's: of the beat that it held for normal it has nothing.
    shown = [i for i, beat in enumerate(beats) if beat.activation]
    assert shown == [1, 3]


def test_behind_a_gap_nothing_is_known_of_anybody() -> None:
    stage = classes()
    classified(stage, [3.0, 10.0] * 2, [SURELY_N, SURELY_V] * 2)
    stage.start(10_000)
    (beat,) = classified(stage, [10.0], [UNSURE])
    assert beat.label is BeatClass.N
    assert beat.probability == pytest.approx(0.48)


def test_a_restored_stage_knows_the_same_beats() -> None:
    first, second = classes(), classes()
    for stage in (first, second):
        stage.start(0)
    classified(first, [3.0, 10.0] * 2, [SURELY_N, SURELY_V] * 2)
    second.restore(unpack(pack(first.state())))
    later = [classified(stage, [10.0], [UNSURE])[0].probability for stage in (first, second)]
    assert later[0] == later[1]
