"""Hops are counted from the lead's start, whatever frames the signal came in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.rhythm_hops import N_HOP, RhythmHops

SAMPLES = np.arange(777, dtype=np.float32)
CUTS = st.lists(st.integers(0, len(SAMPLES)), max_size=20).map(sorted)


@given(CUTS, st.integers(0, 20))
def test_every_sample_once_in_order_however_it_was_cut(cuts: list[int], restore: int) -> None:
    hops, out = RhythmHops(), []
    for i, part in enumerate(np.split(SAMPLES, cuts)):
        if i == restore:
            saved = unpack(pack(hops.state()))
            hops = RhythmHops()
            hops.restore(saved)
        out.append(hops.push(part))
    told = np.concatenate(out)
    assert told.shape == (len(SAMPLES) // N_HOP, N_HOP)
    assert told.dtype == np.float32
    np.testing.assert_array_equal(told.ravel(), SAMPLES[: told.size])


def test_a_hop_comes_with_its_last_sample() -> None:
    hops = RhythmHops()
    assert len(hops.push(SAMPLES[: N_HOP - 1])) == 0
    assert len(hops.push(SAMPLES[N_HOP - 1 : N_HOP])) == 1


def test_what_it_gave_does_not_change_behind_its_back() -> None:
    mine = SAMPLES.copy()
    hops = RhythmHops()
    hops.push(mine[:10])
    mine[:10] = -1
    np.testing.assert_array_equal(hops.push(SAMPLES[10:N_HOP])[0], SAMPLES[:N_HOP])
