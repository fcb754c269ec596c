"""The chunk log in working order: append, sync, read, evict, lock."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.chunklog import ChunkLog, Record, RecordKind, open_reader
from edge.chunklog.reader import RecordFetcher
from tests.edge.chunklog.makers import SEGMENT_BYTES, fill, last_segment, numbered, numbers
from vitalwire.errors import InputError, UnavailableError


def test_what_was_appended_is_read_in_order_over_many_segments(tmp_path: Path) -> None:
    offsets = fill(tmp_path, 500)
    assert len(list(tmp_path.glob("*.vwlog"))) > 5
    assert offsets == sorted(set(offsets))
    reader = open_reader(tmp_path)
    assert [offset for offset, _ in reader] == offsets
    assert numbers(tmp_path) == list(range(500))
    assert (reader.evicted_bytes, reader.damaged, reader.tail_bytes) == (0, 0, 0)


def test_every_offset_is_a_place_to_begin(tmp_path: Path) -> None:
    for i, offset in enumerate(fill(tmp_path, 200)):
        assert numbers(tmp_path, offset)[:1] == ([i + 1] if i < 199 else [])


def test_offsets_go_on_after_reopening(tmp_path: Path) -> None:
    first = fill(tmp_path, 100)
    with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
        assert log.end_offset == log.safe_offset == first[-1]
        assert log.append(numbered(100)) > first[-1]
    assert numbers(tmp_path) == list(range(101))


def test_sync_says_how_far_it_is_safe(tmp_path: Path) -> None:
    with ChunkLog(tmp_path) as log:
        end = log.append(numbered(0))
        assert log.safe_offset < end
        assert log.sync() == end == log.safe_offset
        assert log.sync() == end


def test_what_was_appended_is_read_before_it_is_synced(tmp_path: Path) -> None:
    with ChunkLog(tmp_path) as log:
        end = log.append(numbered(0))
        assert [offset for offset, _ in log.read()] == [end]


def test_a_record_is_found_again_by_its_offset(tmp_path: Path) -> None:
    fill(tmp_path, 300)
    reader = open_reader(tmp_path)
    places = [(reader.record_offset, record) for _, record in reader]
    fetcher = RecordFetcher(tmp_path)
    for place, record in reversed(places):
        assert fetcher.fetch(place) == record
    fetcher.fetch(places[-1][0])  # and so the first segment is not open
    min(tmp_path.glob("*.vwlog")).unlink()
    for late in (fetcher, RecordFetcher(tmp_path)):
        with pytest.raises(UnavailableError, match="evicted"):
            late.fetch(0)
        late.close()


def test_a_payload_that_holds_a_frame_is_not_taken_for_one(tmp_path: Path) -> None:
    fill(tmp_path / "inner", 1)
    inner = last_segment(tmp_path / "inner").read_bytes()[32:]
    with ChunkLog(tmp_path / "outer") as log:
        log.append(Record(RecordKind.MESSAGE, 7, "t", inner))
        log.append(numbered(1))
    path = last_segment(tmp_path / "outer")
    data = bytearray(path.read_bytes())
    data[32] ^= 0xFF  # the outer frame's magic
    path.write_bytes(data)
    assert numbers(tmp_path / "outer") == [1]


class TestBound:
    def test_the_oldest_segments_go(self, tmp_path: Path) -> None:
        with ChunkLog(tmp_path, max_bytes=64 * 1024, segment_bytes=SEGMENT_BYTES) as log:
            for i in range(5000):
                log.append(numbered(i))
                if i % 50 == 49:
                    log.sync()
                    log.keep_from = log.safe_offset
                    files = sum(path.stat().st_size for path in tmp_path.glob("*.vwlog"))
                    assert files <= 64 * 1024
            stats = log.stats()
        assert stats.evicted.segments > 0
        assert stats.evicted.needed_bytes == 0
        assert stats.start_offset > 0
        kept = numbers(tmp_path)
        assert kept == list(range(kept[0], 5000))

    def test_a_reader_says_that_it_begins_cold(self, tmp_path: Path) -> None:
        offsets = fill(tmp_path, 2000, max_bytes=64 * 1024)
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
            log.evict(20 * 1024)
            start = log.stats().start_offset
            reader = log.read(offsets[0])
            assert reader.evicted_bytes == start - offsets[0]
            assert next(iter(reader))[1].arrival_ns == offsets.index(start) + 1
            assert log.read(start).evicted_bytes == 0

    def test_what_lies_behind_the_snapshot_goes_last_and_is_counted(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        offsets = fill(tmp_path, 400)
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
            log.keep_from = offsets[200]
            whole = log.stats().file_bytes
            assert log.evict(whole - 1).needed_bytes == 0
            with caplog.at_level(logging.WARNING):
                done = log.evict(SEGMENT_BYTES)
            assert done.segments > 2
            assert done.needed_bytes == log.stats().start_offset - offsets[200]
            assert "evicted" in caplog.text
            assert log.stats().segments == 1

    def test_what_is_not_safe_stays(self, tmp_path: Path) -> None:
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
            for i in range(9000):
                log.append(numbered(i))
            assert log.stats().segments > 2
            assert log.evict(0).segments == 0
            log.sync()
            assert log.evict(0).segments > 0

    def test_reading_goes_on_over_what_is_evicted_meanwhile(self, tmp_path: Path) -> None:
        fill(tmp_path, 500)
        with ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES) as log:
            reader = log.read()
            records = iter(reader)
            first = next(records)[1].arrival_ns
            log.evict(SEGMENT_BYTES)
            rest = [record.arrival_ns for _, record in records]
        assert first == 0
        assert rest == sorted(rest)
        assert rest[-1] == 499
        assert reader.evicted_bytes > 0
        assert reader.damaged == 0


_HOLDER = """
import sys
from pathlib import Path
from edge.chunklog import ChunkLog
log = ChunkLog(Path(sys.argv[1]))
print("up", flush=True)
sys.stdin.read()
"""


class TestFolder:
    def test_a_second_daemon_is_told_who_has_it(self, tmp_path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"up\n"
            with pytest.raises(InputError, match=rf"another .* uses .*pid {holder.pid}\)"):
                ChunkLog(tmp_path)
            assert list(open_reader(tmp_path)) == []  # reading needs no lock
        finally:
            holder.kill()
            holder.communicate()
        ChunkLog(tmp_path).close()

    def test_in_one_process_too(self, tmp_path: Path) -> None:
        with ChunkLog(tmp_path), pytest.raises(InputError, match="another vitalwire edge"):
            ChunkLog(tmp_path)

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "log").write_text("hello")
        with pytest.raises(InputError, match="cannot use"):
            ChunkLog(tmp_path / "log")

    def test_nothing_to_read(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no chunk log"):
            open_reader(tmp_path)
        with pytest.raises(InputError, match="no folder"):
            open_reader(tmp_path / "nowhere")

    def test_a_gateways_data_folder_will_do(self, tmp_path: Path) -> None:
        fill(tmp_path / "chunks", 3)
        assert len(list(open_reader(tmp_path))) == 3

    def test_a_later_version_is_refused(self, tmp_path: Path) -> None:
        from zlib import crc32

        fill(tmp_path, 3)
        path = last_segment(tmp_path)
        data = bytearray(path.read_bytes())
        data[8] = 2
        data[28:32] = crc32(data[:28]).to_bytes(4, "little")
        path.write_bytes(data)
        with pytest.raises(InputError, match="version 2"):
            ChunkLog(tmp_path)
        with pytest.raises(InputError, match="version 2"):
            list(open_reader(tmp_path))


def test_appending_and_syncing_in_two_threads(tmp_path: Path) -> None:
    stop = threading.Event()
    safe: list[int] = []
    with ChunkLog(tmp_path, segment_bytes=64 * 1024) as log:

        def keep_syncing() -> None:
            while not stop.is_set():
                safe.append(log.sync())

        worker = threading.Thread(target=keep_syncing)
        worker.start()
        offsets = [log.append(numbered(i, 200)) for i in range(20000)]
        seen = [offset for offset, _ in open_reader(tmp_path)]  # as `log show` does
        assert seen == offsets[: len(seen)]
        stop.set()
        worker.join()
        log.sync()
        assert not log._writer.blocks
        assert len(log._segments.writable()) == 1
    assert safe == sorted(safe)
    assert set(safe) <= {0, *offsets}  # never inside a frame
    assert [offset for offset, _ in open_reader(tmp_path)] == offsets
