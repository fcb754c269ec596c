"""The models' EEG: one rate, one band, each lead on its own scale, however it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.chunklog.snapshots import pack, unpack
from edge.stages.eeg_signal import (
    AMPLITUDE_S,
    EEG_FS_HZ,
    FLOOR_UV,
    HOP_S,
    LIMIT,
    N_HOP,
    EegAmplitude,
    EegSignal,
    scaled,
    supported,
)
from vitalwire.contracts import Samples
from vitalwire.errors import ContractError

N_LEADS = 5
N = 2000
FS = st.sampled_from([100.0, 128.0, 160.0, 173.61, 200.0, 256.0, 500.0, 512.3, 1024.0])
CUTS = st.lists(st.integers(0, N), max_size=12).map(sorted)


def eeg(seed: int = 0) -> Samples:
    """Noise with missing samples, some at the very start."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(N_LEADS, N)), axis=1).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[1, :40] = np.nan
    x[2, 500:1300] = np.nan
    return x


@settings(max_examples=40, deadline=None)
@given(FS, CUTS, st.integers(0, 12))
def test_it_does_not_depend_on_the_cut_and_goes_on_from_its_state(
    fs: float, cuts: list[int], restored: int
) -> None:
    whole = EegSignal(fs, N_LEADS).push(eeg())
    signal, parts = EegSignal(fs, N_LEADS), []
    for i, part in enumerate(np.split(eeg(), cuts, axis=1)):
        if i == restored:
            saved = unpack(pack(signal.state()))
            signal = EegSignal(fs, N_LEADS)
            signal.restore(saved)
        parts.append(signal.push(part))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert whole.dtype == np.float32
    assert whole.shape[1] % N_HOP == 0
    assert np.isfinite(whole).all()


def test_a_missing_sample_holds_the_last_value() -> None:
    x = eeg()
    held = x.copy()
    for lead in held:
        last = np.float32(0.0)
        for i, value in enumerate(lead):
            last = lead[i] = last if np.isnan(value) else value
    np.testing.assert_array_equal(
        EegSignal(256.0, N_LEADS).push(x), EegSignal(256.0, N_LEADS).push(held)
    )


@settings(max_examples=40, deadline=None)
@given(FS, arrays(np.float32, (2, 300), elements=st.floats(width=32)))
def test_no_input_gives_what_is_not_finite(fs: float, x: Samples) -> None:
    signal, amplitude = EegSignal(fs, 2), EegAmplitude(2)
    out = signal.push(np.tile(x, (1, 5)))
    for hop in np.split(out, range(N_HOP, out.shape[1], N_HOP), axis=1):
        told = scaled(hop, amplitude.push(hop, np.ones(2, bool)))
        assert np.isfinite(told).all()
        assert (np.abs(told) <= LIMIT).all()


def sine(hz: float, fs: float, n_s: float = 30.0, size_uv: float = 50.0) -> Samples:
    wave = size_uv * np.sin(2 * np.pi * hz * np.arange(round(n_s * fs)) / fs)
    lead: Samples = wave.astype(np.float32)[None, :]
    return lead


@pytest.mark.parametrize("fs", [128.0, 200.0, 256.0, 500.0])
@pytest.mark.parametrize(
    ("hz", "least", "most"),
    [
        (0.05, 0.0, 0.05),
        (1.0, 0.9, 1.1),
        (10.0, 0.95, 1.05),
        (30.0, 0.8, 1.05),
        (50.0, 0.0, 0.02),
        (60.0, 0.0, 0.02),
    ],
)
def test_the_band(fs: float, hz: float, least: float, most: float) -> None:
    out = EegSignal(fs, 1).push(sine(hz, fs))
    settled = out[0, round(10 * EEG_FS_HZ) :]
    assert least <= float(settled.std() * np.sqrt(2) / 50.0) <= most


@pytest.mark.parametrize("fs", [200.0, 256.0, 500.0, 1024.0])
def test_harmonics_of_the_mains_do_not_fold_into_the_band(fs: float) -> None:
    for hz in (100.0, 150.0, 180.0, 240.0):
        if hz < fs / 2:
            assert np.abs(EegSignal(fs, 1).push(sine(hz, fs))[0, 1280:]).max() < 0.5


def test_an_electrodes_offset_is_no_step_at_the_start() -> None:
    x = sine(8.0, 128.0) + np.float32(4200.0)
    assert np.abs(EegSignal(128.0, 1).push(x)).max() < 100.0


