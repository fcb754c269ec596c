"""The chunk on the wire, version 1: bytes in, frozen chunk out. No I/O.

Byte by byte in `docs/wire.md`. Little-endian: a fixed header, a scale and an offset for each
channel, int16 samples (channel after channel; -32768 = missing), CRC-32/ISO-HDLC (that of
zlib and Ethernet) over all before it. Every field is checked before anything is allocated
for it; nothing that comes from outside raises anything but `WireError`.
"""

import struct
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Chunk, Epoch, Samples, Signal
from vitalwire.errors import ContractError, WireError, WireReason

MAGIC: Final = b"VW"
VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
MAX_CHANNELS: Final = 32
MIN_FS: Final = 1.0  # Hz
MAX_FS: Final = 8192.0  # Hz
MISSING: Final = -32768
FULL_SCALE: Final = 32767
MAX_FULL_SCALE: Final = 1e9  # units: what no electrode ever gives

FLAG_EPOCH_BOOT: Final = 0x01  # device time counts from boot; else it is UTC
FLAG_LEAD_STATE: Final = 0x02  # the sender can tell whether a lead is on
FLAG_INJECTED: Final = 0x04  # a test source altered this on purpose
_KNOWN_FLAGS: Final = FLAG_EPOCH_BOOT | FLAG_LEAD_STATE | FLAG_INJECTED

# magic, version, flags, stream_id, seq, n_channels, reserved, n_samples, first_sample, t0_ns,
# fs, lead_off
_HEADER: Final = struct.Struct("<2sBBIIBBHQqdI")
HEADER_BYTES: Final = _HEADER.size
_CRC: Final = struct.Struct("<I")
_PER_CHANNEL_BYTES: Final = 8

MAX_TIME_NS: Final = 1 << 62  # year 2116: later times are not times
MAX_SAMPLE: Final = 1 << 53  # 35,000 years at 8 kHz, and exact in a double


def chunk_bytes(n_channels: int, n_samples: int) -> int:
    """Size of a chunk on the wire."""
    return HEADER_BYTES + n_channels * (_PER_CHANNEL_BYTES + 2 * n_samples) + _CRC.size


