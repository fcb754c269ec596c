"""The score of the CinC Challenge 2017 (Clifford et al. 2017): F1 of each class. Pure.

For class x, with the records of a confusion matrix: `F1x = 2 Xx / (sum X + sum x)`, the sums
over the reference's row and the answers' column, noise included in both. The challenge's
figure is the mean over normal, AF and other; noise is printed beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.scoring.intervals import Bounds, bootstrap, known, known_bounds
from vitalwire.contracts import Rhythm
from vitalwire.errors import InputError

CLASSES: Final = ("N", "A", "O", "noise")
"""As the figures are named; in the reference noise is `~`."""

MEAN_OF: Final = 3  # the challenge's figure: the mean over the first three
_FROM_SYMBOL: Final = {"N": "N", "A": "A", "O": "O", "~": "noise"}
_FROM_RHYTHM: Final[dict[str, str]] = {
    Rhythm.NORMAL: "N",
    Rhythm.AF: "A",
    Rhythm.OTHER: "O",
    Rhythm.SHOCKABLE: "O",
    Rhythm.NOISE: "noise",
}


def reference_class(name: str, symbol: str) -> str:
    """Class of a record from its symbol in the reference file.

    Raises
    ------
    InputError : none of N, A, O and ~
    """
    if symbol not in _FROM_SYMBOL:
        raise InputError(
            f"record {name}: label: expected N, A, O or ~, got {symbol!r}: "
            "is this a reference of the CinC Challenge 2017?"
        )
    return _FROM_SYMBOL[symbol]


def answered_class(label: str) -> str:
    """Class of the challenge for the gateway's label of a record."""
    return _FROM_RHYTHM[label]


def confusion(reference: Sequence[str], answered: Sequence[str]) -> NDArray[np.int64]:
    """(4, 4): rows the reference, columns the answers, in the order of `CLASSES`."""
    matrix = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    for expected, got in zip(reference, answered, strict=True):
        matrix[CLASSES.index(expected), CLASSES.index(got)] += 1
    return matrix


def f1_of(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of each class: (..., 4, 4) to (..., 4), NaN where a class is on neither side."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    both = matrices.sum(axis=-1) + matrices.sum(axis=-2)
    return np.asarray(
        np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0),
        dtype=np.float64,
    )


def mean_f1(f1: NDArray[np.float64]) -> NDArray[np.float64]:
    """The challenge's figure: (..., 4) to (...,); NaN where N, A or O is not defined."""
    return np.asarray(f1[..., :MEAN_OF].mean(axis=-1), dtype=np.float64)


def summarise(reference: Sequence[str], answered: Sequence[str]) -> dict[str, Any]:
    """F1 by class and their mean, with intervals by bootstrap over records.

    Parameters
    ----------
    reference, answered : a class of `CLASSES` for each record
    """
    matrix = confusion(reference, answered)
    f1 = f1_of(matrix.astype(np.float64))
    table = _one_hot(reference, answered)
    intervals: Mapping[str, Bounds] = {
        name: bootstrap(table, lambda sums, at=at: f1_of(_square(sums))[:, at])  # type: ignore[misc]
        for at, name in enumerate(CLASSES)
    }
    mean_interval = bootstrap(table, lambda sums: mean_f1(f1_of(_square(sums))))
    return {
        "n_records": len(reference),
        "f1": {name: known(f1[at]) for at, name in enumerate(CLASSES)},
        "f1_ci": {name: known_bounds(bounds) for name, bounds in intervals.items()},
        "f1_mean_NAO": known(float(mean_f1(f1))),
        "f1_mean_NAO_ci": known_bounds(mean_interval),
        "matrix": matrix.tolist(),
        "classes": list(CLASSES),
    }


def _one_hot(reference: Sequence[str], answered: Sequence[str]) -> NDArray[np.float64]:
    """(n_records, 16): the cell of the matrix that each record is in."""
    n = len(CLASSES)
    table = np.zeros((len(reference), n * n))
    for row, (expected, got) in enumerate(zip(reference, answered, strict=True)):
        table[row, CLASSES.index(expected) * n + CLASSES.index(got)] = 1
    return table


def _square(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums.reshape(-1, len(CLASSES), len(CLASSES))
