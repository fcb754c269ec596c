"""Blocks hold what filter and resampler give sample by sample, however they are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import butter

from edge.chunklog.snapshots import pack, unpack
from vitalwire.block_dsp import BlockFilter, BlockResampler
from vitalwire.contracts import Samples
from vitalwire.dsp import CausalBandpass, Resampler
from vitalwire.errors import ContractError

N = 1500
N_BLOCK = 32
SOS = np.asarray(butter(2, (0.5, 45.0), "bandpass", fs=128.0, output="sos"))
SIGNAL = np.cumsum(np.random.default_rng(7).normal(size=(3, N)), axis=1).astype(np.float32)
RATES = [(256.0, 128.0), (128.0, 128.0), (100.0, 128.0), (173.61, 128.0), (512.3, 128.0),
         (1024.0, 128.0), (125.0, 250.0)]  # fmt: skip
each_rate = pytest.mark.parametrize("rates", RATES)
CUTS = st.lists(st.integers(0, N), max_size=40).map(sorted)


@each_rate
def test_the_outputs_are_those_of_the_resampler(rates: tuple[float, float]) -> None:
    blocks = BlockResampler(*rates, N_BLOCK).push(SIGNAL)
    all_of_them = Resampler(*rates).push(SIGNAL)
    whole = all_of_them.shape[1] // N_BLOCK * N_BLOCK
    assert blocks.shape == (3, whole)
    np.testing.assert_allclose(blocks, all_of_them[:, :whole], rtol=1e-6, atol=1e-5)


def test_the_outputs_are_those_of_the_filter() -> None:
    whole = N // N_BLOCK * N_BLOCK
    direct = CausalBandpass(128.0, 0.5, 45.0).push(SIGNAL[:, :whole] + np.float32(4000.0))
    blocks = BlockFilter(SOS, N_BLOCK).push(SIGNAL[:, :whole] + np.float32(4000.0))
    np.testing.assert_allclose(blocks, direct, rtol=1e-6, atol=1e-5)


@each_rate
@given(cuts=CUTS, restored=st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_the_cut_changes_nothing_and_a_restored_one_goes_on(
    rates: tuple[float, float], cuts: list[int], restored: int
) -> None:
    def chain() -> tuple[BlockResampler, BlockFilter]:
        return BlockResampler(*rates, N_BLOCK), BlockFilter(SOS, N_BLOCK)

    resampler, bandpass = chain()
    whole = bandpass.push(resampler.push(SIGNAL))
    resampler, bandpass = chain()
    parts = []
    for i, part in enumerate(np.split(SIGNAL, cuts, axis=1)):
        if i == restored:
            saved = unpack(pack({"a": resampler.state(), "b": bandpass.state()}))
            resampler, bandpass = chain()
            resampler.restore(saved["a"])
            bandpass.restore(saved["b"])
        parts.append(bandpass.push(resampler.push(part)))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (2, 300),
              elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))  # fmt: skip
def test_whatever_is_finite_stays_finite(x: Samples) -> None:
    out = BlockFilter(SOS, N_BLOCK).push(BlockResampler(200.0, 128.0, N_BLOCK).push(x))
    assert out.shape[1] > 0
    assert np.isfinite(out).all()


def test_what_cannot_be_filtered_is_refused() -> None:
    with pytest.raises(ContractError, match="blocks of 32"):
        BlockFilter(SOS, N_BLOCK).push(SIGNAL[:, :33])
    x = SIGNAL[:, :N_BLOCK].copy()
    x[1, 5] = np.nan
    with pytest.raises(ContractError, match="finite"):
        BlockFilter(SOS, N_BLOCK).push(x)
    with pytest.raises(ContractError, match="within a factor"):
        BlockResampler(10_000.0, 128.0, N_BLOCK)
