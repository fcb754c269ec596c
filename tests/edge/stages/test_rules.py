"""The rules, as a night nurse would try them."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.items import Condition
from edge.stages.rules import DEFAULT_LIMITS, CardiacRules, check_limits
from tests.edge.stages.heart import (
    FLAT,
    FRAME,
    FS,
    GOOD,
    OFF,
    POOR,
    UNKNOWN,
    At,
    Script,
    Ward,
    every,
    seconds,
    utc,
)
from vitalwire.contracts import AlarmKind, Rhythm, Signal, SignalState
from vitalwire.errors import ContractError, InputError

ASYSTOLE, PAUSE = AlarmKind.ASYSTOLE, AlarmKind.PAUSE
FLAT_SIGNAL, LEAD_OFF = AlarmKind.FLAT_SIGNAL, AlarmKind.LEAD_OFF
POOR_SIGNAL = AlarmKind.POOR_SIGNAL
BRADY, TACHY = AlarmKind.EXTREME_BRADYCARDIA, AlarmKind.EXTREME_TACHYCARDIA
PATIENT = {ASYSTOLE, PAUSE, BRADY, TACHY}

NORMAL: Script = [(1.0, UNKNOWN), (60.0, GOOD)]


def test_a_normal_rhythm_raises_nothing_and_says_not_once() -> None:
    ward = Ward(NORMAL, every(0.8, 0.4, 59.0)).play()
    assert ward.raised() == set()
    kinds = [c.kind for c in ward.said]
    assert sorted(kinds) == sorted(set(kinds))
    assert set(kinds) == {ASYSTOLE, BRADY, TACHY, FLAT_SIGNAL, LEAD_OFF, POOR_SIGNAL}


# Asystole


def test_flat_with_leads_on_is_asystole_4_s_after_the_last_beat() -> None:
    # The quality stage needs 3.2 s to call it flat: they are part of the 4 s.
    ward = Ward([(13.4, GOOD), (30.0, FLAT)], every(1.0, 0.2, 10.2)).play()
    assert ward.of(ASYSTOLE) == [(True, 14.2)]
    said = ward.first_of(ASYSTOLE)
    assert said.onset_ns == utc(2550)
    assert said.message == "no beats for 4 s, signal flat, leads on"
    assert said.stream_id == 7
    assert said.signal is Signal.ECG
    assert said.time_ns == utc(said.sample)
    assert ward.raised() == {ASYSTOLE}


def test_flat_with_lead_state_unknown_is_a_technical_alarm_after_the_same_delay() -> None:
    script: Script = [(13.4, GOOD), (30.0, FLAT)]
    ward = Ward(script, every(1.0, 0.2, 10.2), known=False).play()
    assert ward.of(FLAT_SIGNAL) == [(True, 14.2)]
    assert ward.raised() == {FLAT_SIGNAL}
    assert "check the patient" in ward.first_of(FLAT_SIGNAL).message


@pytest.mark.parametrize(("known", "kind"), [(True, ASYSTOLE), (False, FLAT_SIGNAL)])
@pytest.mark.parametrize("first", [0, 5_000_000])
def test_a_stream_that_starts_flat_alarms_after_4_s(
    known: bool, kind: AlarmKind, first: int
) -> None:
    script: Script = [(0.8, UNKNOWN), (3.0, GOOD), (20.0, FLAT)]
    assert Ward(script, known=known, first=first).play().onsets(kind) == [4.0]


def test_flat_out_of_noise_counts_from_where_it_became_flat() -> None:
    script: Script = [(10.0, POOR), (20.0, FLAT)]
    # Flat since 10.2 - 3.2 = 7.0 s.
    assert Ward(script).play().onsets(ASYSTOLE) == [11.0]


def test_not_flat_and_no_beats_is_asystole_once_no_beat_can_be_pending() -> None:
    ward = Ward([(30.0, GOOD)], every(1.0, 0.2, 10.2)).play()
    assert ward.onsets(ASYSTOLE) == [15.2]  # 4 s and the decision delay
    assert "check for ventricular fibrillation" in ward.first_of(ASYSTOLE).message


def test_an_asystole_that_is_not_flat_names_what_the_rhythm_model_says() -> None:
    """And what it says does not hold the alarm back: nobody knows that it is right."""
    messages = {}
    for rhythm in (None, Rhythm.SHOCKABLE, Rhythm.NORMAL):
        rules = CardiacRules(FS, Signal.ECG, 7)
        said = [
            condition
            for end in range(FRAME, 50 * FRAME, FRAME)
            for condition in rules.push(end, utc, [], GOOD, True, False, rhythm=rhythm)
            if condition.kind is ASYSTOLE and condition.active
        ]
        assert len(said) == 1
        messages[rhythm] = said[0].message
    assert "model" not in messages[None]
    assert messages[Rhythm.SHOCKABLE].endswith(
        "check for ventricular fibrillation (rhythm model: shockable)"
    )
    assert messages[Rhythm.NORMAL].endswith("(rhythm model: normal)")


def test_a_pending_beat_refutes_asystole() -> None:
    beats = [*every(1.0, 0.2, 10.2), *every(1.0, 14.1, 28.0)]
    ward = Ward([(30.0, GOOD)], beats, delay_s=0.99).play()
    assert ASYSTOLE not in ward.raised()
    assert PAUSE in ward.raised()


def test_an_asystole_that_a_beat_ends_within_the_decision_delay_is_not_missed() -> None:
    beats = [*every(1.0, 0.2, 10.2), *every(1.0, 14.3, 28.0)]
    ward = Ward([(30.0, GOOD)], beats, delay_s=0.2).play()
    assert ward.of(ASYSTOLE) == [(True, 14.6), (False, 14.6)]
    assert ward.first_of(ASYSTOLE).message == "no beats for 4.1 s, then a beat"
    assert ward.first_of(ASYSTOLE).onset_ns == utc(2550)
    assert PAUSE not in ward.raised()


def test_a_beat_found_far_too_late_ends_a_wrong_asystole_and_is_no_pause_too() -> None:
    beats = [*every(1.0, 0.2, 10.2), 3500, *every(1.0, 16.0, 28.0)]
    late: Callable[[int], float] = lambda b: 2.0 if b == 3500 else 0.6  # noqa: E731
    ward = Ward([(30.0, GOOD)], beats, delay_s=late).play()
    assert [active for active, _ in ward.of(ASYSTOLE)] == [True, False]
    assert PAUSE not in ward.raised()


@pytest.mark.parametrize("state", [FLAT, GOOD])
def test_a_beat_ends_asystole(state: SignalState) -> None:
    script: Script = [(10.0, GOOD), (20.0, state), (40.0, GOOD)]
    beats = [*every(1.0, 0.2, 6.2), *every(1.0, 19.0, 39.0)]
    ward = Ward(script, beats).play()
    assert [active for active, _ in ward.of(ASYSTOLE)] == [True, False]
    assert ward.of(ASYSTOLE)[-1][1] == 19.8  # the frame in which the beat was decided


def test_asystole_that_turns_from_flat_into_fibrillation_is_said_again() -> None:
    ward = Ward([(5.0, GOOD), (15.0, FLAT), (25.0, GOOD)], [200]).play()
    messages = [c.message for c in ward.said if c.kind is ASYSTOLE and c.active]
    assert ["flat, leads on" in m for m in messages] == [True, False]
    assert len({c.onset_ns for c in ward.said if c.kind is ASYSTOLE and c.active}) == 1


def test_the_first_beat_after_a_flat_line_is_awaited_before_fibrillation_is_said() -> None:
    beats = [200, *every(1.0, 15.1, 24.0)]
    ward = Ward([(5.0, GOOD), (15.0, FLAT), (25.0, GOOD)], beats).play()
    assert [active for active, _ in ward.of(ASYSTOLE)] == [True, False]


def test_a_cable_that_is_plugged_in_again_is_no_asystole() -> None:
    # Lead state unknown: flat for a minute, then a heart whose first beats are pending.
    beats = every(0.8, 60.3, 79.0)
    ward = Ward([(60.0, FLAT), (80.0, GOOD)], beats, known=False).play()
    assert ward.raised() == {FLAT_SIGNAL}
    assert ward.of(FLAT_SIGNAL)[-1] == (False, 60.2)


def test_a_lead_that_turns_out_to_be_on_makes_a_flat_signal_an_asystole() -> None:
    ward = Ward([(20.0, FLAT)], known=False)
    ward.play(10.0)
    ward.known = True
    ward.play()
    assert ward.of(FLAT_SIGNAL) == [(True, 4.0), (False, 10.2)]
    assert ward.of(ASYSTOLE) == [(True, 10.2)]


# Poor signal


@pytest.mark.parametrize("state", [POOR, OFF, UNKNOWN])
def test_what_cannot_be_analysed_starts_no_alarm_of_the_patient(state: SignalState) -> None:
    ward = Ward([(5.0, GOOD), (60.0, state)], every(1.0, 0.2, 4.2)).play()
    assert not ward.raised() & PATIENT


def test_beats_in_noise_do_not_count() -> None:
    ward = Ward([(3.0, GOOD), (40.0, POOR)], every(0.3, 0.2, 39.0)).play()
    assert not ward.raised() & PATIENT


@pytest.mark.parametrize("state", [POOR, OFF, UNKNOWN])
def test_poor_signal_keeps_an_open_asystole_and_notes_it(state: SignalState) -> None:
    script: Script = [(10.0, GOOD), (20.0, FLAT), (50.0, state), (70.0, GOOD)]
    beats = [*every(1.0, 0.2, 6.2), *every(0.5, 22.0, 45.0), *every(1.0, 51.0, 69.0)]
    ward = Ward(script, beats).play()
    said = [c for c in ward.said if c.kind is ASYSTOLE]
    while not said[0].active:
        said = said[1:]
    assert [c.active for c in said] == [True, True, True, False]
    assert "cannot be analysed now" in said[1].message
    assert "cannot be analysed now" not in said[2].message
    assert seconds(said[3].sample) > 51.0


def test_a_tachycardia_is_kept_through_noise_and_ends_with_a_normal_rate() -> None:
    script: Script = [(15.0, GOOD), (40.0, POOR), (80.0, GOOD)]
    beats = [*every(0.35, 0.2, 15.0), *every(0.8, 40.1, 79.0)]
    ward = Ward(script, beats).play()
    assert [active for active, _ in ward.of(TACHY)] == [True, True, True, False]
    assert ward.of(TACHY)[-1][1] > 52.0  # 17 beats of the normal rhythm


def test_after_noise_the_count_starts_anew() -> None:
    script: Script = [(5.0, GOOD), (8.0, POOR), (20.0, GOOD)]
    assert Ward(script, [800]).play().onsets(ASYSTOLE) == [13.0]


def test_the_first_beat_after_noise_is_not_an_asystole_or_a_pause() -> None:
    script: Script = [(5.0, GOOD), (15.0, POOR), (20.0, GOOD)]
    beats = [*every(1.0, 0.2, 4.2), *every(1.0, 15.05, 19.0)]
    ward = Ward(script, beats, delay_s=0.01).play()
    assert not ward.raised() & PATIENT


def test_no_interval_reaches_over_noise_even_when_beats_are_decided_late() -> None:
    script: Script = [(5.0, GOOD), (5.4, POOR), (20.0, GOOD)]
    beats = [*every(0.8, 0.2, 3.4), round(4.9 * FS), *every(0.8, 8.3, 19.0)]
    ward = Ward(script, beats, delay_s=0.9).play()
    assert PAUSE not in ward.raised()


def test_poor_signal_is_reported_after_30_s_and_is_over_after_5_good_ones() -> None:
    ward = Ward([(10.0, GOOD), (50.0, POOR), (70.0, GOOD)], every(0.8, 0.2, 69.0)).play()
    assert ward.of(POOR_SIGNAL) == [(True, 40.0), (False, 55.0)]
    assert ward.first_of(POOR_SIGNAL).onset_ns == utc(2500)


def test_a_signal_that_flickers_is_reported_once() -> None:
    flicker = [(second + 1.0, POOR if second % 2 else GOOD) for second in range(60)]
    ward = Ward([*flicker, (80.0, GOOD)]).play()
    assert [active for active, _ in ward.of(POOR_SIGNAL)] == [True, False]


def test_a_signal_that_nobody_can_judge_is_reported_too() -> None:
    assert Ward([(40.0, UNKNOWN)]).play().onsets(POOR_SIGNAL) == [30.0]


def test_a_poor_stretch_goes_on_through_a_gap() -> None:
    ward = Ward([(200.0, POOR)]).play(20.0)
    ward.position += round(60 * FS)
    ward.rules.reset(ward.position)
    ward.play(80.2)
    assert ward.onsets(POOR_SIGNAL) == [80.2]
    assert ward.first_of(POOR_SIGNAL).onset_ns == utc(0)


def test_gaps_every_few_seconds_are_poor_signal_too() -> None:
    ward = Ward([(3.0, GOOD)])
    for _ in range(12):
        ward.play(3.0)
        ward.position += FRAME
        ward.rules.reset(ward.position)
        ward.script = [(seconds(ward.position) + 1.0, UNKNOWN), (1e9, GOOD)]
        ward.play(seconds(ward.position) + 3.0)
    assert POOR_SIGNAL in ward.raised()


# Lead off


def test_lead_off_after_2_s_and_never_as_poor_signal_too() -> None:
    script: Script = [(10.0, GOOD), (60.0, OFF), (70.0, GOOD)]
    ward = Ward(script, every(0.8, 0.2, 69.0)).play()
    assert ward.of(LEAD_OFF) == [(True, 12.0), (False, 60.2)]
    assert ward.raised() == {LEAD_OFF}


def test_a_touch_of_the_electrode_is_not_reported() -> None:
    script: Script = [(10.0, GOOD), (11.8, OFF), (20.0, GOOD)]
    assert Ward(script, every(0.8, 0.2, 19.0)).play().raised() == set()


def test_a_loose_contact_is_reported_as_poor_signal() -> None:
    flicker = [(second + 1.0, OFF if second % 2 else GOOD) for second in range(60)]
    assert Ward(flicker).play().raised() == {POOR_SIGNAL}


# Rates and pauses


@pytest.mark.parametrize(("bpm", "raised"), [(39.0, {BRADY}), (40.0, set()), (41.0, set())])
def test_extreme_bradycardia_is_under_40_over_5_beats(
    bpm: float, raised: set[AlarmKind]
) -> None:
    beats = every(60.0 / bpm, 0.2, 39.0)
    ward = Ward([(40.0, GOOD)], beats).play()
    assert ward.raised() == raised
    if raised:
        assert ward.first_of(BRADY).sample >= beats[4]
        assert ward.first_of(BRADY).sample <= beats[4] + 0.6 * FS + FRAME
        assert ward.first_of(BRADY).onset_ns == utc(beats[0])
        assert ward.first_of(BRADY).evidence["beats"] == 5


@pytest.mark.parametrize(("rr_s", "raised"), [(0.42, {TACHY}), (0.436, set())])
def test_extreme_tachycardia_is_over_140_over_17_beats(
    rr_s: float, raised: set[AlarmKind]
) -> None:
    beats = every(rr_s, 0.2, 39.0)
    ward = Ward([(40.0, GOOD)], beats).play()
    assert ward.raised() == raised
    if raised:
        assert beats[16] <= ward.first_of(TACHY).sample <= beats[16] + 0.6 * FS + FRAME


def test_sixteen_fast_beats_are_not_enough() -> None:
    beats = [*every(0.8, 0.2, 9.8), *[2650 + 105 * i for i in range(16)], *every(1.0, 17.9, 39)]
    assert TACHY not in Ward([(40.0, GOOD)], beats).play().raised()


def test_a_rate_is_said_again_only_when_it_has_moved() -> None:
    beats = every(0.40, 0.2, 40.0)
    assert len(Ward([(40.0, GOOD)], beats).play().of(TACHY)) == 1
    faster = [*every(0.40, 0.2, 20.0), *every(0.30, 20.3, 40.0)]
    rates = [
        c.evidence["rate_bpm"]
        for c in Ward([(40.0, GOOD)], faster).play().said
        if c.kind is TACHY and c.active
    ]
    assert len(rates) > 1
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(200, abs=10)


def test_a_rhythm_that_recovers_ends_the_alarm() -> None:
    beats = [*every(2.0, 0.2, 20.0), *every(0.8, 20.4, 40.0)]
    said = [active for active, _ in Ward([(40.0, GOOD)], beats).play().of(BRADY)]
    assert said == [True, False]


def test_one_pause_is_a_pause_and_no_bradycardia() -> None:
    beats = [*every(0.8, 0.2, 9.8), *every(0.8, 13.6, 39.0)]
    ward = Ward([(40.0, GOOD)], beats).play()
    assert ward.raised() == {PAUSE}
    assert [active for active, _ in ward.of(PAUSE)] == [True, False]
    said = ward.first_of(PAUSE)
    assert said.evidence["rr_s"] == pytest.approx(3.8)
    assert said.onset_ns == utc(beats[12])


@pytest.mark.parametrize(("gap_s", "raised"), [(2.9, set()), (3.0, {PAUSE}), (3.9, {PAUSE})])
def test_a_pause_is_3_s_or_more(gap_s: float, raised: set[AlarmKind]) -> None:
    beats = [*every(0.8, 0.2, 9.8), *every(0.8, 9.8 + gap_s, 39.0)]
    assert Ward([(40.0, GOOD)], beats).play().raised() == raised


@pytest.mark.parametrize("known", [True, False])
def test_a_pause_is_seen_through_the_flat_line_in_it(known: bool) -> None:
    script: Script = [(13.2, GOOD), (13.6, FLAT), (40.0, GOOD)]
    beats = [*every(0.8, 0.2, 9.8), *every(0.8, 13.6, 39.0)]
    assert Ward(script, beats, known=known).play().raised() == {PAUSE}


def test_a_slow_escape_rhythm_after_asystole_is_its_own_bradycardia() -> None:
    beats = [*every(0.8, 0.2, 9.8), *every(2.0, 19.8, 39.0)]
    ward = Ward([(40.0, GOOD)], beats).play()
    assert ward.raised() == {ASYSTOLE, BRADY}
    assert ward.first_of(BRADY).onset_ns == utc(round(19.8 * FS))


# Gaps, restarts, limits


def test_after_a_gap_the_count_starts_anew_and_an_open_alarm_is_kept() -> None:
    ward = Ward([(30.0, GOOD)], [50]).play(3.0)
    ward.position += 2500
    ward.rules.reset(ward.position)
    ward.play(16.8)
    assert ASYSTOLE not in ward.raised()
    ward.play(22.0)
    assert ward.onsets(ASYSTOLE) == [18.0]
    ward.position += 2500
    ward.rules.reset(ward.position)
    ward.script = [(40.0, FLAT)]
    ward.play()
    assert all(active for active, _ in ward.of(ASYSTOLE))


def test_no_interval_reaches_over_a_gap() -> None:
    ward = Ward([(30.0, GOOD)], [*every(0.8, 0.2, 5.0), *every(0.8, 8.4, 29.0)]).play(5.0)
    ward.position = 2000
    ward.rules.reset(2000)
    ward.play()
    assert ward.raised() == set()


def test_a_sample_count_that_falls_back_is_survived() -> None:
    ward = Ward([(200.0, GOOD)], first=100_000).play(6.0)
    assert ward.onsets(ASYSTOLE) == [5.0]
    ward.rules.reset(101_500)  # where it would have gone on
    ward.position, ward.first, ward.script = 0, 0, [(30.0, FLAT)]
    ward.said.clear()
    ward.play()
    assert all(c.onset_ns <= c.time_ns for c in ward.said)


def test_frames_that_overlap_are_a_bug() -> None:
    ward = Ward(NORMAL).play(2.0)
    with pytest.raises(ContractError, match="frames follow each other"):
        ward.rules.push(ward.position, utc, [], GOOD, True, False)


def test_a_new_stream_says_not_so_that_an_old_alarm_can_end() -> None:
    ward = Ward(NORMAL, every(0.8, 0.4, 59.0)).play(5.0)
    assert (ASYSTOLE, False) in [(c.kind, c.active) for c in ward.said]


def test_limits_can_be_changed_while_running() -> None:
    ward = Ward([(60.0, GOOD)], every(0.5, 0.2, 59.0)).play(20.0)
    assert ward.raised() == set()
    ward.rules.set_limits({"tachycardia_bpm": 110})
    ward.play(22.0)
    assert ward.raised() == {TACHY}
    ward.rules.set_limits({})
    ward.play(24.0)
    assert [a for a, _ in ward.of(TACHY)] == [True, False]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"asystole_s": 60}, "asystole_s"),
        ({"asystole_s": float("nan")}, "asystole_s"),
        ({"asystole_s": True}, "asystole_s must be a number"),
        ({"pause_s": "3"}, "pause_s must be a number"),
        ({"asystol_s": 4}, "unknown limit 'asystol_s'"),
        ({"tachycardia_beats": 10.5}, "tachycardia_beats must be a whole number"),
        ({"bradycardia_bpm": 100, "tachycardia_bpm": 100}, "bradycardia_bpm must be below"),
        ({"asystole_s": 3, "pause_s": 3.5}, "pause_s must not exceed"),
        ({"vrun_beats": 6}, "vrun_beats must not exceed vt_beats"),
        ({"vt_bpm": 200}, "vt_bpm"),
    ],
)
def test_limits_that_are_not_safe_are_refused(limits: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_limits(limits)
    rules = CardiacRules(FS, Signal.ECG, 1)
    before = rules.state()
    with pytest.raises(InputError, match=words):
        rules.set_limits(limits)
    assert rules.state() == before


def test_limits_are_completed() -> None:
    assert check_limits({}) == dict(DEFAULT_LIMITS)
    assert check_limits({"pause_s": 2.5}, {"asystole_s": 5})["asystole_s"] == 5.0


def test_only_an_ecg_has_a_heart() -> None:
    with pytest.raises(ContractError, match="LeadRules"):
        CardiacRules(FS, Signal.EEG, 1)


@pytest.mark.parametrize(("until", "injected"), [(8.0, False), (12.0, True)])
def test_what_a_test_source_made_is_said_to_be_injected(until: float, injected: bool) -> None:
    script: Script = [(13.4, GOOD), (20.0, FLAT)]
    beats = every(1.0, 0.2, 10.2)
    ward = Ward(script, beats, injected=(5.0, until)).play()
    assert ("injected" in ward.first_of(ASYSTOLE).evidence) is injected


# Properties

_STATES = st.sampled_from([GOOD, GOOD, GOOD, FLAT, POOR, OFF, UNKNOWN])


@st.composite
def scenes(draw: st.DrawFn) -> Ward:
    lengths = draw(st.lists(st.tuples(st.integers(1, 60), _STATES), min_size=1, max_size=8))
    script, second = [], 0.0
    for n_frames, state in lengths:
        second += n_frames * 0.2
        script.append((second, state))
    rrs = draw(st.lists(st.integers(60, 1500), max_size=60))
    beats, sample = [], 0
    for rr in rrs:
        sample += rr
        beats.append(sample)
    late = draw(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=10))
    delay: Callable[[int], float] = lambda b: late[b % len(late)]  # noqa: E731
    return Ward(script, beats, known=draw(st.booleans()), delay_s=delay)


@given(scenes())
def test_what_is_said_makes_sense(ward: Ward) -> None:
    active: set[AlarmKind] = set()
    length = ward.script[-1][0]
    while seconds(ward.position) < length - 1e-9:
        state = next(s for until, s in ward.script if seconds(ward.position) < until)
        for c in ward.frame():
            assert c.onset_ns <= c.time_ns == utc(ward.position)
            if state not in {GOOD, FLAT}:
                late = "then a beat" in c.message or c.kind is PAUSE or "minute" in c.message
                assert c.kind not in PATIENT or c.kind in active or not c.active or late
            (active.add if c.active else active.discard)(c.kind)
    assert not {ASYSTOLE, FLAT_SIGNAL} <= active


@given(scenes())
def test_no_asystole_is_missed_and_none_invented(ward: Ward) -> None:
    """Held to the definition, on the parts of a lead that is seen without a break."""
    ward.script = [(ward.script[-1][0], GOOD)]
    ward.play()
    end = ward.position
    beats = [b for b, decided in ward.beats if decided < end]
    stands = [(a, b) for a, b in zip([0, *beats], beats, strict=False) if b - a >= 4 * FS]
    open_end = end - (beats[-1] if beats else 0) >= 5 * FS
    assert len(ward.onsets(ASYSTOLE)) == len(stands) + open_end
    for c in ward.said:
        if c.kind is ASYSTOLE and c.active:
            assert c.time_ns - c.onset_ns <= 5.4e9


@given(scenes(), st.integers(0, 400))
@settings(max_examples=60)
def test_state_goes_on_exactly(ward: Ward, n: int) -> None:
    length = ward.script[-1][0]
    twin = CardiacRules(FS, Signal.ECG, 7)
    cut = min(n * 0.2, length)
    ward.play(cut)
    twin.restore(json.loads(json.dumps(ward.rules.state())))
    other = Ward(ward.script, [], known=ward.known, rules=twin)
    other.beats, other.position = ward.beats, ward.position
    ward.said = []
    assert ward.play().said == other.play().said
    assert ward.rules.state() == twin.state()


@given(scenes(), st.integers(0, 10**9))
@settings(max_examples=60)
def test_the_position_of_the_stream_does_not_matter(ward: Ward, n: int) -> None:
    first = n * FRAME
    moved = Ward(ward.script, [], known=ward.known, first=first)
    moved.beats = [(b + first, d + first) for b, d in ward.beats]

    def told(conditions: list[Condition], origin: int) -> list[object]:
        return [(c.kind, c.active, c.sample - origin, c.message) for c in conditions]

    assert told(ward.play().said, 0) == told(moved.play().said, first)


def test_a_beat_is_anything_with_a_sample() -> None:
    rules = CardiacRules(FS, Signal.ECG, 1)
    rules.reset(0)
    assert rules.push(50, utc, [At(10)], GOOD, True, False)


@given(scenes(), st.sampled_from([GOOD, FLAT]), st.booleans())
def test_whatever_went_before_a_standstill_is_told(
    ward: Ward, state: SignalState, known: bool
) -> None:
    ward.play()
    stopped = ward.position
    ward.beats = [(b, d) for b, d in ward.beats if b < stopped]
    ward.known = known
    ward.script = [(seconds(stopped) + 5.2, state)]
    ward.play()
    kind = FLAT_SIGNAL if state is FLAT and not known else ASYSTOLE
    told = {c.kind: c.active for c in ward.said}
    assert told.get(kind) or told.get(ASYSTOLE)
