"""Streams of real recordings, cut and sent in ways of our own, and what is made of them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.chunklog.records import Record, RecordKind
from edge.inference import Model, run_round
from edge.offline import records_of
from edge.pipeline.gateway import NO_MODELS, Output, Pipeline, Refusal
from edge.pipeline.models import (
    BEAT_MODEL,
    RHYTHM_MODEL,
    BeatModel,
    EcgModels,
    EpisodeRule,
    RhythmModel,
)
from edge.rounds import run_rounds
from vitalwire import wire
from vitalwire.contracts import (
    AlarmEvent,
    Arrays,
    BeatClass,
    Chunk,
    Epoch,
    Event,
    Gap,
    Rhythm,
    Samples,
    Signal,
)
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.opening import open_recording

SITE = "ward"
START_NS = 1_772_366_400_000_000_000  # 2026-03-01 12:00 UTC
TICK_NS = 10**9


@dataclass(frozen=True, eq=False)
class Piece:
    """A stretch of a recording, on the recorder's own steps."""

    data: Samples
    fs: float
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]

    @property
    def n_samples(self) -> int:
        return int(self.data.shape[1])

    def encode(self, chunk: Chunk) -> bytes:
        return wire.encode(chunk, self.scale, self.offset)


@cache
def piece(path: Path | None = None, first_s: float = 0.0, length_s: float = 60.0) -> Piece:
    """A stretch of a record; of the bundled one without a path."""
    recording = open_recording(path) if path else bundled_recording()
    first, n = round(first_s * recording.fs), round(length_s * recording.fs)
    n = min(n, recording.n_samples - first)
    return Piece(recording.read(first, n), recording.fs, recording.scale, recording.offset)


def cut(
    of: Piece,
    cuts: Iterable[int],
    *,
    device: str = "w1",
    stream_id: int = 7,
    first_sample: int = 0,
    seq: int = 0,
    t0_ns: int = START_NS,
) -> list[Chunk]:
    """Chunks of a piece, cut at samples inside it; a chunk holds what the wire can carry."""
    edges = sorted({0, of.n_samples, *(c for c in cuts if 0 < c < of.n_samples)})
    return [
        Chunk(
            device=device,
            signal=Signal.ECG,
            stream_id=stream_id,
            seq=(seq + i) % (1 << 32),
            first_sample=first_sample + a,
            t0_ns=t0_ns + round(a / of.fs * 1e9),
            epoch=Epoch.UTC,
            fs=of.fs,
            data=of.data[:, a:b],
            lead_state_known=True,
        )
        for i, (a, b) in enumerate(pairwise(edges))
    ]


def even(of: Piece, chunk_s: float = 0.2) -> range:
    """Cuts at equal distances."""
    step = round(chunk_s * of.fs)
    return range(step, of.n_samples, step)


def ragged(of: Piece, seed: int, longest_s: float = 1.0) -> list[int]:
    """Cuts at random distances, down to one sample."""
    rng, at, cuts = random.Random(seed), 0, []
    while at < of.n_samples:
        at += 1 if rng.random() < 0.1 else rng.randint(1, round(longest_s * of.fs))
        cuts.append(at)
    return cuts


def records(of: Piece, chunks: Iterable[Chunk]) -> list[Record]:
    """As a gateway's log would hold them, each as it was complete, with ticks."""
    return list(records_of(chunks, of.encode, SITE))


def end_of(chunk: Chunk) -> int:
    """Device time of the chunk's end, ns."""
    return chunk.t0_ns + round(chunk.n_samples / chunk.fs * 1e9)


def arriving(
    of: Piece, chunks: Sequence[Chunk], *, every_ns: int | None = None
) -> list[Record]:
    """In the order given, whatever the device's clock says: each when its turn comes."""
    now_ns = end_of(chunks[0])
    out: list[Record] = []
    for chunk in chunks:
        (record,) = (one for one in records(of, [chunk]) if one.kind is RecordKind.MESSAGE)
        out.append(replace(record, arrival_ns=now_ns))
        step = every_ns if every_ns is not None else round(chunk.n_samples / chunk.fs * 1e9)
        if now_ns // TICK_NS != (now_ns + step) // TICK_NS:
            out.append(Record(RecordKind.TICK, now_ns + step))
        now_ns += step
    return out


class Lottery:
    """A stand-in for the beat model: the class follows from the window, nothing else."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.batches.append(len(inputs["beat"]))
        total = np.abs(inputs["beat"]).sum(axis=(1, 2)) + inputs["context"].sum(axis=1)
        chosen = (total * 100).astype(np.int64) % 5
        shown = np.repeat(total[:, None] % 1.0, 20, axis=1).astype(np.float32)
        return {"probability": np.eye(5, dtype=np.float32)[chosen], "activation": shown}


class Energy:
    """A stand-in for the rhythm model: it follows the signal's size and its slope, slowly."""

    def run(self, inputs: Arrays) -> Arrays:
        signal, state = inputs["signal"], inputs["state"]
        now = np.stack(
            [np.abs(signal).mean(axis=1), np.abs(np.diff(signal)).mean(axis=1)], axis=1
        )
        state = (np.float32(0.9) * state + np.float32(0.1) * now).astype(np.float32)
        shockable = 1.0 / (1.0 + np.exp(-30.0 * (state[:, 0] - 0.25)))
        af = (1.0 - shockable) / (1.0 + np.exp(-200.0 * (state[:, 1] - 0.03)))
        rest = 1.0 - shockable - af
        said = np.stack([0.6 * rest, af, 0.3 * rest, shockable, 0.1 * rest], axis=1)
        return {
            "probability": said.astype(np.float32),
            "next_state": state,
        }


MODELS: dict[str, Model] = {BEAT_MODEL: Lottery(), RHYTHM_MODEL: Energy()}
ECG = EcgModels(
    beat=BeatModel(tuple(BeatClass), {label: 0.5 for label in BeatClass if label != "N"}),
    rhythm=RhythmModel(
        n_state=2,
        labels=tuple(Rhythm),
        rules={
            Rhythm.SHOCKABLE: EpisodeRule(0.5, 0.4, mean_s=2.0, least_s=3.0, end_s=2.0),
            Rhythm.AF: EpisodeRule(0.5, 0.45, mean_s=4.0, least_s=5.0, end_s=3.0),
        },
    ),
)


def gateway(classify: bool = False) -> Pipeline:
    """A pipeline, with or without the stand-ins."""
    return Pipeline(SITE, ecg=ECG if classify else NO_MODELS)


def play(
    pipeline: Pipeline, log: Iterable[Record], *, finish: bool = True, classify: bool = False
) -> list[Output | Refusal]:
    """What a pipeline makes of records, to the end."""
    models = MODELS if classify else {}
    done = run_rounds(pipeline, enumerate(log), models)
    out = [one for _, outputs in done for one in outputs]
    if finish:
        out += run_round([pipeline.finish()], models)[0]
    return out


def events(outputs: Iterable[Output | Refusal], *, device: str | None = None) -> list[Event]:
    """The events among the outputs, of one device or all."""
    return [
        one.event
        for one in outputs
        if isinstance(one, Output) and device in (None, one.event.device)
    ]


def findings(told: Iterable[Event]) -> list[Event]:
    """What follows from the samples alone: not the gateway's silence, not the gaps."""
    return [
        event
        for event in told
        if not isinstance(event, Gap)
        and not (isinstance(event, AlarmEvent) and event.signal is None)
    ]
