"""The models of a task side by side, on the same records: what ships is what this justifies."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from statistics import median
from typing import Any, Final

from training.arithmetic import calls_per_s, mflop_per_s
from training.export import formats
from training.export.export_run import NAMES, Trained
from training.export.gates import INT8_BYTES, Parity, open_file, parity
from training.export.graphs import Graph, graph_of
from training.models import n_parameters
from training.results import RESULTS, write_section
from vitalwire.bundle import Precision, Runtime, Task
from vitalwire.contracts import Arrays
from vitalwire.errors import BundleError

TIMED_S: Final = 0.5  # a file
_LEAST_CALLS: Final = 5
_HEAD: Final = (
    "model", "parameters", "MFLOP a second", "fp32 kB", "int8 kB", "ONNX fp32 ms",
    "ONNX int8 ms", "LiteRT fp32 ms", "LiteRT int8 ms", "calls a second", "score",
)  # fmt: skip

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One model; what could not be made is missing."""

    model: str
    parameters: int
    mflop_per_s: float
    calls_per_s: float
    bytes: Mapping[str, int]  # of each file
    ms: Mapping[str, float]  # a call of one row, on one thread
    missing: Mapping[str, str]  # file: why
    score: float  # on validation, percent, of the epoch that was kept

    def fields(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(task: Task, trained: Trained, score: float, say: Say) -> Row:
    """Make every file of a model and time it.

    Inputs are random: they serve for time and for bytes, and to see that a file computes the
    same model at all. Whether it may ship is for `vitalwire export` to say.
    """
    facts = trained.facts
    graph = graph_of(task, trained.model, facts["temperature"], len(facts["labels"]))
    example = zip(graph.shapes.inputs, graph.example(64), strict=True)
    inputs = {key: value.numpy() for key, value in example}
    sizes: dict[str, int] = {}
    times: dict[str, float] = {}
    missing: dict[str, str] = {}
    for (runtime, precision), content in _files(graph, inputs, say).items():
        name = NAMES[runtime, precision]
        if isinstance(content, str):
            missing[name] = content
            continue
        why, ms = _timed(content, runtime, precision, graph, inputs)
        if why:
            missing[name] = why
        else:
            sizes[name], times[name] = len(content), ms
    return Row(
        model=trained.architecture,
        parameters=n_parameters(trained.model),
        mflop_per_s=mflop_per_s(graph),
        calls_per_s=calls_per_s(graph),
        bytes=sizes,
        ms=times,
        missing=missing,
        score=score,
    )


def table(rows: Sequence[Row]) -> str:
    """In markdown; the best score first."""
    lines = [f"| {' | '.join(_HEAD)} |", f"|{'---|' * len(_HEAD)}"]
    for row in sorted(rows, key=lambda one: -one.score):
        cells = [
            row.model,
            f"{row.parameters:,}",
            f"{row.mflop_per_s:.2f}",
            *(_kb(row, name) for name in ("model.fp32.tflite", "model.int8.tflite")),
            *(_ms(row, name) for name in NAMES.values()),
            f"{row.calls_per_s:g}",
            f"{row.score:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [
        f"- `{row.model}` has no `{name}`: {why}."
        for row in rows
        for name, why in row.missing.items()
    ]
    return "\n".join([*lines, "", *notes]).strip()


def write(task: Task, rows: Sequence[Row]) -> None:
    """Into `docs/results.md`.

    Raises
    ------
    InputError
        This is no checkout.
    """
    text = (
        f"### The models of {task.value} side by side\n\n"
        "By `vitalwire bench zoo RUN... --results`. The same records to train on and to choose "
        "by; the score is that of the kept weights on validation records, in percent. "
        "Bytes are those of LiteRT's files. Milliseconds are CPU time of one call for one "
        "device, on one thread; a model that carries no state is asked about its whole window "
        f"each time.\n\n{table(rows)}\n\n{_machine()}."
    )
    write_section(RESULTS, f"zoo-{task.value}", text)


def _files(
    graph: Graph, inputs: Arrays, say: Say
) -> dict[tuple[Runtime, Precision], bytes | str]:
    """Each file, or why there is none."""
    made: dict[tuple[Runtime, Precision], bytes | str] = {}

    def make(runtime: Runtime, precision: Precision, of: Callable[[], bytes]) -> None:
        say(f"making {NAMES[runtime, precision]}")
        try:
            made[runtime, precision] = of()
        except Exception as error:  # noqa: BLE001 - converters raise anything; the rest goes on
            told = " ".join(str(error).split())[:120]
            made[runtime, precision] = f"not converted ({type(error).__name__}: {told})"

    def before(runtime: Runtime) -> bytes:
        found = made[runtime, "fp32"]
        if isinstance(found, str):
            raise BundleError("there is no fp32 file")
        return found

    make("onnxruntime", "fp32", lambda: formats.onnx_fp32(graph))
    if graph.is_stateful:
        made["onnxruntime", "int8"] = "its state stays float"
    else:
        make("onnxruntime", "int8", lambda: formats.onnx_int8(before("onnxruntime"), inputs))
    make("litert", "fp32", lambda: formats.tflite_fp32(graph))
    make("litert", "int8", lambda: formats.tflite_int8(before("litert")))
    return made


def _timed(
    content: bytes, runtime: Runtime, precision: Precision, graph: Graph, inputs: Arrays
) -> tuple[str | None, float]:
    """Why the file does not count, or None; and ms a call."""
    if precision == "int8" and len(content) > INT8_BYTES:
        return f"{len(content)} bytes, at most {INT8_BYTES} are allowed", 0.0
    try:
        model = open_file(content, runtime, precision, graph)
        found: Parity = parity(graph, model, {k: v for k, v in inputs.items() if k != "state"})
    except BundleError as error:
        return str(error), 0.0
    if precision == "fp32" and (why := found.failure("fp32")):
        return why, 0.0
    one = {key: value[:1] for key, value in inputs.items()}
    model.run(one)
    took_s: list[float] = []
    end = time.perf_counter() + TIMED_S
    while len(took_s) < _LEAST_CALLS or time.perf_counter() < end:
        start = time.process_time()
        model.run(one)
        took_s.append(time.process_time() - start)
    return None, median(took_s) * 1e3


def _machine() -> str:
    packages = ("torch", "onnxruntime", "ai-edge-litert", "litert-torch", "numpy")
    told = [f"{name} {version(name)}" for name in packages]
    return ", ".join([f"{platform.machine()}, Python {platform.python_version()}", *told])


def _kb(row: Row, name: str) -> str:
    return f"{row.bytes[name] / 1000:.0f}" if name in row.bytes else "none"


def _ms(row: Row, name: str) -> str:
    return f"{row.ms[name]:.3g}" if name in row.ms else "none"
