"""Cuts a recording into the chunks that a wearable would send.

The bridge and the offline analysis both go through here, and `Recording.read` computes in
float32 as `wire.decode` does: both see the same samples to the last bit.
"""

from collections.abc import Iterator
from itertools import count, pairwise

import numpy as np

from vitalwire import wire
from vitalwire.contracts import Chunk, Epoch
from vitalwire.errors import InputError
from vitalwire.recordings.recording import BLOCK_SAMPLES, Recording

CHUNK_S = 0.2
"""Customary length of a chunk."""


def chunks(
    recording: Recording,
    device: str,
    *,
    stream_id: int,
    t0_ns: int = 0,
    epoch: Epoch = Epoch.UTC,
    chunk_s: float = CHUNK_S,
    jitter: float = 0.0,
    seed: int = 0,
    first: int = 0,
    n_samples: int | None = None,
    lead_state_known: bool = False,
    block_samples: int = BLOCK_SAMPLES,
) -> Iterator[Chunk]:
    """Chunks of a recording, as one stream from its sample 0 and sequence number 0.

    Parameters
    ----------
    t0_ns : int
        Device time of the first sample, on the clock that `epoch` names.
    chunk_s : float
        Length of a chunk; shorter where 64 KiB would be exceeded.
    jitter : float
        0 to 1: how far each cut may lie from its place, in chunk lengths (seeded).
    first, n_samples : int
        The part of the recording that is sent.
    block_samples : int
        Samples (all leads together) that are held in memory.

    Raises
    ------
    InputError
        More than 32 leads, or a cut that makes no sense.
    """
    check_leads(recording)
    if not 0 < chunk_s <= 3600 or not 0 <= jitter <= 1:
        raise InputError(
            f"chunk length must be 0 to 3600 s, jitter 0 to 1: {chunk_s}, {jitter}"
        )
    n = recording.n_samples - first if n_samples is None else n_samples
    cuts = _cuts(
        n, recording.fs * chunk_s, wire.max_samples(recording.n_channels), jitter, seed
    )
    ready = max(1, block_samples // recording.n_channels)
    block, at = recording.read(first, 0), 0
    for seq, (begin, end) in zip(count(), pairwise(cuts), strict=False):
        if end > at + block.shape[1]:
            block, at = (
                recording.read(first + begin, min(max(ready, end - begin), n - begin)),
                begin,
            )
        yield Chunk(
            device=device,
            signal=recording.signal,
            stream_id=stream_id,
            seq=seq % (1 << 32),
            first_sample=begin,
            t0_ns=t0_ns + round(begin * 1_000_000_000 / recording.fs),
            epoch=epoch,
            fs=recording.fs,
            data=block[:, begin - at : end - at],
            lead_state_known=lead_state_known,
        )


def encode(recording: Recording, chunk: Chunk) -> bytes:
    """A chunk on the wire, in the recorder's own steps: nothing is lost."""
    return wire.encode(chunk, recording.scale, recording.offset)


def as_decoded(recording: Recording, chunk: Chunk) -> Chunk:
    """A chunk as the gateway will decode it; differs only where it was altered on purpose."""
    return wire.decode(encode(recording, chunk), chunk.device, chunk.signal)


def check_leads(recording: Recording) -> None:
    """Refuse what no chunk can carry."""
    if recording.n_channels > wire.MAX_CHANNELS:
        raise InputError(
            f"{recording.path}: has {recording.n_channels} leads, a chunk carries "
            f"{wire.MAX_CHANNELS}: choose with --leads, as --leads 1-{wire.MAX_CHANNELS}"
        )


def check_cut(chunk_s: float, jitter: float) -> None:
    """Refuse a cut that makes no sense."""
    if not 0 < chunk_s <= 3600 or not 0 <= jitter <= 1:
        raise InputError(
            f"chunk length must be over 0 to 3600 s, jitter 0 to 1, got {chunk_s}, {jitter}"
        )


def _cuts(n: int, length: float, most: int, jitter: float, seed: int) -> Iterator[int]:
    """Sample positions at which chunks begin, and the end; at least one sample apart."""
    rng = np.random.default_rng(seed) if jitter else None
    at, step = 0, max(1.0, min(length, most / (1 + jitter)))
    yield 0
    for k in count(1):
        shift = rng.uniform(-0.5, 0.5) * jitter if rng is not None else 0.0
        at = min(max(at + 1, round((k + shift) * step)), at + most, n)
        yield at
        if at == n:
            return
