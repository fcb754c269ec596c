"""A floor in the model's place: what it is shown, when it is asked, and that rows are apart."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.stages.eeg_signal import N_HOP, N_LEADS_MAX
from training.floors.line_length import LineLength
from training.floors.logistic import N_FEATURES, Logistic
from training.floors.windows import N_WINDOW, Float32, Float64, Floor, FloorModel, Judgement
from vitalwire.contracts import Arrays

FLOORS: tuple[Floor, ...] = (LineLength(), Logistic((0.1,) * N_FEATURES, -1.0))


@dataclass
class Keeps:
    """Keeps what it was shown; the probability counts how often it was asked."""

    n_memory: int = 1
    windows: list[Float64] = field(default_factory=list)
    leads: list[NDArray[np.int64]] = field(default_factory=list)

    def judge(self, window: Float64, leads: NDArray[np.int64], memory: Float32) -> Judgement:
        self.windows.append(window)
        self.leads.append(leads)
        return Judgement(memory[0] / 100 + 0.01, np.full(len(leads), 0.5), memory + 1)


def hops(n: int, n_leads: int, seed: int = 0) -> Float32:
    """(n, N_LEADS_MAX, N_HOP)"""
    x = np.zeros((n, N_LEADS_MAX, N_HOP), np.float32)
    x[:, :n_leads] = np.random.default_rng(seed).normal(0, 1, (n, n_leads, N_HOP))
    return x


def ask(model: FloorModel, signal: Float32, good: Float32) -> list[Arrays]:
    """One stream, hop by hop."""
    state = np.zeros((1, model.n_state), np.float32)
    told = []
    for one, which in zip(signal, good, strict=True):
        told.append(model.run({"signal": one[None], "good": which[None], "state": state}))
        state = told[-1]["next_state"]
    return told


def goods(n: int, n_leads: int) -> Float32:
    good = np.zeros((n, N_LEADS_MAX), np.float32)
    good[:, :n_leads] = 1.0
    return good


def test_it_is_shown_the_last_four_seconds_once_a_second() -> None:
    keeps = Keeps()
    signal = hops(24, 3)
    told = ask(FloorModel(keeps), signal, goods(24, 3))
    assert len(keeps.windows) == 3  # after 4, 5 and 6 s
    whole = np.concatenate(list(signal), axis=1)[:3]
    for window, end in zip(keeps.windows, (16, 20, 24), strict=True):
        np.testing.assert_array_equal(window, whole[:, end * N_HOP - N_WINDOW : end * N_HOP])
    values = [float(one["probability"][0, 1]) for one in told]
    assert values == pytest.approx([0.0] * 15 + [0.01] * 4 + [0.02] * 4 + [0.03])


def test_a_lead_that_could_not_be_read_is_left_out_until_its_window_is_whole() -> None:
    keeps = Keeps()
    good = goods(40, 3)
    good[18, 1] = 0.0
    ask(FloorModel(keeps), hops(40, 3), good)
    assert [one.tolist() for one in keeps.leads] == [
        [0, 1, 2], [0, 2], [0, 2], [0, 2], [0, 2], [0, 1, 2], [0, 1, 2],
    ]  # fmt: skip


def test_without_a_lead_the_last_word_stands() -> None:
    keeps = Keeps()
    good = goods(24, 1)
    good[17:] = 0.0
    told = ask(FloorModel(keeps), hops(24, 1), good)
    assert len(keeps.windows) == 1
    assert told[-1]["probability"][0, 1] == pytest.approx(0.01)


@pytest.mark.parametrize("floor", FLOORS)
def test_rows_of_a_batch_know_nothing_of_each_other(floor: Floor) -> None:
    model = FloorModel(floor)
    signal, good = (hops(20, 4), hops(20, 4, seed=1)), goods(20, 4)
    alone = [ask(model, one, good)[-1] for one in signal]
    state = np.zeros((2, model.n_state), np.float32)
    for a, b, which in zip(*signal, good, strict=True):
        inputs = {"signal": np.stack([a, b]), "good": np.stack([which, which])}
        told = model.run({**inputs, "state": state})
        state = told["next_state"]
    for row, one in enumerate(alone):
        for name, value in one.items():
            np.testing.assert_array_equal(told[name][row], value[0])


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("value", [0.0, 8.0, 1e-30])
def test_any_signal_has_an_answer(floor: Floor, value: float) -> None:
    told = ask(
        FloorModel(floor), np.full((24, N_LEADS_MAX, N_HOP), value, np.float32), goods(24, 32)
    )
    for one in told:
        assert all(np.isfinite(out).all() for out in one.values())
        assert 0.0 <= one["probability"].min() <= one["probability"].max() <= 1.0
