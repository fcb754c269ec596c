"""Which segments there are, and which go when the log reaches its bound."""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge.chunklog.segments import Segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Eviction:
    """What was removed to make room."""

    segments: int = 0
    n_bytes: int = 0
    needed_bytes: int = 0  # of these, behind the last snapshot: a replay will miss them

    def __add__(self, other: "Eviction") -> "Eviction":
        return Eviction(
            self.segments + other.segments,
            self.n_bytes + other.n_bytes,
            self.needed_bytes + other.needed_bytes,
        )


class Segments:
    """The segments of a log, oldest first; the last is written to. No locking of its own."""

    def __init__(self, found: Iterable[Segment]) -> None:
        self._segments = deque(found)
        self.evicted = Eviction()

    @property
    def last(self) -> Segment:
        return self._segments[-1]

    @property
    def start_offset(self) -> int:
        return self._segments[0].base

    @property
    def file_bytes(self) -> int:
        return sum(segment.file_bytes for segment in self._segments)

    def __len__(self) -> int:
        return len(self._segments)

    def add(self, segment: Segment) -> None:
        self._segments.append(segment)

    def replace_last(self, segment: Segment) -> None:
        self._segments[-1] = segment

    def copies(self) -> list[Segment]:
        """For a reader: without the open files."""
        return [Segment(s.path, s.base, s.size) for s in self._segments]

    def writable(self) -> list[Segment]:
        return [segment for segment in self._segments if segment.fd >= 0]

    def evict(self, max_bytes: int, keep_from: int) -> Eviction:
        """Remove the oldest until the files hold at most `max_bytes`.

        A segment that is open for writing holds what is not safe yet: it and all behind it
        stay.
        """
        total, done = self.file_bytes, Eviction()
        while total - done.n_bytes > max_bytes and self._segments[0].fd < 0:
            oldest = self._segments.popleft()
            oldest.path.unlink(missing_ok=True)
            needed = max(0, oldest.end - max(oldest.base, keep_from))
            done += Eviction(1, oldest.file_bytes, needed)
        if done.segments:
            self.evicted += done
            say = logger.warning if done.needed_bytes else logger.info
            say(
                "chunk log: evicted the oldest segments",
                extra={
                    "segments": done.segments,
                    "evicted_bytes": done.n_bytes,
                    "needed_bytes": done.needed_bytes,
                },
            )
        return done
