"""Where the chunks of each stream lie in the log, and how they make recordings.

A recording is one stretch of one stream in the order of its samples: duplicates dropped,
reordering undone, gaps left open. A new one begins where no file could go on: at a boot of the
sender, a change of rate or lead count, a sample count that went back, a gap of over a day.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.chunklog.coverage import Coverage
from edge.chunklog.reader import LogReader
from edge.chunklog.survey import Selection, entries
from vitalwire import messages, wire
from vitalwire.contracts import Chunk, DeviceInfo, Epoch, Signal
from vitalwire.errors import WireError
from vitalwire.topics import Leaf

MAX_GAP_S: Final = 86_400.0
_CLOCK_TOLERANCE_NS: Final = 86_400 * 10**9  # a device clock further off than this is not set

_FIRST, _N, _SEQ, _T0, _ARRIVAL, _OFFSET, _MARKS = range(_COLUMNS := 7)
_INJECTED: Final = 1 << 32  # in the marks, above the lead-off mask
_BOOT_CLOCK: Final = 1 << 33

Rows = NDArray[np.int64]
Key = tuple[str, Signal, int, float, int]  # device, signal, stream id, fs, n_channels


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of samples, counted as the sender did."""

    first_sample: int
    n_samples: int
    lead_off: int = 0


@dataclass(slots=True)
class StreamIndex:
    """The chunks of one stream of one format: 56 bytes each."""

    key: Key
    site: str
    columns: "array[int]" = field(default_factory=lambda: array("q"))
    scale: NDArray[np.float32] | None = None
    offset: NDArray[np.float32] | None = None
    one_scale: bool = True
    finest: NDArray[np.float32] | None = None
    low: NDArray[np.float32] | None = None
    high: NDArray[np.float32] | None = None

    def add(self, chunk: Chunk, payload: bytes, arrival_ns: int, record_offset: int) -> None:
        marks = chunk.lead_off | (_INJECTED if chunk.injected else 0)
        marks |= _BOOT_CLOCK if chunk.epoch is Epoch.BOOT else 0
        self.columns.extend(
            (chunk.first_sample, chunk.n_samples, chunk.seq, chunk.t0_ns, arrival_ns,
             record_offset, marks)
        )  # fmt: skip
        calibration = np.frombuffer(payload, "<f4", 2 * chunk.n_channels, wire.HEADER_BYTES)
        scale, offset = calibration.reshape(-1, 2).T
        low, high = np.fmin.reduce(chunk.data, axis=1), np.fmax.reduce(chunk.data, axis=1)
        if self.scale is None or self.offset is None:
            self.scale, self.offset = scale, offset
            self.finest, self.low, self.high = scale, low, high
            return
        self.one_scale &= bool((scale == self.scale).all() and (offset == self.offset).all())
        self.finest = np.minimum(self.finest, scale)  # type: ignore[arg-type]
        self.low, self.high = np.fmin(self.low, low), np.fmax(self.high, high)  # type: ignore[arg-type]

    def calibration(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and offset of a file: the sender's own, or ones that hold every sample."""
        assert self.scale is not None
        assert self.offset is not None
        if self.one_scale:
            return self.scale, self.offset
        assert self.low is not None
        assert self.high is not None
        span = np.nan_to_num(np.stack([self.low, self.high], axis=1))
        scale, offset = wire.fit_scale(span.astype(np.float32))
        assert self.finest is not None
        return np.maximum(scale, self.finest), offset


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One recording to be: its chunks, in the order of their samples."""

    stream: StreamIndex
    name: str
    rows: Rows
    repeated: int  # chunks of the whole stream that had come before
    leads: tuple[str, ...]

    @property
    def first_sample(self) -> int:
        return int(self.rows[0, _FIRST])

    @property
    def n_samples(self) -> int:
        """From the first to the last, gaps included."""
        return int(self.rows[-1, _FIRST] + self.rows[-1, _N]) - self.first_sample

    @property
    def record_offsets(self) -> list[int]:
        return [int(offset) for offset in self.rows[:, _OFFSET]]

    @property
    def start_ns(self) -> int:
        """UTC of the first sample: the device's own clock if that is set, else the arrival."""
        first = self.rows[0]
        if self.by_device_clock:
            return int(first[_T0])
        return int(first[_ARRIVAL]) - round(int(first[_N]) / self.stream.key[3] * 1e9)

    @property
    def by_device_clock(self) -> bool:
        """Whether `start_ns` is the device's word."""
        first = self.rows[0]
        off_ns = abs(int(first[_T0]) - int(first[_ARRIVAL]))
        return not int(first[_MARKS]) & _BOOT_CLOCK and off_ns <= _CLOCK_TOLERANCE_NS

    @property
    def gaps(self) -> list[Span]:
        ends = self.rows[:-1, _FIRST] + self.rows[:-1, _N]
        lengths = self.rows[1:, _FIRST] - ends
        return [Span(int(ends[i]), int(lengths[i])) for i in np.flatnonzero(lengths)]

    @property
    def injected(self) -> list[Span]:
        """What a test source altered on purpose."""
        return [span for span, mark in self._marked(_INJECTED) if mark]

    @property
    def lead_off(self) -> list[Span]:
        return [
            Span(span.first_sample, span.n_samples, mark)
            for span, mark in self._marked(_INJECTED - 1)
            if mark
        ]

    def _marked(self, mask: int) -> Iterator[tuple[Span, int]]:
        marks = self.rows[:, _MARKS] & mask
        starts = [0, *(np.flatnonzero(np.diff(marks)) + 1), len(marks)]
        for begin, end in zip(starts, starts[1:], strict=False):
            first, last = self.rows[begin], self.rows[end - 1]
            span = Span(int(first[_FIRST]), int(last[_FIRST] + last[_N] - first[_FIRST]))
            yield span, int(marks[begin])


def index_log(reader: LogReader, selection: Selection) -> list[Part]:
    """Find the recordings that the selected chunks make."""
    streams: dict[Key, StreamIndex] = {}
    infos: dict[tuple[str, Signal], DeviceInfo] = {}
    for entry in entries(reader, selection):
        if entry.topic is None or entry.topic.signal is None:
            continue
        if entry.topic.leaf is Leaf.INFO:
            try:
                info = messages.load(DeviceInfo, entry.record.payload)
            except WireError:
                continue
            infos[entry.topic.device, entry.topic.signal] = info
        if (chunk := entry.chunk) is None:
            continue
        key = chunk.device, chunk.signal, chunk.stream_id, chunk.fs, chunk.n_channels
        stream = streams.setdefault(key, StreamIndex(key, entry.topic.site))
        record = entry.record
        stream.add(chunk, record.payload, record.arrival_ns, reader.record_offset)
    return _parts(streams.values(), infos)


def _parts(
    streams: Sequence[StreamIndex] | object, infos: dict[tuple[str, Signal], DeviceInfo]
) -> list[Part]:
    raise NotImplementedError
