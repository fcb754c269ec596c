"""Opening a log after whatever happened to it."""

import logging
from dataclasses import dataclass
from pathlib import Path

from edge.chunklog.frames import FrameScanner
from edge.chunklog.retention import Segments
from edge.chunklog.segments import (
    Segment,
    create_segment,
    list_segments,
    open_segment,
    resume_segment,
    sync_folder,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log that can be written behind `end`."""

    segments: Segments
    end: int
    cut_bytes: int  # of a torn tail


def recover(folder: Path, at_least: int) -> Recovered:
    """Cut the torn tail of the last segment, and get ready to write behind it.

    Only the last segment is read. Damage between its good frames stays where it is.
    """
    segments = Segments(list_segments(folder))
    end = cut_bytes = 0
    go_on = False  # in the last segment
    if len(segments):
        last = segments.last
        try:
            end, cut_bytes = _scan(last)
            segments.replace_last(resume_segment(last, end - last.base))
            go_on = end >= at_least
        except OSError as error:
            # A bad block. What lies behind it may be good: write elsewhere, cut nothing.
            logger.warning(
                "chunk log: cannot read the last segment, goes on in a new one",
                extra={"path": str(last.path), "error": str(error)},
            )
            end = last.end
    if end < at_least:
        logger.warning(
            "chunk log: ends before the last snapshot, goes on behind it",
            extra={"end_offset": end, "snapshot_offset": at_least},
        )
    if not go_on:
        end = max(end, at_least)
        segments.add(create_segment(folder, end))
    sync_folder(folder)
    return Recovered(segments, end, cut_bytes)


def _scan(last: Segment) -> tuple[int, int]:
    """Offset behind the last good frame, and the bytes behind it."""
    with open_segment(last, last.base) as file:
        scanner = FrameScanner(file, last.base)
        for _ in scanner:
            pass
    where = {"path": str(last.path), "end_offset": scanner.good_end}
    if scanner.tail_bytes:
        logger.warning(
            "chunk log: cut a torn tail", extra={"cut_bytes": scanner.tail_bytes, **where}
        )
    if scanner.damaged:
        logger.warning(
            "chunk log: damage in the last segment",
            extra={"damaged_bytes": scanner.damaged_bytes, **where},
        )
    return scanner.good_end, scanner.tail_bytes