def test_a_jump_of_an_electrode_is_over_after_two_seconds() -> None:
    x = np.zeros((1, 128 * 20), np.float32)
    x[0, 128 * 10 :] = 1000.0
    out = EegSignal(128.0, 1).push(x)[0]
    assert np.abs(out[128 * 10 :]).max() > 500.0
    assert np.abs(out[128 * 12 :]).max() < 20.0


@pytest.mark.parametrize("fs", [128.0, 200.0, 256.0, 500.0, 1024.0])
def test_positions_are_those_of_the_leads(fs: float) -> None:
    """A wave comes through where it was, but for the filter's own delay."""
    out, direct = (EegSignal(rate, 1).push(sine(4.0, rate))[0] for rate in (fs, 128.0))
    n = min(len(out), len(direct))
    np.testing.assert_allclose(out[1280:n], direct[1280:n], atol=0.2)


# --- the amplitude ------------------------------------------------------------------------


def hops(x: Samples) -> list[Samples]:
    return np.split(x, range(N_HOP, x.shape[1], N_HOP), axis=1)


def white(rms_uv: float, n_s: float, seed: int = 1) -> Samples:
    n = round(n_s * EEG_FS_HZ)
    noise: Samples = np.random.default_rng(seed).normal(0, rms_uv, (1, n)).astype(np.float32)
    return noise


GOOD = np.ones(1, bool)


def test_a_lead_has_its_amplitude_with_its_first_hop_and_keeps_to_it() -> None:
    amplitude = EegAmplitude(1)
    told = [float(amplitude.push(hop, GOOD)[0]) for hop in hops(white(40.0, 60.0))]
    assert told[0] == pytest.approx(40.0, rel=0.3)
    assert told[-1] == pytest.approx(40.0, rel=0.05)
    louder = [float(amplitude.push(hop, GOOD)[0]) for hop in hops(white(400.0, 90.0))]
    after = [louder[round(s / HOP_S) - 1] for s in (1.0, AMPLITUDE_S, 3 * AMPLITUDE_S)]
    assert after[0] < 45.0
    # One time constant: 63 % of the way on the scale of the logarithm.
    assert np.log10(after[1] / 40.0) == pytest.approx(1 - np.exp(-1), abs=0.05)
    assert after[2] > 340.0


def test_it_stands_still_while_the_lead_cannot_be_read() -> None:
    bad, clean = EegAmplitude(2), EegAmplitude(2)
    quiet = np.repeat(white(30.0, 20.0), 2, axis=0)
    for hop in hops(quiet):
        bad.push(hop, np.ones(2, bool))
        clean.push(hop, np.ones(2, bool))
    for hop in hops(np.repeat(white(5000.0, 20.0), 2, axis=0)):
        told = bad.push(hop, np.array([True, False]))
    first = quiet[:, :N_HOP]
    assert told[0] > 100.0
    assert bad.push(first, np.ones(2, bool))[1] == clean.push(first, np.ones(2, bool))[1]


def test_it_has_a_floor() -> None:
    amplitude = EegAmplitude(1)
    assert float(amplitude.push(np.zeros((1, N_HOP), np.float32), GOOD)[0]) == FLOOR_UV
    told = scaled(np.full((1, N_HOP), 1.0, np.float32), amplitude.push(white(0.0, 0.25), GOOD))
    assert (told == 1.0 / FLOOR_UV).all()


@given(st.integers(0, 60))
def test_a_restored_amplitude_goes_on_equally(at: int) -> None:
    all_hops = hops(np.repeat(white(30.0, 15.0), 3, axis=0))
    good = np.random.default_rng(2).random((len(all_hops), 3)) < 0.7
    whole, first = EegAmplitude(3), EegAmplitude(3)
    expected = [whole.push(hop, ok) for hop, ok in zip(all_hops, good, strict=True)]
    for hop, ok in zip(all_hops[:at], good[:at], strict=True):
        first.push(hop, ok)
    second = EegAmplitude(3)
    second.restore(unpack(pack(first.state())))
    for i in range(at, len(all_hops)):
        np.testing.assert_array_equal(second.push(all_hops[i], good[i]), expected[i])


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(("fs", "n_leads"), [(99.0, 4), (1025.0, 4), (256.0, 0), (256.0, 33)])
def test_another_form_is_refused(fs: float, n_leads: int) -> None:
    assert not supported(fs, n_leads)
    with pytest.raises(ContractError, match="1 to 32 leads at 100 to 1024 Hz"):
        EegSignal(fs, n_leads)


def test_another_number_of_leads_is_refused() -> None:
    with pytest.raises(ContractError, match=r"expected float32 \(4, n_samples\)"):
        EegSignal(256.0, 4).push(np.zeros((3, 10), np.float32))
