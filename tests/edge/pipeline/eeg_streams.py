"""Generated EEG as chunks, a stand-in for the seizure model, and what is made of both."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from edge.chunklog.records import Record
from edge.inference import Model
from edge.offline import NOMINAL_START_NS, analyze, chunks_of, records_of
from edge.pipeline.models import SEIZURE_MODEL, EegModels, EpisodeRule, SeizureModel
from edge.results import events_of
from tests.edge.stages.brain import background, samples, seizure
from vitalwire import wire
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    Arrays,
    Brain,
    Chunk,
    Episode,
    Event,
    Samples,
    Signal,
)

FS = 256.0
STEP_UV = 0.5
N_STATE = 3
RULE = EpisodeRule(0.6, 0.4, mean_s=3.0, least_s=4.0, end_s=4.0)
EEG = EegModels(SeizureModel(N_STATE, tuple(Brain), RULE))


class Loudness:
    """A stand-in for the seizure model: how much louder than usual the good leads are.

    It is never surer of a seizure than `most`.
    """

    def __init__(self, most: float = 1.0) -> None:
        self.asked: list[Arrays] = []
        self.most = most

    def run(self, inputs: Arrays) -> Arrays:
        n = len(inputs["signal"])
        self.asked += [{key: value[i] for key, value in inputs.items()} for i in range(n)]
        good = inputs["good"]
        power = np.square(inputs["signal"]).mean(axis=2) * good
        now = power.sum(axis=1) / np.maximum(good.sum(axis=1), 1.0)
        state = np.float32(0.7) * inputs["state"] + np.float32(0.3) * now[:, None]
        p = self.most / (1.0 + np.exp(-2.0 * (state[:, 0] - 5.0)))
        share = power / np.maximum(power.sum(axis=1, keepdims=True), 1e-6)
        return {
            "probability": np.stack([1.0 - p, p], axis=1).astype(np.float32),
            "leads": (share * p[:, None]).astype(np.float32),
            "next_state": state.astype(np.float32),
        }


def with_seizure(
    n_leads: int = 4,
    n_s: float = 90.0,
    spans: Iterable[tuple[float, float]] = ((40.0, 60.0),),
    on: Iterable[int] | None = None,
    fs: float = FS,
) -> Samples:
    """Background with seizures (from, to, s) on some leads, by default on all."""
    leads = background(n_leads, n_s, fs)
    for start_s, end_s in spans:
        fit = seizure(end_s - start_s, fs, 300.0)
        first = round(start_s * fs)
        for lead in range(n_leads) if on is None else on:
            leads[lead, first : first + len(fit)] += fit
    return samples(leads)


def chunks(x: Samples, fs: float = FS, chunk_s: float = 0.2) -> list[Chunk]:
    """On the amplifier's own steps, so that the wire changes nothing."""
    stepped = (STEP_UV * np.round(x / STEP_UV)).astype(np.float32)
    return list(chunks_of(stepped, fs, "cap-1", signal=Signal.EEG, chunk_s=chunk_s))


def encode(chunk: Chunk) -> bytes:
    """On those steps too."""
    n = chunk.n_channels
    return wire.encode(chunk, np.full(n, STEP_UV, np.float32), np.zeros(n, np.float32))


def log(those: Iterable[Chunk]) -> Iterator[Record]:
    """As a gateway's log would hold them."""
    return records_of(those, encode)


def off(those: Iterable[Chunk], mask: int, from_s: float, to_s: float) -> Iterator[Chunk]:
    """The chunks with leads said to be off for a time."""
    for chunk in those:
        inside = from_s <= chunk.first_sample / chunk.fs < to_s
        yield replace(chunk, lead_off=mask if inside else 0, lead_state_known=True)


def told(
    those: Iterable[Chunk], model: Model | None = None, eeg: EegModels = EEG
) -> list[Event]:
    """All events of a stream."""
    models: dict[str, Model] = {SEIZURE_MODEL: model or Loudness()}
    return events_of(analyze(log(those), models=models, eeg=eeg))


def alarms(those: Iterable[Event], kind: AlarmKind = AlarmKind.SEIZURE) -> list[AlarmEvent]:
    return [one for one in those if isinstance(one, AlarmEvent) and one.kind is kind]


def spans_s(those: Iterable[Event]) -> list[tuple[float, float]]:
    """Onset and end of the episodes that are over, s."""
    return [
        (
            (one.onset_ns - NOMINAL_START_NS) / 1e9,
            (one.end_ns - NOMINAL_START_NS) / 1e9,
        )
        for one in those
        if isinstance(one, Episode) and one.end_ns is not None
    ]
