"""Recordings with ectopic beats, made of recordings that have none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.scoring.made_records import Made
from training.datasets.ectopic_patterns import drawn_steps
from training.datasets.simulated import N_BEATS, simulated
from vitalwire.contracts import BeatClass

FS = 250.0
RR_S = 0.8


def normal_record() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """40 s of a generated ECG whose beats are all alike, and their R peaks."""
    at_s = np.arange(1.0, 39.0, RR_S)
    x = Made(40.0, beats=[(at, "N") for at in at_s]).signal()
    return x.astype(np.float32), np.round(at_s * FS).astype(np.int64)


@pytest.mark.parametrize("seed", range(20))
def test_every_pattern_gives_as_many_beats_as_are_asked_for(seed: int) -> None:
    steps = drawn_steps(np.random.default_rng(seed), 60)
    assert len(steps) == 60
    assert all(0.3 < step.interval < 3.5 for step in steps)
    for step in steps:
        if step.label is not BeatClass.N:
            assert step.interval <= 0.82  # premature, or it would be no ectopic beat


def test_patterns_hold_what_they_are_for() -> None:
    rng = np.random.default_rng(0)
    hearts = [[step.label for step in drawn_steps(rng, 100)] for _ in range(200)]
    shares = [sum(label is BeatClass.S for label in heart) / 100 for heart in hearts]
    assert sum(share > 0.6 for share in shares) > 10  # most beats are premature
    assert sum(share == 0 for share in shares) > 40  # ventricular, or no ectopic beat at all
    assert any(BeatClass.V in heart for heart in hearts)


def test_intervals_and_shapes_are_those_of_the_labels() -> None:
    x, beats = normal_record()
    own = x[beats[10] - 10 : beats[10] + 10]
    seen = set()
    for seed in range(30):
        made = simulated(x, FS, beats, np.random.default_rng(seed))
        assert made is not None
        y, reference = made
        assert len(reference.samples) == N_BEATS
        assert len(y) > reference.samples[-1]
        assert np.isfinite(y).all()
        intervals_s = np.diff(reference.samples) / FS
        for label, interval_s, at in zip(
            reference.classes[1:], intervals_s, reference.samples[1:], strict=True
        ):
            shape = np.corrcoef(own, y[at - 10 : at + 10])[0, 1]
            seen.add(str(label))
            if label == "V":
                assert interval_s < 0.85 * RR_S + 0.01
                assert shape < 0.9
            else:
                assert shape > 0.9
            if label == "S":
                assert interval_s < 0.85 * RR_S + 0.01
    assert seen == {"N", "S", "V"}


def test_the_same_seed_gives_the_same_recording() -> None:
    x, beats = normal_record()
    first, again = (simulated(x, FS, beats, np.random.default_rng(3)) for _ in range(2))
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1].samples, again[1].samples)


def test_too_few_beats_to_take_one_from() -> None:
    x, beats = normal_record()
    assert simulated(x, FS, beats[:5], np.random.default_rng(0)) is None
    assert simulated(x[:10], FS, beats[:0], np.random.default_rng(0)) is None
