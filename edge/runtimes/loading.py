"""From a bundle to a model that runs: which runtime, which precision, and is it the manifest's.

By default whatever is installed, LiteRT first: it is the smaller one and the faster with few
devices. And int8 where the bundle has it: a file that lost by it was never written.
"""

from collections.abc import Sequence
from typing import Final, Literal

from edge.runtimes.base import GraphShapes, RuntimeModel
from vitalwire.bundle import Bundle, Precision, Runtime
from vitalwire.errors import BundleError, InputError

RuntimeChoice = Literal["auto", "litert", "onnxruntime"]
PrecisionChoice = Literal["auto", "int8", "fp32"]
Provider = Literal["cpu", "cuda", "tensorrt"]

_ORDER: Final[Sequence[Runtime]] = ("litert", "onnxruntime")
_PRECISIONS: Final[Sequence[Precision]] = ("int8", "fp32")


def load_model(
    bundle: Bundle,
    *,
    runtime: RuntimeChoice = "auto",
    precision: PrecisionChoice = "auto",
    provider: Provider = "cpu",
    threads: int = 1,
) -> RuntimeModel:
    """Load the model of a bundle and hold it against its manifest.

    Parameters
    ----------
    runtime
        "auto": LiteRT where it is installed, else onnxruntime; where a GPU is asked for,
        onnxruntime first, which alone can use it.
    precision
        "auto": int8 where the bundle has it for that runtime, else fp32.
    provider
        "cuda" and "tensorrt" fall back to the CPU; the model's `notes` then say so.

    Raises
    ------
    BundleError
        The bundle has no such file, it was altered, or the graph is not the manifest's.
    InputError
        The runtime is not installed.
    """
    installed, missing = _installed(runtime, provider)
    for one in installed:
        for kind in _PRECISIONS if precision == "auto" else (precision,):
            path = bundle.file(one, kind)
            if path is not None:
                return _load(bundle, one, kind, provider, threads)
    if not installed:
        raise InputError("; ".join(missing))
    asked = (
        f"{' or '.join(installed)} in {'int8 or fp32' if precision == 'auto' else precision}"
    )
    raise BundleError(
        f"{bundle.path}: expected a model for {asked}, it has {_listed(bundle)}: set [models] "
        "runtime and precision to what it has, or export it again"
    )


def installed_runtimes() -> list[Runtime]:
    """The runtimes that can be used here, the preferred one first."""
    return _installed("auto", "cpu")[0]


def graph_shapes(bundle: Bundle) -> GraphShapes:
    """The interface that a bundle's manifest promises."""
    manifest = bundle.manifest
    return GraphShapes(
        {key: tuple(shape) for key, shape in manifest.inputs.items()},
        {key: tuple(shape) for key, shape in manifest.outputs.items()},
    )


def _installed(runtime: RuntimeChoice, provider: Provider) -> tuple[list[Runtime], list[str]]:
    """What can be used, in the order of preference, and why the rest cannot."""
    order = _ORDER if provider == "cpu" else tuple(reversed(_ORDER))
    found: list[Runtime] = []
    missing = []
    for one in order if runtime == "auto" else (runtime,):
        try:
            _require(one)
        except InputError as error:
            missing.append(str(error))
        else:
            found.append(one)
    return found, missing


def _require(runtime: Runtime) -> None:
    """Import a runtime; InputError where it cannot be used."""
    if runtime == "litert":
        from edge.runtimes.litert import interpreter_class

        interpreter_class()
        return
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        raise InputError(
            "runtime onnxruntime is not installed: pip install 'vitalwire[edge]'"
        ) from None


def _load(
    bundle: Bundle, runtime: Runtime, precision: Precision, provider: Provider, threads: int
) -> RuntimeModel:
    path = bundle.file(runtime, precision)
    assert path is not None
    content, shapes = bundle.read(path), graph_shapes(bundle)
    name = bundle.manifest.task.value
    if runtime == "litert":
        from edge.runtimes.litert import LiteRtModel

        notes = () if provider == "cpu" else (
            f"provider {provider} was asked for, cpu runs the model: LiteRT has no other",
        )  # fmt: skip
        return LiteRtModel(
            content, shapes, str(path),
            name=name, precision=precision, threads=threads, notes=notes,
        )  # fmt: skip
    from edge.runtimes.onnx import OnnxModel

    return OnnxModel(
        content, shapes, str(path),
        name=name, precision=precision, provider=provider, threads=threads,
    )  # fmt: skip


def _listed(bundle: Bundle) -> str:
    models = [
        f"{entry.runtime} {entry.precision}"
        for entry in bundle.manifest.files.values()
        if entry.runtime is not None
    ]
    return ", ".join(models)
