"""Episodes: begun late, dated back, held by hysteresis, and never across what was not seen."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.pipeline.models import EpisodeRule
from edge.stages.episodes import HELD_S, EpisodeChange, Episodes, Hop

HOP = 50  # samples at 250 Hz
RULE = EpisodeRule(enter=0.6, leave=0.4, mean_s=2.0, least_s=3.0, end_s=1.0)
N_MEAN, N_LEAST, N_END = 10, 15, 5


def play(stage: Episodes, values: Sequence[float], first: int = 0) -> list[EpisodeChange]:
    told = []
    for i, value in enumerate(values, first):
        told += stage.push(Hop(HOP * i, HOP * (i + 1), value))
    return told


def test_an_episode_is_dated_to_the_hop_in_which_it_began_and_ended() -> None:
    stage = Episodes(RULE)
    values = [0.1] * 30 + [0.9] * 40 + [0.1] * 30
    opened, closed = play(stage, values)
    assert (opened.onset, opened.end) == (30 * HOP, None)
    assert (closed.onset, closed.end) == (30 * HOP, 70 * HOP)
    assert opened.confidence == pytest.approx(0.9)
    assert closed.confidence == pytest.approx(0.9)
    assert stage.refuted


def test_it_is_told_as_soon_as_the_mean_and_the_least_duration_allow() -> None:
    stage = Episodes(RULE)
    play(stage, [0.0] * 20)
    told_at = next(i for i in range(100) if play(stage, [1.0], 20 + i))
    assert told_at + 1 == N_LEAST
    quick = Episodes(EpisodeRule(0.6, 0.4, mean_s=2.0, least_s=0.0, end_s=1.0))
    play(quick, [0.0] * 20)
    told_at = next(i for i in range(100) if play(quick, [1.0], 20 + i))
    assert told_at + 1 == 6  # of the 10 in the mean


def test_nothing_is_said_before_the_mean_is_full() -> None:
    stage = Episodes(EpisodeRule(0.6, 0.4, mean_s=2.0, least_s=0.0, end_s=1.0))
    assert play(stage, [1.0] * (N_MEAN - 1)) == []
    assert stage.mean is None
    assert [one.onset for one in play(stage, [1.0], N_MEAN - 1)] == [0]


def test_what_is_shorter_than_the_least_is_forgotten() -> None:
    assert play(Episodes(RULE), [0.0] * 20 + [0.9] * 9 + [0.0] * 30) == []


def test_between_the_thresholds_it_stays_as_it_is() -> None:
    assert play(Episodes(RULE), [0.5] * 200) == []
    stage = Episodes(RULE)
    assert len(play(stage, [0.9] * 20 + [0.5] * 200)) == 1
    assert stage.onset == 0


def test_a_dip_shorter_than_the_end_does_not_end_it() -> None:
    values = [0.9] * 40 + [0.0] * 7 + [0.9] * 40
    stage = Episodes(EpisodeRule(0.6, 0.4, mean_s=2.0, least_s=3.0, end_s=2.0))
    assert len(play(stage, values)) == 1
    assert len(play(Episodes(RULE), values)) > 1


def test_a_second_episode_does_not_begin_before_the_first_is_over() -> None:
    stage = Episodes(EpisodeRule(0.6, 0.55, mean_s=4.0, least_s=1.0, end_s=0.2))
    told = play(stage, ([0.9] * 30 + [0.2] * 11) * 6)
    spans = [(one.onset, one.end) for one in told if one.end is not None]
    assert len(spans) > 2
    for (_, end), (onset, _) in pairwise(spans):
        assert end <= onset


def test_what_could_not_be_read_is_left_out_for_a_while() -> None:
    stage = Episodes(RULE)
    play(stage, [0.9] * 20)
    for _ in range(round(HELD_S / 0.2) - 1):
        assert stage.hold() == []
    assert play(stage, [0.9] * 5, 170) == []
    assert stage.onset == 0
    over = [change for _ in range(round(HELD_S / 0.2)) for change in stage.hold()]
    assert [(one.onset, one.end) for one in over] == [(0, 175 * HOP)]
    assert stage.mean is None
    assert not stage.refuted  # nobody has seen that it is over


def test_a_reset_ends_what_is_open_where_it_was_seen_last() -> None:
    stage = Episodes(RULE)
    play(stage, [0.9] * 33)
    (over,) = stage.reset()
    assert (over.onset, over.end) == (0, 33 * HOP)
    assert stage.reset() == []
    assert play(stage, [0.9] * (N_MEAN - 1), 50) == []
    (again,) = play(stage, [0.9] * 10, 50 + N_MEAN - 1)
    assert again.onset == 50 * HOP


PROBABILITIES = st.lists(st.floats(0.0, 1.0), max_size=250)
RULES = st.builds(
    lambda leave, more, mean_s, least_s, end_s: EpisodeRule(
        min(leave + more, 1.0), leave, mean_s, least_s, end_s
    ),
    st.floats(0.05, 0.9),
    st.floats(0.01, 0.5),
    st.floats(0.0, 6.0),
    st.floats(0.0, 10.0),
    st.floats(0.0, 5.0),
)


@given(RULES, PROBABILITIES, st.data())
def test_a_restored_stage_goes_on_equally(
    rule: EpisodeRule, values: list[float], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(values)))
    whole = Episodes(rule)
    clean = play(whole, values)
    stage = Episodes(rule)
    told = play(stage, values[:at])
    restored = Episodes(rule)
    restored.restore(unpack(pack(stage.state())))
    told += play(restored, values[at:], at)
    assert told == clean
    assert restored.reset() == whole.reset()


@given(RULES, st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), max_size=400))
def test_episodes_alternate_and_do_not_overlap(
    rule: EpisodeRule, values: list[float | None]
) -> None:
    stage = Episodes(rule)
    told: list[EpisodeChange] = []
    for i, value in enumerate(values):
        told += stage.hold() if value is None else stage.push(Hop(i, i + 1, value))
    told += stage.reset()
    assert [one.end is None for one in told] == [True, False] * (len(told) // 2)
    at = 0
    for opened, closed in zip(told[::2], told[1::2], strict=True):
        assert closed.end is not None
        assert at <= opened.onset == closed.onset <= closed.end <= len(values)
        at = closed.end
        assert all(0.0 <= one.confidence <= 1.0 for one in (opened, closed))
        assert math.isfinite(closed.confidence)
