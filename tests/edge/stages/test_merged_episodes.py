"""Seizures that follow each other closely are one; nothing is told twice, nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.episodes import EpisodeChange
from edge.stages.merged_episodes import MERGE_S, MergedEpisodes

FS = 10.0
APART = round(MERGE_S * FS)
LATER = 50  # samples after its end it is known that it is over


def play(
    spans: list[tuple[int, int]], until: int, restore_at: int = -1
) -> list[tuple[int, EpisodeChange]]:
    """When what was told; each span is known at its onset, and `LATER` that it is over."""
    stage, told = MergedEpisodes(FS), []
    for now in range(0, until, 10):
        if now == restore_at:
            saved = unpack(pack(stage.state()))
            stage = MergedEpisodes(FS)
            stage.restore(saved)
        changes = [EpisodeChange(a, None, 0.5) for a, _ in spans if a == now]
        changes += [EpisodeChange(a, b, 0.8) for a, b in spans if b + LATER == now]
        told += [(now, one) for one in stage.push(changes, now)]
    return told + [(until, one) for one in stage.flush()]


def test_an_end_is_told_when_nothing_has_followed_it() -> None:
    (begun, first), (over, second) = play([(100, 400)], 3000)
    assert (begun, first.onset, first.end) == (100, 100, None)
    assert (over, second.onset, second.end) == (400 + APART, 100, 400)


def test_what_follows_closely_is_the_same_and_what_does_not_is_another() -> None:
    close = play([(100, 400), (400 + APART - 10, 2000)], 5000)
    assert [(one.onset, one.end) for _, one in close] == [(100, None), (100, 2000)]
    apart = play([(100, 400), (400 + APART, 2000)], 5000)
    assert [(one.onset, one.end) for _, one in apart] == [
        (100, None), (100, 400), (1300, None), (1300, 2000),
    ]  # fmt: skip


def test_the_confidence_is_that_of_both_by_their_lengths() -> None:
    stage = MergedEpisodes(FS)
    stage.push([EpisodeChange(0, None, 0.5)], 0)
    stage.push([EpisodeChange(0, 300, 0.6)], 350)
    stage.push([EpisodeChange(400, None, 0.5)], 400)
    stage.push([EpisodeChange(400, 500, 1.0)], 550)
    (whole,) = stage.flush()
    assert whole == EpisodeChange(0, 500, 0.7)


def test_a_gap_ends_what_waits() -> None:
    assert play([(100, 400)], 600)[-1] == (600, EpisodeChange(100, 400, 0.8))


SPANS = st.lists(st.integers(1, 150), min_size=2, max_size=12).map(
    lambda steps: [sum(steps[: i + 1]) * 10 for i in range(len(steps))]
)


@given(SPANS, st.integers(0, 200))
def test_a_restored_stage_goes_on_equally_and_what_is_told_is_apart(
    edges: list[int], restored: int
) -> None:
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    spans = [(a, b) for a, b in pairs if b + LATER < 20_000]
    spans = [span for i, span in enumerate(spans) if not i or span[0] > spans[i - 1][1] + LATER]
    told = play(spans, 20_000)
    assert play(spans, 20_000, restored * 10) == told
    over = [one for _, one in told if one.end is not None]
    begun = [one for _, one in told if one.end is None]
    assert [one.onset for one in begun] == [one.onset for one in over]
    ends = [one.end or 0 for one in over]
    assert all(b.onset - a >= APART for a, b in zip(ends, over[1:], strict=False))
