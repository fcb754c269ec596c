"""A disk that is full, or that answers with an error, and then is well again."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.chunklog import ChunkLog, open_reader
from edge.chunklog import log as log_module
from edge.chunklog.frames import FrameScanner
from edge.chunklog.segments import HEADER_BYTES
from tests.edge.chunklog.makers import SEGMENT_BYTES, fill, last_segment, numbered, numbers
from vitalwire.errors import UnavailableError


class FullDisk:
    """Stands in for `os.pwrite`: takes `room` bytes more, and then no more."""

    def __init__(self, room: int, error: int = errno.ENOSPC) -> None:
        self.room = room
        self._error = error
        self._pwrite: Callable[..., int] = os.pwrite

    def __call__(self, fd: int, data: memoryview, position: int) -> int:
        if self.room <= 0:
            raise OSError(self._error, os.strerror(self._error))
        written = self._pwrite(fd, data[: self.room], position)
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 30, 100, 1000, 4500])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_what_the_disk_refused_is_written_when_it_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, error: int
) -> None:
    before = fill(tmp_path, 30)[-1]
    log = ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES)
    disk = FullDisk(room, error)
    monkeypatch.setattr(os, "pwrite", disk)
    offsets = [log.append(numbered(i)) for i in range(30, 130)]
    for _ in range(3):
        with pytest.raises(UnavailableError, match=os.strerror(error)):
            log.sync()
    assert log.safe_offset == before
    for path in tmp_path.glob("*.vwlog"):  # whole frames only: a daemon that died now loses
        size = path.stat().st_size - HEADER_BYTES  # nothing but what was never safe
        assert size == 0 or int(path.stem) + size in {before, *offsets}
    offsets.append(log.append(numbered(130)))
    disk.room = 10**9
    assert log.sync() == offsets[-1]
    log.close()
    assert numbers(tmp_path) == list(range(131))


def test_a_full_disk_is_relieved_by_evicting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 300)
    log = ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES)
    disk = FullDisk(0)
    monkeypatch.setattr(os, "pwrite", disk)
    log.append(numbered(300))
    with pytest.raises(UnavailableError):
        log.sync()
    disk.room = log.evict(SEGMENT_BYTES * 2).n_bytes
    log.sync()
    log.close()
    assert numbers(tmp_path)[-1] == 300


def test_memory_is_bounded_while_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_MAX_UNSAFE_BYTES", 100_000)
    monkeypatch.setattr(log_module, "_WRITE_BYTES", 10_000)
    log = ChunkLog(tmp_path)
    disk = FullDisk(0)
    monkeypatch.setattr(os, "pwrite", disk)
    taken = 0
    while log.end_offset < 100_000:
        log.append(numbered(taken, 500))
        taken += 1
    with pytest.raises(UnavailableError, match="wait for the disk"):
        log.append(numbered(taken, 500))
    disk.room = 10**9
    log.sync()
    log.append(numbered(taken, 500))
    log.close()
    assert numbers(tmp_path) == list(range(taken + 1))


def test_a_failed_fsync_is_not_believed_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel drops the pages of a failed fsync, and the next fsync succeeds."""
    log = ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES)
    for i in range(100):
        log.append(numbered(i))
    real = os.fdatasync

    def fails(fd: int) -> None:
        os.ftruncate(fd, HEADER_BYTES)  # what was written is gone
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(UnavailableError, match="Input/output error"):
        log.sync()
    assert log.safe_offset == 0
    monkeypatch.setattr(os, "fdatasync", real)
    log.append(numbered(100))
    assert log.sync() == log.end_offset
    log.close()
    assert numbers(tmp_path) == list(range(101))


def test_a_folder_that_cannot_be_synced_is_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES)
    for i in range(100):
        log.append(numbered(i))
    calls: list[Any] = []

    def fails(folder: Path) -> None:
        calls.append(folder)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(log_module, "sync_folder", fails)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            log.sync()
    assert len(calls) == 2
    monkeypatch.setattr(log_module, "sync_folder", calls.append)
    log.sync()
    assert len(calls) == 3
    log.close()


def test_closing_on_a_full_disk_lets_go_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ChunkLog(tmp_path)
    log.append(numbered(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", FullDisk(0))
        with pytest.raises(UnavailableError):
            log.close()
    ChunkLog(tmp_path).close()


def test_a_bad_block_costs_what_lies_behind_it_in_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = fill(tmp_path, 100)[-1]
    bad = last_segment(tmp_path)
    before = bad.read_bytes()
    real = FrameScanner._have

    def fails(self: FrameScanner, n_bytes: int) -> bool:
        if self.good_end >= int(bad.stem) + 500:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, n_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(FrameScanner, "_have", fails)
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
            assert log.end_offset == end
        reader = open_reader(tmp_path)
        read = [record.arrival_ns for _, record in reader]
    assert read == list(range(len(read)))
    assert reader.damaged == 1
    assert bad.read_bytes() == before
    with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
        log.append(numbered(100))
    assert numbers(tmp_path) == list(range(101))


_LIMITED = """
import json, resource, sys
from pathlib import Path
from edge.chunklog import ChunkLog
from tests.edge.chunklog.makers import numbered
from vitalwire.errors import UnavailableError
log = ChunkLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
safe, refused = 0, 0
for i in range(3000):
    if i == 2500:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    log.append(numbered(i))
    if i % 10 == 9:
        try:
            safe = log.sync()
        except UnavailableError:
            refused += 1
        if i == 2489:
            at_limit = safe
log.close()
print(json.dumps([at_limit, refused, safe, log.end_offset]))
"""


def test_a_real_limit_of_the_kernel(tmp_path: Path) -> None:
    """The kernel takes a part of a write, and then refuses, as a full disk does."""
    run = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, check=True
    )
    at_limit, refused, safe, end = json.loads(run.stdout)
    assert 90_000 < at_limit < 100_000
    assert refused > 50
    assert safe == end
    assert numbers(tmp_path) == list(range(3000))
    assert open_reader(tmp_path).damaged == 0
    assert last_segment(tmp_path).stat().st_size == end + HEADER_BYTES
