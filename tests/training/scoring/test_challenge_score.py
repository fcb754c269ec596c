"""The challenge's F1, worked by hand, and who is of the test fifth."""

from hashlib import sha256

import numpy as np
import pytest

from training.scoring import challenge_score
from training.splits import is_test_record
from vitalwire.errors import InputError

# Rows the reference, columns the answers: N, A, O, noise.
MATRIX = [[8, 1, 1, 0], [0, 3, 1, 0], [2, 0, 4, 0], [1, 0, 0, 1]]


def records() -> tuple[list[str], list[str]]:
    names = challenge_score.CLASSES
    cells = [(r, c) for r in range(4) for c in range(4) for _ in range(MATRIX[r][c])]
    return [names[r] for r, _ in cells], [names[c] for _, c in cells]


def test_f1_by_hand() -> None:
    report = challenge_score.summarise(*records())
    assert report["matrix"] == MATRIX
    assert report["f1"]["N"] == pytest.approx(2 * 8 / (10 + 11), abs=1e-4)
    assert report["f1"]["A"] == pytest.approx(2 * 3 / (4 + 4), abs=1e-4)
    assert report["f1"]["O"] == pytest.approx(2 * 4 / (6 + 6), abs=1e-4)
    assert report["f1"]["noise"] == pytest.approx(2 * 1 / (2 + 1), abs=1e-4)
    expected = (16 / 21 + 6 / 8 + 8 / 12) / 3  # noise is not in the mean
    assert report["f1_mean_NAO"] == pytest.approx(expected, abs=1e-4)
    low, high = report["f1_mean_NAO_ci"]
    assert low < expected < high


def test_a_class_on_neither_side_is_not_defined() -> None:
    report = challenge_score.summarise(["N", "A"], ["N", "N"])
    assert report["f1"] == {
        "N": pytest.approx(2 / 3, abs=1e-4),
        "A": 0.0,
        "O": None,
        "noise": None,
    }
    assert report["f1_mean_NAO"] is None


def test_perfect_answers_leave_no_doubt() -> None:
    labels = ["N", "A", "O", "noise"] * 30
    report = challenge_score.summarise(labels, labels)
    assert report["f1_mean_NAO"] == 1.0
    assert report["f1_mean_NAO_ci"] == [1.0, 1.0]


def test_labels() -> None:
    assert [challenge_score.reference_class("r", s) for s in "NAO~"] == list(
        challenge_score.CLASSES
    )
    assert challenge_score.answered_class("shockable") == "O"
    with pytest.raises(InputError, match="record A1: label: expected N, A, O or ~, got 'X'"):
        challenge_score.reference_class("A1", "X")


def test_the_test_fifth_is_of_the_hash() -> None:
    names = [f"A{n:05}" for n in range(1, 2001)]
    tested = [name for name in names if is_test_record(name)]
    assert len(tested) == pytest.approx(400, abs=60)
    for name in names[:20]:
        assert is_test_record(name) == (int(sha256(name.encode()).hexdigest(), 16) % 5 == 0)
    assert np.mean([is_test_record(name) for name in names[:1000]]) < 0.3
