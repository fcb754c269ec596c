"""What is done to crops on purpose: as strongly as said, and never out of bounds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.stages.beat_context import CONTEXT, N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.model_signal import LIMIT_MV
from training.augment import AugmentConfig, augmented, rate_of_crop
from training.tasks.beat_augment import BeatAugmentConfig, altered

NOTHING = AugmentConfig(
    gain_octaves=0, p_polarity=0, p_noise=0, p_wander=0, p_warp=0, p_clip=0, p_coarse=0
)
ALL = AugmentConfig(p_polarity=1, p_noise=1, p_wander=1, p_warp=1, p_clip=1, p_coarse=1)
CROPS = arrays(np.float32, 300, elements=st.floats(-LIMIT_MV, LIMIT_MV, width=32))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wave(n: int = 3750) -> NDArray[np.float32]:
    return np.sin(np.arange(n) / 7).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(CROPS, st.integers(0, 1000), st.sampled_from([ALL, AugmentConfig()]))
def test_whatever_is_done_is_finite_bounded_and_repeatable(
    x: NDArray[np.float32], seed: int, config: AugmentConfig
) -> None:
    noises = [rng(1).normal(size=200).astype(np.float32), np.zeros(900, np.float32)]
    before = x.copy()
    y = augmented(x, rng(seed), config, noises)
    assert y.dtype == np.float32
    assert y.shape == x.shape
    assert np.isfinite(y).all()
    assert (np.abs(y) <= LIMIT_MV).all()
    np.testing.assert_array_equal(augmented(x, rng(seed), config, noises), y)
    np.testing.assert_array_equal(x, before)


def test_nothing_asked_nothing_done() -> None:
    np.testing.assert_array_equal(augmented(wave(), rng(), NOTHING, [wave()]), wave())
    assert rate_of_crop(rng(), NOTHING) == 1.0


@pytest.mark.parametrize("snr_db", [0.0, 6.0, 24.0])
def test_noise_is_as_loud_as_said(snr_db: float) -> None:
    """`nst`: a signal's power is the square of its peak-to-peak amplitude over eight."""
    config = replace(NOTHING, p_noise=1.0, snr_db=(snr_db, snr_db))
    noise = rng(3).normal(size=20_000).astype(np.float32)
    added = augmented(wave(), rng(), config, [noise]) - wave()
    low, high = np.quantile(wave(), [0.02, 0.98])
    told = 10 * np.log10((high - low) ** 2 / 8 / np.mean(added.astype(np.float64) ** 2))
    assert told == pytest.approx(snr_db, abs=0.05)


def test_a_flat_crop_stays_flat_under_noise() -> None:
    config = replace(NOTHING, p_noise=1.0)
    flat = np.zeros(500, np.float32)
    np.testing.assert_array_equal(augmented(flat, rng(), config, [wave()]), flat)


def test_gain_polarity_and_a_coarse_converter() -> None:
    gains = [
        float(
            np.abs(augmented(wave(), rng(seed), replace(NOTHING, gain_octaves=1.0), [])).max()
        )
        for seed in range(50)
    ]
    assert 0.5 <= min(gains) < 0.7
    assert 1.5 < max(gains) <= 2.0
    turned = augmented(wave(), rng(), replace(NOTHING, p_polarity=1.0), [])
    np.testing.assert_array_equal(turned, -wave())
    coarse = replace(NOTHING, p_coarse=1.0, coarse_mv=(0.05, 0.05))
    steps = augmented(wave(), rng(), coarse, []) / 0.05
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_rates_of_crops() -> None:
    rates = [
        rate_of_crop(rng(seed), AugmentConfig(p_warp=0.5, warp=0.1)) for seed in range(200)
    ]
    assert 60 < rates.count(1.0) < 140
    assert all(np.exp(-0.1) <= rate <= np.exp(0.1) for rate in rates)


class TestBeats:
    def made(self, n: int = 200) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        beat = np.tile(wave(N_WINDOW), (n, N_CHANNELS, 1))
        return beat, np.full((n, N_CONTEXT), 0.5, np.float32)

    def test_they_are_copies_repeatable_and_finite(self) -> None:
        beat, context = self.made()
        a, b = altered(beat, context, rng(1), BeatAugmentConfig())
        again = altered(beat, context, rng(1), BeatAugmentConfig())
        np.testing.assert_array_equal(a, again[0])
        np.testing.assert_array_equal(b, again[1])
        assert {a.dtype, b.dtype} == {np.dtype(np.float32)}
        assert np.isfinite(a).all()
        assert np.isfinite(b).all()
        for made, kept in zip(self.made(), (beat, context), strict=True):
            np.testing.assert_array_equal(made, kept)

    def test_a_beat_whose_next_is_unknown_says_nothing_of_it(self) -> None:
        config = BeatAugmentConfig(p_no_next=1.0, p_no_af=0.0)
        _, context = altered(*self.made(), rng(1), config)
        of_next = [i for i, name in enumerate(CONTEXT) if name.startswith("next_")]
        assert not context[:, of_next].any()
        others = [i for i in range(N_CONTEXT) if i not in of_next]
        assert context[:, others].all()

    def test_no_rhythm_model(self) -> None:
        config = BeatAugmentConfig(p_no_next=0.0, p_no_af=1.0)
        _, context = altered(*self.made(), rng(1), config)
        assert not context[:, CONTEXT.index("p_af")].any()
        assert context[:, CONTEXT.index("next_known")].all()

    def test_a_shift_moves_each_channel_for_itself(self) -> None:
        config = BeatAugmentConfig(2, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        beat, context = self.made(300)
        moved, same = altered(beat, context, rng(1), config)
        np.testing.assert_array_equal(same, context)
        lags = {
            next(
                lag
                for lag in range(-2, 3)
                if np.array_equal(one[10:-10], np.roll(wave(N_WINDOW), -lag)[10:-10])
            )
            for one in moved.reshape(-1, N_WINDOW)
        }
        assert lags == {-2, -1, 0, 1, 2}
        assert any(not np.array_equal(one[0], one[1]) for one in moved)
