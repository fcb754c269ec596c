"""The rhythm model is asked in hops on a fixed grid, and its state goes from hop to hop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.rhythm import RhythmStage
from edge.stages.rhythm_hops import N_HOP
from vitalwire.contracts import Arrays

N_STATE = 3
SIGNAL = np.random.default_rng(5).normal(size=40 * N_HOP + 7).astype(np.float32)


def answer(inputs: Arrays) -> Arrays:
    """A model that remembers: each answer depends on all the hops before it."""
    signal, state = inputs["signal"], inputs["state"]
    after = np.tanh(0.8 * state + signal[:N_STATE]).astype(np.float32)
    share = float(np.exp(-np.abs(after).sum()))
    return {
        "probability": np.array([share, 1.0 - share], np.float32),
        "next_state": after,
    }


def run(stage: RhythmStage, samples: np.ndarray) -> list[tuple[int, tuple[float, ...]]]:
    """What it says to each hop, and where the hop ends."""
    stage.push(samples)
    told = []
    while (inputs := stage.ask()) is not None:
        assert inputs["signal"].shape == (N_HOP,)
        said = stage.answer(answer(inputs))
        assert said is not None
        told.append((stage.end, said))
    return told


WHOLE = run(RhythmStage(N_STATE), SIGNAL)


def test_every_hop_is_asked_once_and_an_answer_depends_on_those_before() -> None:
    assert [end for end, _ in WHOLE] == [N_HOP * (i + 1) for i in range(40)]
    changed = SIGNAL.copy()
    changed[0] += 1.0
    assert run(RhythmStage(N_STATE), changed)[3] != WHOLE[3]


@given(st.lists(st.integers(1, len(SIGNAL) - 1), unique=True).map(sorted))
def test_the_cut_changes_nothing(cuts: list[int]) -> None:
    stage = RhythmStage(N_STATE)
    told = [one for part in np.split(SIGNAL, cuts) for one in run(stage, part)]
    assert told == WHOLE


@given(st.integers(0, len(SIGNAL)))
def test_a_restored_stage_goes_on_equally(at: int) -> None:
    stage = RhythmStage(N_STATE)
    told = run(stage, SIGNAL[:at])
    restored = RhythmStage(N_STATE)
    restored.restore(unpack(pack(stage.state())))
    assert told + run(restored, SIGNAL[at:]) == WHOLE


def test_what_a_failed_model_leaves_is_nothing() -> None:
    """It starts anew with the next hop, and the grid stays."""
    stage = RhythmStage(N_STATE)
    told = run(stage, SIGNAL[: 10 * N_HOP])
    stage.push(SIGNAL[10 * N_HOP : 11 * N_HOP])
    assert stage.ask() is not None
    assert stage.answer({}) is None
    assert stage.end == 11 * N_HOP
    told = run(stage, SIGNAL[11 * N_HOP :])
    fresh = run(RhythmStage(N_STATE), SIGNAL[11 * N_HOP :])
    assert [said for _, said in told] == [said for _, said in fresh]
    assert [end for end, _ in told] == [end + 11 * N_HOP for end, _ in fresh]


@pytest.mark.parametrize("until", [5 * N_HOP, 5 * N_HOP + 1, 6 * N_HOP])
def test_hops_of_a_lead_that_is_off_are_not_asked_about(until: int) -> None:
    stage = RhythmStage(N_STATE)
    run(stage, SIGNAL[: 3 * N_HOP + 4])
    stage.lead_off(until)
    told = run(stage, SIGNAL[3 * N_HOP + 4 :])
    first = -(-until // N_HOP)
    fresh = run(RhythmStage(N_STATE), SIGNAL[first * N_HOP :])
    assert told == [(end + first * N_HOP, said) for end, said in fresh]
