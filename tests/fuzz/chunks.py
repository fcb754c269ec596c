"""Mutants of wire chunks: live streams of good chunks, and ways to break one."""

import random
import struct
from collections.abc import Callable
from typing import Final
from zlib import crc32

import numpy as np

from vitalwire import wire
from vitalwire.contracts import Chunk, Epoch, Signal

S: Final = 1_000_000_000
START_NS: Final = 1_750_000_000 * S

# Offset and format of every header field: of `docs/wire.md`, not of the code under test.
FIELDS: Final = {
    "magic": (0, "<2s"),
    "version": (2, "<B"),
    "flags": (3, "<B"),
    "stream_id": (4, "<I"),
    "seq": (8, "<I"),
    "n_channels": (12, "<B"),
    "reserved": (13, "<B"),
    "n_samples": (14, "<H"),
    "first_sample": (16, "<Q"),
    "t0_ns": (24, "<q"),
    "fs": (32, "<d"),
    "lead_off": (40, "<I"),
}
HEADER_BYTES: Final = 44

INTEGERS: Final = (
    0, 1, -1, 2, 7, 8, 31, 32, 33, 64, 127, 128, 255, 256, 1000, 32_767, 32_768, 65_535,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**62, 2**62 + 1, 2**63 - 1, 2**63,
    86_400 * S, 1_577_836_800 * S, START_NS, 4_102_444_800 * S,
)  # fmt: skip
FLOATS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.999, 1.001, 130.0, 250.0, 8192.0, 8193.0, 1e-45, 1e-310, 1e-6, 1e4,
    30_517.0, 1e30, 3.4e38, 1e308, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
STEPS: Final = (-32_768, -32_767, -1, 0, 1, 32_767)


class Stream:
    """A sender that goes on for ever: good chunks, each made from a template's bytes."""

    def __init__(
        self, rng: random.Random, n_channels: int, flags: int, fs: float, n_samples: int
    ) -> None:
        self.device = f"w{n_channels}-{flags}"
        self.signal = Signal.EEG if n_channels > 12 else Signal.ECG
        self._rng = rng
        self._n_samples = n_samples
        self._seq, self._first_sample = rng.choice([0, 2**32 - 40]), 0
        self._fs = fs
        samples = np.random.default_rng(n_channels).normal(0, 1, (n_channels, n_samples))
        samples[:, :: rng.randint(3, 9)] = np.nan
        self._template = wire.encode(
            Chunk(
                device=self.device,
                signal=self.signal,
                stream_id=rng.getrandbits(32),
                seq=0,
                first_sample=0,
                t0_ns=0,
                epoch=Epoch.BOOT if flags & wire.FLAG_EPOCH_BOOT else Epoch.UTC,
                fs=fs,
                data=samples.astype(np.float32),
                lead_state_known=bool(flags & wire.FLAG_LEAD_STATE),
                injected=bool(flags & wire.FLAG_INJECTED),
            )
        )
        self._t0_ns = 0 if flags & wire.FLAG_EPOCH_BOOT else START_NS

    @property
    def chunk_ns(self) -> int:
        """How long a chunk lasts."""
        return round(self._n_samples * S / self._fs)

    def reboot(self) -> None:
        """Go on as after a reboot."""
        self._template = put(bytearray(self._template), "stream_id", self._rng.getrandbits(32))
        self._seq = self._first_sample = 0

    def send(self) -> bytes:
        """Give the next good chunk."""
        body = bytearray(self._template)
        struct.pack_into("<I", body, 8, self._seq)
        t0_ns = self._t0_ns + round(self._first_sample * S / self._fs)
        struct.pack_into("<Qq", body, 16, self._first_sample, t0_ns)
        self._seq = (self._seq + 1) & 0xFFFFFFFF
        self._first_sample += self._n_samples
        return repaired(body)


def put(payload: bytearray, name: str, value: int | float | bytes) -> bytes:
    """Overwrite a header field; an integer is cut to the field's width."""
    offset, form = FIELDS[name]
    if isinstance(value, int) and form != "<d":
        bits = 8 * struct.calcsize(form)
        value &= (1 << bits) - 1
        if form == "<q" and value >> 63:
            value -= 1 << 64
    if len(payload) >= offset + struct.calcsize(form):
        struct.pack_into(form, payload, offset, value)
    return bytes(payload)


