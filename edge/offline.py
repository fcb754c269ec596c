"""The gateway's pipeline over a file: the same stages, the same answers, no radio.

A recording is cut into chunks, goes through the wire format, and its time is the clock.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from edge.chunklog.records import Record, RecordKind
from edge.inference import Model, run_round
from edge.model_health import ModelHealth
from edge.pipeline.gateway import NO_EEG_MODELS, NO_MODELS, Output, Pipeline, Refusal
from edge.pipeline.models import EcgModels, EegModels
from edge.rounds import batched, run_rounds
from vitalwire import topics, wire
from vitalwire.contracts import Chunk, Epoch, Samples, Signal
from vitalwire.topics import Leaf

SITE: Final = "offline"
NOMINAL_START_NS: Final = 1_735_689_600_000_000_000
"""2025-01-01 UTC: the start of a recording that does not know its own, or a modern one."""
EARLIEST_START_NS: Final = 1_577_836_800_000_000_000  # 2020-01-01: earlier is no gateway's time

_TICK_NS: Final = 1_000_000_000
_ROUND: Final = 64  # records

Encode = Callable[[Chunk], bytes]


def device_name(name: str) -> str:
    """A recording's name as a device's: what a topic cannot hold becomes `-`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[:64] or "record"


def plausible_start_ns(start_ns: int | None) -> int:
    """When the recording is taken to start."""
    return start_ns if start_ns and start_ns >= EARLIEST_START_NS else NOMINAL_START_NS


def records_of(
    chunks: Iterable[Chunk], encode: Encode = wire.encode, site: str = SITE
) -> Iterator[Record]:
    """What a gateway's log would hold, had each chunk come the moment it was complete."""
    next_tick_ns = None
    for chunk in chunks:
        arrival_ns = chunk.t0_ns + round(chunk.n_samples / chunk.fs * 1e9)
        next_tick_ns = next_tick_ns or arrival_ns
        while next_tick_ns < arrival_ns:
            yield Record(RecordKind.TICK, next_tick_ns)
            next_tick_ns += _TICK_NS
        topic = topics.signal_topic(site, chunk.device, chunk.signal, Leaf.CHUNK)
        yield Record(RecordKind.MESSAGE, arrival_ns, topic, encode(chunk))


def analyze(
    records: Iterable[Record],
    site: str = SITE,
    models: Mapping[str, Model] | None = None,
    ecg: EcgModels = NO_MODELS,
    eeg: EegModels = NO_EEG_MODELS,
) -> Iterator[Output | Refusal]:
    """Run the pipeline over records, to the end.

    Parameters
    ----------
    records : iterable
        Of `records_of`, or of a chunk log.
    site : str
        That of the records' topics.
    models : mapping of model name to model, optional
        Those that `ecg` and `eeg` ask for.
    ecg : EcgModels
        What is asked about an ECG, and how the answers are read.
    eeg : EegModels
        The same of an EEG.

    Yields
    ------
    Output or Refusal
        In the order of the records.
    """
    models, told_of = models or {}, ModelHealth().told_of
    pipeline = Pipeline(site, ecg=ecg, eeg=eeg, max_devices=1_000_000)
    for batch in batched(enumerate(records), _ROUND):
        for _, outputs in run_rounds(pipeline, batch, models, told_of):
            yield from outputs
    yield from run_round([pipeline.finish()], models, told_of)[0]


def chunks_of(
    data: Samples,
    fs: float,
    device: str = "array",
    *,
    signal: Signal = Signal.ECG,
    chunk_s: float = 0.2,
) -> Iterator[Chunk]:
    """Chunks of an array, float32 `(n_channels, n_samples)` in the signal's unit."""
    step = max(round(fs * chunk_s), 1)
    whole = Chunk(
        device=device,
        signal=signal,
        stream_id=1,
        seq=0,
        first_sample=0,
        t0_ns=NOMINAL_START_NS,
        epoch=Epoch.UTC,
        fs=fs,
        data=np.asarray(data, np.float32),
    )
    for seq, first in enumerate(range(0, whole.n_samples, step)):
        yield replace(
            whole,
            seq=seq,
            first_sample=first,
            t0_ns=NOMINAL_START_NS + round(first / fs * 1e9),
            data=whole.data[:, first : first + step],
        )
