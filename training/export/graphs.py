"""What is exported: a model with its calibration, in the shape that a gateway asks for."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge.runtimes.base import GraphShapes
from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.eeg_signal import N_HOP as N_HOP_EEG
from edge.stages.eeg_signal import N_LEADS_MAX
from edge.stages.rhythm_hops import N_HOP
from training.models.layers import Conv
from training.models.tcn import CausalConv
from vitalwire.bundle import Task
from vitalwire.contracts import Arrays
from vitalwire.errors import InputError

_LEAST: Final = 1e-6  # of an activation's maximum: below it there is none
_ANSWERED_HOPS: Final = 5  # a window model is asked once a second: about this second


class BeatGraph(nn.Module):
    """`beat`, `context` to `probability` and `activation` of the likeliest class."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, beat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        logits, maps = self.model(beat, context)
        likeliest = (logits >= logits.amax(dim=1, keepdim=True)).to(maps.dtype)
        activation = (maps * likeliest[:, :, None]).amax(dim=1)
        largest = activation.amax(dim=1, keepdim=True)
        shown = activation / torch.clamp(largest, min=_LEAST)
        return torch.softmax(logits / self.temperature, dim=1), shown


class StepGraph(nn.Module):
    """`signal`, `state` to `probability` and `next_state`."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, signal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        logits, next_state = self.model.step(signal, state)  # type: ignore[operator]
        return torch.softmax(logits / self.temperature, dim=1), next_state


class WindowGraph(nn.Module):
    """`signal`, the last 30 s, to `probability` of their last second.

    It serves the comparison: a gateway asks rhythm models hop by hop.
    """

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, signal: Tensor) -> tuple[Tensor]:
        logits = self.model(signal[:, None, :])[:, :, -_ANSWERED_HOPS:].mean(dim=2)
        return (torch.softmax(logits / self.temperature, dim=1),)


class SeizureGraph(nn.Module):
    """`signal`, `good`, `state` to `probability`, `leads` and `next_state`."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(
        self, signal: Tensor, good: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits, leads, next_state = self.model.step(signal, good, state)  # type: ignore[operator]
        return torch.softmax(logits / self.temperature, dim=1), leads, next_state


@dataclass(frozen=True, slots=True)
class Graph:
    """A module to export, with the names and shapes of its interface."""

    task: Task
    module: nn.Module
    shapes: GraphShapes
    is_stateful: bool = False

    def example(self, n: int) -> tuple[Tensor, ...]:
        """Inputs that differ in every place, so that no tracer takes them for constants."""
        generator = torch.Generator().manual_seed(0)
        return tuple(
            torch.randn(n, *shape, generator=generator) for shape in self.shapes.inputs.values()
        )

    @torch.no_grad()
    def run(self, inputs: Arrays) -> Arrays:
        """Torch's own answers: see `edge.inference.Model`."""
        outputs = self.module(*(torch.from_numpy(inputs[key]) for key in self.shapes.inputs))
        return {
            key: value.numpy() for key, value in zip(self.shapes.outputs, outputs, strict=True)
        }


def graph_of(task: Task, model: nn.Module, temperature: float, n_labels: int) -> Graph:
    """The graph of a trained model; the model itself stays as it is.

    Raises
    ------
    InputError
        Its outputs are not as many as the labels.
    """
    model = fused(model.eval())
    inputs: Mapping[str, tuple[int, ...]]
    if task is Task.ECG_BEAT:
        inputs = {"beat": (N_CHANNELS, N_WINDOW), "context": (N_CONTEXT,)}
        graph = _graph(
            task, BeatGraph(model, temperature), inputs, ("probability", "activation")
        )
    elif task is Task.ECG_RHYTHM and hasattr(model, "step"):
        inputs = {"signal": (N_HOP,), "state": (int(model.n_state),)}  # type: ignore[arg-type]
        graph = _graph(
            task, StepGraph(model, temperature), inputs, ("probability", "next_state")
        )
    elif task is Task.ECG_RHYTHM:
        inputs = {"signal": (int(model.n_window),)}  # type: ignore[arg-type]
        graph = _graph(task, WindowGraph(model, temperature), inputs, ("probability",))
    else:
        inputs = {
            "signal": (N_LEADS_MAX, N_HOP_EEG),
            "good": (N_LEADS_MAX,),
            "state": (int(model.n_state),),  # type: ignore[arg-type]
        }
        told_names = ("probability", "leads", "next_state")
        graph = _graph(task, SeizureGraph(model, temperature), inputs, told_names)
    told = graph.shapes.outputs["probability"]
    if told != (n_labels,):
        raise InputError(f"export: the run has {n_labels} labels, its model tells {told[0]}")
    return graph


def fused(model: nn.Module) -> nn.Module:
    """A copy whose convolutions have taken in the normalisation behind them."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, CausalConv | Conv):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return model


def _graph(
    task: Task,
    module: nn.Module,
    inputs: Mapping[str, tuple[int, ...]],
    outputs: tuple[str, ...],
) -> Graph:
    module = module.eval()
    with torch.no_grad():
        told = module(*(torch.zeros(1, *shape) for shape in inputs.values()))
    shapes = {key: tuple(value.shape[1:]) for key, value in zip(outputs, told, strict=True)}
    return Graph(task, module, GraphShapes(inputs, shapes), "state" in inputs)
