"""Many pipelines ask, each model answers once a round."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference import Asking, Model, run_round
from vitalwire.contracts import Arrays, InferenceRequest
from vitalwire.errors import ContractError


class Doubler:
    """Answers twice its input, and remembers the size of each batch."""

    def __init__(self, missing: int = 0) -> None:
        self.batches: list[int] = []
        self._missing = missing

    def run(self, inputs: Arrays) -> Arrays:
        x = inputs["x"]
        self.batches.append(len(x))
        return {"y": 2 * x[: len(x) - self._missing]}


class Mute:
    def run(self, inputs: Arrays) -> Arrays:  # noqa: ARG002
        return {}


def ask(model: str, value: float) -> InferenceRequest:
    return InferenceRequest(model, "w1", {"x": np.full(3, value, np.float32)})


def pipeline(rounds: Sequence[Sequence[tuple[str, float]]]) -> Asking[float]:
    """Ask in rounds; return all answers in the order of the questions."""
    got: list[float] = []
    for asked in rounds:
        answers = yield [ask(model, value) for model, value in asked]
        assert len(answers) == len(asked)
        assert all(answer["y"].shape == (3,) for answer in answers)
        got += [float(answer["y"][0]) for answer in answers]
    return got


def test_one_batch_a_model_and_round() -> None:
    a, b = Doubler(), Doubler()
    asking = [
        pipeline([[("a", 1.0), ("b", 2.0)], [("a", 3.0)]]),
        pipeline([]),
        pipeline([[("a", 4.0)], [], [("b", 5.0), ("b", 6.0)]]),
        pipeline([[("b", 7.0)]]),
    ]
    assert run_round(asking, {"a": a, "b": b}) == [
        [2.0, 4.0, 6.0],
        [],
        [8.0, 10.0, 12.0],
        [14.0],
    ]
    assert (a.batches, b.batches) == ([2, 1], [2, 2])


@given(
    st.lists(
        st.lists(
            st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 999)), max_size=4),
            max_size=4,
        ),
        max_size=6,
    )
)
def test_each_gets_its_own_answers(asked: list[list[list[tuple[str, float]]]]) -> None:
    models = {name: Doubler() for name in "abc"}
    expected = [[2.0 * value for one in rounds for _, value in one] for rounds in asked]
    assert run_round([pipeline(rounds) for rounds in asked], models) == expected
    most_rounds = max((len(rounds) for rounds in asked), default=0)
    assert all(len(model.batches) <= most_rounds for model in models.values())


class Broken:
    """Raises whatever a runtime may raise."""

    def run(self, inputs: Arrays) -> Arrays:  # noqa: ARG002
        raise MemoryError("no room for a tensor")


class Unsteady:
    """Twice its input; from 500 on it is beside itself."""

    def run(self, inputs: Arrays) -> Arrays:
        x = inputs["x"]
        return {
            "y": np.where(x < 500, 2 * x, np.nan),
            "z": np.zeros((len(x), 0, 2), np.float32),
        }


def listen(asked: Sequence[float]) -> Asking[Arrays]:
    answers = yield [ask("a", value) for value in asked]
    return list(answers)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Doubler(missing=1), "expected 2 answers, got 1 of y"),
        (Mute(), "expected 2 answers, got none"),
        (Broken(), "MemoryError: no room for a tensor"),
    ],
)
def test_a_model_that_fails_answers_nothing_and_stops_nobody(model: Model, why: str) -> None:
    told: list[tuple[str, str]] = []
    other = pipeline([[("b", 1.0)], [("b", 2.0)]])
    models = {"a": model, "b": Doubler()}
    asking: list[Asking[Any]] = [listen([1.0]), other, listen([2.0])]
    answers = run_round(asking, models, lambda *what: told.append(what))
    assert answers == [[{}], [2.0, 4.0], [{}]]
    assert told == [("a", why), ("b", ""), ("b", "")]


@given(st.lists(st.integers(0, 999), min_size=1, max_size=8))
def test_an_answer_that_is_not_finite_is_none_and_the_others_are(values: list[int]) -> None:
    told: list[str] = []
    answers: list[Arrays]
    (answers,) = run_round(
        [listen([float(one) for one in values])],
        {"a": Unsteady()},
        lambda _, problem: told.append(problem),
    )
    got = [float(one["y"][0]) if one else None for one in answers]
    assert got == [2.0 * one if one < 500 else None for one in values]
    bad = sum(one >= 500 for one in values)
    assert told == [f"{bad} of {len(values)} answers are not finite" if bad else ""]


def test_a_model_that_is_not_there_is_a_bug_of_ours() -> None:
    with pytest.raises(ContractError, match=r"asks for model 'z', loaded: \['a'\]"):
        run_round([pipeline([[("z", 1.0)]])], {"a": Doubler()})


def test_nobody_asks() -> None:
    assert run_round([], {}) == []
    assert run_round([pipeline([])], {}) == [[]]
