"""The rhythm of a whole recording, from the stream of the rhythm model's probabilities. Pure.

A recording of the CinC Challenge 2017 has one label although its rhythm may change. The
gateway's label is one fixed function of what was told once a second while the recording ran,
the same for `analyze` and `evaluate`: a multinomial logistic model over features of that
stream. Its weights are in the bundle's manifest; without weights, the label is the class of
the largest mean.

Features, in order, for probabilities p of the five rhythms in the order of `Rhythm`:
mean of log(p + `FLOOR`), mean of p, and largest p of each (3 x 5). The first is how well the
whole recording is that rhythm, the last whether any of it is: one ectopic beat makes a
recording "other".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Event, Probabilities, Rhythm
from vitalwire.errors import BundleError, ContractError

RHYTHMS: Final = tuple(rhythm.value for rhythm in Rhythm)
LABELS: Final = (
    Rhythm.NORMAL.value, Rhythm.AF.value, Rhythm.OTHER.value, Rhythm.NOISE.value,
)  # fmt: skip
"""What a recording can be labelled; a shockable one is `other` here."""

N_FEATURES: Final = 3 * len(RHYTHMS)
FLOOR: Final = 1e-5  # what is told is rounded, and no certainty is endless


def features(p: NDArray[np.float32]) -> NDArray[np.float64]:
    """Features of a stream: (n_seconds, 5) probabilities to (N_FEATURES,).

    Raises
    ------
    ContractError : no probability, or another number of rhythms
    """
    if p.ndim != 2 or p.shape[1] != len(RHYTHMS) or len(p) == 0:
        raise ContractError(f"features: expected (n >= 1, {len(RHYTHMS)}), got {p.shape}")
    stream = np.asarray(p, np.float64)
    return np.concatenate(
        [np.log(stream + FLOOR).mean(axis=0), stream.mean(axis=0), stream.max(axis=0)]
    )


def record_label(
    p: NDArray[np.float32], weights: Mapping[str, Sequence[float]]
) -> tuple[str, dict[str, float]]:
    """Label of a recording, and the probability of each label.

    Parameters
    ----------
    p : (n_seconds, 5)
        What the model told, about once a second, in the order of `Rhythm`. With none, nothing
        could be analysed: the label is `noise`.
    weights : mapping of label to `N_FEATURES` weights and a last one that is added
        Of the bundle's manifest; may be empty.

    Raises
    ------
    BundleError
        Weights for other labels or features than these.
    """
    if len(p) == 0:
        return Rhythm.NOISE.value, {
            label: float(label == Rhythm.NOISE.value) for label in LABELS
        }
    scores = _logistic(features(p), weights) if weights else _means(p)
    return max(LABELS, key=lambda label: scores[label]), scores


def stream_of(events: Iterable[Event]) -> NDArray[np.float32]:
    """The rhythm model's probabilities among the events: (n_seconds, 5)."""
    rows = [
        event.values
        for event in events
        if isinstance(event, Probabilities) and event.labels == RHYTHMS
    ]
    return np.array(rows, np.float32).reshape(-1, len(RHYTHMS))


def _logistic(
    x: NDArray[np.float64], weights: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    if set(weights) != set(LABELS) or any(len(w) != N_FEATURES + 1 for w in weights.values()):
        raise BundleError(
            f"record_label: expected {N_FEATURES + 1} weights for each of {', '.join(LABELS)}, "
            f"got { ({label: len(w) for label, w in weights.items()}) }: the bundle is of "
            "another version of vitalwire"
        )
    logits = np.array([np.dot(weights[label][:-1], x) + weights[label][-1] for label in LABELS])
    odds = np.exp(logits - logits.max())
    return dict(zip(LABELS, (odds / odds.sum()).tolist(), strict=True))


def _means(p: NDArray[np.float32]) -> dict[str, float]:
    by_rhythm = dict(zip(RHYTHMS, np.asarray(p, np.float64).mean(axis=0).tolist(), strict=True))
    by_rhythm[Rhythm.OTHER.value] += by_rhythm.pop(Rhythm.SHOCKABLE.value)
    return {label: by_rhythm[label] for label in LABELS}
