"""Crops of EEG, and what is done to them."""

import numpy as np
import pytest

from edge.stages.eeg_signal import EEG_FS_HZ, LIMIT, N_HOP, EegAmplitude, scaled
from tests.training.made_seizures import write_seizures
from training.datasets.eeg_windows import EegData, read_eeg_data
from training.eeg_augment import (
    EegAugmentConfig,
    Float64,
    band_limited,
    coloured,
    drifting,
    rereferenced,
    warped,
    with_artefacts,
)
from training.eeg_made_seizures import made_seizure
from training.eeg_spectra import AT_HZ, spectrum
from training.tasks.eeg_crops import WARM_HOPS, Crops, MixConfig, on_scale
from training.tasks.eeg_pools import N_HOPS, Pools, draw_far, draw_near, draw_seizure, pools_of
from training.tasks.eeg_shuffle import shuffled

N = N_HOPS * N_HOP


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> EegData:
    return read_eeg_data(write_seizures(tmp_path_factory.mktemp("eeg")))


@pytest.fixture(scope="module")
def pools(data: EegData) -> Pools:
    return pools_of(data.windows)


def noise(n_leads: int = 3, seed: int = 0) -> Float64:
    x: Float64 = np.random.default_rng(seed).normal(0, 20, (n_leads, N))
    return x


def tone(hz: float) -> Float64:
    x: Float64 = np.sin(2 * np.pi * hz * np.arange(N) / EEG_FS_HZ)
    return x[None, :]


def rms(x: Float64) -> float:
    return float(np.sqrt((x**2).mean()))


class TestPools:
    def test_who_is_where(self, pools: Pools) -> None:
        assert [len(one) for one in pools.seizures] == [2, 2]
        assert [len(one) for one in pools.near] == [2, 2]  # a lead-in and a piece before one
        assert len(pools.far) == 10
        assert (len(pools.ictal_clips), len(pools.clips)) == (3, 12)

    def test_crops_are_whole_and_labelled(self, pools: Pools) -> None:
        rng = np.random.default_rng(1)
        for _ in range(20):
            seizure = draw_seizure(pools, rng)
            assert seizure.signal.shape == (3, N)
            assert seizure.ictal.sum() >= 12
            assert not draw_near(pools, rng).ictal.any()
            far = draw_far(pools, rng)
            assert far.signal.shape == (2, N)
            assert not far.ictal.any()


class TestCrops:
    def test_a_batch(self, pools: Pools) -> None:
        crops = Crops(pools, MixConfig(), EegAugmentConfig())
        signal, good, labels, weights = crops.batch(np.random.default_rng(2), 9)
        assert signal.shape[:2] == good.shape[:2]
        assert (signal.shape[2], good.shape[2]) == (N, N_HOPS)
        assert labels.shape == weights.shape == (len(signal), N_HOPS)
        assert signal.abs().max() <= LIMIT
        assert not weights[:, :WARM_HOPS].any()
        hops = signal.reshape(*good.shape, N_HOP).abs().amax(dim=3)
        assert not hops[good == 0].any()

    def test_the_same_generator_gives_the_same_batch(self, pools: Pools) -> None:
        crops = Crops(pools, MixConfig(), EegAugmentConfig())
        one, other = (crops.batch(np.random.default_rng(3), 6) for _ in range(2))
        assert all((a == b).all() for a, b in zip(one, other, strict=True))

    @pytest.mark.parametrize("kind", ["seizure", "near", "far", "ictal_clip", "clip", "made"])
    def test_each_kind_alone(self, pools: Pools, kind: str) -> None:
        only = dict.fromkeys(("seizure", "near", "far", "ictal_clip", "clip", "made"), 0.0)
        if kind == "made":
            only["near"] = 1e-9  # something to lay it over
        crops = Crops(pools, MixConfig(**{**only, kind: 1.0}), EegAugmentConfig())
        rng = np.random.default_rng(4)
        drawn = [crops.draw(rng, 4) for _ in range(8)]
        assert all(one.ictal.any() for one in drawn) == (
            kind in ("seizure", "ictal_clip", "made")
        )

    def test_a_change_is_not_counted_to_the_second(self, pools: Pools) -> None:
        mix = MixConfig(seizure=1, near=0, far=0, ictal_clip=0, clip=0, made=0)
        _, _, labels, weights = Crops(pools, mix, EegAugmentConfig()).batch(
            np.random.default_rng(5), 9
        )
        for row, weight in zip(labels, weights, strict=True):
            for change in np.flatnonzero(np.diff(row.numpy())) + 1:
                assert not weight[change - 1 : change + 9].any()

    def test_the_scale_is_the_gateways(self) -> None:
        x, good = noise(), np.ones((3, N_HOPS), np.bool_)
        good[1, 5:30] = False
        amplitude = EegAmplitude(3)
        for hop in range(N_HOPS):
            part = x[:, hop * N_HOP : (hop + 1) * N_HOP].astype(np.float32)
            size = amplitude.push(part, good[:, hop])
        last = on_scale(x, good, EegAmplitude(3))[:, -N_HOP:]
        np.testing.assert_array_equal(last, scaled(part, size))


