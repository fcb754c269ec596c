"""Each beat is asked about once, in order, with what was known in time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.chunklog.snapshots import pack, unpack
from edge.stages.beat_windows import (
    BEFORE_S,
    N_WINDOW,
    WAIT_S,
    WINDOW_FS_HZ,
    BeatWindow,
    BeatWindows,
    LinkedBeat,
)
from edge.stages.qrs import Detection

FS = 250.0
N = 2500


def linked(samples: Sequence[int], delay: int = 100) -> list[LinkedBeat]:
    """Beats decided `delay` samples later, with their intervals."""
    return [
        LinkedBeat(
            Detection(sample, sample + delay, 1.0),
            None if i == 0 else (sample - samples[i - 1]) / FS,
        )
        for i, sample in enumerate(samples)
    ]


def signal(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=N).astype(np.float32)


def run(
    x: NDArray[np.float32],
    beats: Sequence[LinkedBeat],
    cuts: Sequence[int],
    restore_at: int | None = None,
) -> list[BeatWindow]:
    """Push frame by frame; the beats come with the frame in which they are decided."""
    windows = BeatWindows(FS)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(x)}), len(x)]
    out: list[BeatWindow] = []
    for i, (a, b) in enumerate(pairwise(edges)):
        if i == restore_at:
            saved = unpack(pack(windows.state()))
            windows = BeatWindows(FS)
            windows.restore(saved)
        decided = [beat for beat in beats if a <= beat.detection.decided_sample < b]
        out += windows.push(x[a:b], decided)
    return out + windows.flush(
        [beat for beat in beats if beat.detection.decided_sample >= len(x)]
    )


def plain(windows: Sequence[BeatWindow]) -> list[tuple[object, ...]]:
    return [
        (w.beat, w.inputs["beat"].tolist(), w.inputs["rr"].tolist(), w.inputs["beat"].dtype)
        for w in windows
    ]


FRAMES = range(50, N, 50)
BEATS = st.lists(st.integers(1, N // 20 - 1), unique=True, max_size=12).map(
    lambda places: [20 * place for place in sorted(places)]
)


@settings(max_examples=60)
@given(BEATS, st.sets(st.sampled_from(list(FRAMES))), st.integers(0, 180))
def test_the_windows_do_not_depend_on_the_cut(
    samples: list[int], left_out: set[int], delay: int
) -> None:
    beats = linked(samples, delay)
    cuts = [cut for cut in FRAMES if cut not in left_out or cut % 250 == 0]
    whole, parts = run(signal(), beats, FRAMES), run(signal(), beats, cuts)
    assert plain(parts) == plain(whole)
    assert [window.beat for window in whole] == beats


@settings(max_examples=30)
@given(BEATS, st.integers(0, 50))
def test_it_goes_on_from_its_state(samples: list[int], at: int) -> None:
    beats = linked(samples)
    assert plain(run(signal(), beats, FRAMES, at)) == plain(run(signal(), beats, FRAMES))


def test_the_window_is_the_signal_around_the_beat() -> None:
    x = np.sin(np.arange(N) / FS * 2 * np.pi).astype(np.float32)
    (window,) = run(x, linked([1000]), FRAMES)
    at_s = 1000 / FS + np.arange(N_WINDOW) / WINDOW_FS_HZ - BEFORE_S
    assert window.inputs["beat"].shape == (1, N_WINDOW)
    np.testing.assert_allclose(window.inputs["beat"][0], np.sin(2 * np.pi * at_s), atol=2e-4)


def test_intervals_before_and_behind() -> None:
    beats = linked([200, 400, 650, 1150])
    rr_s = [window.inputs["rr"].tolist() for window in run(signal(), beats, FRAMES)]
    expected = [
        [0.0, 0.0, 0.8],
        [0.8, 0.8, 1.0],
        [1.0, 0.9, 0.0],  # the next one comes later than is waited for
        [2.0, 3.8 / 3.0, 0.0],
    ]
    np.testing.assert_allclose(rr_s, expected, rtol=1e-6)


def test_an_interval_that_does_not_count_says_nothing() -> None:
    beats = linked([200, 400, 600, 800])
    beats[2] = LinkedBeat(beats[2].detection, None)
    rr_s = [window.inputs["rr"].tolist() for window in run(signal(), beats, FRAMES)]
    np.testing.assert_allclose(
        rr_s, [[0, 0, 0.8], [0.8, 0.8, 0], [0, 0, 0.8], [0.8, 0.8, 0]], rtol=1e-6
    )


@pytest.mark.parametrize("following", [None, 700, 900])
def test_a_beat_is_asked_about_in_time(following: int | None) -> None:
    beats = linked([500] if following is None else [500, following])
    windows, asked_at = BeatWindows(FS), None
    for end in range(50, N, 50):
        decided = [b for b in beats if end - 50 <= b.detection.decided_sample < end]
        ready = windows.push(signal()[end - 50 : end], decided)
        if asked_at is None and ready:
            asked_at = end
    assert asked_at is not None
    latest = 500 + WAIT_S * FS if following is None else min(following + 100, 875)
    assert latest <= asked_at <= latest + 50


def test_a_beat_at_either_end_has_a_whole_window() -> None:
    windows = run(signal(), linked([3, N - 2]), FRAMES)
    assert [window.inputs["beat"].shape for window in windows] == [(1, N_WINDOW)] * 2
    assert all(np.isfinite(window.inputs["beat"]).all() for window in windows)
