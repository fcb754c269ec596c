"""SzCORE's counts: by hand, against its authors' package, and against a second reading."""

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring, SampleScoring

from training.scoring.onset_delay import Onset
from training.scoring.spans import Span
from training.scoring.szcore_score import (
    NOTHING,
    Counts,
    Recording,
    RecordingScore,
    score_recording,
    total,
)
from vitalwire.errors import InputError

HOUR = 3600.0


def scored(
    reference: list[Span],
    hypothesis: list[Span],
    duration_s: float = HOUR,
    *,
    unbroken: bool = True,
) -> RecordingScore:
    return score_recording(
        Recording("p", "r", duration_s, reference, hypothesis, unbroken=unbroken)
    )


def counted(
    reference: list[Span], hypothesis: list[Span], duration_s: float = HOUR
) -> tuple[int, int, int]:
    events = scored(reference, hypothesis, duration_s).events
    return events.reference, events.tp, events.fp


def test_figures_by_hand() -> None:
    # Of three seizures the first and the third are found; 2500 is about none.
    events = scored(
        [(600, 660), (1200, 1230), (3000, 3040)], [(610, 620), (2500, 2510), (3050, 3060)]
    ).events
    assert (events.reference, events.tp, events.fn, events.fp) == (3, 2, 1, 1)
    assert events.sensitivity == pytest.approx(2 / 3)
    assert events.precision == pytest.approx(2 / 3)
    assert events.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert events.false_per_day == pytest.approx(24)


@pytest.mark.parametrize(
    ("alarm", "hit"),
    [
        ((560, 570), False),  # just up to 30 s before
        ((560, 570.5), True),
        ((719.5, 730), True),
        ((720, 730), False),  # 60 s after the end
        ((500, 900), True),  # over 5 min: cut at 800, and the rest is false
    ],
)
def test_tolerance(alarm: Span, hit: bool) -> None:
    reference, tp, fp = counted([(600, 660)], [alarm])
    assert (reference, tp) == (1, int(hit))
    assert fp == (not hit or alarm == (500, 900))


def test_events_closer_than_90_s_are_one() -> None:
    assert counted([(600, 610), (699.5, 710)], []) == (1, 0, 0)
    assert counted([(600, 610), (700, 710)], []) == (2, 0, 0)
    assert counted([], [(600, 610), (699.5, 710)]) == (0, 0, 1)
    assert counted([], [(600, 610), (700, 710)]) == (0, 0, 2)


def test_events_longer_than_5_min_are_cut() -> None:
    assert counted([(600, 900)], []) == (1, 0, 0)
    assert counted([(600, 900.5)], []) == (2, 0, 0)
    assert counted([(600, 1600)], [(620, 630)]) == (4, 1, 0)
    assert counted([], [(600, 1600)]) == (0, 0, 4)


def test_a_long_alarm_is_false_where_it_goes_on_after_the_seizure() -> None:
    # 580-880 hits; 880-1180 and 1180-1200 are outside of 570-720.
    assert counted([(600, 660)], [(580, 1200)]) == (1, 1, 2)


def test_seconds_by_hand() -> None:
    samples = scored([(100, 140)], [(90, 120), (200, 205)]).samples
    assert (samples.reference, samples.tp, samples.fn, samples.fp) == (40, 20, 20, 15)
    assert samples.sensitivity == 0.5
    assert samples.precision == pytest.approx(20 / 35)
    assert samples.f1 == pytest.approx(40 / (40 + 15 + 20))
    assert samples.false_per_day == pytest.approx(15 * 24)


def test_what_is_not_defined() -> None:
    nothing = scored([], [])
    for counts in (nothing.events, nothing.samples, NOTHING):
        assert math.isnan(counts.sensitivity)
        assert math.isnan(counts.precision)
        assert math.isnan(counts.f1)
    assert nothing.events.false_per_day == 0.0
    assert math.isnan(NOTHING.false_per_day)
    assert scored([], [(10, 20)]).events.f1 == 0.0
    assert math.isnan(scored([(10, 20)], []).events.precision)


def test_order_and_overlap_do_not_matter() -> None:
    # The outer alarm goes on after the inner one; the package's list form would end it there.
    tidy = scored([(600, 700)], [(580, 690), (1500, 1530)])
    untidy = scored([(650, 700), (600, 660)], [(1500, 1530), (600, 610), (580, 690)])
    assert untidy == tidy
    assert counted([(700, 710)], [(100, 700), (120, 130)]) == (1, 1, 1)


def test_what_sticks_out_is_cut() -> None:
    assert scored([(3590, 4000)], [(-500, 20)]) == scored([(3590, 3600)], [(0, 20)])


