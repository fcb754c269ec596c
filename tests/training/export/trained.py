"""A small model, signals that are made up, and a validation that scores by agreement."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.inference import Model
from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.rhythm_hops import N_HOP
from training.export.export_run import Trained
from training.models import build_model
from vitalwire.bundle import Task
from vitalwire.contracts import Arrays

SIZES: Mapping[Task, tuple[str, Mapping[str, object]]] = {
    Task.ECG_BEAT: ("cnn1d", {"channels": [16, 16, 16]}),
    Task.ECG_RHYTHM: (
        "tcn",
        {
            "stem": 8,
            "beat": 16,
            "rhythm": 16,
            "beat_dilations": [1],
            "rhythm_dilations": [1, 2],
        },
    ),
}
LABELS: Mapping[Task, list[str]] = {
    Task.ECG_BEAT: ["N", "S", "V", "F"],
    Task.ECG_RHYTHM: ["normal", "af", "other", "shockable", "noise"],
}
N_SCORED = 40


def signal(n_samples: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Bumps once in .8 s on a wandering line, mV at 125 Hz."""
    t = np.arange(n_samples) / 125.0
    beat = np.exp(-(((t % 0.8) - 0.4) ** 2) / 0.0004)
    noise = 0.02 * np.random.default_rng(1).standard_normal(n_samples)
    return (beat + 0.1 * np.sin(t) + noise).astype(np.float32)


@dataclass
class MadeUp:
    """Scores by how many rows have the class that torch gives them."""

    name: Task
    wanted: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    lost: Mapping[str, float] = field(default_factory=dict)  # precision: points to take off

    def real_inputs(self, n: int) -> Arrays:
        if self.name is Task.ECG_RHYTHM:
            n = min(n, 120)
            return {"signal": signal(n * N_HOP).reshape(n, N_HOP)}
        n = min(n, 100)
        rng = np.random.default_rng(2)
        whole = signal(N_WINDOW + n)
        beat = np.stack([whole[i : i + N_WINDOW] for i in range(n)])
        channels = np.stack([beat * gain for gain in (1.0, 0.9, 0.8)], axis=1)
        context = rng.uniform(-1, 1, (n, N_CONTEXT)).astype(np.float32)
        return {"beat": channels[:, :N_CHANNELS].astype(np.float32), "context": context}

    def score(self, model: Model) -> float:
        """The first model that asks is torch: what it says is right."""
        inputs = {key: value[:N_SCORED] for key, value in self.real_inputs(N_SCORED).items()}
        if self.name is Task.ECG_RHYTHM:
            n_state = cast("int", build_model(self.name, *SIZES[self.name]).n_state)
            inputs["state"] = np.zeros((len(inputs["signal"]), n_state), np.float32)
        told = model.run(inputs)["probability"].argmax(axis=1)
        right = self.wanted.setdefault("class", told.astype(np.float32))
        off = self.lost.get(getattr(model, "precision", ""), 0.0)
        return 100.0 * float((told == right).mean()) - off


def trained(task: Task, seed: int = 4) -> Trained:
    """A model with random weights, made to tell classes apart."""
    torch.manual_seed(seed)
    name, sizes = SIZES[task]
    model = build_model(task, name, sizes).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 1.0, 2.0)
    rule = {"enter": 0.8, "leave": 0.4, "mean_s": 4.0, "least_s": 4.0, "end_s": 5.0}
    beat = task is Task.ECG_BEAT
    return Trained(
        model=model,
        architecture=name,
        facts={
            "labels": LABELS[task],
            "temperature": 1.25,
            "thresholds": {"S": 0.4, "V": 0.5, "F": 0.6} if beat else {},
            "episodes": {} if beat else {"af": rule},
            "record_label": {},
            "figures": {"validation_f1": 81.5},
        },
        data=[{"name": "made-up", "sha256": "0" * 64, "what": "bumps, trained on"}],
        command="vitalwire train made-up",
        git_revision="0123456789ab",
        seed=seed,
    )


def colder(one: Trained, temperature: float) -> Trained:
    """The same with another calibration."""
    return replace(one, facts={**one.facts, "temperature": temperature})
