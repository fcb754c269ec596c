"""Many pipelines ask, each model answers once a round."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference import Asking, run_round
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


@pytest.mark.parametrize("model", [Doubler(missing=1), Mute()])
def test_a_model_that_answers_too_few_is_a_bug_of_ours(model: Doubler | Mute) -> None:
    with pytest.raises(ContractError, match="did not answer all of 2"):
        run_round([pipeline([[("a", 1.0), ("a", 2.0)]])], {"a": model})


def test_a_model_that_is_not_there_is_a_bug_of_ours() -> None:
    with pytest.raises(ContractError, match=r"asks for model 'z', loaded: \['a'\]"):
        run_round([pipeline([[("z", 1.0)]])], {"a": Doubler()})


def test_nobody_asks() -> None:
    assert run_round([], {}) == []
    assert run_round([pipeline([])], {}) == [[]]
