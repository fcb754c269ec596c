"""Intervals of 95 % for figures of few records, few episodes, few alarms. Pure.

Records, not beats or seconds, are drawn in a bootstrap: what is of one person fails together.
Counts of events have exact intervals: binomial after Clopper and Pearson (1934), Poisson after
Garwood (1936).
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vitalwire.errors import ContractError

N_BOOTSTRAP: Final = 2000
SEED: Final = 57
LEVEL: Final = 0.95

Bounds = tuple[float, float]
"""Low and high end; NaN where nothing defines them."""

UNKNOWN: Final[Bounds] = (math.nan, math.nan)
_TAIL: Final = (1 - LEVEL) / 2


def bootstrap(
    table: NDArray[np.float64],
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = SEED,
) -> Bounds:
    """Interval of a figure that is made of sums over records.

    Parameters
    ----------
    table : (n_records, n_columns), what each record adds
    figure : (n_bootstrap, n_columns) sums to (n_bootstrap,) figures, NaN where undefined
    """
    n = len(table)
    if n == 0:
        return UNKNOWN
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_bootstrap)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = figure(drawn.astype(np.float64) @ table)
    return _percentiles(figures)


def bootstrap_mean(
    values: NDArray[np.float64], *, n_bootstrap: int = N_BOOTSTRAP, seed: int = SEED
) -> Bounds:
    """Interval of the mean over records of (n_records,) values."""
    if len(values) == 0:
        return UNKNOWN
    table = np.stack([values, np.ones(len(values))], axis=1)
    return bootstrap(table, lambda s: s[:, 0] / s[:, 1], n_bootstrap=n_bootstrap, seed=seed)


def binomial(successes: int, trials: int) -> Bounds:
    """Exact interval of a share, 0..1.

    Raises
    ------
    ContractError : more successes than trials, or fewer than none
    """
    if not 0 <= successes <= trials:
        raise ContractError(f"binomial: expected 0 <= {successes} <= {trials}")
    if trials == 0:
        return UNKNOWN
    low = stats.beta.ppf(_TAIL, successes, trials - successes + 1) if successes else 0.0
    high = (
        stats.beta.ppf(1 - _TAIL, successes + 1, trials - successes)
        if successes < trials
        else 1.0
    )
    return float(low), float(high)


def poisson_rate(events: int, exposure: float) -> Bounds:
    """Exact interval of events a unit of exposure; no event still allows a rate above zero.

    Raises
    ------
    ContractError : fewer events than none
    """
    if events < 0:
        raise ContractError(f"poisson_rate: expected events >= 0, got {events}")
    if not exposure > 0:
        return UNKNOWN
    low = stats.chi2.ppf(_TAIL, 2 * events) / 2 if events else 0.0
    high = stats.chi2.ppf(1 - _TAIL, 2 * (events + 1)) / 2
    return float(low / exposure), float(high / exposure)


def known(value: float, digits: int = 4) -> float | None:
    """For JSON, which knows no NaN: None where a figure is not defined."""
    return round(float(value), digits) if math.isfinite(value) else None


def known_bounds(bounds: Bounds, digits: int = 4) -> list[float | None]:
    """An interval for JSON."""
    return [known(bounds[0], digits), known(bounds[1], digits)]


def _percentiles(figures: NDArray[np.float64]) -> Bounds:
    defined = figures[np.isfinite(figures)]
    if not len(defined):
        return UNKNOWN
    low, high = np.percentile(defined, [100 * _TAIL, 100 * (1 - _TAIL)])
    return float(low), float(high)
