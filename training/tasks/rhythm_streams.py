"""Whole records through a rhythm model: trained ones at once, exported ones hop by hop."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.inference import Model
from edge.stages.rhythm_hops import N_HOP
from training.datasets.rhythm import LABELS, RhythmRecord, model_signal
from training.tasks.crops import N_CROP
from training.tasks.fitting import softmax
from training.tasks.rhythm_loss import POOL_FROM
from vitalwire.contracts import Rhythm

Float32 = NDArray[np.float32]

SCORED_BATCH: Final = 64
LONG_HOPS: Final = 1000  # a record of more than 200 s goes alone: memory is bounded


@torch.no_grad()
def logits_of(model: nn.Module, records: Sequence[RhythmRecord]) -> list[Float32]:
    """Logits of whole records, each (n_labels, n_hops)."""
    streams: list[Float32] = []
    for group in _batches(records):
        x = np.zeros((len(group), 1, max(one.n_hops for one in group) * N_HOP), np.float32)
        for row, one in zip(x, group, strict=True):
            row[0, : one.n_hops * N_HOP] = one.x_mv[: one.n_hops * N_HOP]
        told = model(torch.from_numpy(x))
        logits = (told[0] if isinstance(told, tuple) else told).numpy()
        streams += [row[:, : one.n_hops] for row, one in zip(logits, group, strict=True)]
    return streams


def asked(model: Model, records: Sequence[RhythmRecord], n_state: int) -> list[Float32]:
    """Probabilities that an exported model tells, from where a rhythm can be told.

    Parameters
    ----------
    model : Model
        `signal` and `state` in, `probability` and `next_state` out; without a state
        (`n_state` 0) it is asked once, about the last 30 s.

    Returns
    -------
    list of (n, n_labels)
    """
    told: list[Float32] = []
    for group in _batches(records):
        told += _stepped(model, group, n_state) if n_state else _windowed(model, group)
    return told


def mean_logits(logits: Float32) -> Float32:
    """Of a record, (n_labels, n_hops), from where a rhythm can be told."""
    first = min(POOL_FROM, logits.shape[1] - 1)
    mean: Float32 = logits[:, first:].mean(axis=1)
    return mean


@torch.no_grad()
def p_af_of(model: nn.Module, temperature: float, x_mv: Float32, fs: float) -> Float32:
    """P(AF) after each hop of a lead, (n_hops,), by a trained rhythm model."""
    x = model_signal(x_mv, fs)
    n_hops = len(x) // N_HOP
    if not n_hops:
        return np.empty(0, np.float32)
    logits = model(torch.from_numpy(x[None, None, : n_hops * N_HOP]))[0, :, :n_hops].numpy()
    told: Float32 = softmax(logits.T / temperature)[:, LABELS.index(Rhythm.AF)].astype("f4")
    return told


def _batches(records: Sequence[RhythmRecord]) -> list[list[RhythmRecord]]:
    """In the order given, so that answers fit; bounded in memory."""
    groups: list[list[RhythmRecord]] = []
    for record in records:
        last = groups[-1] if groups else []
        alone = record.n_hops > LONG_HOPS or (last and last[0].n_hops > LONG_HOPS)
        if not last or len(last) >= SCORED_BATCH or alone:
            groups.append([])
        groups[-1].append(record)
    return groups


def _windowed(model: Model, records: Sequence[RhythmRecord]) -> list[Float32]:
    """A window model's probabilities of the last 30 s, each (1, n_labels)."""
    tails = [one.x_mv[: one.n_hops * N_HOP][-N_CROP:] for one in records]
    signal = np.stack([np.pad(tail, (N_CROP - len(tail), 0)) for tail in tails])
    return list(model.run({"signal": signal})["probability"][:, None, :])


def _stepped(model: Model, records: Sequence[RhythmRecord], n_state: int) -> list[Float32]:
    """Probabilities hop by hop, each (n, n_labels)."""
    state = np.zeros((len(records), n_state), np.float32)
    rows = []
    for hop in range(max(one.n_hops for one in records)):
        at = slice(hop * N_HOP, (hop + 1) * N_HOP)
        signal = np.stack([_padded(one.x_mv[at]) for one in records])
        answer = model.run({"signal": signal, "state": state})
        state = answer["next_state"]
        rows.append(answer["probability"])
    told = np.stack(rows, axis=1)
    return [
        one[min(POOL_FROM, r.n_hops - 1) : r.n_hops]
        for one, r in zip(told, records, strict=True)
    ]


def _padded(hop: Float32) -> Float32:
    return np.pad(hop, (0, N_HOP - len(hop)))
