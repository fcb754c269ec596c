"""Filters and resampler: independent of the cut, finite, restorable, and right."""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import resample_poly

from vitalwire.contracts import Samples
from vitalwire.dsp import CausalBandpass, Notch, Resampler, State
from vitalwire.errors import ContractError


class Processor(Protocol):
    def push(self, x: Samples) -> Samples: ...
    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...
    def reset(self) -> None: ...


MAKE: dict[str, Callable[[], Processor]] = {
    "bandpass": lambda: CausalBandpass(250.0, 0.5, 40.0),
    "highpass": lambda: CausalBandpass(250.0, 0.5, None),
    "lowpass": lambda: CausalBandpass(250.0, None, 40.0, order=3),
    "notch": lambda: Notch(50, 250.0),
    "notch beyond Nyquist": lambda: Notch(60, 100.0),
    "173.61 to 125": lambda: Resampler(173.61, 125.0),
    "360 to 125": lambda: Resampler(360.0, 125.0),
    "130 to 125": lambda: Resampler(130.0, 125.0),
    "125 to 250": lambda: Resampler(125.0, 250.0),
    "more phases than the table": lambda: Resampler(249.997, 128.003),
    "same rate": lambda: Resampler(128.0, 128.0),
}
every_processor = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())

N = 1500
SIGNAL = np.cumsum(np.random.default_rng(7).normal(size=(3, N)), axis=1).astype(np.float32)
cuts_of_signal = st.lists(st.integers(0, N), max_size=40).map(sorted)


@every_processor
@given(cuts=cuts_of_signal)
@settings(max_examples=40, deadline=None)
def test_output_does_not_depend_on_the_cut(
    make: Callable[[], Processor], cuts: list[int]
) -> None:
    whole = make().push(SIGNAL)
    processor = make()
    parts = [processor.push(part) for part in np.split(SIGNAL, cuts, axis=1)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@every_processor
def test_one_sample_at_a_time_is_the_same(make: Callable[[], Processor]) -> None:
    processor = make()
    parts = [processor.push(SIGNAL[:, i : i + 1]) for i in range(N)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), make().push(SIGNAL))


@every_processor
def test_a_channel_does_not_depend_on_its_neighbours(make: Callable[[], Processor]) -> None:
    alone = make().push(SIGNAL[1:2])
    np.testing.assert_array_equal(make().push(SIGNAL)[1:2], alone)


@every_processor
@given(at=st.integers(0, N))
@settings(max_examples=25, deadline=None)
def test_restored_state_goes_on_exactly(make: Callable[[], Processor], at: int) -> None:
    first, second = make(), make()
    first.push(SIGNAL[:, :at])
    saved = first.state()
    expected = first.push(SIGNAL[:, at:])
    second.restore(saved)
    np.testing.assert_array_equal(second.push(SIGNAL[:, at:]), expected)
    # What was handed over is not touched by going on.
    third = make()
    third.restore(saved)
    np.testing.assert_array_equal(third.push(SIGNAL[:, at:]), expected)


@every_processor
def test_reset_forgets(make: Callable[[], Processor]) -> None:
    processor = make()
    processor.push(SIGNAL[:, :777])
    processor.reset()
    np.testing.assert_array_equal(
        processor.push(SIGNAL[:2, 777:]), make().push(SIGNAL[:2, 777:])
    )


@every_processor
@given(
    x=arrays(
        np.float32,
        st.tuples(st.integers(1, 2), st.integers(0, 80)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
@settings(max_examples=60, deadline=None)
def test_finite_in_finite_out(make: Callable[[], Processor], x: Samples) -> None:
    processor = make()
    for part in (x, x[:, ::-1].copy()):
        y = processor.push(part)
        assert y.dtype == np.float32
        assert y.shape[0] == x.shape[0]
        assert np.isfinite(y).all()


@every_processor
def test_a_constant_is_there_from_the_first_sample(make: Callable[[], Processor]) -> None:
    y = make().push(np.full((2, 600), 3.25, dtype=np.float32))
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :1], y.shape), atol=1e-5)
    assert y[0, 0] == pytest.approx(0.0, abs=1e-5) or y[0, 0] == pytest.approx(3.25, abs=1e-5)


@every_processor
def test_empty_push_changes_nothing(make: Callable[[], Processor]) -> None:
    processor = make()
    assert processor.push(SIGNAL[:, :0]).shape == (3, 0)
    np.testing.assert_array_equal(processor.push(SIGNAL), make().push(SIGNAL))


