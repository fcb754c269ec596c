"""Where the chunks of each stream lie in the log: what an export needs to know beforehand."""

from array import array
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.chunklog.reader import LogReader
from edge.chunklog.survey import Entry, Selection, entries
from vitalwire import messages, wire
from vitalwire.contracts import Chunk, DeviceInfo, Epoch, Signal
from vitalwire.errors import WireError
from vitalwire.topics import Leaf

COLUMNS: Final = 7
FIRST, N, SEQ, T0, ARRIVAL, OFFSET, MARKS = range(COLUMNS)  # of `StreamIndex.rows`
LEAD_OFF_MASK: Final = (1 << 32) - 1  # in the marks
INJECTED: Final = 1 << 32
BOOT_CLOCK: Final = 1 << 33

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StreamKey:
    """A recording never goes on where one of these changes."""

    site: str
    device: str
    signal: Signal
    stream_id: int
    fs: float  # Hz
    n_channels: int


class Calibration:
    """Scale and offset that a file needs for all chunks of a stream."""

    def __init__(self, chunk: Chunk, payload: bytes) -> None:
        self._scale, self._offset = self._finest, _ = _calibration(chunk, payload)
        self._low, self._high = _range(chunk)
        self.constant = True
        """Every chunk has the same: the sender's own steps can be kept."""

    def add(self, chunk: Chunk, payload: bytes) -> None:
        scale, offset = _calibration(chunk, payload)
        low, high = _range(chunk)
        if not (np.array_equal(scale, self._scale) and np.array_equal(offset, self._offset)):
            self.constant = False
        self._finest = np.minimum(self._finest, scale)
        self._low, self._high = np.fmin(self._low, low), np.fmax(self._high, high)

    def of_file(self) -> tuple[Floats, Floats]:
        """The sender's own, or the finest that holds every sample."""
        if self.constant:
            return self._scale, self._offset
        span = np.nan_to_num(np.stack([self._low, self._high], axis=1))
        scale, offset = wire.fit_scale(span)
        return np.maximum(scale, self._finest), offset


def _calibration(chunk: Chunk, payload: bytes) -> tuple[Floats, Floats]:
    pairs = np.frombuffer(payload, "<f4", 2 * chunk.n_channels, wire.HEADER_BYTES)
    scale, offset = pairs.reshape(-1, 2).T
    return scale, offset


def _range(chunk: Chunk) -> tuple[Floats, Floats]:
    return np.fmin.reduce(chunk.data, axis=1), np.fmax.reduce(chunk.data, axis=1)


@dataclass(slots=True)
class StreamIndex:
    """The chunks of one stream in the order they came, 56 bytes each."""

    key: StreamKey
    calibration: Calibration
    _cells: "array[int]" = field(default_factory=lambda: array("q"), repr=False)

    def add(self, chunk: Chunk, arrival_ns: int, record_offset: int) -> None:
        marks = chunk.lead_off | (INJECTED if chunk.injected else 0)
        marks |= BOOT_CLOCK if chunk.epoch is Epoch.BOOT else 0
        self._cells.extend(
            (chunk.first_sample, chunk.n_samples, chunk.seq, chunk.t0_ns, arrival_ns,
             record_offset, marks)
        )  # fmt: skip

    @property
    def rows(self) -> Rows:
        """(n_chunks, COLUMNS)"""
        return np.frombuffer(self._cells, np.int64).reshape(-1, COLUMNS)


@dataclass(slots=True)
class LogIndex:
    """What the selected part of a log holds."""

    streams: dict[StreamKey, StreamIndex] = field(default_factory=dict)
    leads: dict[tuple[str, Signal], tuple[str, ...]] = field(default_factory=dict)
    """As the device last said."""

    def add(self, entry: Entry, record_offset: int) -> None:
        topic, record, chunk = entry.topic, entry.record, entry.chunk
        if topic is None or topic.signal is None:
            return
        if topic.leaf is Leaf.INFO:
            try:
                info = messages.load(DeviceInfo, record.payload)
            except WireError:
                return
            self.leads[topic.device, topic.signal] = info.leads
        if chunk is None:
            return
        key = StreamKey(
            topic.site, chunk.device, chunk.signal, chunk.stream_id, chunk.fs, chunk.n_channels
        )
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = StreamIndex(key, Calibration(chunk, record.payload))
        else:
            stream.calibration.add(chunk, record.payload)
        stream.add(chunk, record.arrival_ns, record_offset)

    def lead_names(self, key: StreamKey) -> tuple[str, ...]:
        """The device's own labels, or numbers where it gave none that fit."""
        leads = self.leads.get((key.device, key.signal), ())
        if len(leads) == key.n_channels:
            return leads
        return tuple(f"{key.signal.value.upper()}{i + 1}" for i in range(key.n_channels))


def index_log(reader: LogReader, selection: Selection) -> LogIndex:
    """Read the log once, samples and all, and keep where they lie."""
    found = LogIndex()
    for entry in entries(reader, selection):
        found.add(entry, reader.record_offset)
    return found
