"""Quality of an EEG's leads: what is called unreadable, what must not be, and the whole."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.chunklog.snapshots import pack, unpack
from edge.stages.eeg_quality import (
    FLAT,
    FLAT_FRAMES,
    GOOD,
    LEAD_OFF,
    POOR,
    POOR_LEAVE_FRAMES,
    SETTLE_FRAMES,
    UNKNOWN,
    Codes,
    EegQuality,
    stream_state,
)
from tests.edge.stages.brain import Lead, background, muscle, samples, seizure
from vitalwire.contracts import Samples, SignalState
from vitalwire.recordings.opening import open_recording

FS = 256.0
FRAME = 51


def run(x: Lead | Samples, fs: float = FS, quality: EegQuality | None = None) -> Codes:
    """Codes after each whole frame of 0.2 s, (n_frames, n_leads)."""
    leads, n = samples(x), round(0.2 * fs)
    quality = quality or EegQuality(fs, len(leads))
    missing = [0] * len(leads)
    starts = range(0, leads.shape[1] - n + 1, n)
    return np.array([quality.push(leads[:, i : i + n], missing, 0) for i in starts])


def one(x: Lead) -> list[int]:
    """Codes of a single lead."""
    return [int(code) for code in run(x)[:, 0]]


# --- what must stay good ------------------------------------------------------------------


@pytest.mark.parametrize("fs", [100.0, 128.0, 160.0, 256.0, 512.0, 1024.0])
@pytest.mark.parametrize("rms_uv", [3.0, 20.0, 100.0])
def test_a_background_is_good_after_a_second(rms_uv: float, fs: float) -> None:
    codes = run(background(4, 20.0, fs, rms_uv) + 4200.0, fs)
    assert (codes[: SETTLE_FRAMES - 1] == UNKNOWN).all()
    assert (codes[SETTLE_FRAMES - 1 :] == GOOD).all()


@pytest.mark.parametrize("size_uv", [100.0, 400.0, 700.0])
def test_a_seizure_is_good_its_muscle_too_and_the_quiet_after_it(size_uv: float) -> None:
    fit = seizure(30.0, FS, size_uv) + muscle(30.0, FS, 100.0)  # 40 uV in the band
    quiet = background(1, 30.0, FS, 2.5)[0]
    codes = one(np.concatenate([background(1, 10.0, FS)[0], fit, quiet]))
    assert set(codes[SETTLE_FRAMES:]) == {GOOD}


def test_blinks_and_a_small_pop_are_good() -> None:
    lead = background(1, 20.0, FS)[0]
    for at in (5, 8, 11):
        lead[round(at * FS) : round((at + 0.3) * FS)] += 200 * np.hanning(round(0.3 * FS))
    lead[round(15 * FS) :] += 500.0
    assert set(one(lead)[SETTLE_FRAMES:]) == {GOOD}


# --- what is unreadable -------------------------------------------------------------------


def stretch(codes: list[int], code: int) -> tuple[int, int]:
    """First frame of a code, and how many it has; they follow each other."""
    at = [i for i, one in enumerate(codes) if one == code]
    assert at == list(range(at[0], at[-1] + 1))
    return at[0], len(at)


def test_a_jump_is_poor_at_once_and_for_two_seconds() -> None:
    lead = background(1, 20.0, FS)[0]
    lead[10 * 5 * FRAME :] += 5000.0
    first, n = stretch(one(lead), POOR)
    assert first == 50
    assert n == POOR_LEAVE_FRAMES
    drifting = background(1, 20.0, FS)[0]
    drifting[50 * FRAME : 51 * FRAME] += np.linspace(0, 2500, FRAME)
    drifting[51 * FRAME :] += 2500.0
    assert stretch(one(drifting), POOR)[0] == 50


@pytest.mark.parametrize("name", ["muscle", "mains 50", "mains 60"])
def test_noise_that_covers_all_is_poor_until_it_is_gone(name: str) -> None:
    t = np.arange(round(10 * FS)) / FS
    noises = {
        "muscle": muscle(10.0, FS, 1000.0),
        "mains 50": 300 * np.sin(2 * np.pi * 50 * t),
        "mains 60": 300 * np.sin(2 * np.pi * 60 * t),
    }
    lead = background(1, 30.0, FS)[0]
    lead[round(10 * FS) : round(20 * FS)] += noises[name]
    codes = one(lead)
    first, n = stretch(codes, POOR)
    assert 50 <= first <= 54
    assert 50 + POOR_LEAVE_FRAMES - 5 <= n <= 50 + POOR_LEAVE_FRAMES + 5
    assert set(codes) == {UNKNOWN, GOOD, POOR}


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains_that_the_notch_takes_away_is_good(hz: float) -> None:
    t = np.arange(round(20 * FS)) / FS
    lead = background(1, 20.0, FS)[0] + 80 * np.sin(2 * np.pi * hz * t)
    assert set(one(lead)[SETTLE_FRAMES:]) == {GOOD}


def test_a_rail_is_poor() -> None:
    lead = np.clip(20 * background(1, 30.0, FS)[0] + 900.0, -1500.0, 1500.0)
    lead[: round(10 * FS)] = background(1, 10.0, FS)[0]
    codes = one(lead)
    assert POOR in codes[50:]
    assert POOR not in codes[:50]
    lying = background(1, 30.0, FS)[0]
    lying[round(10 * FS) :] = 1800.0  # at the end of its range
    assert set(one(lying)[52:]) == {POOR}


def test_missing_samples_are_poor() -> None:
    quality = EegQuality(FS, 2)
    lead = samples(background(2, 10.0, FS))
    codes = [
        quality.push(lead[:, i : i + FRAME], [0, 20 if 1000 < i < 1500 else 0], 0)
        for i in range(0, lead.shape[1] - FRAME, FRAME)
    ]
    assert {int(code) for code in np.array(codes)[SETTLE_FRAMES:, 0]} == {GOOD}
    assert POOR in np.array(codes)[:, 1]


def test_what_does_not_move_is_flat_after_two_seconds() -> None:
    lead = background(1, 30.0, FS)[0]
    lead[50 * FRAME : 100 * FRAME] = 12.0
    codes = one(lead)
    first, n = stretch(codes, FLAT)
    assert first == 50 + FLAT_FRAMES - 1
    assert n == 50 - FLAT_FRAMES + 1
    assert set(one(background(1, 10.0, FS, 0.1)[0])[FLAT_FRAMES:]) == {FLAT}


# --- off, gaps, short frames --------------------------------------------------------------


def test_a_lead_that_is_off_is_off_at_once_and_starts_anew() -> None:
    quality = EegQuality(FS, 3)
    leads = samples(background(3, 10.0, FS))
    codes = np.array(
        [
            quality.push(leads[:, i * FRAME : (i + 1) * FRAME], [0] * 3, 0b010 * (20 <= i < 30))
            for i in range(50)
        ]
    )
    assert (codes[SETTLE_FRAMES:, [0, 2]] == GOOD).all()
    assert (codes[20:30, 1] == LEAD_OFF).all()
    assert (codes[30 : 30 + SETTLE_FRAMES - 1, 1] == UNKNOWN).all()
    assert (codes[30 + SETTLE_FRAMES - 1 :, 1] == GOOD).all()


def test_behind_a_gap_it_is_as_new() -> None:
    quality = EegQuality(FS, 2)
    run(np.stack([muscle(10.0, FS, 900.0), np.zeros(2560)]), quality=quality)
    quality.reset()
    again = run(background(2, 10.0, FS), quality=quality)
    np.testing.assert_array_equal(again, run(background(2, 10.0, FS)))


def test_a_short_frame_is_no_new_second() -> None:
    quality = EegQuality(FS, 1)
    lead = samples(background(1, 5.0, FS))
    for i in range(100):
        assert quality.push(lead[:, i : i + 20], [0], 0)[0] == UNKNOWN
    assert quality.push(lead[:, :3], [0], 1)[0] == LEAD_OFF


def messy(seed: int, n_s: float = 20.0) -> Lead:
    """Four leads with all that can happen, at places of their own."""
    rng = np.random.default_rng(seed)
    leads = background(4, n_s, FS, seed=seed)
    for lead in leads:
        a, b = sorted(rng.integers(0, len(lead), 2))
        what = rng.integers(4)
        if what == 0:
            lead[a:b] = 5.0
        elif what == 1:
            lead[a:] += 3000.0
        elif what == 2:
            lead[a:b] += muscle(n_s, FS, 700.0)[: b - a]
        else:
            lead[a:b] = 4000.0
    return leads


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(0, 99))
def test_it_goes_on_from_its_state(seed: int, at: int) -> None:
    leads = messy(seed)
    whole = run(leads)
    first = EegQuality(FS, 4)
    begun = run(leads[:, : at * FRAME], quality=first) if at else whole[:0]
    second = EegQuality(FS, 4)
    second.restore(unpack(pack(first.state())))
    rest = run(leads[:, at * FRAME :], quality=second)
    np.testing.assert_array_equal(np.concatenate([begun, rest]), whole)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50))
def test_a_lead_does_not_depend_on_its_neighbours(seed: int) -> None:
    leads = messy(seed)
    whole = run(leads)
    for i, lead in enumerate(leads):
        np.testing.assert_array_equal(run(lead)[:, 0], whole[:, i])


@pytest.mark.filterwarnings("error")
@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, (2, 300), elements=st.floats(width=32, allow_nan=False,
           allow_infinity=False)), st.lists(st.integers(1, FRAME), min_size=1, max_size=20)
)  # fmt: skip
def test_every_finite_input_has_a_state(x: Samples, sizes: list[int]) -> None:
    quality, at = EegQuality(FS, 2), 0
    for n in sizes:
        frame = np.take(x, np.arange(at, at + n) % 300, axis=1)
        codes = quality.push(frame, [0, 0], 0)
        assert set(codes.tolist()) <= {UNKNOWN, GOOD, POOR, FLAT}
        at += n


# --- the whole ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ([GOOD, POOR], SignalState.GOOD),
        ([GOOD, GOOD, POOR, FLAT, LEAD_OFF], SignalState.LEAD_OFF),
        ([GOOD, POOR, LEAD_OFF], SignalState.LEAD_OFF),
        ([GOOD, POOR, POOR], SignalState.POOR),
        ([GOOD] * 9 + [LEAD_OFF] * 9, SignalState.GOOD),
        ([GOOD] * 8 + [FLAT] * 10, SignalState.FLAT),
        ([GOOD], SignalState.GOOD),
        ([UNKNOWN, UNKNOWN], SignalState.UNKNOWN),
        ([LEAD_OFF], SignalState.LEAD_OFF),
    ],
)
def test_the_whole_is_good_while_half_of_the_leads_are(
    codes: list[int], state: SignalState
) -> None:
    assert stream_state(np.array(codes, np.int8)) is state


# --- real recordings ----------------------------------------------------------------------


def readable(pattern: str, longest_s: float = 60.0) -> tuple[float, float]:
    """Share of the leads' frames that are good, and of frames that can be analysed."""
    data = os.environ.get("VITALWIRE_DATA")
    if not data:
        pytest.skip("set VITALWIRE_DATA to the folder that holds eeg")
    paths = sorted((Path(data) / "eeg").glob(pattern))
    if not paths:
        pytest.skip(f"no {pattern} in {data}/eeg")
    good, whole = [], []
    for path in paths:
        recording = open_recording(path)
        n = min(recording.n_samples, round(longest_s * recording.fs))
        codes = run(recording.read(0, n), recording.fs)[SETTLE_FRAMES:]
        good.append((codes == GOOD).mean())
        whole.append(np.mean([stream_state(row) is SignalState.GOOD for row in codes]))
    return float(np.mean(good)), float(np.mean(whole))


@pytest.mark.parametrize(
    ("pattern", "leads", "stream"),
    [
        ("chbmit-segments/*_onset.edf", 0.99, 1.0),
        ("chbmit-segments/*_ictal.edf", 0.97, 1.0),
        ("chbmit-segments/*_before.edf", 0.99, 1.0),
        ("background-emotiv/*.edf", 0.90, 0.90),
    ],
)
def test_real_recordings_can_mostly_be_read(pattern: str, leads: float, stream: float) -> None:
    of_leads, of_stream = readable(pattern)
    assert of_leads >= leads
    assert of_stream >= stream
