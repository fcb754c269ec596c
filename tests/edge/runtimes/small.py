"""Three small models, and the bundles made of them.

They have what the shipped ones have: a window model with two inputs and two outputs, a step
that carries its state from call to call, and one over the leads of an EEG, which knows what
it says: the others have random weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge.inference import Model
from edge.runtimes.base import GraphShapes
from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.eeg_signal import EEG_FS_HZ, N_LEADS_MAX
from edge.stages.eeg_signal import N_HOP as EEG_HOP
from edge.stages.rhythm_hops import N_HOP
from vitalwire.bundle import (
    Bundle,
    FileEntry,
    Manifest,
    Task,
    Trust,
    describe,
    load_bundle,
    write_manifest,
)
from vitalwire.contracts import Arrays, BeatClass, Brain, Rhythm

N_CLASSES = len(BeatClass)
N_ACTIVATION = 20
N_HIDDEN = 16  # int8 leaves layers under 1,024 weights alone


class WindowModel(nn.Module):
    """Beat windows (B, 3, T) and context (B, C) to classes (B, 5), activation (B, 20)."""

    def __init__(self, n_context: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(N_CHANNELS, 16, 5, padding=2)
        self.norm = nn.BatchNorm1d(16)
        self.second = nn.Conv1d(16, 24, 5, padding=2, stride=5)
        self.context = nn.Linear(n_context, 8)
        self.head = nn.Linear(32, N_CLASSES)

    def forward(self, beat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.norm(self.first(beat)))
        x = torch.relu(self.second(x))  # (B, 24, T / 5)
        seen = torch.cat([x.mean(-1), torch.relu(self.context(context))], dim=1)
        activation = x.mean(1)[:, :N_ACTIVATION]
        activation = activation / (1e-6 + activation.amax(-1, True))
        return torch.softmax(self.head(seen), -1), activation


class StepModel(nn.Module):
    """A hop of signal (B, 25) and the state (B, n) to rhythms (B, 5) and the next state."""

    n_state = 4 + N_HIDDEN * 8

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, N_HIDDEN, 5)
        self.second = nn.Conv1d(N_HIDDEN, N_HIDDEN, 5, dilation=2)
        self.head = nn.Linear(N_HIDDEN, len(Rhythm))

    def forward(self, signal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([state[:, :4], signal], 1)[:, None]
        hidden = torch.relu(self.first(x))
        longer = torch.cat([state[:, 4:].reshape(-1, N_HIDDEN, 8), hidden], 2)
        told = torch.relu(self.second(longer)).mean(-1)
        state = torch.cat([x[:, 0, -4:], longer[:, :, -8:].reshape(-1, N_HIDDEN * 8)], 1)
        return torch.softmax(self.head(told), -1), state


class SeizureModel(nn.Module):
    """A hop of all leads (B, 32, 32), which are good (B, 32), and the state (B, 4).

    A seizure is what is much louder than usual: nothing is random here, so that whole paths
    can be tested with it.
    """

    n_state = 4

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(EEG_HOP, EEG_HOP, bias=False)
        with torch.no_grad():
            self.mix.weight.copy_(torch.eye(EEG_HOP))

    def forward(
        self, signal: Tensor, good: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        power = self.mix(signal).square().mean(-1) * good  # (B, leads)
        now = power.sum(1, keepdim=True) / good.sum(1, keepdim=True).clamp(min=1.0)
        state = 0.7 * state + 0.3 * now
        p = torch.sigmoid(2.0 * (state[:, :1] - 5.0))
        leads = p * power / power.abs().sum(1, keepdim=True).clamp(min=1e-6)
        return torch.cat([1.0 - p, p], 1), leads, state


@dataclass(frozen=True)
class Small:
    """A model, its graph's interface, and the files made of it."""

    task: Task
    module: nn.Module
    shapes: GraphShapes
    files: Mapping[str, Path]  # onnx, tflite, int8 tflite
    labels: tuple[str, ...]
    more: Mapping[str, Any] = field(default_factory=dict)  # of the manifest

    def answer(self, inputs: Arrays) -> Arrays:
        """What torch says."""
        with torch.no_grad():
            outputs = self.module(
                *(torch.from_numpy(inputs[key]) for key in self.shapes.inputs)
            )
        return {
            key: value.numpy() for key, value in zip(self.shapes.outputs, outputs, strict=True)
        }

    def inputs(self, n: int, seed: int = 0) -> Arrays:
        """Random inputs for `n` rows."""
        rng = np.random.default_rng(seed)
        return {
            key: rng.standard_normal((n, *shape)).astype(np.float32)
            for key, shape in self.shapes.inputs.items()
        }


def window_model(folder: Path) -> Small:
    """An `ecg-beat` model with random weights."""
    torch.manual_seed(1)
    module = WindowModel(N_CONTEXT).eval()
    with torch.no_grad():
        module.norm.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
    shapes = GraphShapes(
        {"beat": (N_CHANNELS, N_WINDOW), "context": (N_CONTEXT,)},
        {"probability": (N_CLASSES,), "activation": (N_ACTIVATION,)},
    )
    thresholds = {label.value: 0.3 for label in BeatClass if label not in (BeatClass.N,)}
    return Small(
        Task.ECG_BEAT,
        module,
        shapes,
        export(folder, module, shapes),
        tuple(BeatClass),
        {"thresholds": thresholds},
    )


