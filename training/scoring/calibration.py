"""Whether a probability means what it says: reliability, ECE, Brier score. Pure.

Bins hold equally many cases (equal mass), so that none rests on a handful. The expected
calibration error weighs the distance of each bin's mean confidence from its share of correct
answers (Guo et al. 2017, with equal-mass bins after Nixon et al. 2019).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.scoring.intervals import Bounds, binomial, known, known_bounds
from vitalwire.errors import ContractError

N_BINS: Final = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of about one confidence."""

    n: int
    confidence: float  # mean, 0..1
    correct: float  # share, 0..1
    interval: Bounds  # of the share


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, n_bins: int = N_BINS
) -> list[Bin]:
    """Bins of equal mass in the order of confidence; fewer where there are fewer cases.

    Parameters
    ----------
    confidence : (n,) probability of the answer that was given, 0..1
    correct : (n,) whether it was right

    Raises
    ------
    ContractError : unequal lengths, or what is no probability
    """
    _check(confidence, correct)
    order = np.argsort(confidence, kind="stable")
    bins = []
    for part in np.array_split(order, max(1, min(n_bins, len(order)))):
        if len(part):
            hits = int(correct[part].sum())
            bins.append(
                Bin(
                    n=len(part),
                    confidence=float(confidence[part].mean()),
                    correct=hits / len(part),
                    interval=binomial(hits, len(part)),
                )
            )
    return bins


def expected_calibration_error(bins: list[Bin]) -> float:
    """ECE, 0..1; NaN without a case."""
    n = sum(one.n for one in bins)
    if n == 0:
        return float("nan")
    return sum(one.n * abs(one.correct - one.confidence) for one in bins) / n


def brier(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean squared distance of the confidence from what came true, 0..1; NaN without a case."""
    _check(confidence, correct)
    return float(np.mean((confidence - correct) ** 2)) if len(confidence) else float("nan")


def summarise(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, n_bins: int = N_BINS
) -> dict[str, Any]:
    """ECE, Brier score and the reliability table, for JSON."""
    bins = reliability(confidence, correct, n_bins=n_bins)
    return {
        "n": len(confidence),
        "ece": known(expected_calibration_error(bins)),
        "brier": known(brier(confidence, correct)),
        "bins": [
            {
                "n": one.n,
                "confidence": known(one.confidence),
                "correct": known(one.correct),
                "correct_ci": known_bounds(one.interval),
            }
            for one in bins
        ],
    }


def _check(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> None:
    if confidence.shape != correct.shape or confidence.ndim != 1:
        raise ContractError(
            f"calibration: expected two (n,) arrays, got {confidence.shape} {correct.shape}"
        )
    if len(confidence) and not bool(np.all((confidence >= 0) & (confidence <= 1))):
        raise ContractError("calibration: a confidence must be 0..1: check the model's output")
