"""Mutants that the decoder accepts, through the whole pipeline of a gateway."""

import random
from collections import Counter

import pytest

from edge.chunklog.records import Record, RecordKind
from edge.inference import run_round
from edge.pipeline.gateway import (
    INTERNAL_ERROR,
    NO_EEG_MODELS,
    NO_MODELS,
    Pipeline,
    Refusal,
)
from edge.pipeline.models import SEIZURE_MODEL, EcgModels, EegModels
from edge.results import events_of
from tests.edge.pipeline.eeg_streams import EEG, Loudness
from tests.edge.pipeline.streams import ECG, MODELS
from tests.fuzz.chunks import ChunkMutator, Stream
from tests.fuzz.run import ARRIVALS, SHAPES, Receiver
from vitalwire import messages, topics
from vitalwire.contracts import Event
from vitalwire.topics import Leaf


def process(pipeline: Pipeline, record: Record) -> list[Event]:
    """What comes of a record; a fault of ours fails the test."""
    models = {**MODELS, SEIZURE_MODEL: Loudness()}
    (outputs,) = run_round([pipeline.process(record)], models)
    faults = [
        one for one in outputs if isinstance(one, Refusal) and one.reason == INTERNAL_ERROR
    ]
    assert not faults
    return events_of(outputs)


@pytest.mark.parametrize(
    ("ecg", "eeg"), [(NO_MODELS, NO_EEG_MODELS), (ECG, EEG)], ids=["no models", "all models"]
)
def test_no_mutant_that_decodes_breaks_the_pipeline(ecg: EcgModels, eeg: EegModels) -> None:
    rng = random.Random(1)
    receivers = [Receiver(Stream(rng, *shape)) for shape in SHAPES]
    mutator = ChunkMutator(rng, [receiver.stream for receiver in receivers])
    pipeline = Pipeline("s", ecg=ecg, eeg=eeg)
    told: Counter[str] = Counter()
    for i in range(4000):
        receiver = rng.choice(receivers)
        stream = receiver.stream
        receiver.arrival_ns += stream.chunk_ns
        if rng.random() < 0.002:
            stream.reboot()
        payload = stream.send()
        if rng.random() < 0.2:
            payload = mutator.mutate(payload)
        now_ns = rng.choice(ARRIVALS) if rng.random() < 0.003 else receiver.arrival_ns
        topic = topics.signal_topic("s", stream.device, stream.signal, Leaf.CHUNK)
        those = process(pipeline, Record(RecordKind.MESSAGE, now_ns, topic, payload))
        if i % 50 == 0:
            those += process(pipeline, Record(RecordKind.TICK, now_ns, "", b""))
        for event in those:
            messages.dump_event(event)  # refuses what is not finite
            told[type(event).__name__] += 1
    assert told["Beat"]
    assert bool(told["Probabilities"]) == (ecg.rhythm is not None)
