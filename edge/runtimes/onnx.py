"""Models in onnxruntime: any batch at once, on the CPU or a Jetson's GPU.

Inputs and outputs are found by name: the exporter writes the manifest's names into the graph.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnxruntime as ort

from edge.runtimes.base import GraphShapes, Shape, checked_batch, probe, unanswered
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError

PROVIDERS: Final[Mapping[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_NAMES: Final = {theirs: ours for ours, theirs in PROVIDERS.items()}
_ERRORS_ONLY: Final = 3  # onnxruntime's log levels: warnings are about its own choices


class OnnxModel:
    """One graph in onnxruntime.

    Parameters
    ----------
    content : bytes
        The file, already checked against its manifest.
    shapes : GraphShapes
    where : str
        The file's path, for errors.
    name, precision : str
    provider : str
        Of `PROVIDERS`; where it is not to be had the CPU runs the model, and `notes` says so.
    threads : int

    Raises
    ------
    BundleError
        Not a graph, or not the manifest's.
    """

    runtime = "onnxruntime"

    def __init__(
        self,
        content: bytes,
        shapes: GraphShapes,
        where: str,
        *,
        name: str,
        precision: str,
        provider: str = "cpu",
        threads: int = 1,
    ) -> None:
        self.name, self.precision, self._shapes = name, precision, shapes
        wanted, missing = _available(provider)
        try:
            self._session = ort.InferenceSession(content, _options(threads), providers=wanted)
        except Exception as error:  # noqa: BLE001 - its exceptions share no base class
            text = " ".join(str(error).split())
            raise BundleError(f"{where}: onnxruntime cannot read it: {text}") from None
        self.provider = _NAMES.get(self._session.get_providers()[0], "cpu")
        self.notes = _notes(provider, self.provider, missing)
        self._outputs = list(shapes.outputs)
        _check(self._session.get_inputs(), shapes.inputs, where, "input")
        _check(self._session.get_outputs(), shapes.outputs, where, "output")
        probe(self, shapes, where)

    def run(self, inputs: Arrays) -> Arrays:
        """See `RuntimeModel`."""
        arrays, finite = checked_batch(inputs, self._shapes, self.name)
        answers = self._session.run(self._outputs, arrays)
        return unanswered(dict(zip(self._outputs, answers, strict=True)), finite)


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait for work must not burn the core that the radio's data needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _available(provider: str) -> tuple[list[str], str]:
    """What to ask onnxruntime for, and the provider that this build of it has not."""
    have = ort.get_available_providers()
    chain = {"tensorrt": ["tensorrt", "cuda"], "cuda": ["cuda"], "cpu": []}[provider]
    found = [PROVIDERS[one] for one in chain if PROVIDERS[one] in have]
    missing = provider if provider != "cpu" and PROVIDERS[provider] not in have else ""
    return [*found, PROVIDERS["cpu"]], missing


def _notes(asked: str, got: str, missing: str) -> tuple[str, ...]:
    if asked == got:
        return ()
    why = "this build of onnxruntime has it not" if missing else "it did not start"
    return (f"provider {asked} was asked for, {got} runs the model: {why}",)


def _check(
    arguments: Sequence[Any], wanted: Mapping[str, Shape], where: str, what: str
) -> None:
    """Hold the graph's names, types and shapes against the manifest's."""
    found = {one.name: one for one in arguments}
    if found.keys() != wanted.keys():
        raise BundleError(
            f"{where}: the manifest has {what}s {', '.join(wanted)}, the graph "
            f"{', '.join(found)}: they must be the same"
        )
    for key, shape in wanted.items():
        if found[key].type != "tensor(float)":
            raise BundleError(f"{where}: {what} {key}: expected float32, got {found[key].type}")
        batch, *rest = found[key].shape or [None]
        if isinstance(batch, int):
            raise BundleError(f"{where}: {what} {key}: its batch is fixed to {batch}")
        # A size that the graph leaves open (a name, or none) is seen when it runs.
        fits = len(rest) == len(shape) and all(
            not isinstance(size, int) or size == want
            for size, want in zip(rest, shape, strict=True)
        )
        if not fits:
            raise BundleError(
                f"{where}: {what} {key}: the manifest says {list(shape)}, the graph "
                f"{rest} beside the batch"
            )
