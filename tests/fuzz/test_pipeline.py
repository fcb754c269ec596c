"""Mutants that the decoder accepts, through the whole pipeline of a gateway."""

import random
from contextlib import suppress

from edge.chunklog.records import Record, RecordKind
from edge.pipeline.gateway import Pipeline
from tests.fuzz.chunks import ChunkMutator, Stream
from tests.fuzz.run import ARRIVALS, SHAPES, Receiver
from vitalwire import topics
from vitalwire.errors import WireError
from vitalwire.topics import Leaf


def process(pipeline: Pipeline, record: Record) -> None:
    asking = pipeline.process(record)
    with suppress(StopIteration, WireError):
        next(asking)
        while True:
            asking.send([])


def test_no_mutant_that_decodes_breaks_the_pipeline() -> None:
    rng = random.Random(1)
    receivers = [Receiver(Stream(rng, *shape)) for shape in SHAPES]
    mutator = ChunkMutator(rng, [receiver.stream for receiver in receivers])
    pipeline = Pipeline("s")
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
        process(pipeline, Record(RecordKind.MESSAGE, now_ns, topic, payload))
        if i % 50 == 0:
            process(pipeline, Record(RecordKind.TICK, now_ns, "", b""))