def test_recordings_add_up() -> None:
    one = scored([(600, 660)], [(610, 620)]).events
    two = scored([], [(100, 110)], 1800).events
    assert total([one, two]) == Counts(reference=1, tp=1, fp=1, exposure_s=5400.0)
    assert total([one, two]).false_per_day == pytest.approx(16)
    assert total([]) == NOTHING


@pytest.mark.parametrize(
    "event",
    [(20, 10), (10, 10), (60, 70), (-9, 0), (math.nan, 5), (1, math.inf), (-math.inf, 5)],
)
@pytest.mark.parametrize("what", ["seizure", "alarm"])
def test_an_event_of_another_recording(event: Span, what: str) -> None:
    events: tuple[list[Span], list[Span]] = (
        ([event], []) if what == "seizure" else ([], [event])
    )
    with pytest.raises(InputError, match=f"patient p, recording r: expected each {what}"):
        scored(*events, 60.0)


@pytest.mark.parametrize("duration_s", [0.0, 0.4, -3.0, math.nan, math.inf])
def test_a_recording_of_no_length(duration_s: float) -> None:
    with pytest.raises(InputError, match="expected a duration of 1 s or more"):
        scored([], [], duration_s)


# --- against the package, on the same events -------------------------------------------------


N_MADE = 1000
LIMITS_S = [0.0, 30.0, 60.0, 90.0, 300.0]


@dataclass(frozen=True)
class Made:
    """Events apart, adjacent, overlapping, at the ends, over 5 min; none within another.

    An event within another is where the package's own two forms, list and mask, disagree.
    """

    duration_s: float
    reference: list[Span]
    hypothesis: list[Span]


def make(seed: int, step_s: float = 0.0) -> Made:
    """Most moments lie just about one of the limits from another; `step_s` is their grid."""
    random = Random(seed)
    duration_s = float(random.randint(1, 3000))
    known = [0.0, duration_s]

    def moment() -> float:
        off = random.choice([-step_s, 0.0, step_s]) if step_s else random.uniform(-1, 1)
        if random.random() < 0.7:
            at = random.choice(known) + random.choice([-1, 1]) * random.choice(LIMITS_S)
        else:
            at = random.randint(0, int(duration_s))
        known.append(min(max(at + off, 0.0), duration_s))
        return known[-1]

    def events() -> list[Span]:
        n = random.randint(0, 5)
        at = sorted(moment() for _ in range(2 * n))
        if random.random() < 0.7:
            pairs = list(zip(at[::2], at[1::2], strict=True))
        else:  # adjacent, or overlapping
            pairs = list(zip(at, at[random.randint(1, 3) :], strict=False))
        return [(onset, end) for onset, end in pairs if onset < end]

    return Made(duration_s, events(), events())


EDGES = (
    Made(600.0, [], []),
    Made(600.0, [(0.0, 600.0)], [(0.0, 600.0)]),
    Made(1000.0, [(10.0, 40.0), (40.0, 60.0)], [(0.0, 5.0), (995.0, 1000.0)]),
    Made(1000.0, [(500.0, 510.0)], [(400.0, 460.0), (450.0, 505.0)]),
)


def test_what_is_made_has_every_edge() -> None:
    made = [make(seed) for seed in range(N_MADE)]
    lists = [
        (one.duration_s, events) for one in made for events in (one.reference, one.hypothesis)
    ]
    assert any(not events for _, events in lists)
    assert any(end > onset + 300 for _, events in lists for onset, end in events)
    assert any(onset == 0 for _, events in lists for onset, _ in events)
    assert any(end == duration for duration, events in lists for _, end in events)
    gaps = [after[0] - one[1] for _, events in lists for one, after in pairwise(events)]
    assert min(gaps) < 0
    assert 0 in gaps
    assert any(89 < gap < 90 for gap in gaps)
    assert any(90 <= gap < 91 for gap in gaps)


def test_it_equals_timescoring() -> None:
    for made in (*EDGES, *map(make, range(N_MADE))):
        got = scored(made.reference, made.hypothesis, made.duration_s)
        n = round(made.duration_s * 10)
        pair = Annotation(made.reference, 10, n), Annotation(made.hypothesis, 10, n)
        for ours, theirs in (
            (got.events, EventScoring(*pair)),
            (got.samples, SampleScoring(*pair)),
        ):
            np.testing.assert_array_equal(
                [ours.reference, ours.tp, ours.fp, ours.sensitivity, ours.precision, ours.f1,
                 ours.false_per_day],
                [theirs.refTrue, theirs.tp, theirs.fp, theirs.sensitivity, theirs.precision,
                 theirs.f1, theirs.fpRate],
                err_msg=str(made),
            )  # fmt: skip


