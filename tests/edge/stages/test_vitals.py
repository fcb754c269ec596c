"""Vital signs: their times, what they rest on, and agreement with NeuroKit2."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.rr_series import RrSeries, is_normal
from edge.stages.vitals import VitalsPoint, VitalsStage
from vitalwire.contracts import SignalState
from vitalwire.errors import ContractError

GOOD, POOR, FLAT = SignalState.GOOD, SignalState.POOR, SignalState.FLAT
FS = 250.0
FRAME = 50
DELAY = 125  # samples until a beat is known

TimedBeat = tuple[int, float]


def run(
    beats: Sequence[int],
    n_s: float,
    *,
    fs: float = FS,
    poor: Sequence[tuple[float, float]] = (),
    stage: VitalsStage | None = None,
) -> list[VitalsPoint]:
    """Beats at samples, each known half a second later; `poor` stretches in seconds."""
    stage = stage or VitalsStage(fs)
    frame, delay, waiting = round(0.2 * fs), round(0.5 * fs), list(beats)
    points: list[VitalsPoint] = []
    for end in range(frame, round(n_s * fs) + 1, frame):
        known = [(beat, 1.0) for beat in waiting if beat + delay <= end]
        del waiting[: len(known)]
        state = POOR if any(a < end / fs <= b for a, b in poor) else GOOD
        points += stage.push(end, known, state)
    return points


def every(rr_s: float, n_s: float, fs: float = FS) -> list[int]:
    return [round(t * fs) for t in np.arange(0.3, n_s, rr_s)]


def jittered(n_s: float, seed: int = 0, sd_s: float = 0.04, fs: float = FS) -> list[int]:
    rng, times, t = np.random.default_rng(seed), [], 0.5
    while t < n_s:
        times.append(round(t * fs))
        t += 0.85 + sd_s * rng.normal()
    return times


# --- times ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fs", "hop"), [(250.0, 250), (130.0, 130), (173.61, 174), (360.0, 360)]
)
def test_one_point_each_second_of_samples(fs: float, hop: int) -> None:
    points = run(every(0.8, 30.0, fs), 30.0, fs=fs)
    assert [point.sample for point in points] == [hop * (k + 1) for k in range(len(points))]
    assert len(points) in (29, 30)


def test_a_frame_that_spans_several_seconds_gives_each() -> None:
    stage = VitalsStage(FS)
    stage.push(FRAME, [], GOOD)
    assert [point.sample for point in stage.push(1000, [], GOOD)] == [250, 500, 750, 1000]


def test_no_points_are_made_up_for_a_gap() -> None:
    stage = VitalsStage(FS)
    run(every(0.8, 20.0), 20.0, stage=stage)
    stage.break_chain()
    assert [point.sample for point in stage.push(20_010, [], GOOD)] == [20_000]
    assert stage.push(20_050, [], GOOD) == []


def test_frames_go_forward_unless_the_count_starts_again() -> None:
    stage = VitalsStage(FS)
    run(every(0.8, 20.0), 20.0, stage=stage)
    with pytest.raises(ContractError, match="forward"):
        stage.push(100, [], GOOD)
    stage.break_chain()
    assert run(every(0.8, 20.0), 20.0, stage=stage) == run(every(0.8, 20.0), 20.0)


# --- heart rate -----------------------------------------------------------------------


@pytest.mark.parametrize("bpm", [25.0, 40.0, 72.0, 150.0, 220.0])
def test_heart_rate_of_a_regular_heart(bpm: float) -> None:
    last = run(every(60.0 / bpm, 60.0), 60.0)[-1]
    assert last.heart_rate_bpm == pytest.approx(bpm, rel=0.01)
    assert last.rr_s == pytest.approx(60.0 / bpm, rel=0.01)
    assert last.analysable == 1.0


def test_heart_rate_follows_a_change_within_ten_seconds() -> None:
    beats = every(1.0, 60.0) + [round((60.0 + t) * FS) for t in np.arange(0.3, 30.0, 0.5)]
    points = run(beats, 90.0)
    assert points[-22].heart_rate_bpm == pytest.approx(120.0, rel=0.02)


def test_no_rate_without_beats() -> None:
    assert {point.heart_rate_bpm for point in run([], 30.0)} == {None}


def test_no_rate_when_the_last_beat_is_old() -> None:
    points = run(every(0.8, 30.0), 60.0)
    rates = {point.sample / FS: point.heart_rate_bpm for point in points}
    assert rates[30.0] is not None
    assert rates[34.0] is not None
    assert all(rates[float(second)] is None for second in range(36, 61))


def test_nothing_is_said_of_a_poor_signal() -> None:
    points = run(every(0.8, 90.0), 90.0, poor=[(40.0, 50.0)])
    during = [point for point in points if 41.0 <= point.sample / FS <= 50.0]
    assert {point.state for point in during} == {POOR}
    for point in during:
        assert point.heart_rate_bpm is point.rr_s is point.sdnn_ms is point.rmssd_ms is None
        assert point.respiration_bpm is None
    assert points[-1].heart_rate_bpm == pytest.approx(75.0, rel=0.01)
    assert points[49].analysable == pytest.approx(40.0 / 60.0, abs=0.01)
    assert points[-1].analysable == pytest.approx(50.0 / 60.0, abs=0.01)


def test_the_analysable_share_is_of_a_whole_minute() -> None:
    points = run(every(0.8, 70.0), 70.0)
    assert points[14].analysable == pytest.approx(0.25, abs=0.01)
    assert points[-1].analysable == 1.0


# --- no RR across a break -------------------------------------------------------------


def rr_of(series: RrSeries) -> list[float]:
    return [float(rr_s) for rr_s in series.beats().rr_s]


def test_no_rr_across_a_stretch_that_is_not_good() -> None:
    series = RrSeries(FS)
    series.add_good(0, 500)
    series.add_good(600, 1500)
    for sample in (100, 300, 550, 700, 900):
        series.add_beat(sample, 1.0)
    assert series.beats().time_s.tolist() == [0.4, 1.2, 2.8, 3.6]  # 550 lies in no good span
    rr = rr_of(series)
    assert math.isnan(rr[0])
    assert math.isnan(rr[2])
    assert [rr[1], rr[3]] == [0.8, 0.8]


def test_no_rr_across_a_break_of_the_chain() -> None:
    series = RrSeries(FS)
    series.add_good(0, 500)
    series.break_chain()
    series.add_good(500, 1000)
    for sample in (300, 600, 800):
        series.add_beat(sample, 1.0)
    assert [math.isnan(rr) for rr in rr_of(series)] == [True, True, False]


def test_a_late_beat_before_the_break_keeps_its_rr() -> None:
    stage, points = VitalsStage(FS), []
    beats = every(0.8, 40.0)
    for end in range(FRAME, 10_001, FRAME):
        known = [(b, 1.0) for b in beats if end - FRAME < b + 500 <= end]  # two seconds late
        points += stage.push(end, known, GOOD)
    assert points[-1].heart_rate_bpm == pytest.approx(75.0, rel=0.01)


@given(
    poor=st.lists(st.tuples(st.floats(5.0, 55.0), st.floats(0.2, 5.0)), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_an_rr_never_spans_anything_unseen(
    poor: list[tuple[float, float]],
) -> None:
    # Beats of exactly 0.8 s: any RR that reached across a missing beat would be longer.
    spans = [(a, a + n) for a, n in poor]
    beats = [b for b in every(0.8, 60.0) if not any(a - 0.2 < b / FS <= e for a, e in spans)]
    for point in run(beats, 60.0, poor=spans):
        if point.rr_s is not None:
            assert point.rr_s == pytest.approx(0.8)


# --- variability ----------------------------------------------------------------------


def test_variability_of_a_regular_heart_is_that_of_the_clock() -> None:
    last = run(every(0.8, 90.0), 90.0)[-1]
    assert last.sdnn_ms == pytest.approx(0.0, abs=1e-9)
    assert last.rmssd_ms == pytest.approx(0.0, abs=1e-9)


def test_variability_needs_half_a_minute() -> None:
    points = run(every(0.8, 90.0), 90.0)
    assert {point.sdnn_ms for point in points[:30]} == {None}
    assert points[32].sdnn_ms is not None


def test_a_premature_beat_does_not_count() -> None:
    beats = jittered(60.0)
    early = list(beats)
    early[30] -= round(0.35 * FS)
    clean, ectopic = run(beats, 60.0)[-1], run(early, 60.0)[-1]
    assert clean.sdnn_ms is not None
    assert clean.rmssd_ms is not None
    assert ectopic.sdnn_ms == pytest.approx(clean.sdnn_ms, rel=0.05)
    assert ectopic.rmssd_ms == pytest.approx(clean.rmssd_ms, rel=0.05)


def test_a_missed_beat_does_not_count() -> None:
    beats = jittered(60.0)
    clean = run(beats, 60.0)[-1]
    missed = run(beats[:30] + beats[31:], 60.0)[-1]
    assert missed.sdnn_ms == pytest.approx(clean.sdnn_ms, rel=0.05)


def test_sinus_arrhythmia_counts() -> None:
    times, t = [], 0.5
    while t < 90.0:
        times.append(round(t * FS))
        t += 0.9 + 0.12 * math.sin(2 * math.pi * 0.15 * t)
    last = run(times, 90.0)[-1]
    assert last.sdnn_ms == pytest.approx(120.0 / math.sqrt(2.0), rel=0.1)


@pytest.mark.parametrize(
    ("rr_s", "normal"),
    [(0.29, False), (0.85, True), (1.01, False), (2.1, False), (math.nan, False)],
)
def test_what_is_a_normal_rr(rr_s: float, normal: bool) -> None:
    assert is_normal(rr_s, [0.8] * 5 + [rr_s] + [math.nan] * 5) is normal


# --- properties -----------------------------------------------------------------------

frames = st.lists(
    st.tuples(
        st.integers(1, 300),  # samples
        st.lists(st.tuples(st.integers(0, 40), st.floats(-1e30, 1e30)), max_size=3),
        st.sampled_from(list(SignalState)),
        st.booleans(),  # break the chain before
    ),
    max_size=120,
)


def play(
    stage: VitalsStage,
    script: Sequence[tuple[int, list[tuple[int, float]], SignalState, bool]],
    end: int = 0,
) -> tuple[list[VitalsPoint], int]:
    points: list[VitalsPoint] = []
    for n, offsets, state, broken in script:
        if broken:
            stage.break_chain()
        end += n
        beats = [(end - back, mv) for back, mv in sorted(offsets, reverse=True)]
        points += stage.push(end, beats, state)
    return points, end


@given(script=frames, at=st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_restored_state_goes_on_exactly(
    script: list[tuple[int, list[tuple[int, float]], SignalState, bool]], at: int
) -> None:
    first, second = VitalsStage(FS), VitalsStage(FS)
    _, end = play(first, script[:at])
    second.restore(first.state())
    assert play(second, script[at:], end) == play(first, script[at:], end)
    assert second.state() == first.state()


@given(script=frames)
@settings(max_examples=60, deadline=None)
def test_no_nan_and_nothing_out_of_range(
    script: list[tuple[int, list[tuple[int, float]], SignalState, bool]],
) -> None:
    for point in play(VitalsStage(FS), script)[0]:
        assert 0.0 <= point.analysable <= 1.0
        values = (point.heart_rate_bpm, point.rr_s, point.sdnn_ms, point.rmssd_ms)
        for value in (*values, point.respiration_bpm):
            assert value is None or math.isfinite(value)


def test_reset_forgets() -> None:
    stage = VitalsStage(FS)
    run(jittered(70.0), 70.0, stage=stage)
    stage.reset()
    assert run(jittered(70.0, seed=1), 70.0, stage=stage) == run(jittered(70.0, seed=1), 70.0)


# --- NeuroKit2 on the same beats ------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["100", "103", "115", "117", "122", "123"])
def test_variability_agrees_with_neurokit(data_dir: Path, name: str) -> None:
    """Equal to 0.01 ms in every minute in which no RR was left out.

    A minute with an ectopic beat is another quantity: NeuroKit2's `hrv_time` leaves none out.
    """
    import neurokit2 as nk
    import wfdb

    notes = wfdb.rdann(str(data_dir / "ecg" / "mitdb" / name), "atr")
    samples = notes.sample[np.isin(notes.symbol, list("NLRAVaJSEjF"))]
    points = [p for p in run([int(s) for s in samples], 900.0, fs=360.0) if p.sdnn_ms]
    n_compared = 0
    for point in points[::20]:
        known = samples[samples + 180 <= point.sample]
        first = int(np.searchsorted(known, point.sample - 60 * 360))
        window = known[max(0, first - 1) :]
        rr_s = np.diff(window) / 360.0
        if not all(
            is_normal(rr, list(rr_s[max(0, i - 5) : i + 6])) for i, rr in enumerate(rr_s)
        ):
            continue
        if rr_s.sum() < 57.0:
            continue
        expected = nk.hrv_time(window, sampling_rate=360)
        assert point.rmssd_ms == pytest.approx(float(expected["HRV_RMSSD"].iloc[0]), abs=0.01)
        assert point.sdnn_ms == pytest.approx(float(expected["HRV_SDNN"].iloc[0]), abs=0.01)
        n_compared += 1
    assert n_compared >= 10
