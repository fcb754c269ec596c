"""EC57's figures for beats and their classes, over records. Pure.

VEB and SVEB are gross: the counts of all records added up, from the 7 x 7 matrix of each. A
paced record stays out of them and in the QRS figures. Intervals are by bootstrap over records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.ec57 import (
    LEARNING_S,
    REF_ROWS,
    TEST_COLUMNS,
    Pairs,
    QrsCounts,
    Reference,
    Span,
    compare,
    confusion_matrix,
    count_qrs,
    shutdown_seconds,
    summarise_qrs,
)
from training.scoring.intervals import bootstrap, known, known_bounds

CLASS_NAMES: Final = {"VEB": "V", "SVEB": "S"}
_NEUTRAL: Final = {"V": ("F", "Q"), "S": ("Q",)}  # called by the class, they count neither way

Matrix = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BeatCounts:
    """One record scored."""

    pairs: Pairs
    matrix: Matrix  # (7, 7)
    qrs: QrsCounts
    paced: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ToldBeats:
    """Beats that a classifier told of one record."""

    samples: NDArray[np.int64]  # (n,) strictly ascending
    labels: NDArray[np.str_]  # (n,) N S V F Q
    shutdown: Sequence[Span] = ()


def score_record(
    reference: Reference,
    told: ToldBeats,
    *,
    fs: float,
    n_samples: int,
    paced: bool = False,
    learning_s: float = LEARNING_S,
) -> BeatCounts:
    """Pair the beats of one record and count."""
    pairs = compare(
        reference,
        told.samples,
        fs=fs,
        test_classes=told.labels,
        shutdown_spans=told.shutdown,
        learning_s=learning_s,
    )
    shut_s = shutdown_seconds(told.shutdown, fs=fs, n_samples=n_samples, learning_s=learning_s)
    return BeatCounts(
        pairs, confusion_matrix(pairs), count_qrs(pairs, shutdown_s=shut_s), paced
    )


def class_counts(matrices: NDArray[np.float64], aami_class: str) -> NDArray[np.float64]:
    """True positives, misses and false positives of V or S: (..., 7, 7) to (..., 3)."""
    at = REF_ROWS.index(aami_class)
    tp = matrices[..., at, at]
    fn = matrices[..., at, :].sum(axis=-1) - tp
    others = [
        row
        for row, name in enumerate(REF_ROWS)
        if row != at and name not in _NEUTRAL[aami_class]
    ]
    return np.stack([tp, fn, matrices[..., others, at].sum(axis=-1)], axis=-1)


def summarise(per_record: Mapping[str, BeatCounts]) -> dict[str, Any]:
    """QRS, VEB and SVEB over records, in percent, for JSON."""
    counted = [one for one in per_record.values() if not one.paced]
    matrix = sum((one.matrix for one in counted), np.zeros((7, 7), np.int64))
    return {
        "n_records": len(per_record),
        "n_paced": len(per_record) - len(counted),
        "qrs": _qrs({name: one.qrs for name, one in per_record.items()}),
        **{name: _class(counted, letter) for name, letter in CLASS_NAMES.items()},
        "matrix": matrix.tolist(),
        "rows": list(REF_ROWS),
        "columns": list(TEST_COLUMNS),
    }


def row_of(one: BeatCounts) -> dict[str, Any]:
    """One record's line in the table."""
    figures = {
        name: {
            key: value
            for key, value in _figures(class_counts(one.matrix.astype(np.float64), at)).items()
            if not one.paced
        }
        for name, at in CLASS_NAMES.items()
    }
    return {
        "qrs": {
            "se": known(one.qrs.se), "ppv": known(one.qrs.ppv),
            "fn": one.qrs.fn, "fp": one.qrs.fp,
        },
        **figures,
        "paced": one.paced,
        "shutdown_s": round(one.qrs.shutdown_s, 3),
    }  # fmt: skip


def _qrs(per_record: Mapping[str, QrsCounts]) -> dict[str, Any]:
    if not per_record:
        return {"se": None, "ppv": None}
    summary = summarise_qrs(per_record)
    return {
        "se": known(summary.counts.se),
        "se_ci": known_bounds((summary.se_ci.low, summary.se_ci.high)),
        "ppv": known(summary.counts.ppv),
        "ppv_ci": known_bounds((summary.ppv_ci.low, summary.ppv_ci.high)),
        "tp": summary.counts.tp,
        "fn": summary.counts.fn,
        "fp": summary.counts.fp,
        "shutdown_s": round(summary.counts.shutdown_s, 3),
    }


def _class(records: Sequence[BeatCounts], letter: str) -> dict[str, Any]:
    matrices = np.array([one.matrix for one in records], np.float64).reshape(-1, 7, 7)
    table = class_counts(matrices, letter).reshape(-1, 3)
    return {
        **_figures(table.sum(axis=0)),
        "se_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 0] / (s[:, 0] + s[:, 1]))),
        "ppv_ci": known_bounds(bootstrap(table, lambda s: 100 * s[:, 0] / (s[:, 0] + s[:, 2]))),
        "f1_ci": known_bounds(
            bootstrap(table, lambda s: 200 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]))
        ),
    }


def _figures(counts: NDArray[np.float64]) -> dict[str, Any]:
    tp, fn, fp = (int(value) for value in counts)
    return {
        "se": known(_percent(tp, tp + fn)),
        "ppv": known(_percent(tp, tp + fp)),
        "f1": known(_percent(2 * tp, 2 * tp + fn + fp)),
        "tp": tp,
        "fn": fn,
        "fp": fp,
    }


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else float("nan")
