"""The chunk log: every input of the pipeline, on disk before it is acknowledged.

`append` puts a record behind the others in memory, `sync` makes everything appended so far
safe. What the disk refused stays in memory and is written again by the next `sync`: an offset
that `append` has given out never changes, and never goes away while the process lives.

Every method may be called from any thread; `sync` is meant for a worker thread while the
loop appends. Appending may wait for the kernel's copy of what is written, never for an fsync.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

from edge.chunklog import frames, records
from edge.chunklog.lock import FolderLock
from edge.chunklog.reader import LogReader
from edge.chunklog.records import Record
from edge.chunklog.recovery import recover
from edge.chunklog.retention import Eviction
from edge.chunklog.segments import HEADER_BYTES, Segment, create_segment, sync_folder
from edge.chunklog.writer import Writer
from vitalwire.errors import InputError, UnavailableError

logger = logging.getLogger(__name__)

_WRITE_BYTES: Final = 256 * 1024  # handed to the kernel at once
_MAX_UNSAFE_BYTES: Final = 16 << 20  # kept in memory while the disk is slow or full
_SEGMENT_BYTES: Final = 16 << 20
_MIN_SEGMENTS: Final = 8  # so that evicting one takes an eighth of the log at most


@dataclass(frozen=True, slots=True)
class LogStats:
    """The log in numbers, for the gateway's status."""

    start_offset: int
    safe_offset: int
    end_offset: int
    segments: int
    file_bytes: int
    evicted: Eviction  # since it was opened
    cut_bytes: int  # of a torn tail, when it was opened


