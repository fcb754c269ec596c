"""What came in, on disk, before anything is acknowledged.

A folder of append-only segments (`log`, `reader`), snapshots of the pipeline beside it
(`snapshots`), and recordings made from it (`export`).
"""

from edge.chunklog.log import ChunkLog, LogStats
from edge.chunklog.reader import LogReader, open_reader
from edge.chunklog.records import Record, RecordKind
from edge.chunklog.retention import Eviction

__all__ = [
    "ChunkLog",
    "Eviction",
    "LogReader",
    "LogStats",
    "Record",
    "RecordKind",
    "open_reader",
]
