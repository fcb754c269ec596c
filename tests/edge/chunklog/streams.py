"""Chunks of streams in a log, as wearables send them."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.chunklog import ChunkLog, Record, RecordKind
from vitalwire import messages, wire
from vitalwire.contracts import Chunk, DeviceInfo, Epoch, Samples, Signal
from vitalwire.topics import Leaf, signal_topic

START_NS = 1_772_366_400_000_000_000  # 2026-03-01 12:00 UTC
SCALE = np.array([0.005, 0.001], np.float32)
OFFSET = np.array([-5.12, 0.0], np.float32)


def samples(n_samples: int, seed: int = 0) -> Samples:
    """Two leads that lie on the steps of `SCALE` and `OFFSET`."""
    steps = np.random.default_rng(seed).integers(-2000, 2000, (2, n_samples))
    return (steps * SCALE[:, None] + OFFSET[:, None]).astype(np.float32)


def cut(
    data: Samples, *, device: str = "wrist-7", signal: Signal = Signal.ECG, stream_id: int = 7,
    fs: float = 250.0, size: int = 50, first_sample: int = 0,
) -> list[Chunk]:  # fmt: skip
    """A stream's chunks, the last one shorter."""
    return [
        Chunk(
            device, signal, stream_id, seq, first_sample + at,
            START_NS + round(at / fs * 1e9), Epoch.UTC, fs, data[:, at : at + size],
        )
        for seq, at in enumerate(range(0, data.shape[1], size))
    ]  # fmt: skip


def record(
    chunk: Chunk, scale: Samples | None = SCALE, offset: Samples | None = OFFSET
) -> Record:
    """A chunk as it arrives, 20 ms after its last sample."""
    n = chunk.n_channels
    payload = wire.encode(
        chunk, None if scale is None else scale[:n], None if offset is None else offset[:n]
    )
    arrival_ns = START_NS + round(
        (chunk.first_sample % (1 << 32) + chunk.n_samples) / chunk.fs * 1e9
    )
    topic = signal_topic("ward", chunk.device, chunk.signal, Leaf.CHUNK)
    return Record(RecordKind.MESSAGE, arrival_ns + 20_000_000, topic, payload)


def info(device: str, signal: Signal, leads: tuple[str, ...]) -> Record:
    payload = messages.dump(DeviceInfo(leads, 250.0, signal.unit, 0.2))
    topic = signal_topic("ward", device, signal, Leaf.INFO)
    return Record(RecordKind.MESSAGE, START_NS, topic, payload)


def write(folder: Path, records: Iterable[Record]) -> Path:
    with ChunkLog(folder) as log:
        for item in records:
            log.append(item)
    return folder


def disturbed(chunks: list[Chunk], seed: int) -> Iterator[Chunk]:
    """Neighbours swapped and chunks doubled, as radios do."""
    rng = random.Random(seed)
    late: list[Chunk] = []
    for chunk in chunks:
        if rng.random() < 0.2:
            late.append(chunk)
            continue
        yield chunk
        if rng.random() < 0.2:
            yield chunk
        while late and rng.random() < 0.7:
            yield late.pop()
    yield from late


def injected(chunk: Chunk) -> Chunk:
    return replace(chunk, injected=True)
