"""A beat is judged by what was told for sure of the same person."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.chunklog.snapshots import pack, unpack
from edge.stages.beat_windows import N_BEFORE, N_WINDOW
from edge.stages.own_beats import MOST, N_OWN, SURE, OwnBeats
from vitalwire.contracts import BeatClass

LABELS = (BeatClass.N, BeatClass.S, BeatClass.V, BeatClass.F)
SURELY_N = np.array([0.97, 0.01, 0.01, 0.01], np.float32)
SURELY_S = np.array([0.01, 0.97, 0.01, 0.01], np.float32)
SURELY_V = np.array([0.01, 0.01, 0.97, 0.01], np.float32)
UNSURE = np.array([0.4, 0.1, 0.4, 0.1], np.float32)
SAMPLES = arrays(np.float32, N_WINDOW, elements=st.floats(-50, 50, width=32))
SHARES = arrays(np.float32, 4, elements=st.floats(0.0, 1.0, width=32)).filter(
    lambda shares: shares.sum() > 0.01
)


def wave(width: float, height: float = 1.0) -> NDArray[np.float32]:
    """A bump at the R peak."""
    t = np.arange(N_WINDOW) - N_BEFORE
    return (height * np.exp(-((t / width) ** 2))).astype(np.float32)


def with_p_wave(beat: NDArray[np.float32], height: float) -> NDArray[np.float32]:
    """The same with a bump 180 ms before the R peak."""
    t = np.arange(N_WINDOW) - N_BEFORE + 22
    return (beat + height * np.exp(-((t / 4.0) ** 2))).astype(np.float32)


NARROW, WIDE = with_p_wave(wave(3), 0.5), wave(10, -1.2)
PREMATURE = with_p_wave(wave(3), -0.5)


def knowing() -> OwnBeats:
    """Somebody whose normal beats are narrow, and whose ectopic ones are wide or begin low."""
    own = OwnBeats(LABELS)
    for _ in range(3):
        own.push(NARROW, SURELY_N)
        own.push(WIDE, SURELY_V)
        own.push(PREMATURE, SURELY_S)
    return own


def test_an_unsure_beat_is_what_it_is_like() -> None:
    own = knowing()
    as_normal = own.push(with_p_wave(wave(3.5), 0.4), UNSURE)
    as_ectopic = own.push(wave(9, -1.0), UNSURE)
    assert as_normal[0] > 0.75
    assert as_normal[2] < 0.05
    assert as_ectopic[2] > 0.7
    assert as_ectopic[0] < 0.05


def test_a_p_wave_tells_a_premature_beat() -> None:
    doubtful = np.array([0.5, 0.48, 0.01, 0.01], np.float32)
    own = knowing()
    assert own.push(with_p_wave(wave(3), -0.4), doubtful)[1] > 0.8
    assert own.push(with_p_wave(wave(3), 0.4), doubtful)[1] < 0.2


def test_what_is_ventricular_in_one_is_normal_in_another() -> None:
    """A bundle branch block: wide beats are this person's normal ones."""
    own = OwnBeats(LABELS)
    for _ in range(3):
        own.push(WIDE, SURELY_N)
        own.push(NARROW, SURELY_V)
    assert own.push(WIDE, UNSURE)[0] > 0.75


@pytest.mark.parametrize("seen", [[], [(NARROW, SURELY_N)], [(WIDE, SURELY_V)]])
def test_nothing_moves_until_both_were_seen(
    seen: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> None:
    own = OwnBeats(LABELS)
    for beat, said in seen:
        own.push(beat, said)
    assert own.push(WIDE, UNSURE).tolist() == UNSURE.tolist()


def test_only_what_the_model_was_sure_of_is_remembered() -> None:
    own = OwnBeats(LABELS)
    nearly = np.array([SURE, 0.0, 1.0 - SURE, 0.0], np.float32)
    for _ in range(10):
        own.push(NARROW, nearly)
        own.push(WIDE, nearly[[2, 1, 0, 3]])
        own.push(PREMATURE, nearly[[1, 0, 2, 3]])
    assert own.push(WIDE, UNSURE).tolist() == UNSURE.tolist()


def test_a_few_mistakes_do_not_count() -> None:
    own = knowing()
    own.push(WIDE, SURELY_N)
    assert own.push(WIDE, UNSURE)[2] > 0.75


def test_old_beats_are_forgotten() -> None:
    """A person who turns over looks otherwise from then on."""
    own = knowing()
    for _ in range(N_OWN):
        own.push(WIDE, SURELY_N)
        own.push(NARROW, SURELY_V)
    assert own.push(WIDE, UNSURE)[0] > 0.75


@given(SAMPLES, SHARES)
def test_other_classes_and_the_sum_stay(
    beat: NDArray[np.float32], shares: NDArray[np.float32]
) -> None:
    said = shares / shares.sum()
    told = knowing().push(beat, said)
    assert np.isfinite(told).all()
    assert told[3] == said[3]
    assert told.sum() == pytest.approx(1.0, abs=1e-6)
    assert ((told >= 0.0) & (told <= 1.0)).all()
    for ectopic in (1, 2):
        if said[0] > 1e-3 and said[ectopic] > 1e-3 and min(told[0], told[ectopic]) > 1e-6:
            moved = np.log(told[ectopic] / told[0]) - np.log(said[ectopic] / said[0])
            assert abs(moved) <= 2 * MOST + 0.01  # N moves against both


def test_a_model_without_one_of_the_classes() -> None:
    own = OwnBeats((BeatClass.V, BeatClass.S))
    for said in np.array([[0.95, 0.05], [0.05, 0.95], [0.5, 0.5]], np.float32):
        assert own.push(NARROW, said).tolist() == said.tolist()


def test_a_restored_one_goes_on_equally() -> None:
    own, other = knowing(), OwnBeats(LABELS)
    own.push(wave(4), SURELY_N)
    other.restore(unpack(pack(own.state())))
    for width in (3, 6, 9):
        for said in (UNSURE, SURELY_V, UNSURE):
            assert (
                own.push(wave(width), said).tolist() == other.push(wave(width), said).tolist()
            )
    empty = OwnBeats(LABELS)
    empty.restore(unpack(pack(OwnBeats(LABELS).state())))
    assert empty.push(WIDE, UNSURE).tolist() == UNSURE.tolist()


def test_what_was_told_is_not_changed_by_what_comes_later() -> None:
    own = knowing()
    before = own.push(WIDE, UNSURE)
    kept = before.copy()
    own.push(NARROW, SURELY_N)
    assert before.tolist() == kept.tolist()
    assert UNSURE.tolist() == pytest.approx([0.4, 0.1, 0.4, 0.1])
