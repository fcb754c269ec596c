"""The embedded store is bounded, and anybody with `sqlite3` can read it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge.delivery.entries import Entry, Kind
from edge.delivery.render import render
from edge.delivery.sinks.base import RefusedError
from edge.delivery.sinks.sqlite_store import SqliteStore
from tests.edge.delivery.samples import SECOND, T0, alarm, beat, entries, stream, vitals

DAY = 86_400 * SECOND


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def _rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        return db.execute(sql).fetchall()


async def test_the_views_show_what_a_person_asks_for(path: Path) -> None:
    store = SqliteStore(path, now_ns=lambda: T0)
    await store.deliver(entries([vitals(1), beat(0), alarm(0)]))
    assert _rows(path, "SELECT time, patient, state, heart_rate_bpm, rmssd_ms FROM vitals") == [
        ("2023-11-14T22:13:21.000Z", "p-17", "good", 61.0, None)
    ]
    assert _rows(path, "SELECT device, label, amplitude_mv FROM beats") == [
        ("strap-1", "V", 1.25)
    ]
    assert _rows(path, "SELECT kind, phase, priority, active, revision FROM alarms") == [
        ("asystole", "start", "high", 1, 0)
    ]


async def test_what_is_too_old_goes(path: Path) -> None:
    now = [T0]
    store = SqliteStore(path, now_ns=lambda: now[0], max_age_days=2)
    await store.deliver(entries([vitals(0), replace(vitals(0), time_ns=T0 + DAY)]))
    now[0] = T0 + 2 * DAY + 1
    await store.deliver(entries([beat(0)]))
    assert _rows(path, "SELECT measurement, time_ns FROM points") == [("vitals", T0 + DAY)]


async def test_above_its_size_vitals_go_before_alarms(path: Path) -> None:
    store = SqliteStore(path, now_ns=lambda: T0, max_bytes=400_000)
    for i in range(40):
        await store.deliver(entries([alarm(i), *(vitals(100 * i + k) for k in range(100))]))
    assert len(_rows(path, "SELECT * FROM alarms")) == 40
    assert 100 < len(_rows(path, "SELECT * FROM vitals")) < 4_000
    assert _rows(path, "SELECT max(time_ns) FROM vitals") == [(T0 + 3_999 * SECOND,)]
    assert path.stat().st_size < 600_000


async def test_a_batch_with_a_broken_line_is_refused_as_a_whole(path: Path) -> None:
    store = SqliteStore(path, now_ns=lambda: T0)
    for line in ("beat", "beat,colour=red a=1 5", f"beat a=1 {2**63}"):
        with pytest.raises(RefusedError):
            await store.deliver([*entries([beat(0)]), Entry(Kind.BEAT, T0, line=line)])
    assert _rows(path, "SELECT * FROM points") == []


async def test_every_measurement_fits_its_table(path: Path) -> None:
    store = SqliteStore(path, now_ns=lambda: T0)
    sent = [render(event, "ward-1", None) for event in stream(30)]
    await store.deliver(sent)
    assert len(_rows(path, "SELECT * FROM points")) == sum(e.line is not None for e in sent)
