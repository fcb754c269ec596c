"""The bare arithmetic of a model: its multiplications and additions for a second of signal."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from training.export.graphs import Graph
from vitalwire.bundle import Task

CALLS_PER_S: Final[Mapping[Task, float]] = {
    Task.ECG_BEAT: 1.2,
    Task.ECG_RHYTHM: 5.0,
    Task.EEG_SEIZURE: 4.0,
}
"""Questions of one device: a heart at 72 a minute, hops of 25 samples at 125 Hz (ECG) and of
32 at 128 Hz (EEG)."""


def mflop_per_s(graph: Graph) -> float:
    """Million operations for a second of one device's signal.

    A multiplication with its addition counts as two.
    """
    return flop_a_call(graph.module, graph.example(1)) * 1e-6 * calls_per_s(graph)


def calls_per_s(graph: Graph) -> float:
    """How often one device asks; about a whole window once a second."""
    if graph.task is not Task.ECG_BEAT and not graph.is_stateful:
        return 1.0
    return CALLS_PER_S[graph.task]


@torch.no_grad()
def flop_a_call(module: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Operations of convolutions and products of matrices; the rest is not counted."""
    # Recurrent layers are one operation to oneDNN: without it they fall apart into products.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())
