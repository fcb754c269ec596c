"""Snapshots of the pipeline's state, so that a replay begins where the last one ended.

A file is a magic, a CRC-32 over all behind it, the log's offset, and the state in msgpack.
Two are kept: when the newest cannot be read, the one before it is used, and the replay is
longer.

A state is None, bool, int (of any size), float, str, bytes, numpy arrays and scalars (dtype
and shape kept, order and views not), nested in lists and dicts. Tuples come back as lists,
enums as their plain values.
"""

import logging
import os
import struct
from enum import Enum
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgpack
import numpy as np

from edge.chunklog.segments import sync_folder
from vitalwire.errors import ContractError, InputError, UnavailableError

logger = logging.getLogger(__name__)

State = dict[str, Any]  # any tree of the values above

_MAGIC: Final = b"VWSNAP\x00\x01"  # its last byte is the version
_HEAD: Final = struct.Struct("<8sI")
_OFFSET: Final = struct.Struct("<Q")
_SUFFIX: Final = ".vwsnap"
_KEEP: Final = 2
_ARRAY: Final = 1  # msgpack extension types; on disk: never reuse one
_SCALAR: Final = 2
_BIG_INT: Final = 3


class SnapshotStore:
    """The last snapshots, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot use {folder} for snapshots ({error.strerror}): give a folder that "
                "this user can write to"
            ) from None

    def save(self, offset: int, state: State) -> None:
        """Save the state that the records before `offset` have led to.

        `offset` must be safe in the log: call `ChunkLog.sync` first.

        Raises
        ------
        ContractError
            The state holds what cannot be saved.
        UnavailableError
            The disk is full or does not answer; the snapshots before are untouched.
        """
        self.write(offset, pack(state))

    def write(self, offset: int, packed: bytes) -> None:
        """`save`, of a state that `pack` has made bytes of: this may run in another thread."""
        body = _OFFSET.pack(offset) + packed
        data = _HEAD.pack(_MAGIC, crc32(body)) + body
        paths = self._paths()
        number = int(paths[-1].stem) + 1 if paths else 0
        try:
            self._write(self._folder / f"{number:012d}{_SUFFIX}", data)
            for old in paths[: 1 - _KEEP]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"snapshots {self._folder}: {error.strerror or error}: free space on its disk; "
                "the snapshot before is kept"
            ) from error

    def load(self) -> tuple[int, State] | None:
        """The newest snapshot that can be read: offset and state. None: there is none."""
        for path in reversed(self._paths()):
            try:
                return _read(path)
            except (OSError, ValueError) as error:
                logger.warning(
                    "snapshot cannot be read, trying the one before",
                    extra={"path": str(path), "error": str(error)},
                )
        return None

    def _paths(self) -> list[Path]:
        found = self._folder.glob(f"*{_SUFFIX}")
        return sorted(path for path in found if path.stem.isdecimal())

    def _write(self, path: Path, data: bytes) -> None:
        temporary = path.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)


def _read(path: Path) -> tuple[int, State]:
    data = path.read_bytes()
    start = _HEAD.size + _OFFSET.size
    if len(data) < start:
        raise ValueError(f"expected at least {start} bytes, got {len(data)}")
    magic, crc = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError(f"expected {_MAGIC!r}, got {magic!r}")
    if crc32(memoryview(data)[_HEAD.size :]) != crc:
        raise ValueError("its checksum does not match")
    (offset,) = _OFFSET.unpack_from(data, _HEAD.size)
    return offset, unpack(data[start:])


def pack(state: State) -> bytes:
    """A state as bytes.

    Raises
    ------
    ContractError
        It holds what cannot be given back, such as a set or an array of objects.
    """
    try:
        _check_keys(state)
        packed: bytes = msgpack.packb(state, default=_plain, strict_types=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ContractError(f"a stage's state cannot be saved: {error}") from error
    return packed


def unpack(data: bytes) -> State:
    """A state from bytes; arrays are writable copies."""
    try:
        state = msgpack.unpackb(data, ext_hook=_restore, strict_map_key=False)
    except (msgpack.UnpackException, TypeError) as error:
        raise ValueError(f"not a state: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"expected a dict, got {type(state).__name__}")
    return state


def _check_keys(value: object) -> None:
    """msgpack would take a tuple as a key, and give it back as a list, which is none."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str | int):
                raise TypeError(f"{type(key).__name__} as a key")
            _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item)


def _plain(value: object) -> Any:
    """What msgpack does not know by itself; strict types also send subclasses here."""
    if isinstance(value, np.ndarray):
        return msgpack.ExtType(_ARRAY, _pack_array(value))
    if isinstance(value, np.generic):
        return msgpack.ExtType(_SCALAR, _pack_array(np.asarray(value)))
    if isinstance(value, Enum) and isinstance(value, str | int):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, int):  # beyond 64 bits
        return msgpack.ExtType(_BIG_INT, str(value).encode())
    raise TypeError(f"{type(value).__name__} is neither JSON-plain nor a numpy array")


def _pack_array(array: np.ndarray[Any, Any]) -> bytes:
    if array.dtype.hasobject or array.dtype.names is not None:
        raise TypeError(f"an array of {array.dtype}")
    packed: bytes = msgpack.packb((array.dtype.str, array.shape, array.tobytes()))
    return packed


def _restore(code: int, data: bytes) -> Any:
    if code == _BIG_INT:
        return int(data)
    if code not in (_ARRAY, _SCALAR):
        raise ValueError(f"unknown extension {code}")
    dtype, shape, content = msgpack.unpackb(data)
    array = np.frombuffer(content, dtype).reshape(shape).copy()
    return array[()] if code == _SCALAR else array
