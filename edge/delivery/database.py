"""SQLite as the gateway uses it: WAL, explicit transactions, one way to say what went wrong."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vitalwire.errors import UnavailableError

_WAL_KEPT_BYTES: Final = 16 << 20
_BUSY_S: Final = 5.0

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "check the disk and its free space",
    sqlite3.SQLITE_BUSY: "another program holds it: end that program",
    sqlite3.SQLITE_LOCKED: "another program holds it: end that program",
    sqlite3.SQLITE_CORRUPT: "damaged: move it away; `sqlite3 FILE .recover` saves the rest",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file: move it away",
    sqlite3.SQLITE_CANTOPEN: "check that its folder exists and who may write there",
    sqlite3.SQLITE_READONLY: "check who may write there",
    sqlite3.SQLITE_PERM: "check who may write there",
}


class Database:
    """One SQLite file, one connection, used by one thread at a time.

    Parameters
    ----------
    path : Path
        Created where it is missing; what it holds is never thrown away.
    schema : str
        Statements that may run again on an existing file.
    version : int
        Of the schema; a file of any other is refused.

    Raises
    ------
    UnavailableError
        From every method: full, locked, damaged or out of reach; with a hint. The
        transaction at hand is undone as a whole.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._translated():
            # Explicit BEGIN and COMMIT: the module's own transactions begin too late.
            self._db = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare(schema, version)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, schema: str, version: int) -> None:
        with self._translated():
            found = int(self.value("PRAGMA user_version"))
            if found not in (0, version):
                raise UnavailableError(
                    f"{self.path}: expected schema version {version}, got {found}: it is of "
                    "another vitalwire, use that one or move the file away"
                )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}")
            self._db.executescript(
                f"BEGIN IMMEDIATE;{schema};PRAGMA user_version={version};COMMIT"
            )

    @contextmanager
    def transaction(self, *, fsync: bool) -> Iterator[sqlite3.Connection]:
        """All or nothing.

        With `fsync` it is on the disk when this returns, together with every transaction
        before it: the write-ahead log is one file. Without, a power cut may undo it, and
        then all after it too, but never a part of it.
        """
        with self._lock, self._translated():
            self._db.execute(f"PRAGMA synchronous={'FULL' if fsync else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite has undone it by itself after some errors.
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> int:
        """The one whole number a query gives; 0 for none."""
        rows = self.rows(sql, *values)
        found = rows[0][0] if rows else 0
        return found if isinstance(found, int) else 0

    def used_bytes(self) -> int:
        """Bytes of the file in use. Free pages inside it are used again, so they count not."""
        pages = self.value("PRAGMA page_count") - self.value("PRAGMA freelist_count")
        return pages * self.value("PRAGMA page_size")

    def close(self) -> None:
        with self._lock, self._translated():
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
                raise  # our own bug
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            hint = _HINTS.get(code, "see the message of SQLite")
            raise UnavailableError(f"{self.path}: {error}: {hint}") from error
