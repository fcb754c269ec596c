"""The four files of a model for the zoo's table: each made within a time, and then timed.

A model that cannot be converted, or not in time, costs its own files and nobody else's.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from training.export import formats
from training.export.export_run import NAMES
from training.export.gates import open_file, parity
from training.export.graphs import Graph
from training.export.limited import FailedWorkError, Work, limited
from vitalwire.bundle import Precision, Runtime
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError

TIMED_S: Final = 0.5  # a file
_LEAST_CALLS: Final = 5
_SHOWN: Final = 120  # characters of a converter's own words

Kind = tuple[Runtime, Precision]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Lack:
    """What became of a file that is not there, or does not count."""

    told: str  # in a cell of the table
    why: str = ""  # in the words of who refused it


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one file."""

    bytes: int
    ms: float  # a call of one row, on one thread


def costs(graph: Graph, limit_s: float, say: Say) -> Mapping[str, Cost | Lack]:
    """Make each file and time it; by its name.

    Inputs are random: they serve for time and for bytes, and to see that a file computes the
    same model at all. Whether it may ship is for `vitalwire export` to say.
    """
    example = zip(graph.shapes.inputs, graph.example(64), strict=True)
    inputs = {key: value.numpy() for key, value in example}
    found: dict[str, Cost | Lack] = {}
    for kind, content in _files(graph, inputs, limit_s, say).items():
        found[NAMES[kind]] = (
            content if isinstance(content, Lack) else _cost(content, kind, graph, inputs)
        )
    return found


def made(limit_s: float, make: Work, *arguments: object) -> bytes | Lack:
    """A file, or what became of it."""
    try:
        return limited(limit_s, make, *arguments)
    except TimeoutError:
        return Lack(f"not converted in {limit_s:g} s")
    except FailedWorkError as error:
        return Lack("not converted", str(error)[:_SHOWN])


def _files(graph: Graph, inputs: Arrays, limit_s: float, say: Say) -> dict[Kind, bytes | Lack]:
    files: dict[Kind, bytes | Lack] = {}

    def make(kind: Kind, of: Work, *arguments: object) -> None:
        say(f"making {NAMES[kind]}")
        files[kind] = made(limit_s, of, *arguments)

    def quantise(runtime: Runtime, of: Work, *arguments: object) -> None:
        fp32 = files[runtime, "fp32"]
        if isinstance(fp32, Lack):
            files[runtime, "int8"] = Lack("none without fp32")
        else:
            make((runtime, "int8"), of, fp32, *arguments)

    make(("onnxruntime", "fp32"), formats.onnx_fp32, graph)
    if graph.is_stateful:
        files["onnxruntime", "int8"] = Lack("its state stays float")
    else:
        quantise("onnxruntime", formats.onnx_int8, inputs)
    make(("litert", "fp32"), formats.tflite_fp32, graph)
    quantise("litert", formats.tflite_int8)
    return files


def _cost(content: bytes, kind: Kind, graph: Graph, inputs: Arrays) -> Cost | Lack:
    runtime, precision = kind
    try:
        model = open_file(content, runtime, precision, graph)
        found = parity(graph, model, {k: v for k, v in inputs.items() if k != "state"})
    except BundleError as error:
        return Lack("does not run", str(error))
    if precision == "fp32" and (why := found.failure("fp32")):
        return Lack("computes otherwise", why)
    one = {key: value[:1] for key, value in inputs.items()}
    model.run(one)
    took_s: list[float] = []
    end = time.perf_counter() + TIMED_S
    while len(took_s) < _LEAST_CALLS or time.perf_counter() < end:
        start = time.process_time()
        model.run(one)
        took_s.append(time.process_time() - start)
    return Cost(len(content), median(took_s) * 1e3)
