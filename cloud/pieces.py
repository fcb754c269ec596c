"""What leaves for the page of one strip, and how two pieces become one. Pure."""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloud.mailbox import Mailbox
from cloud.marks import LeadChange, Mark, Opinion, Reading, Stretch

KEPT_S: Final = 12.0  # for a reader who has just come
MAX_MARKS: Final = 60  # 300 beats a minute over that time
MAX_SECONDS: Final = 20  # of what is said once a second: it lags behind the samples
MAX_CHANGES: Final = 6  # of one lead

Counts = list[list[int | None]]


@dataclass(frozen=True, slots=True)
class Run:
    """Display samples without a break, `counts[lead][i]` at position `start + i`."""

    start: int
    counts: Counts

    @property
    def n_samples(self) -> int:
        return len(self.counts[0])


@dataclass(frozen=True, slots=True)
class Piece:
    """What is new of one strip. Another `stream` than before: wipe the strip."""

    key: str  # "device/signal"
    stream: str
    fs: float
    unit: str
    unit_per_count: float
    heard_ns: int  # when the newest samples came, UTC by the feed's clock
    runs: tuple[Run, ...] = ()
    marks: tuple[Mark, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    readings: tuple[Reading, ...] = ()
    leads: tuple[LeadChange, ...] = ()
    seizures: tuple[Stretch, ...] | None = None  # all of them; None: no news
    lead_off: int = 0
    injected: bool = False
    kind: str = "wave"

    def view(self) -> dict[str, object]:
        return {
            "key": self.key,
            "stream": self.stream,
            "fs": self.fs,
            "unit": self.unit,
            "unit_per_count": self.unit_per_count,
            "heard_ms": self.heard_ns // 1_000_000,
            "runs": [{"start": run.start, "counts": run.counts} for run in self.runs],
            "beats": [mark.view() for mark in self.marks],
            "opinions": [opinion.view() for opinion in self.opinions],
            "readings": [reading.view() for reading in self.readings],
            "leads": [change.view() for change in self.leads],
            "seizures": self.seizures and [stretch.view() for stretch in self.seizures],
            "lead_off": self.lead_off,
            "injected": self.injected,
        }


class WaveBox(Mailbox[Piece]):
    """A mailbox that strings pieces together, the oldest dropped beyond `KEPT_S`."""

    def merge(self, older: Piece, newer: Piece) -> Piece:
        return joined(older, newer)


def joined(older: Piece | None, newer: Piece) -> Piece:
    """Two pieces as one, no longer than `KEPT_S`; the newer alone of another stream."""
    if older is None or older.stream != newer.stream:
        return newer
    return trimmed(
        replace(
            newer,
            runs=older.runs + newer.runs,
            marks=older.marks + newer.marks,
            opinions=older.opinions + newer.opinions,
            readings=older.readings + newer.readings,
            leads=older.leads + newer.leads,
            seizures=older.seizures if newer.seizures is None else newer.seizures,
        )
    )


def trimmed(piece: Piece) -> Piece:
    """The newest `KEPT_S` of a piece, cut between runs.

    A beat is found after its samples have gone by: a mark may lie before all the runs.
    """
    room = math.ceil(piece.fs * KEPT_S)
    runs: deque[Run] = deque()
    for run in reversed(piece.runs):
        if room <= 0:
            break
        room -= run.n_samples
        runs.appendleft(run)
    return replace(
        piece,
        runs=tuple(runs),
        marks=piece.marks[-MAX_MARKS:],
        opinions=piece.opinions[-MAX_SECONDS:],
        readings=piece.readings[-MAX_SECONDS:],
        leads=_last_changes(piece.leads),
    )


def _last_changes(changes: Sequence[LeadChange]) -> tuple[LeadChange, ...]:
    """The newest few of each lead: one that has not changed for long keeps its state."""
    counts: Counter[int] = Counter()
    kept: deque[LeadChange] = deque()
    for change in reversed(changes):
        counts[change.lead] += 1
        if counts[change.lead] <= MAX_CHANGES:
            kept.appendleft(change)
    return tuple(kept)