def repaired(payload: bytes | bytearray) -> bytes:
    """Give the payload with the checksum that it should have."""
    body = bytes(payload[:-4])
    return body + struct.pack("<I", crc32(body)) if len(payload) >= 4 else bytes(payload)


class ChunkMutator:
    """Seeded ways to break a chunk."""

    def __init__(self, rng: random.Random, streams: list[Stream]) -> None:
        self._rng = rng
        self._streams = streams
        self._ways: list[Callable[[bytearray], bytes | bytearray]] = [
            self._flip_bits,
            self._truncate,
            self._extend,
            self._splice,
            self._calibration,
            self._samples,
            self._shape,
            self._random,
            *[self._field] * 6,  # where most of the decoder's checks are
        ]

    def mutate(self, payload: bytes) -> bytes:
        """Break a chunk in one to three ways; its checksum is repaired in half of all cases."""
        rng = self._rng
        mutant: bytes | bytearray = payload
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            mutant = rng.choice(self._ways)(bytearray(mutant))
        if rng.random() < 0.005:
            mutant = bytes(mutant) + bytes(wire.MAX_BYTES)
        return repaired(mutant) if rng.random() < 0.5 else bytes(mutant)

    def _flip_bits(self, payload: bytearray) -> bytearray:
        for _ in range(self._rng.choice((1, 1, 2, 8))):
            if payload:
                payload[self._rng.randrange(len(payload))] ^= 1 << self._rng.randrange(8)
        return payload

    def _truncate(self, payload: bytearray) -> bytearray:
        keep = self._rng.choice((0, 1, 43, 44, 47, 48, len(payload) - 1, None))
        return payload[: self._rng.randrange(len(payload) + 1) if keep is None else keep]

    def _extend(self, payload: bytearray) -> bytearray:
        return payload + self._rng.randbytes(self._rng.choice((1, 2, 4, 8, 100)))

    def _splice(self, payload: bytearray) -> bytearray:
        other = self._rng.choice(self._streams).send()
        return payload[: self._cut(payload)] + other[self._cut(other) :]

    def _cut(self, payload: bytes | bytearray) -> int:
        return self._rng.choice((4, 16, HEADER_BYTES, self._rng.randrange(len(payload) + 1)))

    def _field(self, payload: bytearray) -> bytes:
        name = self._rng.choice(tuple(FIELDS))
        if name == "magic":
            return put(payload, name, self._rng.randbytes(2))
        return put(payload, name, self._rng.choice(FLOATS if name == "fs" else INTEGERS))

    def _calibration(self, payload: bytearray) -> bytearray:
        offset = HEADER_BYTES + 4 * self._rng.randrange(4)
        value = self._rng.choice(FLOATS)
        if len(payload) >= offset + 4 and (abs(value) < 3.5e38 or not np.isfinite(value)):
            struct.pack_into("<f", payload, offset, value)
        return payload

    def _samples(self, payload: bytearray) -> bytearray:
        offset = len(payload) - 4 - 2 * self._rng.randint(1, 8)
        if offset > HEADER_BYTES:
            struct.pack_into("<h", payload, offset, self._rng.choice(STEPS))
        return payload

    def _shape(self, payload: bytearray) -> bytes:
        """Another shape, of the length that belongs to it."""
        n_channels = self._rng.choice((0, 1, 2, 31, 32, 33, 64))
        n_samples = self._rng.choice((0, 1, 2, 50))
        size = HEADER_BYTES + n_channels * (8 + 2 * n_samples) + 4
        calibration = struct.pack("<ff", 0.001, 0.0) * n_channels
        body = payload[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0") + calibration
        put(body, "n_channels", n_channels)
        put(body, "n_samples", n_samples)
        return repaired(body.ljust(size, b"\1")[:size])

    def _random(self, payload: bytearray) -> bytes:
        noise = self._rng.randbytes(self._rng.choice((0, 1, 48, 64, 200)))
        return bytes(payload[: self._rng.choice((0, 3, 12))]) + noise
