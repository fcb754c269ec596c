"""The real stores of the conformance suite, behind one face: stop, start, what is in it."""

import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from edge.delivery.entries import Entry, Kind
from edge.delivery.lineprotocol import FieldValue, parse_line
from edge.delivery.sinks.base import Sink
from edge.delivery.sinks.influx import InfluxSink
from edge.delivery.sinks.influx1 import Influx1Sink
from edge.delivery.sinks.mqtt import MqttSink
from edge.delivery.sinks.sqlite_store import SqliteStore
from tests.edge.delivery.paho_publisher import PahoPublisher
from tests.edge.delivery.samples import T0, poisoned
from tests.servers import HOST, InfluxDB, Mosquitto, VictoriaMetrics, find_binary, wait_until

TAGS = ("site", "device", "patient", "signal", "lead", "kind", "phase")

Held = dict[tuple[object, ...], object]
"""What a store holds: each point under its name, as far as that store can tell points apart."""


class Store(Protocol):
    """A store that a test may stop and start."""

    poison: Entry | None  # what it refuses for good; None where it takes all that we send

    def sink(self) -> Sink: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...

    def held(self) -> Held: ...

    def expected(self, entries: Iterable[Entry]) -> Held: ...


def _name(measurement: str, tags: dict[str, str]) -> tuple[object, ...]:
    return (measurement, *(tags.get(tag, "") for tag in TAGS))


def _points(entries: Iterable[Entry]) -> Held:
    points = [parse_line(entry.line) for entry in entries if entry.line is not None]
    return {(*_name(p.measurement, p.tags), p.time_ns): p.fields for p in points}


class Influx1Store:
    """InfluxDB 1.6 through `/write`."""

    poison: Entry | None = poisoned()

    def __init__(self, server: InfluxDB) -> None:
        self._server = server
        self.stop, self.start = server.stop, server.start

    def sink(self) -> Sink:
        return Influx1Sink(self._server.url, self._server.database, timeout_s=5)

    def held(self) -> Held:
        held: Held = {}
        for kind in Kind:
            for row in self._server.query(f'SELECT * FROM "{kind}"'):
                values = {key: value for key, value in row.items() if value is not None}
                time_ns = values.pop("time")
                measurement = values.pop("name")
                tags = {tag: values.pop(tag) for tag in TAGS if tag in values}
                held[(*_name(measurement, tags), time_ns)] = values
        return held

    def expected(self, entries: Iterable[Entry]) -> Held:
        return _points(entries)


class VictoriaStore:
    """VictoriaMetrics through the v2 API: numbers and milliseconds; a word becomes 0."""

    poison: Entry | None = None

    def __init__(self, server: VictoriaMetrics) -> None:
        self._server = server
        self.stop, self.start = server.stop, server.start

    def sink(self) -> Sink:
        return InfluxSink(self._server.url, bucket="vitalwire", timeout_s=5)

    def held(self) -> Held:
        held: Held = {}
        for series in self._server.export():
            labels = series["metric"]
            name = _name(labels.pop("__name__"), labels)
            times = series["timestamps"]
            assert len(times) == len(set(times)), "a retried point is there twice"
            held |= {
                (*name, time): value
                for time, value in zip(times, series["values"], strict=True)
            }
        return held

    def expected(self, entries: Iterable[Entry]) -> Held:
        points = [parse_line(entry.line) for entry in entries if entry.line is not None]
        return {
            (*_name(f"{p.measurement}_{field}", p.tags), p.time_ns // 1_000_000): _number(value)
            for p in points
            for field, value in p.fields.items()
        }


def _number(value: FieldValue) -> float:
    return 0.0 if isinstance(value, str) else float(value)


class EmbeddedStore:
    """The SQLite file; "stopped" while another program holds it."""

    poison: Entry | None = Entry(Kind.BEAT, T0, line="no line protocol")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: sqlite3.Connection | None = None

    def sink(self) -> Sink:
        return SqliteStore(self._path, now_ns=lambda: T0)

    def stop(self) -> None:
        self._holder = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self._holder.execute("BEGIN EXCLUSIVE")

    def start(self) -> None:
        assert self._holder is not None
        self._holder.execute("ROLLBACK")
        self._holder.close()

    def held(self) -> Held:
        with sqlite3.connect(self._path) as db:
            rows = db.execute(
                f"SELECT measurement, {', '.join(TAGS)}, time_ns, fields FROM points"
            )
            return {tuple(name): json.loads(fields) for *name, fields in rows}

    def expected(self, entries: Iterable[Entry]) -> Held:
        return _points(entries)


class BrokerStore:
    """mosquitto, and what a `mosquitto_sub` with a session of its own has read from it.

    A message is named by its payload, which says the alarm's id and revision: after a broken
    connection it may come twice.
    """

    poison: Entry | None = None

    def __init__(self, server: Mosquitto) -> None:
        self._server = server
        self._lines: list[str] = []
        self._publishers: list[PahoPublisher] = []
        self.stop, self.start = server.stop, server.start

    def sink(self) -> Sink:
        publisher = PahoPublisher(self._server.port)
        self._publishers.append(publisher)
        return MqttSink(publisher.publish)

    def held(self) -> Held:
        """In the order of their first coming."""
        return {
            tuple(line.split(" ", 1)): 1 for line in list(self._lines) if "/probe " not in line
        }

    def expected(self, entries: Iterable[Entry]) -> Held:
        return {
            (entry.topic, entry.payload.decode()): 1
            for entry in entries
            if entry.topic is not None and entry.payload is not None
        }

    @contextmanager
    def reader(self) -> Iterator[None]:
        """Read with mosquitto_sub for as long as this lasts."""
        at = ["-h", HOST, "-p", str(self._server.port), "-q", "1"]
        subscribe = find_binary("mosquitto_sub", "mosquitto-clients")
        publish = find_binary("mosquitto_pub", "mosquitto-clients")
        command = [subscribe, *at, "-i", "reader", "-c", "-v", "-t", "vitalwire/#"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            thread = threading.Thread(target=self._read, args=(process,), daemon=True)
            thread.start()
            probe = [publish, *at, "-t", "vitalwire/probe", "-m", "x"]
            wait_until(
                lambda: subprocess.call(probe) == 0 and bool(self._lines),
                "mosquitto_sub has subscribed",
            )
            try:
                yield
            finally:
                for publisher in self._publishers:
                    publisher.close()
                process.terminate()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line.rstrip("\n"))


def missing(store: Store, entries: Sequence[Entry]) -> str:
    """What a store lacks of `entries`, or has beside them; "" if it holds exactly them."""
    held, expected = store.held(), store.expected(entries)
    lacks = [name for name in expected if name not in held]
    extra = [name for name in held if name not in expected]
    other = [name for name in held if name in expected and held[name] != expected[name]]
    if not (lacks or extra or other):
        return ""
    return (
        f"lacks {len(lacks)} {lacks[:3]}, has {len(extra)} besides {extra[:3]}, "
        f"{len(other)} differ {[(held[n], expected[n]) for n in other[:2]]}"
    )
