"""The rounds: many pipelines ask, each model answers once.

A pipeline never runs a model. It yields lists of `InferenceRequest` and is resumed with the
outputs, in the same order. A round advances every pipeline to its next question, gathers the
questions by model into one batch each, and resumes. So a thousand wearables cost a few
batched calls, and the same pipeline runs offline over one file.

A model may fail, the ward may not: a request that gets no usable answer is answered with
nothing, an empty mapping, and whoever runs the rounds is told which model it was.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Arrays, InferenceRequest
from vitalwire.errors import ContractError

T = TypeVar("T")

_LONGEST = 300  # characters of an error: it goes into an alarm

Asking = Generator[list[InferenceRequest], list[Arrays], list[T]]
"""A pipeline at work on one input; it returns what came of it."""


class Model(Protocol):
    """A model that answers a batch; one for each bundle and runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs for `inputs`, each with the batch as its first axis."""
        ...


ToldOf = Callable[[str, str], None]
"""Hears of every call of a model: its name, and what was wrong with its answers or ""."""


def run_round(
    asking: Sequence[Asking[T]], models: Mapping[str, Model], told_of: ToldOf | None = None
) -> list[list[T]]:
    """Run every pipeline to its end, answering all questions of a round in one batch a model.

    A request that its model gave no answer to, or none that is finite, is answered with an
    empty mapping, and `told_of` hears why.

    Returns
    -------
    list of list
        What each pipeline returned, in the order of `asking`.

    Raises
    ------
    ContractError
        A pipeline asks for a model that is not there.
    """
    returned: list[list[T]] = [[] for _ in asking]
    questions: dict[int, list[InferenceRequest]] = {}
    for index, one in enumerate(asking):
        try:
            questions[index] = next(one)
        except StopIteration as stop:
            returned[index] = stop.value
    while questions:
        asked = [one for of_pipeline in questions.values() for one in of_pipeline]
        answers = iter(_answer(asked, models, told_of))
        going, questions = questions, {}
        for index, requests in going.items():
            try:
                questions[index] = asking[index].send([next(answers) for _ in requests])
            except StopIteration as stop:
                returned[index] = stop.value
    return returned


def _answer(
    asked: list[InferenceRequest], models: Mapping[str, Model], told_of: ToldOf | None
) -> list[Arrays]:
    by_model: dict[str, list[int]] = {}
    for index, request in enumerate(asked):
        by_model.setdefault(request.model, []).append(index)
    answers: list[Arrays] = [{}] * len(asked)
    for name, indices in by_model.items():
        if name not in models:
            raise ContractError(f"a pipeline asks for model {name!r}, loaded: {sorted(models)}")
        rows, problem = _call(models[name], [asked[index].inputs for index in indices])
        for index, row in zip(indices, rows, strict=True):
            answers[index] = row
        if told_of:
            told_of(name, problem)
    return answers


def finite_rows(arrays: Arrays, n: int) -> NDArray[np.bool_]:
    """Which rows of a batch of `n` hold finite numbers alone, in all its arrays."""
    if all(np.isfinite(value).all() for value in arrays.values()):  # almost always
        return np.ones(n, bool)
    rows = [np.isfinite(value).reshape(n, -1).all(axis=1) for value in arrays.values()]
    finite: NDArray[np.bool_] = np.logical_and.reduce(rows)
    return finite


def _batch(asked: Sequence[Arrays]) -> Arrays:
    if len(asked) == 1:  # a ward of one device: nothing to copy
        return {key: value[np.newaxis] for key, value in asked[0].items()}
    return {key: np.stack([one[key] for one in asked]) for key in asked[0]}


def _call(model: Model, asked: Sequence[Arrays]) -> tuple[list[Arrays], str]:
    """The answer to each request, and what is wrong with the answers, or ""."""
    n = len(asked)
    try:
        outputs = model.run(_batch(asked))
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises, the ward goes on
        return [{}] * n, f"{type(error).__name__}: {error}"[:_LONGEST]
    if not outputs or any(len(value) != n for value in outputs.values()):
        return [{}] * n, f"expected {n} answers, got {_sizes(outputs)}"
    good = finite_rows(outputs, n)
    rows: list[Arrays] = [
        {key: value[row] for key, value in outputs.items()} if good[row] else {}
        for row in range(n)
    ]
    bad = n - int(good.sum())
    return rows, f"{bad} of {n} answers are not finite" if bad else ""


def _sizes(outputs: Arrays) -> str:
    return ", ".join(f"{len(value)} of {key}" for key, value in outputs.items()) or "none"
