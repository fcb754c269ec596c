"""The seizure model is asked hop by hop, and its state goes from hop to hop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.eeg_hops import EegHop
from edge.stages.eeg_signal import HOP_S, N_HOP, N_LEADS_MAX
from edge.stages.seizure import FORGET_S, SeizureAnswer, SeizureStage
from vitalwire.contracts import Arrays

N_STATE, N_LEADS = 3, 4


def hop(i: int, good: bool = True) -> EegHop:
    signal = np.random.default_rng(i).normal(size=(N_LEADS, N_HOP)).astype(np.float32)
    leads = np.array([good, good, False, good])
    return EegHop(N_HOP * (i + 1), signal, np.full(N_LEADS, 2.0), leads)


def answer(inputs: Arrays) -> Arrays:
    """A model that remembers: each answer depends on all the hops before it."""
    assert inputs["signal"].shape == (N_LEADS_MAX, N_HOP)
    assert inputs["good"].tolist() == [1.0, 1.0, 0.0, 1.0] + [0.0] * (N_LEADS_MAX - 4)
    after = np.tanh(0.8 * inputs["state"] + inputs["signal"][0, :N_STATE]).astype(np.float32)
    share = float(np.exp(-np.abs(after).sum()))
    return {
        "probability": np.array([share, 1.0 - share], np.float32),
        "leads": np.arange(N_LEADS_MAX, dtype=np.float32),
        "next_state": after,
    }


def run(stage: SeizureStage, hops: list[EegHop]) -> list[SeizureAnswer | None]:
    told = []
    for one in hops:
        inputs = stage.ask(one)
        told.append(None if inputs is None else stage.answer(answer(inputs)))
    return told


HOPS = [hop(i) for i in range(60)]
WHOLE = run(SeizureStage(N_STATE, N_LEADS), HOPS)


def test_an_answer_depends_on_the_hops_before_and_names_the_streams_leads() -> None:
    changed = run(SeizureStage(N_STATE, N_LEADS), [hop(99), *HOPS[1:]])
    assert changed[3] != WHOLE[3]
    assert WHOLE[0] is not None
    assert WHOLE[0].leads == (0.0, 1.0, 2.0, 3.0)
    assert sum(WHOLE[0].probability) == pytest.approx(1.0)


@given(st.integers(0, len(HOPS)))
def test_a_restored_stage_goes_on_equally(at: int) -> None:
    stage = SeizureStage(N_STATE, N_LEADS)
    begun = run(stage, HOPS[:at])
    restored = SeizureStage(N_STATE, N_LEADS)
    restored.restore(unpack(pack(stage.state())))
    assert begun + run(restored, HOPS[at:]) == WHOLE


@pytest.mark.parametrize(
    ("n_unread", "kept"), [(1, True), (19, True), (20, False), (50, False)]
)
def test_behind_a_long_unreadable_stretch_it_starts_anew(n_unread: int, kept: bool) -> None:
    assert round(FORGET_S / HOP_S) == 20
    stage = SeizureStage(N_STATE, N_LEADS)
    run(stage, HOPS[:10])
    assert run(stage, [hop(i, good=False) for i in range(n_unread)]) == [None] * n_unread
    expected = WHOLE[10:] if kept else run(SeizureStage(N_STATE, N_LEADS), HOPS[10:])
    assert run(stage, HOPS[10:]) == expected


def test_what_a_failed_model_leaves_is_nothing() -> None:
    stage = SeizureStage(N_STATE, N_LEADS)
    run(stage, HOPS[:10])
    assert stage.ask(HOPS[10]) is not None
    assert stage.answer({}) is None
    assert run(stage, HOPS[11:]) == run(SeizureStage(N_STATE, N_LEADS), HOPS[11:])
