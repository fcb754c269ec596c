"""The noise stress test against `nst`'s definitions, worked out by hand."""

import numpy as np
import pytest

from training import noise
from vitalwire.errors import InputError

FS = 100.0
RNG = np.random.default_rng(1)


def test_sine_has_the_power_it_has() -> None:
    # A sine of 2 mV peak to peak has the power pp**2 / 8 = 0.5; noise of rms 1 has power 1.
    x = np.sin(2 * np.pi * 5 * np.arange(1000) / FS)
    flip = np.tile([1.0, -1.0], 5000)
    gain = noise.noise_gain(x, np.arange(100, 900, 50, dtype=np.int64), flip, fs=FS, snr_db=0.0)
    assert gain == pytest.approx(np.sqrt(0.5), rel=0.02)  # the peak falls between samples
    six = noise.noise_gain(x, np.arange(100, 900, 50, dtype=np.int64), flip, fs=FS, snr_db=6.0)
    assert six / gain == pytest.approx(10 ** (-0.3))


def test_noise_rms_is_about_the_mean_of_each_second() -> None:
    drift = np.repeat(np.arange(20.0), 100)  # a step each second, none within
    assert noise.noise_rms_mv(drift, fs=FS) == 0.0
    assert noise.noise_rms_mv(drift + np.tile([0.5, -0.5], 1000), fs=FS) == 0.5


def test_trimmed_means_leave_out_artefacts() -> None:
    flip = np.tile([1.0, -1.0], 50 * 40)
    flip[:100] *= 100.0  # 1 of 40 seconds
    assert noise.noise_rms_mv(flip, fs=FS) == pytest.approx(1.0)


def test_two_minutes_on_two_off_from_minute_five() -> None:
    assert noise.noisy_spans(60_000, fs=FS) == [(30_000, 41_999), (54_000, 59_999)]


def test_clean_where_it_is_off_and_never_a_jump() -> None:
    x = np.zeros(90_000)
    steady = np.full(10_000, 3.0)
    np.testing.assert_array_equal(noise.add_noise(x, steady, fs=FS, gain=1.0), x)
    rough = np.cumsum(RNG.normal(size=10_000))
    noisy = noise.add_noise(x, rough, fs=FS, gain=2.0)
    np.testing.assert_array_equal(noisy[:30_000], 0.0)
    assert np.ptp(noisy[42_000:54_000]) < 1e-9
    largest = np.abs(np.diff(rough, append=rough[0])).max()  # the noise starts over
    assert np.abs(np.diff(noisy)).max() <= 2.0 * largest + 1e-9
    np.testing.assert_allclose(
        np.diff(noisy[30_000:40_000]), 2.0 * np.diff(np.roll(rough, 0)[0:10_000]), atol=1e-9
    )


def test_offset_says_where_the_noise_begins() -> None:
    rough = RNG.normal(size=50_000)
    noisy = noise.add_noise(np.zeros(40_000), rough, fs=FS, gain=1.0, offset=123)
    np.testing.assert_allclose(
        np.diff(noisy[30_000:40_000]), np.diff(rough[30_123:40_123]), atol=1e-9
    )


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(InputError, match="no beat"):
        noise.signal_amplitude_mv(np.zeros(1000), np.array([2], dtype=np.int64), fs=FS)
    with pytest.raises(InputError, match="a second or more"):
        noise.noise_rms_mv(np.zeros(10), fs=FS)
    with pytest.raises(InputError, match="flat"):
        noise.noise_gain(
            np.zeros(1000), np.array([500], dtype=np.int64), np.zeros(1000), fs=FS, snr_db=6.0
        )
