"""Frames do not depend on the cut, and say what was missing, off or injected."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.framing import Framer
from edge.stages.items import Frame
from vitalwire.contracts import Chunk, Epoch, Samples, Signal
from vitalwire.errors import ContractError

FS = 125.0
N_FRAME = 25
N = 210


def chunk(data: Samples, first_sample: int = 0, *, fs: float = FS) -> Chunk:
    return Chunk("w1", Signal.ECG, 7, 0, first_sample, 0, Epoch.UTC, fs, data)


def plain(frames: Iterable[Frame]) -> list[tuple[object, ...]]:
    return [
        (f.first_sample, f.data.tolist(), f.missing, f.lead_off, f.lead_state_known, f.injected)
        for f in frames
    ]


def pieces(whole: Chunk, cuts: Sequence[int]) -> list[Chunk]:
    """The chunk, cut at samples inside it."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < whole.n_samples}), whole.n_samples]
    return [
        replace(whole, first_sample=whole.first_sample + a, data=whole.data[:, a:b])
        for a, b in pairwise(edges)
    ]


def framed(chunks: Iterable[Chunk], framer: Framer | None = None) -> list[Frame]:
    framer = framer or Framer(FS, 2)
    frames = [frame for one in chunks for frame in framer.push(one)]
    return frames + framer.flush()


@st.composite
def signals(draw: st.DrawFn) -> Samples:
    """Two leads, with runs of missing samples in either."""
    data = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(2, N))
    for lead in range(2):
        for first in draw(st.lists(st.integers(0, N - 1), max_size=3)):
            data[lead, first : first + draw(st.integers(1, 60))] = np.nan
    return data.astype(np.float32)


CUTS = st.lists(st.integers(1, N - 1), unique=True, max_size=12)


@given(signals(), CUTS, st.integers(0, 60))
def test_frames_do_not_depend_on_the_cut(data: Samples, cuts: list[int], first: int) -> None:
    whole = chunk(data, first)
    assert plain(framed(pieces(whole, cuts))) == plain(framed([whole]))


@given(signals(), st.integers(0, 60))
def test_frames_lie_on_the_grid_and_hold_every_sample(data: Samples, first: int) -> None:
    frames = framed([chunk(data, first)])
    together = np.concatenate([frame.data for frame in frames], axis=1)
    assert together.shape == data.shape
    assert np.isfinite(together).all()
    there = ~np.isnan(data)
    np.testing.assert_array_equal(together[there], data[there])
    assert [frame.first_sample for frame in frames[1:]] == [
        frame.end_sample for frame in frames[:-1]
    ]
    assert all(frame.first_sample % N_FRAME == 0 for frame in frames[1:])
    counts = np.sum([frame.missing for frame in frames], axis=0)
    assert counts.tolist() == np.isnan(data).sum(axis=1).tolist()


def test_a_missing_sample_holds_the_last_value_across_chunks_and_frames() -> None:
    data = np.arange(60, dtype=np.float32)[None, :].repeat(2, axis=0)
    data[0, 20:40] = np.nan
    frames = framed(pieces(chunk(data), [20, 31]))
    held = np.concatenate([frame.data[0] for frame in frames])
    assert held[19:41].tolist() == [19.0] * 21 + [40.0]
    assert [frame.missing for frame in frames] == [(5, 0), (15, 0), (0, 0)]


@given(CUTS, st.data())
def test_flags_hold_for_every_frame_they_touch(cuts: list[int], data: st.DataObject) -> None:
    whole = chunk(np.zeros((2, N), np.float32))
    flags = st.tuples(st.integers(0, 3), st.booleans(), st.booleans())
    chunks = [
        replace(one, lead_off=off, lead_state_known=known, injected=injected)
        for one in pieces(whole, cuts)
        for off, known, injected in [data.draw(flags)]
    ]
    for frame in framed(chunks):
        touching = [
            one
            for one in chunks
            if one.first_sample < frame.end_sample
            and one.first_sample + one.n_samples > frame.first_sample
        ]
        assert touching
        assert frame.lead_off == int(np.bitwise_or.reduce([one.lead_off for one in touching]))
        assert frame.lead_state_known == all(one.lead_state_known for one in touching)
        assert frame.injected == any(one.injected for one in touching)


@settings(max_examples=50)
@given(signals(), CUTS, st.integers(0, 12))
def test_it_goes_on_from_its_state(data: Samples, cuts: list[int], at: int) -> None:
    chunks = pieces(chunk(data), cuts)
    before = Framer(FS, 2)
    first = [frame for one in chunks[:at] for frame in before.push(one)]
    after = Framer(FS, 2)
    after.restore(unpack(pack(before.state())))
    assert plain(first + framed(chunks[at:], after)) == plain(framed(chunks))


def test_flush_gives_a_shorter_frame_once() -> None:
    framer = Framer(FS, 2)
    assert framer.flush() == []
    assert framer.push(chunk(np.zeros((2, 7), np.float32), 100)) == []
    assert [(f.first_sample, f.end_sample) for f in framer.flush()] == [(100, 107)]
    assert framer.flush() == []
    assert [f.end_sample for f in framer.push(chunk(np.zeros((2, 18), np.float32), 107))] == [
        125
    ]


def test_what_does_not_follow_is_a_bug_of_ours() -> None:
    framer = Framer(FS, 1)
    framer.push(chunk(np.zeros((1, 10), np.float32)))
    with pytest.raises(ContractError, match="consecutive"):
        framer.push(chunk(np.zeros((1, 10), np.float32), 11))


@pytest.mark.parametrize(("fs", "n_frame"), [(1.0, 1), (2.0, 1), (360.0, 72), (8192.0, 1638)])
def test_a_frame_is_a_fifth_of_a_second(fs: float, n_frame: int) -> None:
    framer = Framer(fs, 1)
    frames = framer.push(chunk(np.zeros((1, 3 * n_frame), np.float32), fs=fs))
    assert [frame.data.shape for frame in frames] == [(1, n_frame)] * 3
