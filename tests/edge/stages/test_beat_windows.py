"""Each beat is asked about once, in order, with what was known in time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.chunklog.snapshots import pack, unpack
from edge.stages.beat_context import CONTEXT, N_CONTEXT
from edge.stages.beat_windows import (
    BEFORE_S,
    N_BEFORE,
    N_CHANNELS,
    N_WINDOW,
    WAIT_S,
    BeatWindow,
    BeatWindows,
    LinkedBeat,
)
from edge.stages.model_signal import LIMIT_MV, MODEL_FS_HZ
from edge.stages.qrs import Detection

FS = 250.0
N_S = 10
FRAME_S = 0.2
N_FRAME = round(FRAME_S * MODEL_FS_HZ)
N_FRAMES = round(N_S / FRAME_S)


def linked(samples: Sequence[int], delay: int = 100) -> list[LinkedBeat]:
    """Beats decided `delay` samples later, with their intervals."""
    return [
        LinkedBeat(
            Detection(sample, sample + delay, 1.0),
            None if i == 0 else (sample - samples[i - 1]) / FS,
        )
        for i, sample in enumerate(samples)
    ]


def signal(n_s: float = N_S) -> NDArray[np.float32]:
    n = round(n_s * MODEL_FS_HZ)
    return np.random.default_rng(0).normal(size=n).astype(np.float32)


def run(
    x: NDArray[np.float32],
    beats: Sequence[LinkedBeat],
    skip: frozenset[int] = frozenset(),
    restore_at: int | None = None,
) -> list[BeatWindow]:
    """Push frames, those in `skip` together with the next; a beat comes when it is decided."""
    windows = BeatWindows(FS)
    n_frames = len(x) // N_FRAME
    edges = [0, *(one for one in range(1, n_frames) if one not in skip), n_frames]
    out: list[BeatWindow] = []
    per_frame = round(FRAME_S * FS)
    for a, b in pairwise(edges):
        if restore_at in range(a, b):
            saved = unpack(pack(windows.state()))
            windows = BeatWindows(FS)
            windows.restore(saved)
        decided = [
            one
            for one in beats
            if a * per_frame <= one.detection.decided_sample < b * per_frame
        ]
        out += windows.push(x[a * N_FRAME : b * N_FRAME], decided)
    rest = [one for one in beats if one.detection.decided_sample >= n_frames * per_frame]
    return out + windows.flush(rest)


def plain(windows: Sequence[BeatWindow]) -> list[tuple[object, ...]]:
    return [
        (one.beat, one.inputs["beat"].tolist(), one.inputs["context"].tolist())
        for one in windows
    ]


def told(window: BeatWindow, name: str) -> float:
    return float(window.inputs["context"][CONTEXT.index(name)])


BEATS = st.lists(st.integers(1, round(N_S * FS) // 60), unique=True, max_size=20).map(
    lambda places: [60 * place for place in sorted(places)]
)


@settings(max_examples=50, deadline=None)
@given(BEATS, st.frozensets(st.integers(1, N_FRAMES - 1)), st.integers(0, 180))
def test_the_windows_do_not_depend_on_the_cut(
    samples: list[int], skip: frozenset[int], delay: int
) -> None:
    beats = linked(samples, delay)
    whole = run(signal(), beats)
    assert plain(run(signal(), beats, skip)) == plain(whole)
    assert [window.beat for window in whole] == beats


@settings(max_examples=25, deadline=None)
@given(BEATS, st.integers(0, N_FRAMES - 1))
def test_it_goes_on_from_its_state(samples: list[int], at: int) -> None:
    beats = linked(samples)
    assert plain(run(signal(), beats, restore_at=at)) == plain(run(signal(), beats))


LEADS = arrays(
    np.float32, N_FRAME * 20, elements=st.floats(-LIMIT_MV, LIMIT_MV, width=32), fill=st.just(0)
)


@settings(max_examples=40, deadline=None)
@given(LEADS, st.lists(st.integers(0, 1100), max_size=9).map(sorted), st.floats(0, 1, width=32))
def test_no_nan_out_of_any_finite_input(
    x: NDArray[np.float32], samples: list[int], p_af: float
) -> None:
    """Flat, at the rails, two beats at one place, a beat behind the end of the signal."""
    windows = BeatWindows(FS)
    out = windows.push(x, linked(samples), p_af) + windows.flush([], p_af)
    assert len(out) == len(samples)
    for one in out:
        assert one.inputs["beat"].shape == (N_CHANNELS, N_WINDOW)
        assert one.inputs["context"].shape == (N_CONTEXT,)
        assert {value.dtype for value in one.inputs.values()} == {np.dtype(np.float32)}
        assert all(np.isfinite(value).all() for value in one.inputs.values())


def test_the_window_is_the_signal_around_the_beat() -> None:
    x = np.sin(np.arange(N_S * 125) / MODEL_FS_HZ * 2 * np.pi).astype(np.float32)
    (window,) = run(x, linked([1000]))
    at_s = 1000 / FS + np.arange(N_WINDOW) / MODEL_FS_HZ - BEFORE_S
    beat, before, template = window.inputs["beat"]
    expected = np.sin(2 * np.pi * at_s)
    scale = float(expected[0] / beat[0])
    np.testing.assert_allclose(beat * scale, expected, atol=1e-4)
    np.testing.assert_array_equal(before, beat)  # nothing came before
    np.testing.assert_array_equal(template, beat)


def test_intervals_before_and_behind() -> None:
    beats = linked([200, 400, 650, 1150])
    windows = run(signal(), beats)
    # The last but one: its next beat comes later than is waited for.
    assert [told(one, "next_known") for one in windows] == [1.0, 1.0, 0.0, 0.0]
    assert [told(one, "previous_known") for one in windows] == [0.0, 1.0, 1.0, 1.0]
    assert told(windows[1], "previous_s") == pytest.approx(0.0)  # 0.8 s, the usual
    assert told(windows[2], "previous_s") == pytest.approx(0.2)
    assert told(windows[1], "next_to_previous") == pytest.approx(np.log(1.0 / 0.8))
    assert [told(one, "history") * 64 for one in windows] == [0.0, 1.0, 2.0, 3.0]


def test_an_interval_that_does_not_count_says_nothing() -> None:
    beats = linked([200, 400, 600, 800])
    beats[2] = LinkedBeat(beats[2].detection, None)
    windows = run(signal(), beats)
    assert [told(one, "next_known") for one in windows] == [1.0, 0.0, 1.0, 0.0]
    assert [told(one, "previous_known") for one in windows] == [0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("following", [None, 700, 900])
def test_a_beat_is_asked_about_in_time(following: int | None) -> None:
    beats = linked([500] if following is None else [500, following])
    windows, asked_at, x = BeatWindows(FS), None, signal()
    for frame in range(N_FRAMES):
        first, end = frame * 50, frame * 50 + 50
        decided = [b for b in beats if first <= b.detection.decided_sample < end]
        ready = windows.push(x[frame * N_FRAME : (frame + 1) * N_FRAME], decided)
        if asked_at is None and ready:
            asked_at = end
    assert asked_at is not None
    latest = 500 + WAIT_S * FS if following is None else min(following + 100, 875)
    assert latest <= asked_at <= latest + 50


def test_a_beat_at_either_end_has_a_whole_window() -> None:
    windows = run(signal(), linked([3, 2498]))
    assert [one.inputs["beat"].shape for one in windows] == [(N_CHANNELS, N_WINDOW)] * 2
    assert all(np.isfinite(one.inputs["beat"]).all() for one in windows)


def drawn(beats: Sequence[tuple[float, bool]], n_s: float) -> NDArray[np.float32]:
    """Normal beats point up, premature ones down and are broad."""
    times = np.arange(round(n_s * MODEL_FS_HZ)) / MODEL_FS_HZ
    x = np.zeros(len(times))
    for at_s, premature in beats:
        width_s = 0.035 if premature else 0.012
        x += (-1.2 if premature else 1.0) * np.exp(-0.5 * ((times - at_s) / width_s) ** 2)
    return x.astype(np.float32)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ((1.2, 0.5), "bigeminy"),
        ((1.2, 0.5, 0.55), "most are premature"),
        ((0.8, 0.8, 0.8, 0.5), "some are"),
    ],
)
def test_the_template_is_the_patients_normal_beat(
    pattern: tuple[float, ...], what: str
) -> None:
    """A premature beat is never what the others are compared with, in whatever number."""
    rr_s = list(pattern) * 18
    at_s = 1.0 + np.cumsum(rr_s)
    premature = [one < 0.6 for one in rr_s]
    x = drawn(list(zip(at_s.tolist(), premature, strict=True)), float(at_s[-1]) + 2.0)
    windows = run(x, linked([round(one * FS) for one in at_s]))
    qrs = slice(N_BEFORE - 10, N_BEFORE + 14)
    normal = drawn([(N_BEFORE / MODEL_FS_HZ, False)], N_WINDOW / MODEL_FS_HZ)[qrs]
    settled = list(zip(windows, premature, strict=True))[8 * len(pattern) :]
    assert len(settled) > 10
    for window, is_premature in settled:
        _, _, template = window.inputs["beat"]
        assert np.corrcoef(template[qrs], normal)[0, 1] > 0.9, what
        likeness = told(window, "qrs_similarity")
        assert likeness < 0.3 if is_premature else likeness > 0.9


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 4.0))
def test_a_windows_scale_is_the_templates(gain: float) -> None:
    """An electrode that gives half as much shows the model the same beat."""
    at = [(0.5 + 0.8 * n, False) for n in range(8)]
    beats = linked([round(one * FS) for one, _ in at])
    one = run(drawn(at, 8.0), beats)[-1].inputs["beat"]
    other = run((gain * drawn(at, 8.0)).astype(np.float32), beats)[-1].inputs["beat"]
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-3)
