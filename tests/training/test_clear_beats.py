"""Beats that are clear by themselves."""

import numpy as np
import pytest

from edge.stages.beat_context import CONTEXT, N_CONTEXT
from training.datasets.clear_beats import clear_classes
from vitalwire.contracts import BeatClass

CALM = {"irregularity": 0.02, "history": 0.5, "qrs_similarity": 0.99, "next_known": 1.0}
EARLY_S = {**CALM, "previous_to_median": -0.4}
EARLY_V = {**EARLY_S, "qrs_similarity": 0.1, "next_to_median": 0.3}


def told(**numbers: float) -> set[BeatClass]:
    row = np.zeros((1, N_CONTEXT), np.float32)
    for name, value in numbers.items():
        row[0, CONTEXT.index(name)] = value
    return {of for of, is_clear in clear_classes(row).items() if is_clear[0]}


def test_what_is_clear() -> None:
    assert told(**CALM) == {BeatClass.N}
    assert told(**EARLY_S) == {BeatClass.S}
    assert told(**EARLY_V) == {BeatClass.V}


@pytest.mark.parametrize("clear", [CALM, EARLY_S, EARLY_V])
@pytest.mark.parametrize(
    "doubt",
    [
        {"irregularity": 0.2},
        {"p_af": 0.9},
        {"history": 0.05},
        {"qrs_similarity": 0.8},
        {"previous_to_median": -0.1},
        {"previous_to_median": -1.2},
    ],
)
def test_what_is_in_doubt_has_no_label(
    clear: dict[str, float], doubt: dict[str, float]
) -> None:
    assert told(**{**clear, **doubt}) == set()


def test_an_early_beat_needs_its_successor() -> None:
    for clear in (EARLY_S, EARLY_V):
        assert told(**{**clear, "next_known": 0.0}) == set()
    assert told(**{**EARLY_S, "next_to_median": -0.4}) == set()  # the next is early too
    assert told(**{**EARLY_S, "amplitude": 0.5}) == set()
