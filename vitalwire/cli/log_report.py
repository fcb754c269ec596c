"""What `vitalwire log show` says: records and streams as text and as JSON."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edge.chunklog.reader import LogReader
from edge.chunklog.survey import Entry, Stream, Survey


def _iso(time_ns: int) -> str:
    """UTC to the millisecond; any 64-bit number has one."""
    return f"{np.datetime64(time_ns, 'ns').astype('datetime64[ms]')}Z"


def record_fields(entry: Entry) -> dict[str, Any]:
    """One record as JSON, without its samples."""
    record, chunk = entry.record, entry.chunk
    fields: dict[str, Any] = {
        "offset": entry.offset,
        "arrival_ns": record.arrival_ns,
        "kind": record.kind.name.lower(),
        "topic": record.topic,
        "bytes": len(record.payload),
    }
    if chunk is not None:
        fields |= {
            "stream_id": chunk.stream_id,
            "seq": chunk.seq,
            "first_sample": chunk.first_sample,
            "n_samples": chunk.n_samples,
            "n_channels": chunk.n_channels,
            "fs_hz": chunk.fs,
            "lead_off": chunk.lead_off,
            "injected": chunk.injected,
        }
    if entry.bad is not None:
        fields["bad"] = entry.bad
    return fields


def record_line(entry: Entry) -> str:
    """One record as a line, without its samples."""
    record, chunk = entry.record, entry.chunk
    line = f"{entry.offset:>14} {_iso(record.arrival_ns)} {record.kind.name.lower():<11}"
    if record.topic:
        line += f" {ascii(record.topic)[1:-1]} {len(record.payload)} B"
    if chunk is not None:
        line += (
            f" stream {chunk.stream_id:08x} seq {chunk.seq} sample {chunk.first_sample} "
            f"{chunk.n_channels}x{chunk.n_samples} at {chunk.fs:g} Hz"
        )
        line += f" lead off {chunk.lead_off:#x}" if chunk.lead_off else ""
        line += " injected" if chunk.injected else ""
    return line + (f" bad: {entry.bad}" if entry.bad else "")


def survey_fields(reader: LogReader, found: Survey, limit: int | None) -> dict[str, Any]:
    """All that was counted, as JSON."""
    return {
        "start_offset": reader.start_offset,
        "records": dict(found.kinds),
        "messages": dict(found.leaves),
        "bad_topics": dict(found.bad_topics),
        "damaged": reader.damaged,
        "damaged_bytes": reader.damaged_bytes,
        "tail_bytes": reader.tail_bytes,
        "streams": [_stream_fields(stream) for stream in list(found.streams.values())[:limit]],
    }


def _stream_fields(stream: Stream) -> dict[str, Any]:
    return {
        "device": stream.device,
        "signal": stream.signal.value,
        "first_arrival_ns": stream.first_arrival_ns,
        "last_arrival_ns": stream.last_arrival_ns,
        "bad": dict(stream.bad),
        "boots": [
            {
                "stream_id": boot.stream_id,
                "fs_hz": boot.fs,
                "n_channels": boot.n_channels,
                "chunks": boot.chunks,
                "repeated": boot.repeated,
                "injected": boot.injected,
                "samples": boot.coverage.n_samples,
                "seconds": round(boot.seconds, 3),
                "gaps": len(boot.coverage.gaps),
                "missing_samples": sum(n for _, n in boot.coverage.gaps),
            }
            for boot in stream.boots.values()
        ],
    }


_COLUMNS = (
    "device", "signal", "streams", "chunks", "repeated", "samples", "seconds", "gaps",
    "first arrival", "last arrival", "bad",
)  # fmt: skip


def survey_lines(reader: LogReader, found: Survey, limit: int | None) -> Iterator[str]:
    """A table of the streams, and what else the log holds."""
    rows = [_COLUMNS, *map(_stream_row, list(found.streams.values())[:limit])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if len(rows) > 1:
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(cells).rstrip()
    yield "records: " + (_counts(found.kinds) or "none")
    if found.bad_topics:
        yield "topics that do not parse: " + _counts(found.bad_topics)
    if reader.damaged:
        yield f"damage: {reader.damaged} stretches, {reader.damaged_bytes} bytes skipped"


def _stream_row(stream: Stream) -> tuple[str, ...]:
    boots = stream.boots.values()
    ids = [f"{boot.stream_id:08x}" for boot in boots]
    shown = " ".join(ids[:2]) + (f" +{len(ids) - 2}" if len(ids) > 2 else "")
    return (
        stream.device,
        stream.signal.value,
        shown or "-",
        str(sum(boot.chunks for boot in boots)),
        str(sum(boot.repeated for boot in boots)),
        str(sum(boot.coverage.n_samples for boot in boots)),
        f"{sum(boot.seconds for boot in boots):.1f}",
        str(sum(len(boot.coverage.gaps) for boot in boots)),
        _iso(stream.first_arrival_ns),
        _iso(stream.last_arrival_ns),
        _counts(stream.bad) or "-",
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
