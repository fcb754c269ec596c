"""How the chunks of a log make recordings.

A recording is one stretch of one stream in the order of its samples: duplicates dropped,
reordering undone, gaps left open. A new one begins where no file could go on: at a boot of the
sender, a change of rate or lead count, a sample count that went back, a gap of over a day.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from edge.chunklog.coverage import Coverage
from edge.chunklog.index import (
    ARRIVAL,
    BOOT_CLOCK,
    FIRST,
    INJECTED,
    LEAD_OFF_MASK,
    MARKS,
    OFFSET,
    SEQ,
    T0,
    LogIndex,
    N,
    Rows,
    StreamIndex,
    StreamKey,
)

MAX_GAP_S: Final = 86_400.0
_CLOCK_TOLERANCE_NS: Final = 86_400 * 10**9  # a device's clock that is further off is not set


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of samples, counted as the sender did; `mask` names leads where it applies."""

    first_sample: int
    n_samples: int
    mask: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One recording to be: its chunks, in the order of their samples."""

    name: str
    stream: StreamIndex
    leads: tuple[str, ...]
    rows: Rows
    repeated: int  # chunks of the whole stream that had come before

    @property
    def key(self) -> StreamKey:
        return self.stream.key

    @property
    def first_sample(self) -> int:
        return int(self.rows[0, FIRST])

    @property
    def n_samples(self) -> int:
        """From the first to the last, gaps included."""
        return int(self.rows[-1, FIRST] + self.rows[-1, N]) - self.first_sample

    @property
    def record_offsets(self) -> list[int]:
        return [int(offset) for offset in self.rows[:, OFFSET]]

    @property
    def by_device_clock(self) -> bool:
        """Whether `start_ns` is the device's word: its clock counts UTC, and is set."""
        first = self.rows[0]
        error_ns = abs(int(first[T0]) - int(first[ARRIVAL]))
        return not int(first[MARKS]) & BOOT_CLOCK and error_ns <= _CLOCK_TOLERANCE_NS

    @property
    def start_ns(self) -> int:
        """UTC of the first sample: by the device's clock, else by its chunk's arrival."""
        first = self.rows[0]
        if self.by_device_clock:
            return int(first[T0])
        return int(first[ARRIVAL]) - round(int(first[N]) / self.key.fs * 1e9)

    @property
    def gaps(self) -> list[Span]:
        """What never came."""
        ends = self.rows[:-1, FIRST] + self.rows[:-1, N]
        lengths = self.rows[1:, FIRST] - ends
        return [Span(int(ends[i]), int(lengths[i])) for i in np.flatnonzero(lengths)]

    @property
    def injected(self) -> list[Span]:
        """What a test source altered on purpose, and said so."""
        return list(self._marked(INJECTED))

    @property
    def lead_off(self) -> list[Span]:
        """Where leads were off; bit i of the mask is lead i."""
        return list(self._marked(LEAD_OFF_MASK))

    def _marked(self, mask: int) -> Iterator[Span]:
        marks = self.rows[:, MARKS] & mask
        starts = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(marks))), len(marks)]
        for begin, end in pairwise(starts):
            if marks[begin]:
                first, behind = self.rows[begin, FIRST], self.rows[end - 1, [FIRST, N]].sum()
                yield Span(int(first), int(behind - first), int(marks[begin]))


def lay_out(index: LogIndex) -> list[Part]:
    """The recordings that an index makes, named for device, signal and stream id."""
    used: Counter[str] = Counter()
    parts = []
    for key, stream in index.streams.items():
        stretches, repeated = _stretches(stream.rows, key.fs)
        for rows in stretches:
            # WFDB knows no dot in a record's name.
            base = f"{key.device.replace('.', '-')}_{key.signal.value}_{key.stream_id:08x}"
            used[base] += 1
            name = base if used[base] == 1 else f"{base}_{used[base]}"
            parts.append(Part(name, stream, index.lead_names(key), rows, repeated))
    return parts


def _stretches(rows: Rows, fs: float) -> tuple[list[Rows], int]:
    """Rows of each recording, and the number of chunks that had come before."""
    _, first_seen = np.unique(rows[:, [FIRST, N, SEQ, T0]], axis=0, return_index=True)
    fresh = rows[np.sort(first_seen)]
    stretches: list[Rows] = []
    for run in _runs(fresh):
        ordered = run[np.argsort(run[:, FIRST], kind="stable")]
        ends = ordered[:-1, FIRST] + ordered[:-1, N]
        far = np.flatnonzero(ordered[1:, FIRST] - ends > MAX_GAP_S * fs)
        stretches += np.split(ordered, far + 1)
    return stretches, len(rows) - len(fresh)


def _runs(rows: Rows) -> Iterator[Rows]:
    """Cut where samples come again that are none of a duplicate: the count went back."""
    coverage, begin = Coverage(), 0
    for i, row in enumerate(rows):
        first, n_samples = int(row[FIRST]), int(row[N])
        if not coverage.add(first, n_samples):
            yield rows[begin:i]
            coverage, begin = Coverage(), i
            coverage.add(first, n_samples)
    yield rows[begin:]
