"""The label of a recording, from the probabilities that were told while it ran."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rhythm_label import (
    FLOOR,
    LABELS,
    N_FEATURES,
    RHYTHMS,
    features,
    record_label,
    stream_of,
)
from vitalwire.contracts import Probabilities, Signal
from vitalwire.errors import BundleError, ContractError


def test_features_are_as_documented() -> None:
    p = np.array([[0.8, 0.1, 0.1, 0, 0], [0.2, 0.5, 0.1, 0.1, 0.1]], np.float32)
    x = features(p)
    assert x.shape == (N_FEATURES,) == (15,)
    np.testing.assert_allclose(x[:5], np.log(p + FLOOR).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(x[5:10], [0.5, 0.3, 0.1, 0.05, 0.05], atol=1e-6)
    np.testing.assert_allclose(x[10:15], [0.8, 0.5, 0.1, 0.1, 0.1], atol=1e-6)


def test_without_weights_the_largest_mean_wins_and_shockable_is_other() -> None:
    p = np.array([[0.3, 0.1, 0.2, 0.35, 0.05]] * 3, np.float32)
    label, scores = record_label(p, {})
    assert label == "other"
    assert scores["other"] == pytest.approx(0.55)
    assert sum(scores.values()) == pytest.approx(1)


def test_weights_decide() -> None:
    weights = {label: [0.0] * (N_FEATURES + 1) for label in LABELS}
    weights["af"][10 + 1] = 10.0  # the largest probability of AF
    p = np.array([[0.9, 0.1, 0, 0, 0]] * 9 + [[0.1, 0.9, 0, 0, 0]], np.float32)
    label, scores = record_label(p, weights)
    assert label == "af"
    assert scores["af"] == pytest.approx(np.exp(9) / (np.exp(9) + 3), rel=1e-5)
    weights["noise"][-1] = 20.0
    assert record_label(p, weights)[0] == "noise"


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_scores_are_probabilities(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(5), n).astype(np.float32)
    weights = {label: rng.normal(scale=50, size=N_FEATURES + 1).tolist() for label in LABELS}
    for used in ({}, weights):
        label, scores = record_label(p, used)
        assert sum(scores.values()) == pytest.approx(1, abs=1e-5)
        assert scores[label] == max(scores.values())


def test_nothing_told_is_noise() -> None:
    assert record_label(np.empty((0, 5), np.float32), {})[0] == "noise"
    with pytest.raises(ContractError, match="expected"):
        features(np.empty((0, 5), np.float32))


def test_weights_of_another_shape_are_refused() -> None:
    p = np.full((2, 5), 0.2, np.float32)
    with pytest.raises(BundleError, match="16 weights for each of normal, af, other, noise"):
        record_label(p, {"normal": [1.0]})


def test_events_give_the_stream() -> None:
    def told(values: tuple[float, ...], labels: tuple[str, ...] = RHYTHMS) -> Probabilities:
        return Probabilities("d", Signal.ECG, 1, 0, 0, labels, values)

    events = [told((0, 1, 0, 0, 0)), told((1.0,), ("seizure",)), told((0, 0.8, 0.2, 0, 0))]
    np.testing.assert_allclose(stream_of(events)[:, 1], [1, 0.8], rtol=1e-6)
    assert stream_of([]).shape == (0, 5)
