"""The chunk on the wire: golden bytes, boundaries, and every way of being refused."""

import re
import struct
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vitalwire import wire
from vitalwire.contracts import Chunk, Epoch, Samples, Signal
from vitalwire.errors import ContractError, WireError, WireReason

WIRE_MD = Path(__file__).parents[2] / "docs" / "wire.md"

# The worked example of docs/wire.md: two leads, four samples, lead 1 off.
GOLDEN = Chunk(
    device="w1",
    signal=Signal.ECG,
    stream_id=0x11223344,
    seq=7,
    first_sample=1000,
    t0_ns=1_750_000_000_000_000_000,
    epoch=Epoch.UTC,
    fs=250.0,
    data=np.array([[0, 0.001, -0.001, np.nan], [0.5, 0.502, 0.498, 0.5]], np.float32),
    lead_off=0b10,
    lead_state_known=True,
)
GOLDEN_SCALE = np.array([0.001, 0.002], np.float32)
GOLDEN_OFFSET = np.array([0.0, 0.5], np.float32)
GOLDEN_HEX = """
56 57 01 02 44 33 22 11 07 00 00 00 02 00 04 00
e8 03 00 00 00 00 00 00 00 00 ef 64 ba 3f 49 18
00 00 00 00 00 40 6f 40 02 00 00 00 6f 12 83 3a
00 00 00 00 6f 12 03 3b 00 00 00 3f 00 00 01 00
ff ff 00 80 00 00 01 00 ff ff 00 00 8d 95 d4 4f
"""
GOLDEN_BYTES = bytes.fromhex(GOLDEN_HEX)


def decode(payload: bytes | memoryview) -> Chunk:
    return wire.decode(payload, "w1", Signal.ECG)


def sealed(body: bytes | bytearray) -> bytes:
    return bytes(body) + struct.pack("<I", crc32(body))


def with_field(offset: int, form: str, value: float) -> bytes:
    """The golden chunk with one field overwritten and its checksum right."""
    body = bytearray(GOLDEN_BYTES[:-4])
    struct.pack_into(form, body, offset, value)
    return sealed(body)


def assert_same(ours: Chunk, theirs: Chunk, atol: float) -> None:
    for name in ("device", "signal", "stream_id", "seq", "first_sample", "t0_ns", "epoch", "fs",
                 "lead_off", "lead_state_known", "injected"):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_allclose(ours.data, theirs.data, rtol=0, atol=atol)


def test_golden_bytes() -> None:
    assert wire.encode(GOLDEN, GOLDEN_SCALE, GOLDEN_OFFSET) == GOLDEN_BYTES
    assert_same(decode(GOLDEN_BYTES), GOLDEN, atol=1e-7)
    assert_same(decode(memoryview(GOLDEN_BYTES)), GOLDEN, atol=1e-7)


def test_the_page_shows_the_golden_bytes() -> None:
    lines = re.findall(r"^\d{4}  ((?:[0-9a-f]{2} )*[0-9a-f]{2})", WIRE_MD.read_text(), re.M)
    assert bytes.fromhex(" ".join(lines)) == GOLDEN_BYTES


def test_the_page_names_every_reason() -> None:
    text = WIRE_MD.read_text()
    assert [reason for reason in WireReason if f"`{reason.value}`" not in text] == []


def test_the_checksum_is_that_of_zlib_and_ethernet() -> None:
    assert crc32(b"123456789") == 0xCBF43926
    assert wire.HEADER_BYTES == 44


FINITE = st.floats(-1e6, 1e6, width=32)


@settings(deadline=None)
@given(
    st.builds(
        Chunk,
        device=st.just("w1"),
        signal=st.just(Signal.ECG),
        stream_id=st.integers(0, 2**32 - 1),
        seq=st.integers(0, 2**32 - 1),
        first_sample=st.integers(0, wire.MAX_SAMPLE),
        t0_ns=st.integers(0, wire.MAX_TIME_NS),
        epoch=st.sampled_from(Epoch),
        fs=st.floats(wire.MIN_FS, wire.MAX_FS),
        data=hnp.arrays(
            np.float32,
            hnp.array_shapes(min_dims=2, max_dims=2, max_side=32),
            elements=FINITE | st.just(float("nan")),
        ),
        lead_off=st.sampled_from([0, 1]),
        lead_state_known=st.booleans(),
        injected=st.booleans(),
    )
)
def test_round_trip(chunk: Chunk) -> None:
    scale, _ = wire.fit_scale(chunk.data)
    # half a step, and what float32 cannot hold of offset + step * scale
    atol = 0.51 * float(scale.max()) + 2e-7 * float(np.nanmax(np.abs(chunk.data), initial=0))
    assert_same(decode(wire.encode(chunk)), chunk, atol)


