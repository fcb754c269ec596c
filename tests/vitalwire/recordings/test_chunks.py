"""Chunks of a recording: every sample once, exact on the wire, whatever the cut."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vitalwire.recordings.records import random_steps, recording
from vitalwire import wire
from vitalwire.contracts import Epoch
from vitalwire.errors import InputError
from vitalwire.recordings import as_decoded, chunks, encode, open_recording


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 4), st.integers(1, 3000), st.floats(0.004, 2.0), st.floats(0, 1),
    st.integers(0, 9), st.integers(1, 500),
)  # fmt: skip
def test_every_sample_once_and_exact(
    n_channels: int, n: int, chunk_s: float, jitter: float, seed: int, block: int
) -> None:
    made = recording(random_steps(n_channels, n))
    parts = list(
        chunks(
            made, "d", stream_id=7, t0_ns=1000, chunk_s=chunk_s, jitter=jitter, seed=seed,
            block_samples=block,
        )
    )  # fmt: skip
    assert [c.seq for c in parts] == list(range(len(parts)))
    ends = np.cumsum([c.n_samples for c in parts])
    assert [c.first_sample for c in parts] == [0, *ends[:-1]]
    np.testing.assert_array_equal(np.concatenate([c.data for c in parts], axis=1), made.read())
    for c in parts:
        decoded = as_decoded(made, c)
        np.testing.assert_array_equal(decoded.data, c.data)
        assert decoded.t0_ns == 1000 + round(c.first_sample / 360 * 1e9)


def test_missing_samples_stay_missing() -> None:
    steps = random_steps(2, 500)
    steps[0, 90:120] = wire.MISSING
    made = recording(steps)
    read = np.concatenate([as_decoded(made, c).data for c in chunks(made, "d", stream_id=1)], 1)
    np.testing.assert_array_equal(read, made.read())
    assert np.isnan(read[0, 90:120]).all()
    assert np.isnan(read).sum() == 30


def test_full_scale_is_not_clipped() -> None:
    made = recording(np.array([[-32767, 32767, 0]], np.int16))
    (only,) = chunks(made, "d", stream_id=1)
    np.testing.assert_array_equal(as_decoded(made, only).data, made.read())


@pytest.mark.parametrize("n_channels", [1, 2, 31, 32])
def test_long_chunks_are_split_to_64_kib(n_channels: int) -> None:
    made = recording(random_steps(n_channels, 50_000 // n_channels))
    for jitter in (0.0, 1.0):
        sizes = [
            len(encode(made, c))
            for c in chunks(made, "d", stream_id=1, chunk_s=3600, jitter=jitter)
        ]
        assert max(sizes) <= wire.MAX_BYTES


def test_too_many_leads(data_dir: Path) -> None:
    many = open_recording(data_dir / "eeg/eegmmidb/S001R03.edf")
    with pytest.raises(InputError, match=r"64 leads, a chunk carries 32.*--leads"):
        next(iter(chunks(many, "d", stream_id=1)))
    some = many.select(["Fc5.", "64"])
    assert next(iter(chunks(some, "d", stream_id=1))).n_channels == 2


def test_part_of_a_recording_and_its_clock() -> None:
    made = recording(random_steps(1, 1000))
    parts = list(
        chunks(made, "d", stream_id=1, epoch=Epoch.BOOT, first=400, n_samples=300, chunk_s=0.5)
    )
    assert parts[0].first_sample == 0
    assert parts[0].epoch is Epoch.BOOT
    np.testing.assert_array_equal(
        np.concatenate([c.data for c in parts], axis=1), made.read(400, 300)
    )


@pytest.mark.parametrize(("chunk_s", "jitter"), [(0.0, 0), (-1, 0), (1e9, 0), (0.2, 1.1)])
def test_senseless_cut(chunk_s: float, jitter: float) -> None:
    with pytest.raises(InputError, match="chunk length"):
        next(iter(chunks(recording(random_steps(1, 9)), "d", stream_id=1, chunk_s=chunk_s,
                         jitter=jitter)))  # fmt: skip
