"""What it costs to keep and to deliver: `pytest tests/bench --benchmark-only`."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from edge.delivery.courier import Courier
from edge.delivery.entries import BOTH_LANES, Entry
from edge.delivery.outbox import Outbox
from edge.delivery.render import render
from edge.delivery.sinks.base import Sink
from edge.delivery.sinks.influx import InfluxSink
from edge.delivery.sinks.influx1 import Influx1Sink
from edge.delivery.sinks.sqlite_store import SqliteStore
from tests.edge.delivery.samples import T0, alarm, beat, entries, vitals
from tests.servers import InfluxDB, VictoriaMetrics
from vitalwire.contracts import Event

N_POINTS = 100_000


class Benchmark(Protocol):
    """As much of pytest-benchmark as is used here."""

    extra_info: dict[str, object]

    def __call__(self, function: Callable[..., object], *args: object) -> object: ...

    def pedantic(
        self, target: Callable[..., object], setup: Callable[[], object], rounds: int
    ) -> object: ...


def _events(n: int, first: int = 0) -> list[Event]:
    return [make(first + i) for i in range(n // 2) for make in (vitals, beat)]


def test_render_2000_events(benchmark: Benchmark) -> None:
    events = _events(2_000)
    benchmark(lambda: [render(event, "ward-1", "p-17") for event in events])


def test_commit_2000_entries(benchmark: Benchmark, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", {"store": BOTH_LANES}, max_bytes=64 << 20)
    sent = entries(_events(2_000))
    benchmark(lambda: outbox.commit(sent, None))


def test_put_an_alarm(benchmark: Benchmark, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", {"store": BOTH_LANES})
    numbers: Iterator[int] = iter(range(1_000_000))
    benchmark(lambda: outbox.put_alarm([render(alarm(next(numbers)), "ward-1", None)]))


@pytest.fixture(params=["sqlite", "influx1", "victoria"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
    made: Sink
    if request.param == "sqlite":
        made = SqliteStore(tmp_path / "store.db", now_ns=lambda: T0)
    elif request.param == "influx1":
        server: InfluxDB = request.getfixturevalue("influxdb")
        made = Influx1Sink(server.url, server.database)
    else:
        victoria: VictoriaMetrics = request.getfixturevalue("victoria_metrics")
        made = InfluxSink(victoria.url, "vitalwire")
    yield made
    made.close()


def test_deliver_100000_points(benchmark: Benchmark, tmp_path: Path, sink: Sink) -> None:
    """From a full outbox to the store, by the courier."""
    sent: list[Entry] = entries(_events(N_POINTS))
    outbox = Outbox(tmp_path / "outbox.db", {sink.name: sink.lanes})

    async def deliver() -> None:
        courier = Courier(outbox, [sink], rng=random.Random(1))
        task = asyncio.create_task(courier.run())
        assert await courier.drained(120)
        task.cancel()

    benchmark.pedantic(
        lambda: asyncio.run(deliver()), setup=lambda: outbox.commit(sent, None), rounds=3
    )
    benchmark.extra_info["points"] = N_POINTS
