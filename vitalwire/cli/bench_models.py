"""How long the models take here: each file in its runtime, by the size of the batch."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from edge.runtimes.base import GraphShapes, RuntimeModel
from edge.runtimes.loading import graph_shapes, installed_runtimes, load_model
from edge.stages.eeg_signal import HOP_S
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP
from training.results import RESULTS, write_section
from vitalwire.bundle import Bundle, Precision, Runtime, Task
from vitalwire.cli.output import progress
from vitalwire.errors import InputError

BATCHES: Final = (1, 8, 32, 64)
CALLS_PER_S: Final = {
    Task.ECG_BEAT: 1.2,
    Task.ECG_RHYTHM: MODEL_FS_HZ / N_HOP,
    Task.EEG_SEIZURE: 1.0 / HOP_S,
}
"""Questions of one device in a second: beats at 72 a minute, hops of the rhythm, of an EEG."""

SIGNALS: Final = {
    "ECG": (Task.ECG_BEAT, Task.ECG_RHYTHM),
    "EEG": (Task.EEG_SEIZURE,),
}
"""The models that a device with this signal asks."""

_COMMAND: Final = "vitalwire bench models --results"
_LEAST_CALLS: Final = 5
_PACKAGES: Final = ("onnxruntime", "ai-edge-litert", "tflite-runtime", "numpy")
_PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "int8")


def measure(bundles: Sequence[Bundle], seconds: float) -> dict[str, Any]:
    """Time every model file of the bundles, `seconds` for each size of the batch.

    Raises
    ------
    InputError
        There is nothing to measure.
    """
    jobs = [
        (bundle, runtime, precision)
        for bundle in bundles
        for runtime in installed_runtimes()
        for precision in _PRECISIONS
        if bundle.file(runtime, precision) is not None
    ]
    if not jobs:
        raise InputError(
            "no model to measure: this release ships none, or no runtime for them is installed "
            "(pip install 'vitalwire[edge]'); name a folder with --bundle"
        )
    files = []
    with progress("measuring", len(jobs)) as advance:
        for job in jobs:
            files.append(_measure_file(*job, seconds))
            advance(1)
    return {
        "machine": machine(),
        "calls_per_s": {task.value: calls for task, calls in CALLS_PER_S.items()},
        "files": files,
        "device_second": _device_seconds(files),
    }


def _measure_file(
    bundle: Bundle, runtime: Runtime, precision: Precision, seconds: float
) -> dict[str, Any]:
    model = load_model(bundle, runtime=runtime, precision=precision, threads=1)
    shapes, path = graph_shapes(bundle), bundle.file(runtime, precision)
    assert path is not None
    task = bundle.manifest.task
    ms = {str(n): _ms_a_call(model, shapes, n, seconds) for n in BATCHES}
    mflop_per_s = bundle.manifest.figures.get("mflop_per_s")
    return {
        "task": task.value,
        "version": bundle.manifest.version,
        "digest12": bundle.digest[:12],
        "file": path.name,
        "runtime": runtime,
        "precision": precision,
        "bytes": bundle.manifest.files[path.name].bytes,
        "parameters": bundle.manifest.parameters,
        "ms": ms,
        "device_second_ms": {n: CALLS_PER_S[task] * ms[n] / int(n) for n in ms},
        "mflop_per_s": mflop_per_s,
        "arithmetic_ms": _matmul_ms(mflop_per_s, seconds) if mflop_per_s else None,
    }


def _ms_a_call(model: RuntimeModel, shapes: GraphShapes, n: int, seconds: float) -> float:
    rng = np.random.default_rng(n)
    inputs = {
        key: rng.standard_normal((n, *shape)).astype(np.float32)
        for key, shape in shapes.inputs.items()
    }
    return median_ms(lambda: model.run(inputs), seconds)


def _matmul_ms(mflop: float, seconds: float) -> float:
    """What a plain float32 product of square matrices of so many operations takes."""
    side = max(round((mflop * 1e6 / 2) ** (1 / 3)), 2)
    rng = np.random.default_rng(side)
    a, b = rng.standard_normal((2, side, side)).astype(np.float32)
    out = np.empty_like(a)
    of_product = median_ms(lambda: np.matmul(a, b, out=out), seconds)
    return of_product * mflop * 1e6 / float(2 * side**3)


def median_ms(call: Callable[[], object], seconds: float) -> float:
    """CPU time of a call, of as many as fit; the first, which build what is kept, do not count.

    On an idle machine one thread's CPU time is the time that passes; on a busy one it is what
    the call costs all the same.
    """
    call()
    call()
    took_s: list[float] = []
    end = time.perf_counter() + seconds
    while len(took_s) < _LEAST_CALLS or time.perf_counter() < end:
        start = time.process_time()
        call()
        took_s.append(time.process_time() - start)
    return median(took_s) * 1e3


def _device_seconds(files: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One device, one second, all its models, by signal and runtime: in int8 where it can."""
    rows = []
    runtimes = dict.fromkeys(one["runtime"] for one in files)
    for signal, runtime in ((signal, runtime) for signal in SIGNALS for runtime in runtimes):
        # A later precision of the same task stands above an earlier one: int8 above fp32.
        chosen = {one["task"]: one for one in files if one["runtime"] == runtime}
        if not chosen.keys() >= set(SIGNALS[signal]):
            continue
        parts = [chosen[task] for task in SIGNALS[signal]]
        bare = [one["arithmetic_ms"] for one in parts]
        rows.append(
            {
                "signal": signal,
                "runtime": runtime,
                "precision": {one["task"]: one["precision"] for one in parts},
                "ms": {
                    str(n): sum(one["device_second_ms"][str(n)] for one in parts)
                    for n in BATCHES
                },
                "arithmetic_ms": None if None in bare else sum(bare),
            }
        )
    return rows


