"""Reading the chunk log: streaming, over damage, also while a daemon writes to it."""

import logging
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from edge.chunklog.frames import HEAD_BYTES, FrameScanner, read_frame
from edge.chunklog.records import Record, decode
from edge.chunklog.segments import HEADER_BYTES, SUFFIX, Segment, list_segments, open_segment
from vitalwire.errors import InputError, UnavailableError

logger = logging.getLogger(__name__)

FOLDER: Final = "chunks"
"""Name of the chunk log's folder in a gateway's data folder."""


class LogReader:
    """The records from an offset on, in order; iterate once.

    Memory is bounded by a block and the largest record. Nothing is locked: what is evicted
    meanwhile is skipped and counted, what is appended meanwhile may or may not be seen.

    Attributes
    ----------
    start_offset : int
        Where reading begins in fact.
    evicted_bytes : int
        What lay between the wanted offset and the oldest record kept. Not 0: a replay from
        there is *cold*.
    damaged, damaged_bytes : int
        Stretches that held no good record and were skipped, so far.
    tail_bytes : int
        Behind the last good record of all: torn, or being written.
    record_offset : int
        Where the record last yielded begins; `RecordFetcher` finds it there again.
    """

    def __init__(self, segments: list[Segment], from_offset: int = 0) -> None:
        self._segments = [segment for segment in segments if segment.end > from_offset]
        first = self._segments[0].base if self._segments else from_offset
        self.start_offset = max(first, from_offset)
        self.evicted_bytes = self.start_offset - from_offset
        self.damaged = 0
        self.damaged_bytes = 0
        self.tail_bytes = 0
        self.record_offset = self.start_offset
        self._reached = self.start_offset

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        """Yield the offset behind each record, and the record."""
        self._reached = self.start_offset
        for segment in self._segments:
            # What is missing in front of it: the one before was torn, and not the last.
            self._count_damage(segment.base - self._reached)
            self._reached = max(self._reached, segment.base)
            self.tail_bytes = 0
            for offset, body in self._frames(segment, self._reached):
                self._reached = offset
                self.record_offset = offset - HEAD_BYTES - len(body)
                try:
                    yield offset, decode(body)
                except ValueError:
                    self._count_damage(len(body))

    def _frames(self, segment: Segment, start: int) -> Iterator[tuple[int, bytes]]:
        try:
            with open_segment(segment, start) as file:
                yield from self._scan(FrameScanner(file, start))
        except FileNotFoundError:
            self.evicted_bytes += segment.end - start
            self._reached = segment.end
        except PermissionError as error:
            raise InputError(f"cannot read {segment.path}: {error.strerror}") from None
        except OSError as error:  # a bad block: the rest of the segment counts as damage
            logger.warning(
                "chunk log: cannot read a segment to its end",
                extra={"path": str(segment.path), "error": str(error)},
            )
            self.tail_bytes = segment.end - self._reached

    def _scan(self, scanner: FrameScanner) -> Iterator[tuple[int, bytes]]:
        before = self.damaged, self.damaged_bytes
        for frame in scanner:
            self.damaged = before[0] + scanner.damaged
            self.damaged_bytes = before[1] + scanner.damaged_bytes
            yield frame
        self.tail_bytes = scanner.tail_bytes

    def _count_damage(self, n_bytes: int) -> None:
        if n_bytes > 0:
            self.damaged += 1
            self.damaged_bytes += n_bytes


class RecordFetcher:
    """Single records by their offset; opens one segment at a time."""

    def __init__(self, folder: Path) -> None:
        self._segments = list_segments(folder)
        self._bases = [segment.base for segment in self._segments]
        self._current = -1
        self._file: BinaryIO | None = None

    def fetch(self, record_offset: int) -> Record:
        """The record that begins there.

        Raises
        ------
        UnavailableError
            It has been evicted meanwhile.
        """
        number = bisect_right(self._bases, record_offset) - 1
        try:
            if number < 0:
                raise ValueError("gone before the segments were listed")
            if self._file is None or number != self._current:
                self.close()
                self._file = open_segment(self._segments[number], record_offset)
                self._current = number
            self._file.seek(HEADER_BYTES + record_offset - self._bases[number])
            return decode(read_frame(self._file, record_offset))
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"a record at {record_offset} is gone: the gateway has evicted it meanwhile, "
                "try again"
            ) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def open_reader(folder: Path, from_offset: int = 0) -> LogReader:
    """Read the chunk log in `folder`, without a lock.

    Raises
    ------
    InputError
        No such folder, or it holds no chunk log.
    """
    return LogReader(list_segments(find_log(folder)), from_offset)


def find_log(folder: Path) -> Path:
    """The chunk log in a folder: the folder itself, or the one in a gateway's data folder.

    Raises
    ------
    InputError
        No such folder, or it holds no chunk log.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}: give the folder of a gateway's chunk log")
    for place in (folder, folder / FOLDER):
        if list_segments(place):
            return place
    raise InputError(
        f"{folder} holds no chunk log (no *{SUFFIX} in it): give the folder of a gateway's "
        "chunk log"
    )
