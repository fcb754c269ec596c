"""The outbox: what is to be delivered waits here, on disk, until every sink has taken it.

**From the log, exactly once.** `commit` stores entries and the offset of the last log record
they come from in one transaction. After a crash the daemon replays the log and drops what
comes from records at or below `committed_offset`. Alarms go in earlier, by `put_alarm`; their
key makes a second put a no-op, also after they were delivered and deleted. Two rules of the
caller make this hold: commit only what the log has fsynced, and save a snapshot only at an
offset that is committed.

**Power cuts.** `put_alarm` and `commit` return after an fsync. A cursor moves without one: if
a power cut sets it back, some entries are delivered a second time, with the same bytes, and
a store keeps one point.

**Bounded.** Above `max_bytes` the oldest bulk entries go, counted by kind. An urgent entry
never goes before it is delivered; when nothing else is left, `full` says so.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from edge.delivery.database import Database
from edge.delivery.entries import Entry, Kind, Lane
from vitalwire.errors import ContractError

_VERSION: Final = 1
_COLUMNS: Final = "kind, time_ns, key, line, topic, payload, retain"
_TABLE: Final = (
    "(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, time_ns INTEGER NOT NULL, "
    "key TEXT {key}, line TEXT, topic TEXT, payload BLOB, retain INTEGER NOT NULL{more})"
)
# AUTOINCREMENT: an id is never used again, or a new entry could hide behind a cursor.
_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS urgent {_TABLE.format(key="NOT NULL UNIQUE", more="")};
CREATE TABLE IF NOT EXISTS bulk {_TABLE.format(key="", more="")};
CREATE TABLE IF NOT EXISTS refused
    {_TABLE.format(key="", more=", sink TEXT NOT NULL, reason TEXT NOT NULL")};
CREATE TABLE IF NOT EXISTS done (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS cursors (
    sink TEXT, lane TEXT, id INTEGER NOT NULL, PRIMARY KEY (sink, lane)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (
    what TEXT, name TEXT, n INTEGER NOT NULL, PRIMARY KEY (what, name)) WITHOUT ROWID
"""
_COUNT: Final = (
    "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (what, name) DO UPDATE SET n = {n}"
)
_DONE_KEPT: Final = 10_000  # keys of delivered entries, against a replay that puts them again
_REFUSED_KEPT: Final = 10_000  # refused bulk entries; refused alarms all stay
_EVICTED_AT_ONCE: Final = 1_000
_ROOM: Final = 0.95  # share of max_bytes left in use by an eviction

Waiting = tuple[int, Entry]
"""An entry and its id in its lane."""