def step_model(folder: Path) -> Small:
    """An `ecg-rhythm` model with random weights."""
    torch.manual_seed(2)
    module = StepModel().eval()
    shapes = GraphShapes(
        {"signal": (N_HOP,), "state": (module.n_state,)},
        {"probability": (len(Rhythm),), "next_state": (module.n_state,)},
    )
    rule = {"enter": 0.8, "leave": 0.4, "mean_s": 4.0, "least_s": 4.0, "end_s": 5.0}
    episodes = {Rhythm.AF.value: rule, Rhythm.SHOCKABLE.value: {**rule, "enter": 0.7}}
    return Small(
        Task.ECG_RHYTHM,
        module,
        shapes,
        export(folder, module, shapes),
        tuple(Rhythm),
        {"episodes": episodes},
    )


def seizure_model(folder: Path) -> Small:
    """An `eeg-seizure` model that follows the size of the signal."""
    module = SeizureModel().eval()
    shapes = GraphShapes(
        {"signal": (N_LEADS_MAX, EEG_HOP), "good": (N_LEADS_MAX,), "state": (module.n_state,)},
        {
            "probability": (len(Brain),),
            "leads": (N_LEADS_MAX,),
            "next_state": (module.n_state,),
        },
    )
    rule = {"enter": 0.6, "leave": 0.4, "mean_s": 3.0, "least_s": 4.0, "end_s": 4.0}
    of_eeg = {
        "signal": "eeg", "unit": "uV", "fs_hz": EEG_FS_HZ, "leads": "1 to 32",
        "filters": "0.5 to 45 Hz", "normalisation": "each lead's running amplitude",
    }  # fmt: skip
    return Small(
        Task.EEG_SEIZURE,
        module,
        shapes,
        export(folder, module, shapes),
        tuple(Brain),
        {**of_eeg, "episodes": {Brain.SEIZURE.value: rule}},
    )


def export(folder: Path, module: nn.Module, shapes: GraphShapes) -> dict[str, Path]:
    """Write the graph for both runtimes, and in int8 as the old LiteRT reads it."""
    import litert_torch  # here: it takes seconds
    from ai_edge_quantizer import quantizer, recipe

    folder.mkdir(parents=True)
    paths = {
        "onnx": folder / "model.fp32.onnx",
        "tflite": folder / "model.fp32.tflite",
        "int8": folder / "model.int8.tflite",
    }
    two = tuple(torch.zeros(2, *shape) for shape in shapes.inputs.values())
    batch = torch.export.Dim("batch", min=1, max=4096)
    torch.onnx.export(
        module,
        two,
        paths["onnx"],
        dynamo=True,
        external_data=False,
        input_names=list(shapes.inputs),
        output_names=list(shapes.outputs),
        dynamic_shapes=tuple({0: batch} for _ in two),
        verbose=False,
    )
    litert_torch.convert(module, tuple(one[:1] for one in two)).export(str(paths["tflite"]))
    small = quantizer.Quantizer(str(paths["tflite"]))
    small.load_quantization_recipe(recipe.dynamic_legacy_wi8_afp32())
    paths["int8"].write_bytes(small.quantize().quantized_model)
    return paths


KINDS: Mapping[str, tuple[str, str]] = {
    "onnx": ("onnxruntime", "fp32"),
    "tflite": ("litert", "fp32"),
    "int8": ("litert", "int8"),
}


def make_bundle(
    folder: Path,
    small: Small,
    files: tuple[str, ...] = tuple(KINDS),
    changes: Mapping[str, Any] = {},
) -> Bundle:
    """A bundle of a small model; `changes` are fields of its manifest."""
    folder.mkdir(parents=True)
    entries: dict[str, FileEntry] = {}
    for kind in files:
        path = folder / small.files[kind].name
        path.write_bytes(small.files[kind].read_bytes())
        entries[path.name] = describe(path, *KINDS[kind])  # type: ignore[arg-type]
    (folder / "card.md").write_text("# A model with random weights\n")
    entries["card.md"] = describe(folder / "card.md")
    manifest = Manifest(**{**_fields(small), "files": entries, **changes})
    write_manifest(folder, manifest)
    return load_bundle(folder, trust=Trust.of_anybody())


def _fields(small: Small) -> dict[str, Any]:
    return {
        "task": small.task,
        "version": 1,
        "created": "2026-03-01T12:00:00Z",
        "architecture": "small",
        "parameters": sum(p.numel() for p in small.module.parameters()),
        "signal": "ecg",
        "unit": "mV",
        "fs_hz": 125.0,
        "leads": "one, the first that can be analysed",
        "filters": "0.5 to 40 Hz",
        "normalisation": "none",
        "inputs": {key: list(shape) for key, shape in small.shapes.inputs.items()},
        "outputs": {key: list(shape) for key, shape in small.shapes.outputs.items()},
        "labels": list(small.labels),
        "thresholds": {},
        "temperature": 1.0,
        "command": "pytest",
        "git_revision": "0",
        "seed": 1,
        **small.more,
    }


def largest_difference(a: Arrays, b: Arrays) -> float:
    """Over all outputs; the same names, in the same order."""
    assert list(a) == list(b)
    return max(float(np.abs(a[key] - b[key]).max()) for key in a)


def run_alone(model: Model, inputs: Arrays) -> Arrays:
    """Row by row."""
    n = len(next(iter(inputs.values())))
    alone = [{key: value[i : i + 1] for key, value in inputs.items()} for i in range(n)]
    rows = [model.run(one) for one in alone]
    return {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
