"""`vitalwire export`: a finished run becomes a bundle of the files that passed their gates."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import nn

from edge.inference import Model
from edge.stages import eeg_signal, model_signal
from training.arithmetic import mflop_per_s
from training.export import card, formats
from training.export.card import NOT_EVALUATED, Evaluation
from training.export.evaluated import flat
from training.export.folder import check_target, replaced
from training.export.gates import Gates, Verdict
from training.export.graphs import Graph, graph_of
from training.models import n_parameters
from vitalwire.bundle import (
    DataEntry,
    FileEntry,
    Manifest,
    Precision,
    Runtime,
    Task,
    describe,
    write_manifest,
)
from vitalwire.bundle.manifest import CARD
from vitalwire.contracts import Arrays
from vitalwire.errors import InputError

N_PARITY: Final = 512  # real inputs: beats, or hops of one stream (100 s)
NAMES: Final[Mapping[tuple[Runtime, Precision], str]] = {
    ("onnxruntime", "fp32"): "model.fp32.onnx",
    ("onnxruntime", "int8"): "model.int8.onnx",
    ("litert", "fp32"): "model.fp32.tflite",
    ("litert", "int8"): "model.int8.tflite",
}
_NORMALISATION: Final[Mapping[Task, str]] = {
    Task.ECG_BEAT: "divided by the range of the template's QRS",
    Task.ECG_RHYTHM: "none",
    Task.EEG_SEIZURE: (
        f"each lead divided by its running RMS over {eeg_signal.AMPLITUDE_S:g} s (at least "
        f"{eeg_signal.FLOOR_UV:g} uV), within {eeg_signal.LIMIT:g} times that"
    ),
}
_ECG: Final = {
    "unit": "mV",
    "fs_hz": model_signal.MODEL_FS_HZ,
    "leads": "the first that can be analysed",
    "filters": (
        f"{model_signal.LOW_HZ:g} to {model_signal.HIGH_HZ:g} Hz, causal, then resampled"
    ),
}
_EEG: Final = {
    "unit": "uV",
    "fs_hz": eeg_signal.EEG_FS_HZ,
    "leads": f"1 to {eeg_signal.N_LEADS_MAX} of any montage, each as long as it can be read",
    "filters": (
        f"resampled, then {eeg_signal.LOW_HZ:g} to {eeg_signal.HIGH_HZ:g} Hz and notches at "
        f"{' and '.join(f'{hz:g}' for hz in eeg_signal.MAINS_HZ)} Hz, causal"
    ),
}

Say = Callable[[str], None]


class Validation(Protocol):
    """What holds an export against the records that the run chose by."""

    @property
    def name(self) -> Task: ...

    def score(self, model: Model) -> float:
        """Percent, of a model as a gateway asks it."""
        ...

    def real_inputs(self, n: int) -> Arrays:
        """At most `n` rows of real signal; for a model with a state consecutive hops."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run, as far as its bundle tells of it."""

    model: nn.Module
    architecture: str
    facts: Mapping[str, Any]  # labels, temperature, thresholds, episodes, record_label, figures
    data: Sequence[Mapping[str, str]]  # name, sha256, what
    command: str
    git_revision: str
    seed: int