@pytest.mark.parametrize("name", ["bandpass", "notch", "173.61 to 125"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_is_a_broken_contract(name: str, bad: float) -> None:
    x = SIGNAL[:, :20].copy()
    x[1, 5] = bad
    processor = MAKE[name]()
    with pytest.raises(ContractError, match="finite"):
        processor.push(x)
    # and leaves the state as it was
    np.testing.assert_array_equal(processor.push(SIGNAL), MAKE[name]().push(SIGNAL))


def test_wrong_shapes_are_refused() -> None:
    bandpass = CausalBandpass(250.0, 0.5, 40.0)
    with pytest.raises(ContractError, match="float32"):
        bandpass.push(SIGNAL.astype(np.float64))
    with pytest.raises(ContractError, match="float32"):
        bandpass.push(SIGNAL[0])
    bandpass.push(SIGNAL)
    with pytest.raises(ContractError, match="3 channels"):
        bandpass.push(SIGNAL[:2])


@pytest.mark.parametrize(
    ("low_hz", "high_hz"), [(None, None), (0.0, 40.0), (40.0, 0.5), (0.5, 125.0), (130.0, None)]
)
def test_impossible_corners_are_refused(low_hz: float | None, high_hz: float | None) -> None:
    with pytest.raises(ContractError, match="corners"):
        CausalBandpass(250.0, low_hz, high_hz)


def sine(hz: float, fs: float, n: int, phase: float = 0.3) -> Samples:
    x: Samples = np.sin(2 * np.pi * hz * np.arange(n) / fs + phase).astype(np.float32)[None]
    return x


@pytest.mark.parametrize(("hz", "gain"), [(0.05, 0.0), (10.0, 1.0), (0.5, 0.707), (120.0, 0.0)])
def test_bandpass_passes_its_band(hz: float, gain: float) -> None:
    y = CausalBandpass(250.0, 0.5, 40.0).push(sine(hz, 250.0, 20_000))
    assert np.sqrt(2 * np.mean(y[:, 10_000:] ** 2)) == pytest.approx(gain, abs=0.02)


@pytest.mark.parametrize("mains", [50, 60])
def test_notch_takes_the_mains_and_little_else(mains: int) -> None:
    notch = Notch(50 if mains == 50 else 60, 250.0)
    assert np.abs(notch.push(sine(mains, 250.0, 5000))[:, 2500:]).max() < 1e-3
    notch.reset()
    assert np.abs(notch.push(sine(17.0, 250.0, 5000))[:, 2500:]).max() > 0.995


def test_notch_beyond_nyquist_passes_everything() -> None:
    np.testing.assert_array_equal(Notch(50, 100.0).push(SIGNAL), SIGNAL)
    with pytest.raises(ContractError, match="mains"):
        Notch(55, 250.0)  # type: ignore[arg-type]


RATES = [
    (173.61, 125.0, 12_500, 17_361),
    (360.0, 125.0, 25, 72),
    (130.0, 125.0, 25, 26),
    (125.0, 250.0, 2, 1),
    (256.0, 128.0, 1, 2),
]


@pytest.mark.parametrize(("fs_in", "fs_out", "up", "down"), RATES)
def test_agrees_with_resample_poly(fs_in: float, fs_out: float, up: int, down: int) -> None:
    # Band-limited: nothing above 0.4 of the lower rate, as an anti-aliased signal has.
    top = 0.4 * min(fs_in, fs_out)
    rng = np.random.default_rng(3)
    n = 3000
    tones = rng.uniform(0.5, top, 12)
    mixed = np.stack([sine(hz, fs_in, n, i) for i, hz in enumerate(tones)]).sum(axis=0)
    x = (mixed / np.abs(mixed).max()).astype(np.float32)
    y = Resampler(fs_in, fs_out).push(x)
    reference = resample_poly(x.astype(np.float64), up, down, axis=1)
    inner = slice(60, y.shape[1])
    np.testing.assert_allclose(y[:, inner], reference[:, : y.shape[1]][:, inner], atol=1e-3)


@pytest.mark.parametrize("fs_in", [173.61, 360.0, 130.0, 100.0, 249.997])
def test_output_k_is_the_signal_at_k_over_fs_out(fs_in: float) -> None:
    # An hour on: a ratio that is off by a millionth would be off by 0.13 rad at 6 Hz.
    n, start = 4000, round(3600 * fs_in)
    resampler = Resampler(fs_in, 125.0)
    skipped = resampler.n_outputs(start)
    state = Resampler(fs_in, 125.0)
    state.push(np.zeros((1, 100), dtype=np.float32))
    # Move to the hour without computing it: only the positions matter.
    moved = state.state() | {"n_in": start, "n_out": skipped}
    t_in = np.arange(start - 4 * resampler.delay_samples, start + n) / fs_in
    x = np.sin(2 * np.pi * 6.0 * t_in).astype(np.float32)[None]
    moved["tail"] = x[:, : 4 * resampler.delay_samples]
    resampler.restore(moved)
    y = resampler.push(x[:, 4 * resampler.delay_samples :])
    t_out = (skipped + np.arange(y.shape[1])) / 125.0
    np.testing.assert_allclose(y[0], np.sin(2 * np.pi * 6.0 * t_out), atol=2e-3)


@given(fs_in=st.floats(60.0, 1000.0), fs_out=st.floats(60.0, 1000.0), cut=st.integers(0, 400))
@settings(max_examples=80, deadline=None)
def test_number_of_outputs_is_exact(fs_in: float, fs_out: float, cut: int) -> None:
    resampler = Resampler(fs_in, fs_out)
    n = resampler.push(SIGNAL[:, :cut]).shape[1]
    assert n == resampler.n_outputs(cut)
    n += resampler.push(SIGNAL[:, cut:]).shape[1]
    assert n == resampler.n_outputs(N)
    assert abs(n - (N - resampler.delay_samples) * fs_out / fs_in) <= 1.01


def test_rates_out_of_bounds_are_refused() -> None:
    for fs_in, fs_out in [(0.0, 125.0), (125.0, math.inf), (125.0, math.nan), (8000.0, 125.0)]:
        with pytest.raises(ContractError, match="rates"):
            Resampler(fs_in, fs_out)