# --- against the definition, read a second time ----------------------------------------------

HALF = 0.5  # all moments on this grid are exact in binary


def spelled_out(made: Made) -> tuple[int, int, int]:
    """Seizures, hits and false alarms, in half seconds."""

    def as_counted(events: list[Span]) -> list[range]:
        joined: list[range] = []
        for one in sorted((round(on / HALF), round(off / HALF)) for on, off in events):
            if joined and one[0] - joined[-1].stop < 180:
                joined[-1] = range(joined[-1].start, max(one[1], joined[-1].stop))
            else:
                joined.append(range(*one))
        return [one[at : at + 600] for one in joined for at in range(0, len(one), 600)]

    def meet(one: range, other: range) -> bool:
        return max(one.start, other.start) < min(one.stop, other.stop)

    seizures, alarms = as_counted(made.reference), as_counted(made.hypothesis)
    around = [range(one.start - 60, one.stop + 120) for one in seizures]
    hits = [one for one in around if any(meet(one, alarm) for alarm in alarms)]
    false = [alarm for alarm in alarms if not any(meet(one, alarm) for one in hits)]
    return len(seizures), len(hits), len(false)


def test_it_equals_the_definition() -> None:
    for made in (*EDGES, *(make(seed, HALF) for seed in range(N_MADE))):
        got = counted(made.reference, made.hypothesis, made.duration_s)
        assert got == spelled_out(made), made


def test_seconds_equal_the_definition() -> None:
    for made in (*EDGES, *(make(seed, 1.0) for seed in range(N_MADE))):
        samples = scored(made.reference, made.hypothesis, made.duration_s).samples
        expected, told = (
            {at for on, off in events for at in range(int(on), int(off))}
            for events in (made.reference, made.hypothesis)
        )
        assert (samples.reference, samples.tp, samples.fp) == (
            len(expected),
            len(expected & told),
            len(told - expected),
        ), made


spans = st.lists(
    st.tuples(st.integers(0, 900), st.integers(1, 400)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=8,
)


@given(spans, spans)
@settings(deadline=None)
def test_what_must_hold_of_any_events(reference: list[Span], alarms: list[Span]) -> None:
    score = scored(reference, alarms, 1000.0)
    # The package's mask form, which knows no order and no event within another.
    masks = [
        Annotation(Annotation(list(one), 10, 10000).mask, 10) for one in (reference, alarms)
    ]
    theirs = EventScoring(*masks)
    ours = score.events
    assert (ours.reference, ours.tp, ours.fp) == (theirs.refTrue, theirs.tp, theirs.fp)
    assert scored(reference[::-1], alarms[::-1], 1000.0) == score
    for one in score.onsets.timed:
        onset_s, end_s = one.seizure
        assert one.delay_s is None or 0 <= one.delay_s < end_s - onset_s + 60
    if ours.reference == len(score.onsets.timed):  # none was cut, none untimed
        assert ours.tp == sum(one.told for one in score.onsets.timed)


# --- from onset to alarm ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alarms", "told", "delay_s"),
    [
        ([(604.25, 610), (620, 630)], True, 4.25),
        ([(600, 610)], True, 0.0),
        ([(715, 730)], True, 115.0),  # in the tolerance after the end
        ([(720, 730)], False, None),
        ([(550, 601)], True, None),  # on at the onset
        ([(575, 580)], True, None),  # in the tolerance before it
        ([(575, 580), (607, 610)], True, 7.0),
        ([(560, 570)], False, None),
        ([], False, None),
    ],
)
def test_delay(alarms: list[Span], told: bool, delay_s: float | None) -> None:
    onsets = scored([(600, 660)], alarms).onsets
    assert onsets.timed == (Onset((600, 660), told, delay_s),)
    assert onsets.n_untimed == 0


def test_delay_of_close_and_of_long_seizures() -> None:
    onsets = scored([(600, 610), (650, 1600), (1690, 1700)], [(700, 710), (1692, 1695)]).onsets
    assert [(one.seizure, one.delay_s) for one in onsets.timed] == [
        ((600, 1600), 100),
        ((1690, 1700), 2),
    ]


def test_what_cannot_be_timed() -> None:
    begins_within = scored([(0, 20), (600, 610)], [(1, 2)]).onsets
    assert [one.seizure for one in begins_within.timed] == [(600, 610)]
    assert begins_within.n_untimed == 1
    cut_out = scored([(10, 20)], [(12, 13)], unbroken=False).onsets
    assert (cut_out.timed, cut_out.n_untimed) == ((), 1)
    both = begins_within + cut_out
    assert (len(both.timed), both.n_untimed) == (1, 2)
