"""How fast the chunk log takes records and gives them back (1 KB each, without fsync)."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edge.chunklog import ChunkLog, Record, RecordKind, open_reader

N = 10_000  # below what is kept in memory until it is safe
RECORD = Record(RecordKind.MESSAGE, 1, "vitalwire/v1/site/device/ecg/chunk", bytes(1024))


@pytest.fixture
def log(tmp_path: Path) -> ChunkLog:
    return ChunkLog(tmp_path / "log")


def test_append(benchmark: BenchmarkFixture, log: ChunkLog) -> None:
    def append() -> None:
        for _ in range(N):
            log.append(RECORD)

    benchmark.pedantic(append, setup=lambda: log.sync() and None, rounds=20)  # type: ignore[no-untyped-call]
    log.close()


def test_append_and_sync(benchmark: BenchmarkFixture, log: ChunkLog) -> None:
    """200 records, as in 200 ms of a thousand devices, and their fsync."""

    def append_and_sync() -> None:
        for _ in range(200):
            log.append(RECORD)
        log.sync()

    benchmark(append_and_sync)
    log.close()


def test_read(benchmark: BenchmarkFixture, log: ChunkLog) -> None:
    for _ in range(N):
        log.append(RECORD)
    log.close()
    assert benchmark(lambda: sum(1 for _ in open_reader(log.folder))) == N