@settings(deadline=None)
@given(hnp.arrays(np.int16, (3, 20)), st.floats(2.0**-20, 2.0**10, width=32))
def test_the_adc_s_own_scale_loses_nothing(steps: NDArray[np.int16], scale: float) -> None:
    scales, zeros = np.full(3, scale, np.float32), np.zeros(3, np.float32)
    data = (np.maximum(steps, -32767) * scales[:, None]).astype(np.float32)
    again = decode(wire.encode(replace(GOLDEN, data=data), scales, zeros))
    np.testing.assert_array_equal(again.data, data)


@pytest.mark.parametrize("n_channels", [1, 2, 31, 32])
def test_the_largest_chunk(n_channels: int) -> None:
    n_samples = wire.max_samples(n_channels)
    size = wire.chunk_bytes(n_channels, n_samples)
    assert size <= wire.MAX_BYTES < size + 2 * n_channels
    data = np.random.default_rng(0).normal(size=(n_channels, n_samples)).astype(np.float32)
    payload = wire.encode(replace(GOLDEN, data=data, lead_off=0))
    assert len(payload) == size
    assert decode(payload).data.shape == data.shape
    one_more = replace(
        GOLDEN, data=np.zeros((n_channels, n_samples + 1), np.float32), lead_off=0
    )
    with pytest.raises(ContractError, match="split it"):
        wire.encode(one_more)


def test_one_sample_and_the_mask_of_all_leads() -> None:
    chunk = replace(GOLDEN, data=np.full((32, 1), 3, np.float32), lead_off=2**32 - 1)
    assert_same(decode(wire.encode(chunk)), chunk, atol=1e-6)


def test_what_exceeds_the_scale_is_clipped_and_never_becomes_missing() -> None:
    data = np.array([[1e9, -1e9, np.inf, -np.inf, np.nan]], np.float32)
    chunk = replace(GOLDEN, data=data, lead_off=0)
    got = decode(wire.encode(chunk, np.ones(1, np.float32), np.zeros(1, np.float32))).data
    np.testing.assert_array_equal(got, [[32767, -32767, 32767, -32767, np.nan]])


@pytest.mark.parametrize("data", [[[np.nan, np.nan]], [[5.0, 5.0]], [[np.inf, np.nan]]])
def test_a_channel_that_says_little_still_fits(data: list[list[float]]) -> None:
    samples: Samples = np.array(data, np.float32)
    got = decode(wire.encode(replace(GOLDEN, data=samples, lead_off=0))).data
    np.testing.assert_array_equal(np.isnan(got), np.isnan(samples))


def test_a_decoded_chunk_is_the_receivers_own() -> None:
    chunk = decode(GOLDEN_BYTES)
    chunk.data[:] = 0
    assert_same(decode(GOLDEN_BYTES), GOLDEN, atol=1e-7)


def with_shape(n_channels: int, n_samples: int) -> bytes:
    body = bytearray(GOLDEN_BYTES[:44]) + bytes(n_channels * (8 + 2 * n_samples))
    body[12], body[14:16] = n_channels, struct.pack("<H", n_samples)
    return sealed(body)


