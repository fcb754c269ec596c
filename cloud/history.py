"""Alarm history in SQL: every message of every alarm once, and every command with its fate.

SQLite by default, PostgreSQL by URL. A message is named by `(alarm_id, revision)`: what the
broker delivers twice is stored once.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    create_engine,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from vitalwire import messages
from vitalwire.contracts import AlarmEvent, Command, Receipt
from vitalwire.errors import InputError, UnavailableError

MAX_PAGE: Final = 500
_metadata = MetaData()

EVENTS: Final = Table(
    "alarm_event",
    _metadata,
    Column("alarm_id", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("phase", String(16), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("category", String(16), nullable=False),
    Column("priority", String(8), nullable=False),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("signal", String(8)),
    Column("patient", String(128)),
    Column("onset_ns", BigInteger, nullable=False),
    Column("declared_ns", BigInteger, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Column("received_ns", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("latched", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("acknowledged_by", String(128)),
    Column("message", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # JSON
    Index("alarm_event_device_time", "device", "declared_ns"),
    Index("alarm_event_time", "declared_ns"),
)
COMMANDS: Final = Table(
    "command",
    _metadata,
    Column("command_id", String(64), primary_key=True),
    Column("device", String(64), nullable=False),
    Column("alarm_id", String(128)),
    Column("action", String(16), nullable=False),
    Column("asked_by", String(128), nullable=False),
    Column("asked_ns", BigInteger, nullable=False),
    Column("answered_ns", BigInteger),
    Column("accepted", Boolean),
    Column("reason", Text),
)


class History:
    """The feed's own book of alarms. Blocking: call it from a thread.

    Raises
    ------
    InputError
        A URL that names no database that can be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine: Engine = create_engine(url, pool_pre_ping=True)
            _metadata.create_all(self._engine)
        except (ArgumentError, ImportError, SQLAlchemyError) as error:
            reason = str(error).splitlines()[0]
            shown = url.split("@")[-1]  # never a password
            raise InputError(f"database {shown} cannot be opened: {reason}") from None
        self._sqlite = self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        self._engine.dispose()

    def add(self, events: Sequence[tuple[AlarmEvent, int]]) -> None:
        """Store events with their time of arrival, each once.

        Raises
        ------
        UnavailableError
            The database does not answer now; nothing was stored.
        """
        self._insert(EVENTS, [_row(event, received_ns) for event, received_ns in events])

    def add_command(self, command: Command, now_ns: int) -> None:
        """Who asked for what, before the gateway has answered."""
        row: dict[str, object] = {
            "command_id": command.command_id,
            "device": command.device,
            "alarm_id": command.alarm_id,
            "action": command.action.value,
            "asked_by": command.by,
            "asked_ns": now_ns,
        }
        self._insert(COMMANDS, [row])

    def answer(self, receipt: Receipt) -> None:
        """What became of a command; of one that another feed sent, nothing is known here."""
        values = {
            "answered_ns": receipt.time_ns,
            "accepted": receipt.accepted,
            "reason": receipt.reason,
        }
        where = COMMANDS.c.command_id == receipt.command_id
        with self._connection() as connection:
            connection.execute(update(COMMANDS).where(where).values(values))

    def prune(self, before_ns: int) -> None:
        """Forget what arrived before that; a device's own clock may be wrong."""
        with self._connection() as connection:
            connection.execute(delete(EVENTS).where(EVENTS.c.received_ns < before_ns))
            connection.execute(delete(COMMANDS).where(COMMANDS.c.asked_ns < before_ns))

    def alarms(
        self, device: str | None, before_ns: int | None, limit: int
    ) -> list[dict[str, object]]:
        """The latest message of each alarm, the newest alarm first."""
        latest = (
            select(EVENTS.c.alarm_id, func.max(EVENTS.c.revision).label("revision"))
            .group_by(EVENTS.c.alarm_id)
            .subquery()
        )
        query = select(EVENTS).join(
            latest,
            (EVENTS.c.alarm_id == latest.c.alarm_id) & (EVENTS.c.revision == latest.c.revision),
        )
        if device is not None:
            query = query.where(EVENTS.c.device == device)
        if before_ns is not None:
            query = query.where(EVENTS.c.declared_ns < before_ns)
        query = query.order_by(EVENTS.c.declared_ns.desc(), EVENTS.c.alarm_id)
        return self._rows(query.limit(min(limit, MAX_PAGE)))

    def events(self, alarm_id: str) -> list[dict[str, object]]:
        """Every message of one alarm, in order."""
        query = select(EVENTS).where(EVENTS.c.alarm_id == alarm_id)
        return self._rows(query.order_by(EVENTS.c.revision).limit(MAX_PAGE))

    def commands(self, alarm_id: str) -> list[dict[str, object]]:
        """What people asked about one alarm, in order."""
        query = select(COMMANDS).where(COMMANDS.c.alarm_id == alarm_id)
        return self._rows(query.order_by(COMMANDS.c.asked_ns).limit(MAX_PAGE))

    def _insert(self, table: Table, rows: list[dict[str, object]]) -> None:
        if not rows:
            return
        insert = sqlite.insert if self._sqlite else postgresql.insert
        with self._connection() as connection:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)

    def _rows(self, query: Select[Any]) -> list[dict[str, object]]:
        with self._connection() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(error).splitlines()[0]
            raise UnavailableError(f"alarm history does not answer: {reason}") from error


def _row(event: AlarmEvent, received_ns: int) -> dict[str, object]:
    fields = messages.plain(event)
    row: dict[str, object] = {c.name: fields.get(c.name) for c in EVENTS.columns}
    row["category"] = event.category.value
    row["received_ns"] = received_ns
    row["evidence"] = json.dumps(fields["evidence"])
    return row
