from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cloud.decimation import Decimator
from cloud.pieces import Run
from vitalwire.contracts import Samples

FS = 360.0
TIME_S = np.arange(3600) / FS
ECG = (np.sin(2 * np.pi * 1.2 * TIME_S) + 0.3).astype(np.float32)
UV = 0.001  # mV


def runs(data: Samples, cuts: Sequence[int] = (), fs: float = FS) -> list[Run]:
    """The display samples of one lead that came in pieces."""
    decimator = Decimator(fs, 1, UV)
    edges = [0, *cuts, len(data)]
    return [decimator.push(data[np.newaxis, a:b], a) for a, b in pairwise(edges)]


def shown(parts: Sequence[Run]) -> dict[int, int | None]:
    return {
        run.start + i: count
        for run in parts
        for i, count in enumerate(run.counts[0])
    }  # fmt: skip


@given(st.lists(st.integers(1, 3599), unique=True, max_size=8).map(sorted))
def test_the_picture_does_not_depend_on_the_cut(cuts: list[int]) -> None:
    assert shown(runs(ECG, cuts)) == shown(runs(ECG))


def test_few_samples_leave_and_their_rate_is_right() -> None:
    (run,) = runs(ECG)
    assert Decimator(FS, 1, UV).display_fs == 120.0
    assert run.n_samples == 1200
    peak = max(count for count in shown([run]).values() if count is not None)
    assert 900 < peak < 1400  # counts of a microvolt


@given(st.sampled_from([1.0, 2.0, 50.0, 125.0, 130.0, 131.0, 250.0, 1000.0, 8192.0]))
def test_any_rate_of_the_wire_can_be_shown(fs: float) -> None:
    decimator = Decimator(fs, 1, UV)
    run = decimator.push(np.ones((1, 64), np.float32), 0)
    assert decimator.display_fs <= 130.0
    assert run.n_samples == len(range(0, 64, decimator.step))


def test_missing_samples_are_holes_and_harm_no_other() -> None:
    data = ECG[:720].copy()
    data[100:200] = np.nan
    counts = shown(runs(data, [150]))
    assert all(counts[i] is None for i in range(34, 66))
    assert counts[33] is not None
    assert counts[67] is not None


def test_what_was_before_a_gap_does_not_move_what_comes_after_it() -> None:
    fresh = Decimator(FS, 1, UV).push(ECG[np.newaxis, 720:], 720)
    decimator = Decimator(FS, 1, UV)
    decimator.push(100 * ECG[np.newaxis, :360], 0)
    decimator.restart()
    assert decimator.push(ECG[np.newaxis, 720:], 720) == fresh


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=50))
def test_whatever_number_comes_the_page_gets_integers(values: list[float]) -> None:
    data = np.clip(np.array(values, np.float32), -1e9, 1e9)
    for count in runs(data, fs=125.0)[0].counts[0]:
        assert count is None or isinstance(count, int)
