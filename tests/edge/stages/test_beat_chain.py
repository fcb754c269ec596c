"""No interval reaches across what could not be read, whenever the beats are decided."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.stages.beat_chain import BeatChain

FS = 100.0


def test_an_interval_is_that_to_the_beat_before() -> None:
    chain = BeatChain(FS)
    assert [chain.rr_s(sample) for sample in (50, 150, 230)] == [None, 1.0, 0.8]


def test_a_beat_decided_after_an_unreadable_frame_keeps_its_own_interval() -> None:
    chain = BeatChain(FS)
    chain.rr_s(100)
    chain.add_unreadable(220)  # before the beat at 200 is decided
    assert chain.rr_s(200) == 1.0
    assert chain.rr_s(300) is None
    assert chain.rr_s(400) == 1.0


@given(
    st.lists(st.integers(1, 900), unique=True, min_size=1, max_size=30).map(sorted),
    st.sets(st.integers(0, 45)),
    st.integers(0, 100),
)
def test_the_word_does_not_depend_on_when_a_beat_is_decided(
    beats: list[int], unreadable: set[int], delay: int
) -> None:
    beats = [sample for sample in beats if sample // 20 not in unreadable]
    chain, told, waiting = BeatChain(FS), [], list(beats)
    for frame in range(60):
        if frame in unreadable:
            chain.add_unreadable(20 * frame)
        while waiting and waiting[0] + delay < 20 * (frame + 1):
            told.append(chain.rr_s(waiting.pop(0)))
    expected: list[float | None] = [None] * min(1, len(beats))
    for before, sample in pairwise(beats):
        broken = any(before < 20 * frame <= sample for frame in unreadable)
        expected.append(None if broken else (sample - before) / FS)
    assert told == expected


def test_a_long_unreadable_stretch_is_bounded() -> None:
    chain = BeatChain(FS)
    chain.rr_s(0)
    for first in range(20, 100_000, 20):
        chain.add_unreadable(first)
    assert len(chain.state()["unreadable"]) <= 50
    assert chain.rr_s(100_000) is None
    assert chain.rr_s(100_080) == 0.8
