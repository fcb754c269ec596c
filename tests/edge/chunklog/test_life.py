"""A long life at random: append, sync, refusals, crashes, evictions, against a plain list."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.chunklog import ChunkLog, open_reader
from tests.edge.chunklog.makers import numbered
from vitalwire.errors import UnavailableError

SEGMENT_BYTES = 2000


class Disk:
    """A disk that refuses at random, and forgets at a crash what was not fsynced."""

    def __init__(self, rng: random.Random, patch: pytest.MonkeyPatch) -> None:
        self._rng = rng
        self._pwrite: Callable[..., int] = os.pwrite
        self._fdatasync: Callable[[int], None] = os.fdatasync
        self.failing = False
        patch.setattr(os, "pwrite", self.pwrite)
        patch.setattr(os, "fdatasync", self.fdatasync)

    def _refuses(self) -> bool:
        return self.failing and self._rng.random() < 0.5

    def pwrite(self, fd: int, data: bytes, position: int) -> int:
        if self._refuses():
            raise OSError(errno.ENOSPC, "full")
        some = self._rng.randint(1, len(data)) if self.failing else len(data)
        return self._pwrite(fd, data[:some], position)

    def fdatasync(self, fd: int) -> None:
        if self._refuses():
            raise OSError(errno.EIO, "error")
        self._fdatasync(fd)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_safe_is_ever_lost_and_no_offset_means_two_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    disk = Disk(rng, monkeypatch)
    log = ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES)
    written: dict[int, int] = {}  # offset behind a record: its number
    kept_from = 0
    for number in range(500):
        written[log.append(numbered(number, rng.randint(0, 300)))] = number
        disk.failing = rng.random() < 0.3
        action = rng.random()
        try:
            if action < 0.2:
                assert log.sync() == log.end_offset
            elif action < 0.25:
                log.evict(5 * SEGMENT_BYTES)
                kept_from = log.stats().start_offset
            elif action < 0.28:
                disk.failing = False
                log, written = _crash(log, tmp_path, rng, written)
        except UnavailableError:
            assert disk.failing
    disk.failing = False
    log.close()
    found = {offset: r.arrival_ns for offset, r in open_reader(tmp_path)}
    assert found == {offset: n for offset, n in written.items() if offset > kept_from}


def _crash(
    log: ChunkLog, folder: Path, rng: random.Random, written: dict[int, int]
) -> tuple[ChunkLog, dict[int, int]]:
    """Let go without a word, tear what was not safe, and open again."""
    safe = log.safe_offset
    for segment in log._segments.writable():
        os.close(segment.fd)
    log._folder_lock.release()
    last = max(folder.glob("*.vwlog"))
    sure = 32 + max(0, safe - int(last.stem))
    size = last.stat().st_size
    os.truncate(last, rng.randint(min(sure, size), size))
    again = ChunkLog(folder, segment_bytes=SEGMENT_BYTES)
    assert again.end_offset >= safe
    left = {offset: n for offset, n in written.items() if offset <= again.end_offset}
    return again, left