BAD = {
    "empty": (WireReason.TRUNCATED, b""),
    "47 bytes": (WireReason.TRUNCATED, GOLDEN_BYTES[:47]),
    "too large": (WireReason.OVERSIZED, GOLDEN_BYTES + bytes(wire.MAX_BYTES)),
    "foreign": (WireReason.BAD_MAGIC, b'{"heart_rate": 61, "a text": "that is long enough"}'),
    "version 0": (WireReason.BAD_VERSION, with_field(2, "<B", 0)),
    "version 2": (WireReason.BAD_VERSION, with_field(2, "<B", 2)),
    "unknown flag": (WireReason.BAD_FLAGS, with_field(3, "<B", 0x08)),
    "reserved byte": (WireReason.BAD_FLAGS, with_field(13, "<B", 1)),
    "lead 2 of 2 off": (WireReason.BAD_FLAGS, with_field(40, "<I", 0b100)),
    "0 channels": (WireReason.BAD_CHANNELS, with_shape(0, 4)),
    "33 channels": (WireReason.BAD_CHANNELS, with_shape(33, 4)),
    "64 channels": (WireReason.BAD_CHANNELS, with_shape(64, 4)),
    "0 samples": (WireReason.BAD_SAMPLES, with_shape(2, 0)),
    "a byte short": (WireReason.BAD_LENGTH, GOLDEN_BYTES[:-1]),
    "a byte more": (WireReason.BAD_LENGTH, GOLDEN_BYTES + b"\0"),
    "a flipped bit": (WireReason.BAD_CRC, GOLDEN_BYTES[:70] + b"\x11" + GOLDEN_BYTES[71:]),
    "0.99 Hz": (WireReason.BAD_RATE, with_field(32, "<d", 0.99)),
    "8193 Hz": (WireReason.BAD_RATE, with_field(32, "<d", 8193.0)),
    "NaN Hz": (WireReason.BAD_RATE, with_field(32, "<d", float("nan"))),
    "scale 0": (WireReason.BAD_SCALE, with_field(44, "<f", 0.0)),
    "scale -1": (WireReason.BAD_SCALE, with_field(52, "<f", -1.0)),
    "scale NaN": (WireReason.BAD_SCALE, with_field(44, "<f", float("nan"))),
    "scale inf": (WireReason.BAD_SCALE, with_field(52, "<f", float("inf"))),
    "scale 1e5": (WireReason.BAD_SCALE, with_field(44, "<f", 1e5)),
    "offset NaN": (WireReason.BAD_SCALE, with_field(48, "<f", float("nan"))),
    "offset 2e9": (WireReason.BAD_SCALE, with_field(56, "<f", 2e9)),
    "before its epoch": (WireReason.BAD_TIME, with_field(24, "<q", -1)),
    "after 2116": (WireReason.BAD_TIME, with_field(24, "<q", 2**62 + 1)),
    "sample 2**53 + 1": (WireReason.BAD_TIME, with_field(16, "<Q", 2**53 + 1)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_payloads_are_refused_with_their_reason(name: str) -> None:
    reason, payload = BAD[name]
    with pytest.raises(WireError) as caught:
        decode(payload)
    assert caught.value.reason is reason
    assert len(str(caught.value)) < 200


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 80), st.booleans())
def test_nothing_but_wire_errors(noise: bytes, at: int, seal: bool) -> None:
    body = GOLDEN_BYTES[:at] + noise + GOLDEN_BYTES[at + len(noise) : -4]
    try:
        chunk = decode(sealed(body) if seal else body)
    except WireError:
        return
    assert not np.isinf(chunk.data).any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("seq", 2**32), ("seq", -1), ("stream_id", 2**32), ("first_sample", 2**53 + 1),
     ("first_sample", -1), ("t0_ns", -1), ("t0_ns", 2**62 + 1), ("fs", 0.5), ("fs", 1e4),
     ("fs", float("nan")), ("lead_off", 4), ("lead_off", -1)],
)  # fmt: skip
def test_a_sender_cannot_send_what_would_be_refused(name: str, value: float) -> None:
    with pytest.raises(ContractError, match=name):
        wire.encode(replace(GOLDEN, **{name: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "offset"),
    [([1, 0], [0, 0]), ([1, -1], [0, 0]), ([1, np.nan], [0, 0]), ([1, 1], [0, np.inf]),
     ([1, 1e6], [0, 0]), ([1], [0]), ([1, 1, 1], [0, 0, 0])],
)  # fmt: skip
def test_a_sender_cannot_scale_by_nonsense(scale: list[float], offset: list[float]) -> None:
    with pytest.raises(ContractError, match="scales"):
        wire.encode(GOLDEN, np.array(scale, np.float32), np.array(offset, np.float32))


def test_33_channels_are_the_senders_to_split() -> None:
    with pytest.raises(ContractError, match="split it"):
        wire.encode(replace(GOLDEN, data=np.zeros((33, 1), np.float32)))
