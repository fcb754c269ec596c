"""Small fits by their likelihood: a temperature, and a multinomial logistic model. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

Float64 = NDArray[np.float64]


def softmax(logits: NDArray[np.floating[Any]]) -> Float64:
    """Probabilities over the last axis, in double precision."""
    told: Float64 = scipy_softmax(logits.astype(np.float64), axis=-1)
    return told


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The number to divide logits by so that probabilities are what comes true.

    Guo et al. 2017 (arXiv:1706.04599), by the likelihood of held-out labels.

    Parameters
    ----------
    logits : (n, n_classes)
    labels : (n,)

    Returns
    -------
    float, from 0.14 to 20; 1 where there is no label
    """
    if not len(labels):
        return 1.0

    def lost(log_temperature: float) -> float:
        told = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-told[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(lost, bounds=(-2.0, 3.0), method="bounded")
    return float(np.exp(found.x))


def fit_logistic(
    x: Float64, labels: NDArray[np.int64], n_classes: int, penalty: float
) -> Float64:
    """Weights of a multinomial logistic model, classes weighing alike.

    Parameters
    ----------
    x : (n, n_features)
    labels : (n,)
    penalty : on the squares of the weights of the features, each brought to unit deviation

    Returns
    -------
    (n_classes, n_features + 1) in the units of `x`, the last column is added
    """
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    z = (x - mean) / deviation
    counts = np.bincount(labels, minlength=n_classes)
    share = np.sqrt(len(labels) / (n_classes * np.maximum(counts, 1)))[labels]
    hot = np.eye(n_classes)[labels]

    def lost(flat: Float64) -> tuple[float, Float64]:
        weights = flat.reshape(n_classes, -1)
        told = log_softmax(z @ weights[:, :-1].T + weights[:, -1], axis=1)
        off = share[:, None] * (np.exp(told) - hot) / len(z)
        slope = np.hstack([off.T @ z + 2 * penalty * weights[:, :-1], off.sum(axis=0)[:, None]])
        value = -(share[:, None] * told * hot).sum() / len(z)
        return float(value + penalty * (weights[:, :-1] ** 2).sum()), slope.ravel()

    start = np.zeros(n_classes * (x.shape[1] + 1))
    found = minimize(lost, start, jac=True, method="L-BFGS-B").x.reshape(n_classes, -1)
    scaled = found[:, :-1] / deviation
    return np.hstack([scaled, (found[:, -1] - scaled @ mean)[:, None]])