class ChunkLog:
    """An append-only log in a folder of its own.

    Parameters
    ----------
    folder : Path
        Created if need be; locked until `close`.
    max_bytes : int
        Bound of the segment files, beside what is not safe yet (16 MiB at most). The oldest
        are removed to stay below it.
    segment_bytes : int
        Size of a segment; an eighth of `max_bytes` at most.
    at_least : int
        The log never ends before this offset, that of the last snapshot: a disk that lost
        what it had promised must not let offsets be used twice.

    Raises
    ------
    InputError
        Another daemon uses the folder, it cannot be written to, or it is of a later version.
    UnavailableError
        The disk is full or does not answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 4 << 30,
        segment_bytes: int = _SEGMENT_BYTES,
        at_least: int = 0,
    ) -> None:
        self.folder = folder
        self.keep_from = 0
        """Offset of the last snapshot; what lies behind it is evicted last, and counted."""
        self._lock = Lock()  # guards all below; never held during an fsync
        self._sync_lock = Lock()  # one fsync at a time
        self._new_files = False
        segment_bytes = min(segment_bytes, max(max_bytes // _MIN_SEGMENTS, 1))
        self._room_bytes = max_bytes - segment_bytes - HEADER_BYTES  # before a new segment
        self._folder_lock = self._take_folder()
        try:
            recovered = recover(folder, at_least)
        except OSError as error:
            self._folder_lock.release()
            raise self._unavailable(error) from error
        except BaseException:
            self._folder_lock.release()
            raise
        self._segments = recovered.segments
        self._cut_bytes = recovered.cut_bytes
        self._end = self._safe = recovered.end
        self._writer = Writer(self._segments.last, self._end, segment_bytes, self._roll)

    def _take_folder(self) -> FolderLock:
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                sync_folder(self.folder.parent)
            return FolderLock(self.folder)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise InputError(
                f"cannot use {self.folder} for the chunk log ({error.strerror}): give a folder "
                "that this user can write to"
            ) from None
        except OSError as error:
            raise self._unavailable(error) from error

    @property
    def end_offset(self) -> int:
        """Offset behind the last record appended."""
        return self._end

    @property
    def safe_offset(self) -> int:
        """Everything before this offset survives a power cut."""
        return self._safe

    def append(self, record: Record) -> int:
        """Put a record behind the others; returns the offset behind it.

        Raises
        ------
        UnavailableError
            So much waits for the disk that no more is taken; the record was not appended.
        """
        body = records.encode(record)
        with self._lock:
            if self._end - self._safe >= _MAX_UNSAFE_BYTES:
                raise UnavailableError(
                    f"chunk log {self.folder}: {self._end - self._safe} bytes wait for the "
                    "disk, no more is taken until they are safe"
                )
            frame = frames.encode(body, self._end)
            self._writer.add(frame)
            self._end = end = self._end + len(frame)
            if self._writer.pending_bytes >= _WRITE_BYTES and not self._writer.failing:
                self._write_early()
        return end

    def _write_early(self) -> None:
        """Relieve the next `sync`, which tries again where this fails, and says so."""
        try:
            self._writer.drain()
        except OSError as error:
            logger.warning(
                "chunk log: a write failed, kept in memory", extra={"error": str(error)}
            )

    def sync(self) -> int:
        """Make everything appended before this call safe; returns the offset it reaches to.

        Raises
        ------
        UnavailableError
            The disk is full or does not answer. Nothing is lost: the next call tries again.
        """
        with self._sync_lock:
            try:
                return self._sync()
            except OSError as error:
                raise self._unavailable(error) from error

    def _sync(self) -> int:
        with self._lock:
            if self._end == self._safe:
                return self._safe
            self._writer.drain()
            target, n_blocks = self._writer.written, len(self._writer.blocks)
            open_segments, new_files = self._segments.writable(), self._new_files
            self._new_files = False
        try:
            for segment in open_segments:
                os.fdatasync(segment.fd)
            if new_files:
                sync_folder(self.folder)
        except OSError:
            # After a failed fsync Linux marks the pages clean: the next one would succeed and
            # mean nothing. So they are written again first, from memory.
            with self._lock:
                self._writer.rewrite = self._writer.failing = True
                self._new_files |= new_files
            raise
        with self._lock:
            for _ in range(n_blocks):
                self._writer.blocks.popleft()
            self._safe = target
            self._close_full(open_segments)
        return target

    def _close_full(self, synced: list[Segment]) -> None:
        """Close the files that nothing more is written to."""
        waiting = {id(block.segment) for block in self._writer.blocks}
        for segment in synced:
            if segment is not self._segments.last and id(segment) not in waiting:
                os.close(segment.fd)
                segment.fd = -1

    def _roll(self, base: int) -> Segment:
        self._segments.evict(self._room_bytes, self.keep_from)
        segment = create_segment(self.folder, base)
        self._new_files = True
        self._segments.add(segment)
        return segment

    def read(self, from_offset: int = 0) -> LogReader:
        """The records from an offset on; see `LogReader` for what was lost.

        Raises
        ------
        UnavailableError
            What was appended cannot be written.
        """
        with self._lock:
            try:
                self._writer.drain()
            except OSError as error:
                raise self._unavailable(error) from error
            return LogReader(self._segments.copies(), from_offset)

    def evict(self, max_bytes: int) -> Eviction:
        """Remove the oldest segments until the files hold at most `max_bytes`.

        The segment that is written to, and what is not safe yet, stay. Segments behind
        `keep_from` go only when the older ones were not enough: then a replay will miss
        waveforms, which is counted and said.
        """
        with self._lock:
            return self._segments.evict(max_bytes, self.keep_from)

    def stats(self) -> LogStats:
        """The log in numbers."""
        with self._lock:
            return LogStats(
                start_offset=self._segments.start_offset,
                safe_offset=self._safe,
                end_offset=self._end,
                segments=len(self._segments),
                file_bytes=self._segments.file_bytes,
                evicted=self._segments.evicted,
                cut_bytes=self._cut_bytes,
            )

    def close(self) -> None:
        """Make everything safe and let go of the folder, also where the disk refuses."""
        try:
            self.sync()
        finally:
            for segment in self._segments.writable():
                os.close(segment.fd)
                segment.fd = -1
            self._folder_lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(
            f"chunk log {self.folder}: {error.strerror or error}: free space on its disk or "
            "lower the log's bound; nothing that was acknowledged is lost"
        )
