"""Frames: how a record lies in a segment, and how the next good one is found behind damage.

A frame is a magic (4 bytes), the body's length (4), a CRC-32 (4) and the body. The checksum
also covers the frame's own offset, so that bytes which only look like a frame (a payload that
holds one, a block that the file system put in the wrong place) are never taken for one.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final
from zlib import crc32

from edge.chunklog.records import MAX_BODY_BYTES

MAGIC: Final = b"\xf5VW\xfa"  # no UTF-8 text holds it
_HEAD: Final = struct.Struct("<4sII")
_SEED: Final = struct.Struct("<QI")
HEAD_BYTES: Final = _HEAD.size
_BLOCK_BYTES: Final = 256 * 1024


def encode(body: bytes, offset: int) -> bytes:
    """The frame of a body that begins at `offset` of the log."""
    length = len(body)
    crc = crc32(body, crc32(_SEED.pack(offset, length)))
    return _HEAD.pack(MAGIC, length, crc) + body


def read_frame(file: BinaryIO, offset: int) -> bytes:
    """The body of the frame that begins where `file` stands.

    Raises
    ------
    ValueError
        No good frame is there.
    """
    head = file.read(HEAD_BYTES)
    if len(head) == HEAD_BYTES:
        magic, length, crc = _HEAD.unpack(head)
        if magic == MAGIC and length <= MAX_BODY_BYTES:
            body = file.read(length)
            if crc32(body, crc32(_SEED.pack(offset, length))) == crc:
                return body
    raise ValueError(f"no frame at {offset}")


class FrameScanner:
    """Reads the frames of one segment in order, over damage, with bounded memory.

    Parameters
    ----------
    file : BinaryIO
        Positioned at `offset`; read to its end.
    offset : int
        The log's offset of the next byte of the file.

    Attributes
    ----------
    good_end : int
        Offset behind the last good frame.
    damaged, damaged_bytes : int
        Stretches between good frames that hold none, and their size.
    tail_bytes : int
        What followed the last good frame; known at the end of the iteration.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0  # in the buffer
        self._offset = offset  # of the log, at `_at`
        self.good_end = offset
        self.damaged = 0
        self.damaged_bytes = 0
        self.tail_bytes = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the offset behind each good frame, and its body."""
        while self._have(HEAD_BYTES):
            body = self._body()
            if body is None:
                self._seek_magic()
                continue
            if self._offset > self.good_end:
                self.damaged += 1
                self.damaged_bytes += self._offset - self.good_end
            self._skip(HEAD_BYTES + len(body))
            self.good_end = self._offset
            yield self._offset, body
        self.tail_bytes = self._offset + len(self._buffer) - self._at - self.good_end

    def _body(self) -> bytes | None:
        """The body of the frame that begins here; None where no good frame does."""
        magic, length, crc = _HEAD.unpack_from(self._buffer, self._at)
        if magic != MAGIC or length > MAX_BODY_BYTES or not self._have(HEAD_BYTES + length):
            return None
        start = self._at + HEAD_BYTES
        body = self._buffer[start : start + length]
        good = crc32(body, crc32(_SEED.pack(self._offset, length))) == crc
        return body if good else None

    def _seek_magic(self) -> None:
        """Go to the next magic behind this byte, or to where one may have been cut off."""
        found = self._buffer.find(MAGIC, self._at + 1)
        if found < 0:
            found = max(self._at + 1, len(self._buffer) - len(MAGIC) + 1)
        self._skip(found - self._at)

    def _skip(self, n_bytes: int) -> None:
        self._at += n_bytes
        self._offset += n_bytes

    def _have(self, n_bytes: int) -> bool:
        """Whether `n_bytes` lie ahead; reads on as needed."""
        while len(self._buffer) - self._at < n_bytes:
            block = self._file.read(_BLOCK_BYTES)
            if not block:
                return False
            self._buffer = self._buffer[self._at :] + block
            self._at = 0
        return True
