"""The run: mutants in, `WireError` or a sound value out, and the stages still standing."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgpack
import numpy as np

from edge.stages.limiter import RateLimiter
from edge.stages.reassembly import Reassembler
from edge.stages.timebase import Timebase
from tests.fuzz.chunks import START_NS, ChunkMutator, S, Stream
from tests.fuzz.texts import TextMutator
from vitalwire import messages, topics, wire
from vitalwire.contracts import Chunk, Gap
from vitalwire.errors import WireError, WireReason

# Channels, flags, Hz and samples a chunk of the streams that are sent.
SHAPES: Final = [(1, 0, 250.0, 25), (1, 1, 130.0, 73), (2, 2, 360.0, 8), (3, 3, 1.0, 1),
                 (12, 4, 500.0, 40), (1, 6, 8192.0, 1024), (32, 2, 128.0, 12)]  # fmt: skip
ARRIVALS: Final = (0, S, 1_577_836_800 * S, 4_102_444_800 * S, 2**62)
RECOVERY_S: Final = 150  # of good chunks, within which a stream must be itself again
RECOVERED: Final = 20  # chunks in a row that came through as they were


class Receiver:
    """The gateway's side of one stream: what stands behind the decoder."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.arrival_ns = START_NS
        self._limiter = RateLimiter()
        self._reassembler = Reassembler(stream.device, stream.signal)
        self._timebase = Timebase()
        self._stream_id: int | None = None

    def passes_one(self) -> bool:
        """Send a good chunk, and say whether it came through alone and as it was."""
        stream = self.stream
        self.arrival_ns += stream.chunk_ns
        chunk = wire.decode(stream.send(), stream.device, stream.signal)
        return self.push(chunk, self.arrival_ns) == [chunk]

    def push(self, chunk: Chunk, arrival_ns: int) -> list[Chunk | Gap]:
        """Take a decoded chunk through the stages; their word is checked, not only taken."""
        self._limiter.push(chunk, arrival_ns)
        out = self._reassembler.push(chunk, arrival_ns)
        for item in out:
            if isinstance(item, Gap):
                assert item.n_samples >= 0, item
                continue
            if item.stream_id != self._stream_id:
                self._stream_id, self._timebase = item.stream_id, Timebase()
            self._timebase.push(item, arrival_ns)
            first_ns = self._timebase.utc_ns(item.first_sample)
            last_ns = self._timebase.utc_ns(item.first_sample + item.n_samples)
            assert first_ns <= last_ns < 2**63, item
        return out

    def check_state(self) -> None:
        """The state must fit into a snapshot: integers of 64 bits."""
        stages = (self._limiter, self._reassembler, self._timebase)
        assert msgpack.packb([stage.state() for stage in stages], default=np.ndarray.tobytes)


class Fuzzer:
    """One seeded run over everything that comes from outside."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        streams = [Stream(self._rng, *shape) for shape in SHAPES]
        self._receivers = [Receiver(stream) for stream in streams]
        self._chunks = ChunkMutator(self._rng, streams)
        self._texts = TextMutator(self._rng)
        self.counts: Counter[tuple[str, str]] = Counter()

    def step(self) -> None:
        """Make one mutant and see what becomes of it."""
        kind = self._rng.random()
        if kind < 0.001:
            self._rng.choice(self._receivers).check_state()
        if kind < 0.8:
            self._try("chunk", self._chunk)
        elif kind < 0.9:
            self._try("topic", self._topic)
        else:
            self._try("json", self._message)

    def recover(self) -> None:
        """Send good chunks at a live pace: every stream must come out of what it believes."""
        for receiver in self._receivers:
            chunk_ns = receiver.stream.chunk_ns
            in_a_row = 0
            for _ in range(RECOVERY_S * S // chunk_ns + 50):
                in_a_row = in_a_row + 1 if receiver.passes_one() else 0
                if in_a_row == RECOVERED:
                    break
            assert in_a_row == RECOVERED, f"{receiver.stream.device} did not recover"

    def missing(self) -> set[WireReason]:
        """The reasons that no mutant reached."""
        reached = {reason for _, reason in self.counts}
        return {reason for reason in WireReason if reason.value not in reached}

    def _try(self, kind: str, way: Callable[[], None]) -> None:
        try:
            way()
        except WireError as error:
            self.counts[kind, error.reason.value] += 1
        else:
            self.counts[kind, "accepted"] += 1

    def _chunk(self) -> None:
        rng = self._rng
        receiver = rng.choice(self._receivers)
        stream = receiver.stream
        if rng.random() < 1e-3:
            stream.reboot()
        receiver.arrival_ns += stream.chunk_ns
        payload = stream.send()
        if rng.random() < 0.7:
            payload = self._chunks.mutate(payload)
        arrival_ns = receiver.arrival_ns
        if rng.random() < 0.01:
            arrival_ns = rng.choice(ARRIVALS)
        chunk = wire.decode(payload, stream.device, stream.signal)
        assert chunk.data.dtype == np.float32
        assert chunk.data.shape == (chunk.n_channels, chunk.n_samples)
        assert 1 <= chunk.n_channels <= 32
        assert chunk.n_samples >= 1
        assert not np.isinf(chunk.data).any()
        receiver.push(chunk, arrival_ns)

    def _topic(self) -> None:
        text = self._texts.topic()
        assert str(topics.parse(text)) == text

    def _message(self) -> None:
        cls, payload = self._texts.message()
        message = messages.load(cls, payload)
        assert messages.load(cls, messages.dump(message)) == message


def run(n: int, seed: int, advance: Callable[[int], None] | None = None) -> Fuzzer:
    """Fuzz `n` mutants.

    Raises
    ------
    AssertionError
        A value that is not sound, a stream that does not recover, a reason never reached.
        Any other exception is one that a stranger could have caused.
    """
    fuzzer = Fuzzer(seed)
    for i in range(n):
        fuzzer.step()
        if advance and i % 1000 == 999:
            advance(1000)
    fuzzer.recover()
    missing = fuzzer.missing()
    assert not missing, f"never reached in {n} mutants: {', '.join(sorted(missing))}"
    return fuzzer