@dataclass(frozen=True, slots=True)
class Made:
    """A file and what the gates say of it."""

    runtime: Runtime
    precision: Precision
    content: bytes
    verdict: Verdict

    @property
    def name(self) -> str:
        return NAMES[self.runtime, self.precision]


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export."""

    path: Path
    digest: str
    manifest: Manifest
    refused: Mapping[str, str]  # file: the gate and by how much


def export_run(
    trained: Trained,
    validation: Validation,
    out: Path,
    *,
    version: int = 1,
    evaluated: Evaluation = NOT_EVALUATED,
    only: Collection[str] = tuple(NAMES.values()),
    say: Say = print,
) -> Exported:
    """Write the bundle of a run to `out`.

    A file that fails a gate is left out, and told. Of an older bundle in `out` nothing stays.
    `only` names the files to make: for a fold of a cross-validation one is enough.

    Raises
    ------
    InputError
        No file passes, or `out` holds something else; nothing is changed then.
    """
    check_target(out)  # before minutes of work
    torch.set_num_threads(1)
    facts = trained.facts
    graph = graph_of(validation.name, trained.model, facts["temperature"], len(facts["labels"]))
    made = make_files(graph, validation, only, say)
    kept = [one for one in made if one.verdict.failure is None]
    refused = {one.name: one.verdict.failure for one in made if one.verdict.failure}
    if not kept:
        told = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise InputError(f"export: no file passed its gates, nothing is written: {told}")
    fields = manifest_fields(trained, graph, version, evaluated)
    fields["gates"] = {one.name: one.verdict.figures for one in kept}
    return write_bundle(out, fields, kept, evaluated, refused)


def make_files(
    graph: Graph, validation: Validation, only: Collection[str], say: Say
) -> list[Made]:
    """The files among `only` that the model can have, each with its verdict."""
    inputs = validation.real_inputs(N_PARITY)
    inputs = {key: inputs[key] for key in graph.shapes.inputs if key in inputs}
    gates = Gates(graph, inputs, validation.score)
    made: list[Made] = []

    def judged(runtime: Runtime, precision: Precision, make: Callable[[], bytes]) -> bytes:
        name = NAMES[runtime, precision]
        if not any(one.endswith(Path(name).suffix) for one in only):
            return b""
        say(f"making and judging {name}")
        content = make()
        if name not in only:
            return content  # another is made of it
        made.append(Made(runtime, precision, content, gates.judge(content, runtime, precision)))
        say(_line(made[-1]))
        return content

    onnx = judged("onnxruntime", "fp32", lambda: formats.onnx_fp32(graph))
    if onnx and not graph.is_stateful:  # an int8 state drifts from hop to hop
        judged("onnxruntime", "int8", lambda: formats.onnx_int8(onnx, inputs))
    tflite = judged("litert", "fp32", lambda: formats.tflite_fp32(graph))
    if tflite:
        judged("litert", "int8", lambda: formats.tflite_int8(tflite))
    return made


def manifest_fields(
    trained: Trained, graph: Graph, version: int, evaluated: Evaluation
) -> dict[str, Any]:
    """All of a manifest but its files and their gates."""
    facts = trained.facts
    figures = dict(facts.get("figures", {}))
    figures |= {"mflop_per_s": mflop_per_s(graph), **flat(evaluated.figures)}
    return {
        "task": graph.task,
        "version": version,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "architecture": trained.architecture,
        "parameters": n_parameters(trained.model),
        "signal": graph.task.value.split("-")[0],
        **(_EEG if graph.task is Task.EEG_SEIZURE else _ECG),
        "normalisation": _NORMALISATION[graph.task],
        "inputs": {key: list(shape) for key, shape in graph.shapes.inputs.items()},
        "outputs": {key: list(shape) for key, shape in graph.shapes.outputs.items()},
        "labels": list(facts["labels"]),
        "thresholds": dict(facts.get("thresholds", {})),
        "temperature": facts["temperature"],
        "episodes": {key: dict(rule) for key, rule in facts.get("episodes", {}).items()},
        "record_label": {key: list(row) for key, row in facts.get("record_label", {}).items()},
        "data": [DataEntry(**one) for one in trained.data],
        "figures": figures,
        "command": trained.command,
        "git_revision": trained.git_revision,
        "seed": trained.seed,
    }


def write_bundle(
    out: Path,
    fields: Mapping[str, Any],
    kept: Sequence[Made],
    evaluated: Evaluation,
    refused: Mapping[str, str],
) -> Exported:
    """The folder, whole or not at all."""
    sizes = {one.name: len(one.content) for one in kept}
    told = [f"`{name}` ({why})" for name, why in refused.items()]
    text = card.render({**fields, "sizes": sizes}, evaluated, told)
    with replaced(out) as work:
        entries: dict[str, FileEntry] = {}
        for one in kept:
            (work / one.name).write_bytes(one.content)
            entries[one.name] = describe(work / one.name, one.runtime, one.precision)
        (work / CARD).write_text(text, encoding="utf-8")
        entries[CARD] = describe(work / CARD)
        manifest = Manifest(**fields, files=entries)
        digest = write_manifest(work, manifest)
    return Exported(out, digest, manifest, refused)


def _line(made: Made) -> str:
    if made.verdict.failure:
        return f"{made.name} is not written: {made.verdict.failure}"
    figures = made.verdict.figures
    return (
        f"{made.name}: {len(made.content)} bytes, off by {figures['parity_max_abs']:.1e} at "
        f"most, score {figures['score']:.2f} (fp32 {figures['score_fp32']:.2f})"
    )
