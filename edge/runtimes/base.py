"""What every runtime of models gives, and the checks that they share.

A graph's inputs and outputs are named, float32, with the batch as their first axis; a
bundle's manifest lists them in the order of the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge.inference import finite_rows
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError, ContractError

Shape = tuple[int, ...]

_PROBE_ROWS: Final = 2  # more than one: a batch of one hides a transposed or fixed axis


@runtime_checkable
class RuntimeModel(Protocol):
    """A model in a runtime: `edge.inference.Model`, and what a person wants to know of it."""

    name: str  # the task
    runtime: str  # onnxruntime, litert
    precision: str  # fp32, int8
    provider: str  # what runs it: cpu, cuda, tensorrt
    notes: tuple[str, ...]  # what is not as it was asked for

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs for `inputs`, each float32 with the batch as its first axis.

        Raises
        ------
        ContractError
            The inputs are not those of the manifest.
        """
        ...


@dataclass(frozen=True, slots=True)
class GraphShapes:
    """Inputs and outputs by name, in the graph's order; shapes without the batch axis."""

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


def checked_batch(
    inputs: Arrays, shapes: GraphShapes, name: str
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """The inputs as contiguous float32, and which of their rows are finite.

    Raises
    ------
    ContractError
        An input is missing, too many, or of another shape; batches differ.
    """
    if inputs.keys() != shapes.inputs.keys():
        raise ContractError(
            f"{name}: expected inputs {', '.join(shapes.inputs)}, got {', '.join(inputs)}"
        )
    arrays = {key: np.ascontiguousarray(inputs[key], dtype=np.float32) for key in shapes.inputs}
    n = len(next(iter(arrays.values())))
    for key, shape in shapes.inputs.items():
        if arrays[key].shape != (n, *shape):
            raise ContractError(
                f"{name}: expected {key} of shape {(n, *shape)}, got {arrays[key].shape}"
            )
    return arrays, finite_rows(arrays, n)


def unanswered(outputs: dict[str, NDArray[np.float32]], finite: NDArray[np.bool_]) -> Arrays:
    """The outputs, with NaN in the rows whose input was not finite.

    A runtime's rectifier makes zero out of NaN, and then a class out of nothing.
    """
    if not finite.all():
        for value in outputs.values():
            value[~finite] = np.nan
    return outputs


def probe(model: RuntimeModel, shapes: GraphShapes, where: str) -> None:
    """Ask the model about nothing but zeros: it must answer as the manifest says.

    Raises
    ------
    BundleError
        It fails, answers in other shapes, or without finite numbers.
    """
    zeros = {
        key: np.zeros((_PROBE_ROWS, *shape), np.float32) for key, shape in shapes.inputs.items()
    }
    try:
        outputs = model.run(zeros)
    except Exception as error:  # noqa: BLE001 - a runtime may raise anything on a bad graph
        raise BundleError(f"{where}: does not run: {' '.join(str(error).split())}") from None
    for key, shape in shapes.outputs.items():
        want = (_PROBE_ROWS, *shape)
        if outputs[key].shape != want:
            raise BundleError(
                f"{where}: output {key}: the manifest says {want} for {_PROBE_ROWS} rows, the "
                f"graph gives {outputs[key].shape}: export it again"
            )
        if not np.isfinite(outputs[key]).all():
            raise BundleError(
                f"{where}: output {key}: not finite for a flat signal: export it again"
            )
