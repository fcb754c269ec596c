"""Fits, thresholds, figures and folds on data whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.datasets.rhythm import LABELS, RhythmRecord
from training.folds import spread
from training.tasks.beat_choice import FUSION, GRID, chosen_thresholds, told_classes
from training.tasks.ecg_beat import average_precision, class_figures
from training.tasks.fitting import fit_logistic, fit_temperature, softmax
from training.tasks.rhythm_figures import agreement, shockable_balance
from vitalwire.errors import InputError

N, S, V, F = range(4)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    logits = 2 * rng().normal(size=(20_000, 4))
    p = softmax(logits)
    labels = (p.cumsum(axis=1) > rng().random((len(p), 1))).argmax(axis=1)
    told = fit_temperature((temperature * logits).astype(np.float32), labels.astype(np.int64))
    assert told == pytest.approx(temperature, rel=0.05)


def test_the_temperature_of_nothing() -> None:
    assert fit_temperature(np.empty((0, 4), np.float32), np.empty(0, np.int64)) == 1.0


def test_softmax() -> None:
    told = softmax(np.array([[1000.0, 1000.0], [0.0, -1000.0]], np.float32))
    np.testing.assert_allclose(told, [[0.5, 0.5], [1.0, 0.0]])
    assert told.dtype == np.float64


def test_a_logistic_model_that_was_put_in_is_found() -> None:
    truth = np.array([[2.0, 0.0, 0.5], [0.0, -1.0, 0.0], [-2.0, 1.0, -0.5]])
    x = rng().normal(size=(6000, 2)) * [1.0, 3.0]
    p = softmax(x @ truth[:, :-1].T + truth[:, -1])
    labels = (p.cumsum(axis=1) > rng().random((len(p), 1))).argmax(axis=1).astype(np.int64)
    found = fit_logistic(x, labels, 3, 1e-6)
    assert found.shape == (3, 3)
    # Only differences between classes count.
    np.testing.assert_allclose(
        found[:, :-1] - found[1, :-1], truth[:, :-1] - truth[1, :-1], atol=0.35
    )
    agree = softmax(x @ found[:, :-1].T + found[:, -1]).argmax(axis=1) == p.argmax(axis=1)
    assert agree.mean() > 0.9


def test_a_logistic_model_with_a_class_and_a_feature_that_say_nothing() -> None:
    x = np.hstack([rng().normal(size=(100, 1)), np.ones((100, 1))])
    found = fit_logistic(x, (x[:, 0] > 0).astype(np.int64), 3, 0.02)
    assert np.isfinite(found).all()
    told = (x @ found[:, :-1].T + found[:, -1]).argmax(axis=1)
    assert (told == (x[:, 0] > 0)).mean() > 0.95


def row(**p: float) -> list[float]:
    return [p.get(name, 0.0) for name in "NSVF"]


def test_a_class_is_told_from_its_threshold_on() -> None:
    p = np.array([
        row(N=0.5, S=0.49), row(N=0.4, S=0.6), row(N=0.7, V=0.3), row(N=0.71, V=0.29),
        row(S=0.5, V=0.45), row(N=0.4, F=0.6), row(N=1.0),
    ])  # fmt: skip
    told = told_classes(p, {"S": 0.5, "V": 0.3, "F": 0.6})
    assert told.tolist() == [N, S, V, N, V, F, N]


def test_thresholds_are_those_that_part_the_classes() -> None:
    """S is right from 0.65 on, V from 0.25 on."""
    labels = np.repeat([S, N, V, N], 100).astype(np.int64)
    p = np.concatenate([
        np.tile(row(N=0.28, S=0.72), (100, 1)), np.tile(row(N=0.38, S=0.62), (100, 1)),
        np.tile(row(N=0.68, V=0.32), (100, 1)), np.tile(row(N=0.78, V=0.22), (100, 1)),
    ])  # fmt: skip
    assert chosen_thresholds(p, labels) == {"S": 0.7, "V": 0.3, "F": FUSION}
    assert {0.3, 0.7} <= set(GRID)


def test_thresholds_of_one_class_alone() -> None:
    p = np.tile(row(N=1.0), (10, 1))
    assert set(chosen_thresholds(p, np.zeros(10, np.int64))) == {"S", "V", "F"}


def test_average_precision() -> None:
    wanted = np.array([True, False, True, False])
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), wanted) == pytest.approx(
        100 * (1 + 2 / 3) / 2
    )
    assert average_precision(np.array([0.9, 0.1, 0.8, 0.0]), wanted) == 100.0
    assert average_precision(np.array([0.5]), np.array([False])) == 0.0


def test_figures_of_classes() -> None:
    """A fusion that is called V counts neither way, EC57."""
    labels = np.array([V, V, F, N, S, S])
    p = np.eye(4)[[V, N, V, V, S, V]]
    told = class_figures(p, labels, {"S": 0.5, "V": 0.5, "F": 0.5})
    assert told["V_se"] == 50.0
    assert told["V_ppv"] == pytest.approx(100 / 3)
    assert told["S_se"] == 50.0
    assert told["S_ppv"] == 100.0


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 500), min_size=2),
    st.integers(2, 8),
)
def test_every_patient_is_in_one_fold(weights: dict[str, int], n_folds: int) -> None:
    if len(weights) < n_folds:
        with pytest.raises(InputError, match=f"expected at least {n_folds} patients"):
            spread(weights, n_folds)
        return
    groups = spread(weights, n_folds)
    assert sorted(name for group in groups for name in group) == sorted(weights)
    assert all(groups)
    loads = [sum(weights[name] + 1 for name in group) for group in groups]
    assert max(loads) - min(loads) <= max(weights.values()) + 1
    assert spread(dict(reversed(weights.items())), n_folds) == groups


def record(*hops: str) -> RhythmRecord:
    """Hops that may be of one rhythm each, or of `any`."""
    allowed = np.array([[one in ("any", label.value) for label in LABELS] for one in hops])
    return RhythmRecord("r", "r", np.zeros(25 * len(hops), np.float32), allowed, weak=False)


def logits(*hops: str) -> NDArray[np.float32]:
    return np.array([[9.0 * (label.value == one) for label in LABELS] for one in hops], "f4")


def test_the_balance_of_shockable() -> None:
    made = record("shockable", "shockable", "normal", "af", "any")
    right = logits("shockable", "shockable", "normal", "normal", "shockable").T
    half = logits("normal", "shockable", "shockable", "normal", "normal").T
    assert shockable_balance([right], [made]) == 100.0
    assert shockable_balance([half], [made]) == 50.0
    assert shockable_balance([logits("normal").T], [record("normal")]) is None
    assert shockable_balance([logits("normal").T], [record("shockable")]) is None


def test_agreement_begins_where_a_rhythm_can_be_told() -> None:
    made = record(*["normal"] * 25, "af", "any", "normal", "normal")
    told = logits(*["noise"] * 25, "af", "noise", "normal", "af")
    assert agreement([told], [made]) == 75.0
    assert agreement([told[25:]], [made]) == 75.0  # as an export answers
    assert agreement([told[-1:]], [made]) == 0.0  # as a model of windows does
    assert agreement([logits("normal")], [record("normal")]) == 100.0  # a short one
    assert agreement([], []) == 0.0
