"""Does the encoder know the device? A linear probe on what it pools, by person. Pure.

Seizures and most of the background come of different recorders, so a model could score by
telling recorders apart. The probe tells background of people with seizures from that of the
others, on people that it has not seen: 50 % is chance.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from torch import nn

from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegData, EegWindow
from training.tasks.eeg_streams import Float64, pooled_features
from training.tasks.fitting import fit_logistic

SECOND: Final = 4  # hops: their mean and deviation are a row
ROW_S: Final = 5
PENALTY: Final = 0.01
FOLDS: Final = 5


def device_probe(model: nn.Module, data: EegData) -> dict[str, float]:
    """Balanced accuracy in percent, people held out in turn; NaN-free, 0 where it cannot be.

    With it the number of rows of the smaller class, and of its people.
    """
    near, far = data.with_seizures, data.without_seizures
    if len(near) < 2 or len(far) < FOLDS:
        return {}
    rows = {who: _rows(model, data.of([who])) for who in (*near, *far)}
    right: list[list[float]] = [[], []]
    for number in range(max(FOLDS, len(near))):
        left = {near[number % len(near)], *far[number % FOLDS :: FOLDS]}
        train = [who for who in rows if who not in left]
        x = np.concatenate([rows[who] for who in train])
        labels = np.concatenate([np.full(len(rows[who]), who in near) for who in train])
        weights = fit_logistic(x, labels.astype(np.int64), 2, PENALTY)
        for who in left:
            told = (rows[who] @ weights[:, :-1].T + weights[:, -1]).argmax(axis=1)
            is_near = who in near
            right[is_near] += (told == is_near).astype(float).tolist()
    return {
        "balanced_accuracy": 50.0 * float(np.mean(right[0]) + np.mean(right[1])),
        "n_rows": float(sum(len(rows[who]) for who in near)),
        "n_people": float(len(near)),
    }


def _rows(model: nn.Module, windows: Sequence[EegWindow]) -> Float64:
    """Mean and deviation of each feature over some seconds of background."""
    n, rows = SECOND * ROW_S, []
    for window in windows:
        if window.kind is Kind.CLIP or window.n_before:
            continue
        features = pooled_features(model, window).astype(np.float64)
        for first in range(SECOND, window.n_hops - n + 1, n):
            if not window.ictal[first : first + n].any():
                part = features[first : first + n]
                rows.append(np.concatenate([part.mean(axis=0), part.std(axis=0)]))
    return np.array(rows)
