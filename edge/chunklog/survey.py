"""What a chunk log holds, stream by stream, without its samples."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.chunklog.coverage import Coverage
from edge.chunklog.reader import LogReader
from edge.chunklog.records import Record, RecordKind
from vitalwire import topics, wire
from vitalwire.contracts import Chunk, Signal
from vitalwire.errors import WireError
from vitalwire.topics import Leaf, Topic


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are asked for; None: all."""

    device: str | None = None
    signal: Signal | None = None
    kind: RecordKind | None = None
    from_ns: int | None = None  # arrival, inclusive
    to_ns: int | None = None  # arrival, exclusive

    def takes(self, record: Record) -> bool:
        """Whether it is of that kind and time."""
        return (
            (self.kind is None or record.kind is self.kind)
            and (self.from_ns is None or record.arrival_ns >= self.from_ns)
            and (self.to_ns is None or record.arrival_ns < self.to_ns)
        )

    def takes_topic(self, topic: Topic | None) -> bool:
        """Whether it is of that device and signal; None: a topic that does not parse."""
        if self.device is None and self.signal is None:
            return True
        return topic is not None and (
            self.device in (None, topic.device) and self.signal in (None, topic.signal)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, taken apart as far as it goes."""

    offset: int  # behind it
    record: Record
    topic: Topic | None = None
    chunk: Chunk | None = None
    bad: str | None = None  # why it cannot be read


def entries(reader: LogReader, selection: Selection) -> Iterator[Entry]:
    """The selected records, in the order they came."""
    of_topic = selection.device is not None or selection.signal is not None
    for offset, record in reader:
        if not selection.takes(record):
            continue
        if record.kind is not RecordKind.MESSAGE:
            if not of_topic:
                yield Entry(offset, record)
            continue
        entry = _entry(offset, record)
        if selection.takes_topic(entry.topic):
            yield entry


def _entry(offset: int, record: Record) -> Entry:
    topic = None
    try:
        topic = topics.parse(record.topic)
        if topic.leaf is not Leaf.CHUNK or topic.signal is None:
            return Entry(offset, record, topic)
        chunk = wire.decode(record.payload, topic.device, topic.signal)
    except WireError as error:
        return Entry(offset, record, topic, bad=error.reason.value)
    return Entry(offset, record, topic, chunk)


@dataclass(slots=True)
class Boot:
    """One stream id of a device's signal: from one boot of the sender to the next."""

    stream_id: int
    fs: float
    n_channels: int
    chunks: int = 0
    repeated: int = 0  # chunks with samples that had come before
    injected: int = 0  # chunks that a test source altered, and said so
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, chunk: Chunk) -> None:
        self.chunks += 1
        self.injected += chunk.injected
        self.repeated += not self.coverage.add(chunk.first_sample, chunk.n_samples)

    @property
    def seconds(self) -> float:
        return self.coverage.n_samples / self.fs


@dataclass(slots=True)
class Stream:
    """A device's signal over all its boots."""

    device: str
    signal: Signal
    boots: dict[tuple[int, float, int], Boot] = field(default_factory=dict)
    bad: Counter[str] = field(default_factory=Counter)
    first_arrival_ns: int = 0
    last_arrival_ns: int = 0

    def add(self, entry: Entry) -> None:
        if not self.boots and not self.bad:
            self.first_arrival_ns = entry.record.arrival_ns
        self.last_arrival_ns = entry.record.arrival_ns
        if entry.bad is not None:
            self.bad[entry.bad] += 1
        if entry.chunk is not None:
            key = entry.chunk.stream_id, entry.chunk.fs, entry.chunk.n_channels
            self.boots.setdefault(key, Boot(*key)).add(entry.chunk)


@dataclass(slots=True)
class Survey:
    """All that was selected, counted."""

    streams: dict[tuple[str, Signal], Stream] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    leaves: Counter[str] = field(default_factory=Counter)
    bad_topics: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        self.kinds[entry.record.kind.name.lower()] += 1
        topic = entry.topic
        if topic is None:
            if entry.bad is not None:
                self.bad_topics[entry.bad] += 1
            return
        self.leaves[topic.leaf.value] += 1
        if topic.leaf is Leaf.CHUNK and topic.signal is not None:
            key = topic.device, topic.signal
            self.streams.setdefault(key, Stream(*key)).add(entry)


def survey(reader: LogReader, selection: Selection) -> Survey:
    """Count what is in the log. Memory grows with streams and gaps, not with chunks."""
    found = Survey()
    for entry in entries(reader, selection):
        found.add(entry)
    return found