class Outbox:
    """Entries on disk, with a cursor for each sink and lane. Calls block on the disk.

    Parameters
    ----------
    path : Path
        The SQLite file.
    sinks : mapping of str to collection of Lane
        Which lanes each sink takes. A sink that is no longer named is forgotten; a new one
        gets what is still here.
    max_bytes : int
        Size of the file from which bulk entries are evicted. The write-ahead log beside it
        takes some MB more.

    Raises
    ------
    UnavailableError
        From every method, when the disk does not take it; then nothing of that call is in.
    """

    def __init__(
        self, path: Path, sinks: Mapping[str, Collection[Lane]], max_bytes: int = 512 << 20
    ) -> None:
        self._db = Database(path, _SCHEMA, _VERSION)
        self._max_bytes = max_bytes
        self._full = False
        self._taken = frozenset(lane for lanes in sinks.values() for lane in lanes)
        self._register({(sink, lane) for sink, lanes in sinks.items() for lane in lanes})

    def close(self) -> None:
        self._db.close()

    def put_alarm(self, entries: Iterable[Entry]) -> int:
        """Keep urgent entries, each key once. Safe on disk on return.

        Returns
        -------
        int
            How many were new.
        """
        entries = list(entries)
        if any(entry.kind.lane is not Lane.URGENT for entry in entries):
            raise ContractError("put_alarm takes urgent entries: give the others to commit")
        return self._insert(entries, None)

    def commit(self, entries: Iterable[Entry], log_offset: int | None) -> None:
        """Keep entries of all kinds, and the log offset that they reach up to.

        `log_offset` is None for what does not come from the log. Give only what the log has
        fsynced: after a power cut new records would take a lost one's place.
        """
        if log_offset is not None and log_offset < self.committed_offset:
            raise ContractError(
                f"committed up to {self.committed_offset}, now asked to commit {log_offset}: "
                "drop what a replay gives again"
            )
        self._insert(list(entries), log_offset)

    @property
    def committed_offset(self) -> int:
        """What comes from log records up to here is in."""
        return self._db.value("SELECT n FROM counts WHERE what = 'offset'")

    def rewind(self, log_end: int) -> None:
        """Forget a committed offset that lies beyond the end of the log."""
        if log_end < self.committed_offset:
            with self._db.transaction(fsync=True) as db:
                _set_offset(db, log_end)

    def pending(self, sink: str, lane: Lane, limit: int) -> list[Waiting]:
        """The next entries that a sink has not taken, oldest first."""
        rows = self._db.rows(
            f"SELECT id, {_COLUMNS} FROM {lane} WHERE id > "
            "(SELECT id FROM cursors WHERE sink = ? AND lane = ?) ORDER BY id LIMIT ?",
            sink,
            lane,
            limit,
        )
        return [(cast("int", number), _entry(*values)) for number, *values in rows]

    def advance(
        self, sink: str, lane: Lane, last_id: int, refused: Sequence[tuple[Entry, str]] = ()
    ) -> None:
        """A sink has taken all up to `last_id`, but for `refused` (entry, reason)."""
        with self._db.transaction(fsync=False) as db:
            db.execute(
                "UPDATE cursors SET id = max(id, ?) WHERE sink = ? AND lane = ?",
                (last_id, sink, lane),
            )
            if refused:
                self._refuse(db, sink, refused)
            self._purge(db, lane)
        if self._full and self.used_bytes < self._max_bytes * _ROOM:
            self._full = False

    def evict(self, n_bytes: int) -> int:
        """Evict the oldest bulk entries to make `n_bytes` of room; how many went.

        The room is inside the file, for the alarms to come: the file does not shrink.
        """
        with self._db.transaction(fsync=True) as db:
            return self._evict(db, self.used_bytes - n_bytes)

    def backlog(self, sink: str) -> dict[Lane, int]:
        """How many entries a sink has still to take."""
        lanes = self._db.rows("SELECT lane, id FROM cursors WHERE sink = ?", sink)
        return {
            Lane(cast("str", lane)): self._db.value(
                f"SELECT count(*) FROM {lane} WHERE id > ?", cursor
            )
            for lane, cursor in lanes
        }

    @property
    def full(self) -> bool:
        """Nothing but undelivered urgent entries is left, and they take up all the room."""
        return self._full

    @property
    def used_bytes(self) -> int:
        return self._db.used_bytes()

    @property
    def evicted(self) -> dict[Kind, int]:
        """Undelivered entries that went to make room, ever."""
        rows = self._db.rows("SELECT name, n FROM counts WHERE what = 'evicted'")
        return {Kind(cast("str", kind)): cast("int", n) for kind, n in rows}

    @property
    def refused(self) -> dict[str, int]:
        """Entries that a sink said it will never take, ever; they are in table `refused`."""
        rows = self._db.rows("SELECT name, n FROM counts WHERE what = 'refused'")
        return {cast("str", sink): cast("int", n) for sink, n in rows}

    def _register(self, wanted: set[tuple[str, Lane]]) -> None:
        with self._db.transaction(fsync=True) as db:
            known = set(db.execute("SELECT sink, lane FROM cursors"))
            db.executemany("DELETE FROM cursors WHERE sink = ? AND lane = ?", known - wanted)
            db.executemany("INSERT INTO cursors VALUES (?, ?, 0)", wanted - known)
            for lane in Lane:
                self._purge(db, lane)

    def _insert(self, entries: list[Entry], log_offset: int | None) -> int:
        before = {lane: [_row(e) for e in entries if e.kind.lane is lane] for lane in Lane}
        with self._db.transaction(fsync=True) as db:
            new = 0
            if Lane.URGENT in self._taken:
                new = db.executemany(
                    f"INSERT OR IGNORE INTO urgent ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ? "
                    "WHERE NOT EXISTS (SELECT 1 FROM done WHERE key = ?)",
                    [(*row, row[2]) for row in before[Lane.URGENT]],
                ).rowcount
            if Lane.BULK in self._taken:
                db.executemany(
                    f"INSERT INTO bulk ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    before[Lane.BULK],
                )
            if log_offset is not None:
                _set_offset(db, log_offset)
            full = self._make_room(db)
        self._full = full
        return max(new, 0)

    def _make_room(self, db: sqlite3.Connection) -> bool:
        """Evict the oldest bulk entries if it must be. True when that was not enough."""
        if self.used_bytes <= self._max_bytes:
            return False
        self._evict(db, self._max_bytes * _ROOM)
        return self.used_bytes > self._max_bytes * _ROOM

    def _evict(self, db: sqlite3.Connection, left_bytes: float) -> int:
        gone: Counter[str] = Counter()
        while self.used_bytes > left_bytes:
            kinds = db.execute(
                "DELETE FROM bulk WHERE id IN (SELECT id FROM bulk ORDER BY id LIMIT ?) "
                "RETURNING kind",
                (_EVICTED_AT_ONCE,),
            ).fetchall()
            if not kinds:
                break
            gone.update(kind for (kind,) in kinds)
        for kind, n in gone.items():
            _count(db, "evicted", kind, n)
        return gone.total()

    def _refuse(
        self, db: sqlite3.Connection, sink: str, refused: Sequence[tuple[Entry, str]]
    ) -> None:
        db.executemany(
            f"INSERT INTO refused ({_COLUMNS}, sink, reason) VALUES ({'?, ' * 8}?)",
            [(*_row(entry), sink, reason) for entry, reason in refused],
        )
        _count(db, "refused", sink, len(refused))
        db.execute(
            "DELETE FROM refused WHERE key IS NULL AND id <= (SELECT max(id) FROM refused) - ?",
            (_REFUSED_KEPT,),
        )

    def _purge(self, db: sqlite3.Connection, lane: Lane) -> None:
        """Delete what every sink of a lane has taken, and remember the keys for a while."""
        # The cast holds where nobody takes the lane: then everything in it goes.
        taken = (
            "(SELECT coalesce(min(id), 9223372036854775807) FROM cursors "
            f"WHERE lane = '{lane}')"
        )
        if lane is Lane.URGENT:
            db.execute(
                f"INSERT OR IGNORE INTO done (key) SELECT key FROM urgent WHERE id <= {taken}"
            )
            db.execute(
                "DELETE FROM done WHERE id <= (SELECT max(id) FROM done) - ?", (_DONE_KEPT,)
            )
        db.execute(f"DELETE FROM {lane} WHERE id <= {taken}")


def _set_offset(db: sqlite3.Connection, offset: int) -> None:
    db.execute(_COUNT.format(n="excluded.n"), ("offset", "log", offset))


def _count(db: sqlite3.Connection, what: str, name: str, n: int) -> None:
    db.execute(_COUNT.format(n="n + excluded.n"), (what, name, n))


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.kind,
        entry.time_ns,
        entry.key,
        entry.line,
        entry.topic,
        entry.payload,
        entry.retain,
    )


def _entry(*values: object) -> Entry:
    kind, time_ns, key, line, topic, payload, retain = values
    return Entry(
        kind=Kind(cast("str", kind)),
        time_ns=cast("int", time_ns),
        key=cast("str | None", key),
        line=cast("str | None", line),
        topic=cast("str | None", topic),
        payload=cast("bytes | None", payload),
        retain=bool(retain),
    )
