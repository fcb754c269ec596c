"""The models of a task side by side, on the same records: what ships is what this justifies."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Final

from training.arithmetic import calls_per_s, mflop_per_s
from training.export.export_run import NAMES, Trained
from training.export.gates import INT8_BYTES
from training.export.graphs import graph_of
from training.models import n_parameters
from training.results import RESULTS, write_section
from training.zoo_files import Cost, Lack, costs
from vitalwire.bundle import Task

_HEAD: Final = (
    "model", "parameters", "MFLOP a second", "fp32 kB", "int8 kB", "ONNX fp32 ms",
    "ONNX int8 ms", "LiteRT fp32 ms", "LiteRT int8 ms", "calls a second", "score",
)  # fmt: skip
_INT8: Final = tuple(name for (_, precision), name in NAMES.items() if precision == "int8")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One model, and what each of its files costs or what became of it."""

    model: str
    parameters: int
    mflop_per_s: float
    calls_per_s: float
    files: Mapping[str, Cost | Lack]  # by name
    score: float  # on validation, percent, of the epoch that was kept

    def fields(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(task: Task, trained: Trained, score: float, limit_s: float, say: Say) -> Row:
    """Make every file of a model, each in at most `limit_s` seconds, and time it."""
    facts = trained.facts
    graph = graph_of(task, trained.model, facts["temperature"], len(facts["labels"]))
    return Row(
        model=trained.architecture,
        parameters=n_parameters(trained.model),
        mflop_per_s=mflop_per_s(graph),
        calls_per_s=calls_per_s(graph),
        files=costs(graph, limit_s, say),
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
    notes = [note for row in rows for name in row.files if (note := _note(row, name))]
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


def _machine() -> str:
    packages = ("torch", "onnxruntime", "ai-edge-litert", "litert-torch", "numpy")
    told = [f"{name} {version(name)}" for name in packages]
    return ", ".join([f"{platform.machine()}, Python {platform.python_version()}", *told])


def _kb(row: Row, name: str) -> str:
    file = row.files[name]
    if isinstance(file, Lack):
        return file.told
    return f"{file.bytes / 1000:.0f}{' (too large)' if _is_too_large(name, file) else ''}"


def _ms(row: Row, name: str) -> str:
    file = row.files[name]
    return file.told if isinstance(file, Lack) else f"{file.ms:.3g}"


def _is_too_large(name: str, file: Cost) -> bool:
    return name in _INT8 and file.bytes > INT8_BYTES


def _note(row: Row, name: str) -> str:
    """What a cell has no room for; nothing to add, mostly."""
    file = row.files[name]
    if isinstance(file, Lack):
        return f"- `{row.model}`, `{name}`: {file.told}: {file.why}." if file.why else ""
    if _is_too_large(name, file):
        return (
            f"- `{row.model}`, `{name}`: {file.bytes:,} bytes: an int8 file that ships has at "
            f"most {INT8_BYTES:,}."
        )
    return ""
