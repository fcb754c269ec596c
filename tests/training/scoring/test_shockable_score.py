"""Shockable episodes and their alarms: worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scoring.shockable_score import score_record, summarise
from training.scoring.spans import Span


def test_an_alarm_within_the_episode_hits_it_after_its_delay() -> None:
    score = score_record("r", 600, [(100, 130)], [(104.5, 150)])
    assert [one.hit for one in score.episodes] == [True]
    assert score.episodes[0].delay_s == 4.5
    assert score.false_s == ()
    assert (score.episode_s, score.alarmed_episode_s) == (30, 25.5)
    assert (score.alarm_s, score.true_alarm_s) == (45.5, 25.5)
    assert score.other_s == 570


def test_episodes_that_touch_are_one() -> None:
    score = score_record("r", 600, [(100, 106), (106, 113)], [(112, 113)])
    assert [one.span for one in score.episodes] == [(100, 113)]
    assert score.episodes[0].delay_s == 12
    assert score.n_short == 0


def test_a_short_episode_is_neither_hit_nor_miss_nor_false() -> None:
    score = score_record("r", 600, [(100, 109.9)], [(103, 120), (118, 121)])
    assert score.episodes == ()
    assert score.n_short == 1
    assert score.false_s == ()  # 118 is within 10 s of its end
    assert math.isnan(score.se)


def test_false_alarms_are_those_about_no_episode() -> None:
    alarms = [(20, 25), (85, 101), (92, 101), (145, 150), (139, 150)]
    score = score_record("r", 600, [(100, 130)], alarms)
    # 20: long before. 85: runs into the episode, but 15 s too early. 92: 8 s early and runs
    # into it. 145: 15 s late. 139: 9 s late.
    assert score.false_s == (20, 85, 145)
    assert score.n_outside == 5
    assert score.episodes[0].hit
    assert score.episodes[0].delay_s is None  # it sounded already


def test_an_alarm_after_the_end_is_a_miss_though_not_false() -> None:
    score = score_record("r", 600, [(100, 115)], [(116, 130)])
    assert not score.episodes[0].hit
    assert score.false_s == ()
    assert score.n_outside == 1


def test_figures_over_records() -> None:
    one = score_record("a", 3600, [(100, 130), (500, 600)], [(103, 110)])  # 1 of 2
    two = score_record("b", 3600, [(0, 1800)], [(8, 1800), (3000, 3010)])  # 1 of 1, 1 false
    three = score_record("c", 3600, [], [(5, 6)])  # 1 false
    report = summarise([one, two, three])
    assert report["se"] == 75.0  # the mean of 50 and 100; c has no episode
    assert report["se_gross"] == pytest.approx(66.6667)
    assert report["n_records_with_episodes"] == 2
    assert report["delay_p50_s"] == 5.5
    assert report["delay_p95_s"] == pytest.approx(3 + 0.95 * 5)
    hours = (3600 - 130 + 1800 + 3600) / 3600
    assert report["non_shockable_h"] == pytest.approx(hours, abs=1e-4)
    assert report["false_per_hour"] == pytest.approx(2 / hours, abs=1e-4)
    low, high = report["false_per_hour_ci"]
    assert low == pytest.approx(0.2422 / hours, rel=1e-3)  # Garwood's table for 2
    assert high == pytest.approx(7.2247 / hours, rel=1e-3)
    assert report["se_duration"] == pytest.approx(100 * (7 + 1792) / (130 + 1800), abs=1e-3)
    assert report["per_record"]["a"]["missed_s"] == [[500, 600]]


def test_no_alarm_in_some_hours_still_allows_some() -> None:
    report = summarise([score_record("a", 7200, [], [])])
    assert report["se"] is None
    assert report["false_per_hour"] == 0.0
    assert report["false_per_hour_ci"] == [0.0, pytest.approx(3.6889 / 2, rel=1e-3)]


spans = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 80)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=8,
)


@given(spans, spans)
def test_what_must_hold_of_any_record(reference: list[Span], alarms: list[Span]) -> None:
    score = score_record("r", 400, reference, alarms)
    assert len(score.false_s) <= score.n_outside <= len(alarms)
    assert 0 <= score.alarmed_episode_s <= score.episode_s <= 400
    assert 0 <= score.true_alarm_s <= score.alarm_s <= 400
    for one in score.episodes:
        assert one.span[1] - one.span[0] >= 10
        assert one.delay_s is None or 0 <= one.delay_s < one.span[1] - one.span[0]
    if not alarms:
        assert not any(one.hit for one in score.episodes)