def max_samples(n_channels: int) -> int:
    """How many samples a channel fit into one chunk."""
    room = MAX_BYTES - chunk_bytes(n_channels, 0)
    return int(room // (2 * n_channels))


def encode(
    chunk: Chunk,
    scale: NDArray[np.float32] | None = None,
    offset: NDArray[np.float32] | None = None,
) -> bytes:
    """Encode a chunk.

    Parameters
    ----------
    chunk : Chunk
        NaN becomes *missing*; what exceeds the scale is clipped to it.
    scale, offset : (n_channels,) float32, optional
        `value = int16 * scale + offset`. A sender with an ADC gives its own, and loses
        nothing; without them each channel's span is fitted.

    Raises
    ------
    ContractError
        Too many channels or samples (the sender splits), a scale that is not finite and > 0,
        a field that every receiver would refuse.
    """
    _check_fields(chunk)
    n_channels, n_samples = chunk.data.shape
    size = chunk_bytes(n_channels, n_samples)
    if not 1 <= n_channels <= MAX_CHANNELS or size > MAX_BYTES:
        raise ContractError(
            f"a chunk holds 1 to {MAX_CHANNELS} channels and at most {MAX_BYTES} bytes, got "
            f"{n_channels} x {n_samples} ({size} bytes) from {chunk.device}: split it"
        )
    if scale is None or offset is None:
        scale, offset = fit_scale(chunk.data)
    if not (scale.shape == offset.shape == (n_channels,) and _is_calibration(scale, offset)):
        raise ContractError(
            f"expected {n_channels} scales, finite and > 0, and as many finite offsets, of at "
            f"most {MAX_FULL_SCALE:g} at full scale, got {scale}, {offset} from {chunk.device}"
        )
    flags = (
        (FLAG_EPOCH_BOOT if chunk.epoch is Epoch.BOOT else 0)
        | (FLAG_LEAD_STATE if chunk.lead_state_known else 0)
        | (FLAG_INJECTED if chunk.injected else 0)
    )
    header = _HEADER.pack(
        MAGIC, VERSION, flags, chunk.stream_id, chunk.seq, n_channels, 0, n_samples,
        chunk.first_sample, chunk.t0_ns, chunk.fs, chunk.lead_off,
    )  # fmt: skip
    calibration = np.stack([scale, offset], axis=1).astype("<f4").tobytes()
    body = header + calibration + quantize(chunk.data, scale, offset).tobytes()
    return body + _CRC.pack(crc32(body))


def _check_fields(chunk: Chunk) -> None:
    """Refuse at the sender what `decode` refuses."""
    n_channels = chunk.n_channels
    ranges = {
        "stream_id": (0, chunk.stream_id, 0xFFFFFFFF),
        "seq": (0, chunk.seq, 0xFFFFFFFF),
        "first_sample": (0, chunk.first_sample, MAX_SAMPLE),
        "t0_ns": (0, chunk.t0_ns, MAX_TIME_NS),
        "fs": (MIN_FS, chunk.fs, MAX_FS),
        "lead_off": (0, chunk.lead_off, (1 << min(n_channels, MAX_CHANNELS)) - 1),
    }
    for name, (low, value, high) in ranges.items():
        if not low <= value <= high:  # false for NaN too
            raise ContractError(
                f"Chunk.{name} must be {low:g} to {high:g}, got {value} from {chunk.device}"
            )


def _is_calibration(scale: NDArray[np.float32], offset: NDArray[np.float32]) -> bool:
    # A product that overflows float32 would put infinity into every filter behind it. A scale
    # or offset that is not finite makes the full scale NaN or infinite: no comparison holds.
    full_scale = float(scale.max()) * -MISSING + float(np.abs(offset).max())
    return bool(scale.min() > 0.0) and full_scale <= MAX_FULL_SCALE


def quantize(
    data: Samples, scale: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.int16]:
    """Samples as int16 `(n_channels, n_samples)`; NaN becomes `MISSING`."""
    steps = np.rint((data - offset[:, None]) / scale[:, None])
    steps = np.clip(np.nan_to_num(steps, nan=MISSING), MISSING, FULL_SCALE)
    clipped = np.where(np.isnan(data), MISSING, np.maximum(steps, -FULL_SCALE))
    return clipped.astype("<i2")


def fit_scale(data: Samples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and offset that span each channel, (n_channels,) float32 each."""
    finite = np.isfinite(data)
    low = np.where(finite, data, np.inf).min(axis=1)
    high = np.where(finite, data, -np.inf).max(axis=1)
    low, high = np.where(low <= high, (low, high), 0.0)  # a channel without a finite sample
    offset = ((low + high) / 2).astype(np.float32)
    half = np.maximum(high - offset, offset - low)
    scale = np.maximum(half / (FULL_SCALE - 1), 1e-6).astype(np.float32)
    return scale, offset


def decode(payload: bytes | memoryview, device: str, signal: Signal) -> Chunk:
    """Decode a chunk that came on the topic of `device` and `signal`.

    Raises
    ------
    WireError
        For anything that is not a whole, intact chunk of this version.
    """
    size = len(payload)
    if size > MAX_BYTES:
        raise WireError(WireReason.OVERSIZED, f"expected at most {MAX_BYTES} bytes, got {size}")
    if size < HEADER_BYTES + _CRC.size:
        raise WireError(
            WireReason.TRUNCATED,
            f"expected at least {HEADER_BYTES + _CRC.size} bytes, got {size}",
        )
    (
        magic, version, flags, stream_id, seq, n_channels, reserved, n_samples,
        first_sample, t0_ns, fs, lead_off,
    ) = _HEADER.unpack_from(payload)  # fmt: skip
    if magic != MAGIC:
        raise WireError(WireReason.BAD_MAGIC, f"expected {MAGIC!r}, got {magic!r}")
    if version != VERSION:
        raise WireError(
            WireReason.BAD_VERSION,
            f"expected version {VERSION}, got {version}: update the sender",
        )
    if flags & ~_KNOWN_FLAGS or reserved:
        raise WireError(WireReason.BAD_FLAGS, f"unknown flags {flags:#04x}, {reserved:#04x}")
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise WireError(
            WireReason.BAD_CHANNELS, f"expected 1 to {MAX_CHANNELS} channels, got {n_channels}"
        )
    if n_samples == 0:
        raise WireError(WireReason.BAD_SAMPLES, "expected at least one sample, got 0")
    if size != chunk_bytes(n_channels, n_samples):
        raise WireError(
            WireReason.BAD_LENGTH,
            f"expected {chunk_bytes(n_channels, n_samples)} bytes for {n_channels} x "
            f"{n_samples}, got {size}",
        )
    if (
        crc32(memoryview(payload)[: -_CRC.size])
        != _CRC.unpack_from(payload, size - _CRC.size)[0]
    ):
        raise WireError(WireReason.BAD_CRC, f"checksum of {size} bytes does not match")
    if not MIN_FS <= fs <= MAX_FS:  # false for NaN too
        raise WireError(
            WireReason.BAD_RATE, f"expected {MIN_FS:g} to {MAX_FS:g} Hz, got {fs:g}"
        )
    if not 0 <= t0_ns <= MAX_TIME_NS or first_sample > MAX_SAMPLE:
        raise WireError(
            WireReason.BAD_TIME,
            f"device time {t0_ns} ns or sample {first_sample} is out of range",
        )
    if lead_off >> n_channels:
        raise WireError(
            WireReason.BAD_FLAGS, f"lead-off mask {lead_off:#x} names leads beyond {n_channels}"
        )
    return Chunk(
        device=device,
        signal=signal,
        stream_id=stream_id,
        seq=seq,
        first_sample=first_sample,
        t0_ns=t0_ns,
        epoch=Epoch.BOOT if flags & FLAG_EPOCH_BOOT else Epoch.UTC,
        fs=fs,
        data=_samples(payload, n_channels, n_samples),
        lead_off=lead_off,
        lead_state_known=bool(flags & FLAG_LEAD_STATE),
        injected=bool(flags & FLAG_INJECTED),
    )


def _samples(payload: bytes | memoryview, n_channels: int, n_samples: int) -> Samples:
    calibration = np.frombuffer(payload, "<f4", 2 * n_channels, HEADER_BYTES)
    scale, offset = calibration.reshape(n_channels, 2).T
    if not _is_calibration(scale, offset):
        raise WireError(
            WireReason.BAD_SCALE,
            "expected finite scales > 0 and finite offsets, of at most "
            f"{MAX_FULL_SCALE:g} units at full scale",
        )
    start = HEADER_BYTES + _PER_CHANNEL_BYTES * n_channels
    steps = np.frombuffer(payload, "<i2", n_channels * n_samples, start)
    steps = steps.reshape(n_channels, n_samples)
    data: Samples = (steps * scale[:, None] + offset[:, None]).astype(np.float32, copy=False)
    missing = steps == MISSING
    if missing.any():
        data[missing] = np.nan
    return data