def machine() -> dict[str, Any]:
    """What it was measured on."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cpu": _cpu(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        **packages,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


# --- for people ---------------------------------------------------------------------------


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each model file, then one for each signal and runtime."""
    sizes = " / ".join(str(n) for n in BATCHES)
    second = f"a device-second, ms, batch 1 / {BATCHES[-1]}"
    head = (
        f"| model | runtime | precision | KB | ms a call, batch {sizes} | {second} | "
        "MFLOP/s of signal | bare arithmetic, ms |"
    )
    lines = [
        head,
        "|---|---|---|---|---|---|---|---|",
        *(_file_row(one) for one in report["files"]),
    ]
    if report["device_second"]:
        lines += [
            "",
            f"| one device-second, all its models | ms, batch {sizes} | bare arithmetic, ms |",
            "|---|---|---|",
            *(_second_row(one) for one in report["device_second"]),
        ]
    return "\n".join(lines)


def write(report: dict[str, Any]) -> None:
    """Put the table into `docs/results.md`."""
    beats, hops = CALLS_PER_S[Task.ECG_BEAT], CALLS_PER_S[Task.ECG_RHYTHM]
    of_eeg = CALLS_PER_S[Task.EEG_SEIZURE]
    text = (
        "## What the models cost\n\n"
        f"`{_COMMAND}`\n\n"
        "Median CPU time of a call of each shipped file, one thread on one core. A device asks "
        f"the beat model {beats:g} times a second, the rhythm model {hops:g} times and the "
        f"seizure model, for all leads at once, {of_eeg:g} times; a batch holds the questions "
        "of as many devices, and LiteRT answers its rows in turn. Bare arithmetic: the time of "
        "one float32 matrix product with as many operations, in the "
        f"same run.\n\n{table(report)}\n\n{of_machine(report)}."
    )
    write_section(RESULTS, "bench-models", text)


def of_machine(report: Mapping[str, Any]) -> str:
    """Where a report was measured, in words."""
    return ", ".join(f"{name} {value}" for name, value in report["machine"].items())


def _file_row(one: dict[str, Any]) -> str:
    second = one["device_second_ms"]
    cells = (
        f"`{one['task']}` {one['version']}",
        one["runtime"],
        one["precision"],
        f"{one['bytes'] / 1024:.0f}",
        " / ".join(_ms(value) for value in one["ms"].values()),
        f"{_ms(second['1'])} / {_ms(second[str(BATCHES[-1])])}",
        "?" if one["mflop_per_s"] is None else f"{one['mflop_per_s']:.2f}",
        _ms(one["arithmetic_ms"]),
    )
    return f"| {' | '.join(cells)} |"


def _second_row(one: dict[str, Any]) -> str:
    files = ", ".join(f"{task} {precision}" for task, precision in one["precision"].items())
    times = " / ".join(_ms(value) for value in one["ms"].values())
    what = f"{one['signal']}, {one['runtime']} ({files})"
    return f"| {what} | {times} | {_ms(one['arithmetic_ms'])} |"


def _ms(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"
