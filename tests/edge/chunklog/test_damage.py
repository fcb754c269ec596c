"""What a log gives back after it was torn, flipped, cut or lost in part."""

import logging
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.chunklog import ChunkLog, open_reader
from edge.chunklog.segments import HEADER_BYTES
from tests.edge.chunklog.makers import SEGMENT_BYTES, fill, last_segment, numbered, numbers

N = 20


def reopened(folder: Path) -> tuple[list[int], int]:
    """Open the log as a daemon does, append record 255, and read all of it."""
    with ChunkLog(folder, segment_bytes=SEGMENT_BYTES) as log:
        cut = log.stats().cut_bytes
        log.append(numbered(255))
    return numbers(folder), cut


def test_cut_at_every_byte_of_the_last_frames(tmp_path: Path) -> None:
    offsets = fill(tmp_path / "log", N)
    path = last_segment(tmp_path / "log")
    data = path.read_bytes()
    for size in range(HEADER_BYTES + offsets[-4], len(data)):
        path.write_bytes(data[:size])
        whole = sum(HEADER_BYTES + offset <= size for offset in offsets)
        assert numbers(tmp_path / "log") == list(range(whole))
        kept, cut = reopened(tmp_path / "log")
        assert kept == [*range(whole), 255]
        assert cut == size - HEADER_BYTES - offsets[whole - 1]


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1, HEADER_BYTES])
def test_a_segment_that_was_just_being_made(tmp_path: Path, size: int) -> None:
    offsets = fill(tmp_path, N, size=500)
    path = tmp_path / f"{offsets[-1]:020d}.vwlog"
    path.write_bytes(bytes(size))
    assert reopened(tmp_path)[0] == [*range(N), 255]
    assert last_segment(tmp_path) == path


@pytest.mark.parametrize(
    "tail", [bytes(5000), b"\xf5VW\xfa" * 300, random.Random(1).randbytes(5000)]
)
def test_a_tail_of_zeros_or_garbage_is_cut_and_said(
    tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, N)
    with last_segment(tmp_path).open("ab") as file:
        file.write(tail)
    assert numbers(tmp_path) == list(range(N))
    with caplog.at_level(logging.WARNING):
        kept, cut = reopened(tmp_path)
    assert kept == [*range(N), 255]
    assert cut == len(tail)
    assert any(vars(r).get("cut_bytes") == len(tail) for r in caplog.records)


@pytest.fixture(scope="module")
def log_of_three_segments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    fill(folder, 120)
    assert len(list(folder.glob("*.vwlog"))) == 3
    return folder


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_anywhere_yields_only_what_was_written_in_order(
    log_of_three_segments: Path, tmp_path: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "log"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(log_of_three_segments, folder)
    for _ in range(data.draw(st.integers(1, 4), label="wounds")):
        path = data.draw(st.sampled_from(sorted(folder.glob("*.vwlog"))))
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content)))
        wound = data.draw(st.sampled_from(["flip", "cut", "zero", "insert", "remove"]))
        if wound == "flip" and at < len(content):
            content[at] ^= data.draw(st.integers(1, 255))
        elif wound == "cut":
            del content[at:]
        elif wound == "zero":
            content[at : at + 512] = bytes(len(content[at : at + 512]))
        elif wound == "insert":
            content[at:at] = data.draw(st.binary(max_size=30))
        elif wound == "remove":
            del content[at : at + 17]
        path.write_bytes(content)
    found = numbers(folder)
    assert found == sorted(set(found))
    kept, _ = reopened(folder)
    assert kept == [*found, 255]


def test_damage_in_the_middle_costs_only_the_frame_it_hit(tmp_path: Path) -> None:
    offsets = fill(tmp_path, 200)
    path = min(tmp_path.glob("*.vwlog"))
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + offsets[3] + 20] ^= 1
    path.write_bytes(data)
    reader = open_reader(tmp_path)
    assert [record.arrival_ns for _, record in reader] == [*range(4), *range(5, 200)]
    assert (reader.damaged, reader.damaged_bytes) == (1, offsets[4] - offsets[3])


def test_a_spoilt_header_costs_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    for path in tmp_path.glob("*.vwlog"):
        path.write_bytes(bytes(HEADER_BYTES) + path.read_bytes()[HEADER_BYTES:])
    assert numbers(tmp_path) == list(range(200))
    assert reopened(tmp_path)[0] == [*range(200), 255]


def test_a_segment_that_is_missing_in_the_middle_is_counted(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    lost = sorted(tmp_path.glob("*.vwlog"))[1]
    size = lost.stat().st_size - HEADER_BYTES
    lost.unlink()
    reader = open_reader(tmp_path)
    found = [record.arrival_ns for _, record in reader]
    assert len(found) < 200
    assert (reader.damaged, reader.damaged_bytes) == (1, size)


def test_a_log_behind_its_snapshot_never_uses_an_offset_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end = fill(tmp_path, N)[-1]
    with (
        caplog.at_level(logging.WARNING),
        ChunkLog(tmp_path, segment_bytes=SEGMENT_BYTES, at_least=end + 1000) as log,
    ):
        assert log.end_offset == end + 1000
        log.append(numbered(N))
        assert [r.arrival_ns for _, r in log.read(end + 1000)] == [N]
    assert "before the last snapshot" in caplog.text
    assert numbers(tmp_path) == list(range(N + 1))
