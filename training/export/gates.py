"""What a file must pass before it is written: the same answers, the same score, small enough.

Parity is measured on real signal against torch; a model with a state carries its own, hop by
hop, beside torch's. The bounds:

- fp32: no probability off by more than `FP32_MAX`. Both sides round differently, nothing else.
- int8: no more than `INT8_RMS` over all probabilities. A step of 8 bits is some .4 % of a
  range; through the layers it came to .001 to .01 on the shipped families, while a wrongly
  computed layer (see `formats.tflite_int8`) gives .1 and more. The bound lies between; what a
  shift of that size does to decisions is the score's affair.
- the score on validation: at most `SCORE_LOST` percent points under that of fp32.
- int8: at most `INT8_BYTES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.inference import Model
from edge.runtimes.base import RuntimeModel
from training.export.formats import in_rows
from training.export.graphs import Graph
from vitalwire.bundle import Precision, Runtime
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError

FP32_MAX: Final = 1e-4
FP32_ACTIVATION_RMS: Final = 1e-3  # it is divided by its maximum, which may be small
INT8_RMS: Final = 0.03
INT8_ACTIVATION_RMS: Final = 0.15  # it shows where, on a screen
SCORE_LOST: Final = 0.5  # percent points
INT8_BYTES: Final = 200_000
_BATCH: Final = 64

Score = Callable[[Model], float]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a file's answers are from torch's."""

    max_abs: float  # of a probability
    rms: float
    activation_rms: float  # 0 where there is none

    def failure(self, precision: Precision) -> str | None:
        """Which bound it breaks and by how much; None: none."""
        if precision == "fp32":
            bounds = [
                ("largest difference of a probability", self.max_abs, FP32_MAX),
                ("RMS difference of the activation", self.activation_rms, FP32_ACTIVATION_RMS),
            ]
        else:
            bounds = [
                ("RMS difference of the probabilities", self.rms, INT8_RMS),
                ("RMS difference of the activation", self.activation_rms, INT8_ACTIVATION_RMS),
            ]
        for what, found, most in bounds:
            if not found <= most:  # NaN fails too
                return f"parity: {what} is {found:.2g}, at most {most:g} is allowed"
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gates say of one file."""

    failure: str | None
    figures: dict[str, float]  # as the manifest has them


class Gates:
    """Holds files against their graph in torch.

    What fp32 scores is what the first file scores whose probabilities are torch's: asking
    torch itself hop by hop takes many times as long. Where there is none torch is asked.

    Parameters
    ----------
    graph : Graph
    inputs : arrays, batch first
        Real signal; for a model with a state consecutive hops of one stream.
    score : callable
        On validation, percent.
    """

    def __init__(self, graph: Graph, inputs: Arrays, score: Score) -> None:
        self._graph, self._inputs, self._score = graph, inputs, score
        self._score_fp32: float | None = None

    def judge(self, content: bytes, runtime: Runtime, precision: Precision) -> Verdict:
        """What the gates say of a file; fp32 files come first."""
        if precision == "int8" and len(content) > INT8_BYTES:
            return Verdict(f"size: {len(content)} bytes, at most {INT8_BYTES} are allowed", {})
        try:
            model = open_file(content, runtime, precision, self._graph)
            found = parity(self._graph, model, self._inputs)
        except BundleError as error:
            return Verdict(f"runs: {error}", {})
        figures = {"parity_max_abs": found.max_abs, "parity_rms": found.rms}
        failure = found.failure(precision)
        if failure:
            return Verdict(failure, figures)
        got = self._score(model)
        if self._score_fp32 is None:
            self._score_fp32 = got if precision == "fp32" else self._score(self._graph)
        figures |= {"score_fp32": self._score_fp32, "score": got}
        return Verdict(_lost(got, self._score_fp32), figures)


def _lost(got: float, fp32: float) -> str | None:
    """The accuracy gate."""
    if got >= fp32 - SCORE_LOST:  # NaN fails
        return None
    return (
        f"accuracy: validation score {got:.2f}, that of fp32 is {fp32:.2f}: {fp32 - got:.2f} "
        f"points are lost, at most {SCORE_LOST:g} are allowed"
    )


def open_file(
    content: bytes, runtime: Runtime, precision: Precision, graph: Graph
) -> RuntimeModel:
    """The file in its runtime, as a gateway loads it.

    Raises
    ------
    BundleError
        The runtime cannot read or run it.
    """
    name, where = graph.task.value, f"model.{precision}"
    if runtime == "litert":
        from edge.runtimes.litert import LiteRtModel

        return LiteRtModel(content, graph.shapes, where, name=name, precision=precision)
    from edge.runtimes.onnx import OnnxModel

    return OnnxModel(content, graph.shapes, where, name=name, precision=precision)


def parity(graph: Graph, model: Model, inputs: Arrays) -> Parity:
    """Differences of a model's answers from torch's, over all of `inputs`."""
    answers = _stream if graph.is_stateful else _batches
    wanted, found = answers(graph, graph, inputs), answers(graph, model, inputs)
    off = np.abs(wanted["probability"].astype(np.float64) - found["probability"])
    shown = (
        wanted["activation"].astype(np.float64) - found["activation"]
        if "activation" in wanted
        else np.zeros(1)
    )
    return Parity(float(off.max()), _rms(off), _rms(shown))


def _batches(graph: Graph, model: Model, inputs: Arrays) -> Arrays:
    """Answers to rows that know nothing of each other."""
    n = len(next(iter(inputs.values())))
    parts = [model.run(in_rows(inputs, slice(at, at + _BATCH))) for at in range(0, n, _BATCH)]
    return {key: np.concatenate([part[key] for part in parts]) for key in graph.shapes.outputs}


def _stream(graph: Graph, model: Model, inputs: Arrays) -> Arrays:
    """Answers to consecutive hops, each with the state that the one before left."""
    inputs = {key: value for key, value in inputs.items() if key != "state"}
    state = np.zeros((1, *graph.shapes.inputs["state"]), np.float32)
    told = []
    for hop in range(len(inputs["signal"])):
        answer = model.run({**in_rows(inputs, slice(hop, hop + 1)), "state": state})
        state = np.asarray(answer["next_state"], np.float32)
        told.append(answer["probability"])
    return {"probability": np.concatenate(told)}


def _rms(off: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.sqrt(np.mean(np.square(off))))
