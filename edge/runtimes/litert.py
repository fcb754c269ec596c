"""Models in LiteRT: one row at a time, in the graph's own batch of one.

The exporter fixes the batch: a convolution becomes reshapes that hold it as a constant, so
`resize_tensor_input` fails on such a graph. It costs little: on one thread LiteRT takes as
long for eight rows at once as for eight in turn. And an answer is the same to the last bit
whatever else was asked with it (ADR 12).

Names. A converted graph has one signature, whose inputs are called `args_0`, `args_1` ... and
outputs `output_0`, `output_1` ... in the order of the module's; or it has the manifest's own
names. So the rule: by the manifest's name where the signature has it, otherwise the number in
the signature's name is the place in the manifest's order. Shapes are then compared.

Only `ai_edge_litert` or `tflite_runtime` is needed beside numpy. Either says once on standard
error that it made a delegate: Python has no way to its logger, and `TF_CPP_MIN_LOG_LEVEL` is
another one's.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from edge.runtimes.base import GraphShapes, Shape, checked_batch, probe, unanswered
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError, InputError

_NUMBERED: Final = re.compile(r"(?:args|output)_(\d+)")


def interpreter_class() -> Any:
    """The interpreter of `ai_edge_litert`, or of `tflite_runtime` where only that is there.

    Raises
    ------
    InputError
        Neither can be used.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        pass
    else:
        return Interpreter
    if int(np.__version__.split(".")[0]) >= 2:
        # tflite_runtime was built for numpy 1: it imports under 2, and then fails.
        raise InputError(
            "runtime litert: ai_edge_litert is not installed (and tflite_runtime needs "
            "numpy<2): pip install ai-edge-litert"
        )
    try:
        from tflite_runtime.interpreter import Interpreter as OldInterpreter
    except ImportError:
        raise InputError(
            "runtime litert: neither ai_edge_litert nor tflite_runtime is installed: "
            "pip install ai-edge-litert"
        ) from None
    return OldInterpreter


class LiteRtModel:
    """One graph in LiteRT.

    Parameters
    ----------
    content : bytes
        The file, already checked against its manifest.
    shapes : GraphShapes
    where : str
        The file's path, for errors.
    name, precision : str
    threads : int

    Raises
    ------
    BundleError
        Not a graph, or not the manifest's.
    InputError
        LiteRT is not installed.
    """

    runtime = "litert"
    provider = "cpu"

    def __init__(
        self,
        content: bytes,
        shapes: GraphShapes,
        where: str,
        *,
        name: str,
        precision: str,
        threads: int = 1,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name, self.precision, self.notes = name, precision, notes
        self._shapes = shapes
        interpreter = interpreter_class()
        try:
            self._interpreter = interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())
            raise BundleError(f"{where}: LiteRT cannot read it: {text}") from None
        self._inputs, self._outputs = _tensors(self._interpreter, shapes, where)
        probe(self, shapes, where)

    def run(self, inputs: Arrays) -> Arrays:
        """See `RuntimeModel`."""
        arrays, finite = checked_batch(inputs, self._shapes, self.name)
        n = len(finite)
        shapes = self._shapes.outputs.items()
        outputs = {key: np.empty((n, *shape), np.float32) for key, shape in shapes}
        interpreter = self._interpreter
        for row in range(n):
            for key, index in self._inputs.items():
                interpreter.set_tensor(index, arrays[key][row : row + 1])
            interpreter.invoke()
            for key, index in self._outputs.items():
                outputs[key][row] = interpreter.get_tensor(index)[0]
        return unanswered(outputs, finite)


def _tensors(
    interpreter: Any, shapes: GraphShapes, where: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Which tensor is which input and output of the manifest.

    The signature's runner is gone when this returns: an interpreter runs only while nobody
    else holds its inside.
    """
    names = list(interpreter.get_signature_list())
    if len(names) != 1:
        raise BundleError(
            f"{where}: expected a graph with one signature, got {len(names)}: export it again"
        )
    runner = interpreter.get_signature_runner(names[0])
    return (
        _indices(runner.get_input_details(), shapes.inputs, where, "input"),
        _indices(runner.get_output_details(), shapes.outputs, where, "output"),
    )


def _indices(
    details: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Shape], where: str, what: str
) -> dict[str, int]:
    """The tensor of each of the manifest's names, by the rule above."""
    if set(details) == set(wanted):
        found = {key: details[key] for key in wanted}
    else:
        numbered = {
            int(match[1]): detail
            for key, detail in details.items()
            if (match := _NUMBERED.fullmatch(key))
        }
        if len(details) != len(wanted) or set(numbered) != set(range(len(wanted))):
            raise BundleError(
                f"{where}: the manifest has {what}s {', '.join(wanted)}, the graph "
                f"{', '.join(details)}: expected the same names, or args_0, output_0 ..."
            )
        found = {key: numbered[place] for place, key in enumerate(wanted)}
    for key, shape in wanted.items():
        if found[key]["dtype"] != np.float32:
            raise BundleError(
                f"{where}: {what} {key}: expected float32, got {found[key]['dtype'].__name__}"
            )
        if tuple(found[key]["shape"]) != (1, *shape):
            raise BundleError(
                f"{where}: {what} {key}: the manifest says {list(shape)}, the graph "
                f"{[int(size) for size in found[key]['shape']]}: expected the same behind a "
                "batch of one"
            )
    return {key: int(detail["index"]) for key, detail in found.items()}
