"""The embedded store: one SQLite file that anybody can read with `sqlite3`.

Table `points`: a point is named by its measurement, tags and timestamp, as in InfluxDB, so
what comes twice is kept once. Views `vitals`, `eeg`, `beats` and `alarms` show the usual
columns.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edge.delivery.database import Database
from edge.delivery.entries import BOTH_LANES, Entry
from edge.delivery.lineprotocol import parse_line
from edge.delivery.sinks.base import RefusedError

_VERSION: Final = 1
_TAGS: Final = ("site", "device", "patient", "signal", "lead", "kind", "phase")
_DAY_NS: Final = 86_400 * 10**9
_ROOM: Final = 0.95
_DELETED_AT_ONCE: Final = 1_000
_INT64_MAX: Final = 2**63 - 1


def _view(name: str, measurement: str, tags: str, fields: str, where: str = "") -> str:
    columns = "".join(f", fields ->> '$.{field}' AS {field}" for field in fields.split())
    return (
        f"CREATE VIEW IF NOT EXISTS {name} AS SELECT "
        "strftime('%Y-%m-%dT%H:%M:%fZ', time_ns / 1e9, 'unixepoch') AS time, time_ns, "
        f"{tags}{columns} FROM points WHERE measurement = '{measurement}'{where}"
    )


_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS points (
    measurement TEXT NOT NULL,
    time_ns INTEGER NOT NULL, -- UTC
    {"".join(f"{tag} TEXT NOT NULL, " for tag in _TAGS)} -- '' where there is none
    fields TEXT NOT NULL, -- JSON
    PRIMARY KEY (measurement, site, device, time_ns, signal, lead, patient, kind, phase)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS points_time ON points (time_ns);
{
    _view(
        "vitals",
        "vitals",
        "site, device, patient, signal",
        "state heart_rate_bpm rr_s rmssd_ms sdnn_ms respiration_bpm analysable",
    )
};
{
    _view(
        "eeg",
        "vitals",
        "site, device, patient",
        "state good_leads analysable amplitude_uv delta_uv2 theta_uv2 alpha_uv2 beta_uv2 "
        "gamma_uv2",
        " AND signal = 'eeg'",
    )
};
{_view("beats", "beat", "site, device, patient, signal", "label rr_s amplitude_mv sample")};
{
    _view(
        "alarms",
        "alarm",
        "site, device, patient, signal, kind, phase",
        "priority active acknowledged acknowledged_by message alarm_id revision",
    )
}
"""


class SqliteStore:
    """Points in a file, the oldest deleted by age and by size.

    By size vitals, beats and the like go before alarms.

    Parameters
    ----------
    now_ns : callable
        The clock that ages are measured against, UTC.
    """

    lanes: Final = BOTH_LANES
    batch: Final = 2_000

    def __init__(
        self,
        path: Path,
        now_ns: Callable[[], int],
        max_age_days: float = 30.0,
        max_bytes: int = 4 << 30,
        name: str = "sqlite",
    ) -> None:
        self.name = name
        self._now_ns = now_ns
        self._max_age_ns = round(max_age_days * _DAY_NS)
        self._max_bytes = max_bytes
        self._db = Database(path, _SCHEMA, _VERSION)

    async def deliver(self, entries: Sequence[Entry]) -> None:
        lines = [entry.line for entry in entries if entry.line is not None]
        if lines:
            await asyncio.to_thread(self._write, lines)

    def close(self) -> None:
        self._db.close()

    def _write(self, lines: list[str]) -> None:
        rows = [_row(line) for line in lines]
        with self._db.transaction(fsync=True) as db:
            db.executemany(
                f"INSERT OR REPLACE INTO points (measurement, time_ns, {', '.join(_TAGS)}, "
                f"fields) VALUES ({'?, ' * (len(_TAGS) + 2)}?)",
                rows,
            )
            db.execute(
                "DELETE FROM points WHERE time_ns < ?", (self._now_ns() - self._max_age_ns,)
            )
            if self._db.used_bytes() > self._max_bytes:
                self._make_room("measurement != 'alarm'")
                self._make_room("measurement = 'alarm'")

    def _make_room(self, which: str) -> None:
        while self._db.used_bytes() > self._max_bytes * _ROOM:
            gone = self._db.rows(
                "DELETE FROM points WHERE time_ns <= (SELECT max(time_ns) FROM (SELECT time_ns "
                f"FROM points WHERE {which} ORDER BY time_ns LIMIT {_DELETED_AT_ONCE})) "
                f"AND {which} RETURNING 1"
            )
            if not gone:
                return


def _row(line: str) -> tuple[object, ...]:
    try:
        point = parse_line(line)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if abs(point.time_ns) > _INT64_MAX:
        raise RefusedError(f"a timestamp beyond int64: {point.time_ns}")
    if unknown := point.tags.keys() - set(_TAGS):
        raise RefusedError(f"no column for tag {', '.join(sorted(unknown))}")
    tags = (point.tags.get(tag, "") for tag in _TAGS)
    return (point.measurement, point.time_ns, *tags, json.dumps(point.fields))
