"""From probabilities to a class, as the gateway does it, and the thresholds for it. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets.beats import CLASSES
from vitalwire.contracts import BeatClass

TOLD: Final = tuple(one.value for one in CLASSES if one is not BeatClass.N)
"""Classes with a threshold."""

GRID: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
FUSION: Final = 0.6  # from one person's beats nothing can be chosen


def told_classes(
    p: NDArray[np.floating[Any]], thresholds: Mapping[str, float]
) -> NDArray[np.int64]:
    """Index into CLASSES of each row: see `edge.pipeline.models.BeatModel`."""
    others = [at for at, name in enumerate(CLASSES) if name is not BeatClass.N]
    times = p[:, others] / np.array([thresholds[CLASSES[at].value] for at in others])
    best = np.array(others)[times.argmax(axis=1)]
    told: NDArray[np.int64] = np.where(
        times.max(axis=1) >= 1.0, best, CLASSES.index(BeatClass.N)
    )
    return told


def chosen_thresholds(
    p: NDArray[np.floating[Any]], labels: NDArray[np.int64]
) -> dict[str, float]:
    """Those of `GRID` with the best F1 of S and V together."""

    def f1(thresholds: Mapping[str, float]) -> float:
        told = told_classes(p, thresholds)
        total = 0.0
        for name in (BeatClass.S, BeatClass.V):
            at = CLASSES.index(name)
            hits = ((told == at) & (labels == at)).sum()
            total += 2 * hits / max(int((told == at).sum() + (labels == at).sum()), 1)
        return float(total)

    grid = [{"S": s, "V": v, "F": FUSION} for s in GRID for v in GRID]
    return max(grid, key=f1)