class TestAugment:
    def test_a_band_ends(self) -> None:
        assert rms(band_limited(tone(40), 25)) < 0.2 * rms(tone(40))
        assert rms(band_limited(tone(5), 25)) > 0.99 * rms(tone(5))

    def test_a_colour_is_a_gain_over_frequency(self) -> None:
        gain = np.array([np.where(AT_HZ < 10, np.log(2.0), np.log(0.5))])
        assert rms(coloured(tone(5), gain, AT_HZ)) == pytest.approx(2 * rms(tone(5)), rel=0.02)
        assert rms(coloured(tone(30), gain, AT_HZ)) == pytest.approx(
            rms(tone(30)) / 2, rel=0.02
        )

    def test_one_recordings_colour_can_be_given_to_another(self) -> None:
        pink = coloured(noise(), -np.log(AT_HZ)[None, :] / 2, AT_HZ)
        flat = noise(seed=1)
        turned = coloured(flat, spectrum(pink) - spectrum(flat), AT_HZ)
        off = np.abs(spectrum(turned) - spectrum(pink)).mean()
        assert off < 0.1 < np.abs(spectrum(flat) - spectrum(pink)).mean()

    def test_a_spectrum_knows_no_size(self) -> None:
        np.testing.assert_allclose(spectrum(noise() * 7), spectrum(noise()), atol=1e-3)
        assert spectrum(noise()[:, :100]).shape == (3, len(AT_HZ))

    def test_references(self) -> None:
        rng = np.random.default_rng(0)
        common = noise() + 500.0
        for _ in range(4):
            assert abs(rereferenced(common, rng).mean()) < 5
        assert rereferenced(noise(1), rng).any()

    def test_faster_is_faster(self) -> None:
        n = N // 2
        np.testing.assert_allclose(warped(tone(4), 1.5)[:, :n], tone(6)[:, :n], atol=0.05)

    def test_a_drift_is_the_same_for_all_leads(self) -> None:
        gain = drifting(noise(), 0.5, np.random.default_rng(1)) / noise()
        np.testing.assert_allclose(gain, np.broadcast_to(gain[:1], gain.shape), rtol=1e-9)
        assert gain.min() > 0
        assert gain.std() > 0.05

    def test_artefacts_are_as_large_as_the_lead(self) -> None:
        x = noise()
        size = np.array([[1.0], [10.0], [100.0]])
        added = np.zeros(3)
        for seed in range(20):
            y = with_artefacts(x, size, 1.0, np.random.default_rng(seed)) - x
            assert np.isfinite(y).all()
            added += y.std(axis=1)
        assert added[0] < added[1] < added[2]
        np.testing.assert_array_equal(with_artefacts(x, size, 0.0, np.random.default_rng()), x)

    def test_a_made_seizure_grows_from_its_onset(self) -> None:
        for seed in range(5):
            rng = np.random.default_rng(seed)
            y = made_seizure((3, N), 8.0, np.full((3, 1), 10.0), rng)
            onset = round(8 * EEG_FS_HZ)
            assert not y[:, : onset - 8].any()
            assert rms(y[:, -640:]) > rms(y[:, onset : onset + 64])


def test_shuffled_labels_mean_nothing(data: EegData) -> None:
    made = shuffled(data.windows, 1)
    for person in data.with_seizures:
        before = sum(w.ictal.sum() for w in data.of([person]))
        after = sum(w.ictal.sum() for w in made if w.patient == person)
        assert after == pytest.approx(before, abs=40)
    right = np.concatenate([w.ictal for w in data.of(data.with_seizures)])
    wrong = np.concatenate([w.ictal for w in made if w.patient in data.with_seizures])
    assert 0.3 < (right == wrong).mean() < 0.8
    assert not any(w.ictal.any() for w in made if w.patient in data.without_seizures)
