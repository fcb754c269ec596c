"""Logs to test with."""

from pathlib import Path

from edge.chunklog import ChunkLog, Record, RecordKind

SEGMENT_BYTES = 4096


def numbered(i: int, size: int = 40) -> Record:
    """A record that tells its number in its time and in every byte of its payload."""
    return Record(
        RecordKind.MESSAGE, i, f"vitalwire/v1/s/d{i}/ecg/chunk", bytes([i % 256]) * size
    )


def fill(folder: Path, n_records: int, size: int = 40, **kwargs: int) -> list[int]:
    """Write a log of numbered records; returns the offsets behind them."""
    kwargs.setdefault("segment_bytes", SEGMENT_BYTES)
    with ChunkLog(folder, **kwargs) as log:
        return [log.append(numbered(i, size)) for i in range(n_records)]


def numbers(folder: Path, from_offset: int = 0) -> list[int]:
    """The numbers of the records in a log, checked to be those that were written."""
    from edge.chunklog import open_reader

    found = []
    for _, record in open_reader(folder, from_offset):
        assert record == numbered(record.arrival_ns, len(record.payload))
        found.append(record.arrival_ns)
    return found


def last_segment(folder: Path) -> Path:
    return max(folder.glob("*.vwlog"))
