"""Figures of rhythm models on held-out records, all in percent. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.rhythm_label import record_label
from training.datasets.rhythm import LABELS, RhythmRecord
from training.scoring.challenge_score import MEAN_OF, answered_class, confusion, f1_of
from training.tasks.fitting import softmax
from training.tasks.rhythm_loss import POOL_FROM
from vitalwire.contracts import Rhythm


def label_of(record: RhythmRecord) -> int:
    """Index into LABELS of a record with one label for the whole."""
    return int(record.allowed[0].argmax())


def challenge_f1(
    means: Sequence[NDArray[np.float32]], records: Sequence[RhythmRecord]
) -> dict[str, float]:
    """F1 by the largest of (n_labels,) values a record; shockable is none of the labels."""
    values = np.stack(means)
    values[:, LABELS.index(Rhythm.SHOCKABLE)] = -np.inf
    return _f1(values.argmax(axis=1), np.array([label_of(one) for one in records]))


def record_label_figures(
    streams: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    weights: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    """The record's label on the records that it was fitted on: optimistic, and said so."""
    told = [record_label(one.astype(np.float32), weights)[0] for one in streams]
    index = np.array([LABELS.index(Rhythm(name)) for name in told])
    figures = _f1(index, labels)
    return {f"validation_label_{key}": round(value, 3) for key, value in figures.items()}


def shockable_balance(
    logits: Sequence[NDArray[np.float32]], records: Sequence[RhythmRecord]
) -> float | None:
    """Mean of sensitivity and specificity by hop at a probability of a half.

    None where the records have no hop that is shockable, or none that is not.
    """
    at = LABELS.index(Rhythm.SHOCKABLE)
    p = np.concatenate([softmax(one.T)[:, at] for one in logits])
    allowed = np.concatenate([one.allowed for one in records])
    sure = allowed[:, at] & (allowed.sum(axis=1) == 1)
    never = ~allowed[:, at]
    if not sure.any() or not never.any():
        return None
    return 50.0 * (float((p[sure] >= 0.5).mean()) + float((p[never] < 0.5).mean()))


def agreement(
    told: Sequence[NDArray[np.floating[Any]]], records: Sequence[RhythmRecord]
) -> float:
    """Hops whose likeliest class, of (n, n_labels) values, is one that they may have.

    Values are of a record's last hops; from where a rhythm can be told they count.
    """
    right: list[NDArray[np.bool_]] = []
    for values, record in zip(told, records, strict=True):
        n = min(len(values), max(record.n_hops - POOL_FROM, 1))
        best = values[-n:].argmax(axis=1)
        right.append(record.allowed[-n:][np.arange(n), best])
    return 100.0 * float(np.concatenate(right).mean()) if right else 0.0


def _f1(told: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
    matrix = confusion(
        [answered_class(LABELS[i]) for i in labels.tolist()],
        [answered_class(LABELS[i]) for i in told.tolist()],
    )
    f1 = 100 * np.nan_to_num(f1_of(matrix.astype(np.float64))[:MEAN_OF])
    return {"score": float(f1.mean()), "f1_N": f1[0], "f1_A": f1[1], "f1_O": f1[2]}
