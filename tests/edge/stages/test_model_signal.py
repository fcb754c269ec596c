"""The models' signal: one rate, one band, whatever comes in and however it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.chunklog.snapshots import pack, unpack
from edge.stages.model_signal import LIMIT_MV, MODEL_FS_HZ, ModelSignal

N = 1500
FS = st.sampled_from([100.0, 125.0, 128.0, 130.0, 250.0, 300.0, 360.0, 512.3])
ANY = arrays(np.float32, st.integers(1, 400), elements=st.floats(width=32, allow_nan=False,
             allow_infinity=False))  # fmt: skip


def noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=N).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(FS, st.lists(st.integers(1, N - 1), unique=True, max_size=8).map(sorted))
def test_it_does_not_depend_on_the_cut(fs: float, cuts: list[int]) -> None:
    whole = ModelSignal(fs).push(noise())
    signal = ModelSignal(fs)
    parts = [signal.push(part) for part in np.split(noise(), cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(max_examples=20, deadline=None)
@given(FS, st.integers(0, N))
def test_it_goes_on_from_its_state(fs: float, at: int) -> None:
    whole = ModelSignal(fs).push(noise())
    first, second = ModelSignal(fs), ModelSignal(fs)
    begun = first.push(noise()[:at])
    second.restore(unpack(pack(first.state())))
    np.testing.assert_array_equal(np.append(begun, second.push(noise()[at:])), whole)


@settings(max_examples=60, deadline=None)
@given(FS, ANY)
def test_whatever_is_finite_stays_finite_and_bounded(
    fs: float, lead: NDArray[np.float32]
) -> None:
    out = ModelSignal(fs).push(lead)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert (np.abs(out) <= LIMIT_MV).all()


@pytest.mark.parametrize("fs", [125.0, 250.0, 360.0])
@pytest.mark.parametrize(("hz", "passes"), [(0.05, False), (10.0, True), (60.0, False)])
def test_the_band(fs: float, hz: float, passes: bool) -> None:
    lead = np.sin(2 * np.pi * hz * np.arange(round(40 * fs)) / fs).astype(np.float32)
    out = ModelSignal(fs).push(lead)[round(20 * MODEL_FS_HZ) :]
    largest = float(np.abs(out).max())
    assert largest > 0.95 if passes else largest < 0.5


@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0])
def test_positions_are_those_of_the_lead(fs: float) -> None:
    """A slow wave at 4 Hz comes through where it was, but for the filter's own delay."""
    times = np.arange(round(30 * fs)) / fs
    out = ModelSignal(fs).push(np.sin(2 * np.pi * 4.0 * times).astype(np.float32))
    direct = ModelSignal(MODEL_FS_HZ).push(
        np.sin(2 * np.pi * 4.0 * np.arange(round(30 * MODEL_FS_HZ)) / MODEL_FS_HZ).astype("f4")
    )
    n = min(len(out), len(direct))
    np.testing.assert_allclose(out[1250:n], direct[1250:n], atol=5e-3)
