"""The rounds: many pipelines ask, each model answers once.

A pipeline never runs a model. It yields lists of `InferenceRequest` and is resumed with the
outputs, in the same order. A round advances every pipeline to its next question, gathers the
questions by model into one batch each, and resumes. So a thousand wearables cost a few
batched calls, and the same pipeline runs offline over one file.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from vitalwire.contracts import Arrays, InferenceRequest
from vitalwire.errors import ContractError

T = TypeVar("T")

Asking = Generator[list[InferenceRequest], list[Arrays], list[T]]
"""A pipeline at work on one input; it returns what came of it."""


class Model(Protocol):
    """A model that answers a batch; one for each bundle and runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs for `inputs`, each with the batch as its first axis."""
        ...


def run_round(asking: Sequence[Asking[T]], models: Mapping[str, Model]) -> list[list[T]]:
    """Run every pipeline to its end, answering all questions of a round in one batch a model.

    Returns
    -------
    list of list
        What each pipeline returned, in the order of `asking`.

    Raises
    ------
    ContractError
        A pipeline asks for a model that is not there, or a model answers fewer than asked.
    """
    returned: list[list[T]] = [[] for _ in asking]
    questions: dict[int, list[InferenceRequest]] = {}
    for index, one in enumerate(asking):
        try:
            questions[index] = next(one)
        except StopIteration as stop:
            returned[index] = stop.value
    while questions:
        answers = iter(_answer([one for asked in questions.values() for one in asked], models))
        asked, questions = questions, {}
        for index, requests in asked.items():
            try:
                questions[index] = asking[index].send([next(answers) for _ in requests])
            except StopIteration as stop:
                returned[index] = stop.value
    return returned


def _answer(asked: list[InferenceRequest], models: Mapping[str, Model]) -> list[Arrays]:
    by_model: dict[str, list[int]] = {}
    for index, request in enumerate(asked):
        by_model.setdefault(request.model, []).append(index)
    answers: list[Arrays] = [{}] * len(asked)
    for name, indices in by_model.items():
        if name not in models:
            raise ContractError(f"a pipeline asks for model {name!r}, loaded: {sorted(models)}")
        inputs = {
            key: np.stack([asked[index].inputs[key] for index in indices])
            for key in asked[indices[0]].inputs
        }
        outputs = models[name].run(inputs)
        if not outputs or any(len(value) != len(indices) for value in outputs.values()):
            raise ContractError(f"model {name!r} did not answer all of {len(indices)} requests")
        for row, index in enumerate(indices):
            answers[index] = {key: value[row] for key, value in outputs.items()}
    return answers
