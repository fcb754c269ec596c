"""Segment files: a header of fixed size, then frames; named by the offset of the first.

An offset counts the bytes of all frames ever written, headers left out, so that it says
nothing about segments. The header repeats the offset that is in the name.
"""

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from vitalwire.errors import InputError

MAGIC: Final = b"VWCHNKLG"
VERSION: Final = 1
SUFFIX: Final = ".vwlog"
_HEADER: Final = struct.Struct("<8sIIQ4x")  # magic, version, reserved, base offset
_CRC: Final = struct.Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _CRC.size
_MODE: Final = 0o640  # these are patients' signals


@dataclass(slots=True)
class Segment:
    """One segment file. `size` counts its frames' bytes, without the header."""

    path: Path
    base: int
    size: int
    fd: int = field(default=-1, repr=False)  # open while it may still be written to

    @property
    def end(self) -> int:
        """Offset behind its last byte."""
        return self.base + self.size

    @property
    def file_bytes(self) -> int:
        return self.size + HEADER_BYTES


def header(base: int) -> bytes:
    """The header of a segment whose first frame is at offset `base`."""
    body = _HEADER.pack(MAGIC, VERSION, 0, base)
    return body + _CRC.pack(crc32(body))


def header_holds(data: bytes, base: int) -> bool:
    """Whether `data` is the header that belongs there.

    Raises
    ------
    InputError
        It is a sound header of another version.
    """
    if len(data) != HEADER_BYTES or crc32(data[: _HEADER.size]) != _CRC.unpack(data[-4:])[0]:
        return False
    magic, version, _, found = _HEADER.unpack_from(data)
    if magic == MAGIC and version != VERSION:
        raise InputError(
            f"the chunk log has version {version}, this vitalwire reads {VERSION}: update it"
        )
    return bool(magic == MAGIC and found == base)


def segment_path(folder: Path, base: int) -> Path:
    return folder / f"{base:020d}{SUFFIX}"


def list_segments(folder: Path) -> list[Segment]:
    """The segments of a folder, oldest first; needs no lock."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        if not path.stem.isdecimal():
            continue
        try:
            size = path.stat().st_size - HEADER_BYTES
        except FileNotFoundError:  # evicted since
            continue
        found.append(Segment(path, int(path.stem), max(0, size)))
    return sorted(found, key=lambda segment: segment.base)


def open_segment(segment: Segment, offset: int) -> BinaryIO:
    """Open a segment for reading at `offset` of the log; a spoilt header does no harm."""
    file = segment.path.open("rb")
    try:
        header_holds(file.read(HEADER_BYTES), segment.base)
        file.seek(HEADER_BYTES + offset - segment.base)
    except BaseException:
        file.close()
        raise
    return file


def create_segment(folder: Path, base: int) -> Segment:
    """Create a segment to write to. Nothing is left of it if the disk refuses."""
    path = segment_path(folder, base)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _MODE)
    try:
        write_all(fd, header(base), 0)
    except OSError:
        os.close(fd)
        path.unlink()
        raise
    return Segment(path, base, 0, fd)


def resume_segment(segment: Segment, size: int) -> Segment:
    """Open a segment to write behind its first `size` bytes of frames; cut what follows."""
    fd = os.open(segment.path, os.O_RDWR)
    resumed = Segment(segment.path, segment.base, size, fd)
    try:
        if not header_holds(os.pread(fd, HEADER_BYTES, 0), segment.base):
            write_all(fd, header(segment.base), 0)
        os.ftruncate(fd, resumed.file_bytes)
        os.fsync(fd)
    except BaseException:
        os.close(fd)
        raise
    return resumed


def write_all(fd: int, data: bytes, position: int) -> None:
    """Write all of `data` at `position`, or cut the file back to there and raise `OSError`."""
    view, done = memoryview(data), 0
    try:
        while done < len(data):
            done += os.pwrite(fd, view[done:], position + done)
    except OSError:
        os.ftruncate(fd, position)
        raise


def sync_folder(folder: Path) -> None:
    """Make the folder's entries safe: files created, renamed and removed in it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
