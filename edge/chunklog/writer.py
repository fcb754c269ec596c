"""Writing frames to segments, so that nothing is lost when the disk refuses.

Frames stay in memory until an fsync has covered them. No locking here: see `ChunkLog`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.chunklog.segments import HEADER_BYTES, Segment, write_all


@dataclass(slots=True)
class Block:
    """Whole frames that were written to a segment and are not known to be safe."""

    segment: Segment
    offset: int  # in the log
    data: bytes

    def write(self) -> None:
        """Write, or leave nothing of it in the file and raise `OSError`."""
        write_all(self.segment.fd, self.data, HEADER_BYTES + self.offset - self.segment.base)


class Writer:
    """Frames on their way to the disk: pending, then written, then safe.

    Parameters
    ----------
    end : int
        The log's offset at which the first frame goes.
    segment_bytes : int
        A segment is not filled beyond this, save by a single frame that is larger.
    roll : callable
        Makes the segment that begins at the given offset; may raise `OSError`.
    """

    def __init__(
        self, segment: Segment, end: int, segment_bytes: int, roll: Callable[[int], Segment]
    ) -> None:
        self._segment = segment
        self._segment_bytes = segment_bytes
        self._roll = roll
        self._pending: deque[bytes] = deque()
        self.pending_bytes = 0
        self.written = end
        self.blocks: deque[Block] = deque()  # written, not known to be safe
        self.rewrite = False  # an fsync failed: what it covered may be gone
        self.failing = False  # the last write failed

    def add(self, frame: bytes) -> None:
        self._pending.append(frame)
        self.pending_bytes += len(frame)

    def drain(self) -> None:
        """Write all that is pending; what raised `OSError` is tried again by the next call."""
        self.failing = True
        if self.rewrite:
            for block in self.blocks:
                block.write()
            self.rewrite = False
        while self._pending:
            room = self._segment_bytes - self._segment.size
            if self._segment.size and len(self._pending[0]) > room:
                self._segment = self._roll(self.written)
                room = self._segment_bytes
            self._write_block(room)
        self.failing = False

    def _write_block(self, room: int) -> None:
        n_frames, data = self._next_block(room)
        block = Block(self._segment, self.written, data)
        block.write()
        for _ in range(n_frames):
            self._pending.popleft()
        self.pending_bytes -= len(data)
        self.blocks.append(block)
        self._segment.size += len(data)
        self.written += len(data)

    def _next_block(self, room: int) -> tuple[int, bytes]:
        """The frames that fit into `room`, at least one."""
        if self.pending_bytes <= room:
            return len(self._pending), b"".join(self._pending)
        taken: list[bytes] = []
        for frame in self._pending:
            room -= len(frame)
            if room < 0 and taken:
                break
            taken.append(frame)
        return len(taken), b"".join(taken)
