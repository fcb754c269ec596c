"""The promise of the project: whatever is killed or away, the store ends with exactly what
the pipeline makes of the recorded stream, once.

A replay with faults, over a real broker, into a real store that is stopped for 30 s, while
the daemon is killed twice.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.delivery.render import is_kept, render
from edge.delivery.sinks.base import Sink
from edge.delivery.sinks.influx import InfluxSink
from edge.delivery.sinks.influx1 import Influx1Sink
from edge.models import shipped_models
from edge.offline import analyze, records_of
from edge.pipeline.gateway import Output
from firmware_bridge.fault_specs import parse_faults
from firmware_bridge.publisher import Broker
from firmware_bridge.replay import ReplayOptions, ReplayReport, replay
from tests.servers import HOST, InfluxDB, Mosquitto, Server, VictoriaMetrics, wait_until
from tests.system.gateway import SITE, GatewayProcess, gateway, offline_outputs, sleep_until
from vitalwire.contracts import AlarmCategory, AlarmEvent, AlarmPhase, Beat, Vitals
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.chunks import encode

SPEED = 6.0  # 300 s of signal in 50 s
FAULTS = [
    "drop:p=0.01",
    "duplicate:p=0.02",
    "reorder:p=0.02",
    "gap:at=60,for=4",
    "leadoff:at=100,for=8,lead=0",
    "reboot:at=180",
]
MEASUREMENTS = ("beat", "vitals", "quality", "gap", "alarm")


class Replay(threading.Thread):
    """The bridge, beside the test's thread."""

    def __init__(self, port: int, start_ns: int) -> None:
        super().__init__(name="replay")
        self.options = ReplayOptions(
            recording=bundled_recording(),
            broker=Broker(host=HOST, port=port),
            site=SITE,
            device="chest-1",
            speed=SPEED,
            start_ns=start_ns,
            plan=parse_faults(FAULTS, seed=7),
        )
        self.report: ReplayReport | None = None

    def run(self) -> None:
        self.report = asyncio.run(replay(self.options))


def play_through_outages(
    broker: Mosquitto, store: Server, daemon: GatewayProcess, start_ns: int
) -> Replay:
    """The course of events; on return everything was sent."""
    bridge = Replay(broker.port, start_ns)
    begin = time.monotonic()
    bridge.start()
    sleep_until(begin + 4)
    store.stop()
    sleep_until(begin + 10)
    daemon.kill()
    daemon.start()
    sleep_until(begin + 22)
    daemon.kill()
    sleep_until(begin + 25)  # the broker keeps what is sent meanwhile
    daemon.start()
    sleep_until(begin + 34)
    store.start()
    bridge.join(120)
    assert bridge.report is not None
    assert bridge.report.acked == bridge.report.chunks_sent
    return bridge


def wait_for_the_end(daemon: GatewayProcess, store_has_it: Callable[[], bool]) -> None:
    wait_until(store_has_it, f"the last events in the store\n{daemon.log[-2000:]}", 60)


def lines_of(outputs: list[Output]) -> list[str]:
    rendered = [
        render(output.event, SITE, output.patient)
        for output in outputs
        if is_kept(output.event)
    ]
    return [entry.line for entry in rendered if entry.line]


def deliver(sink: Sink, outputs: list[Output]) -> None:
    entries = [
        render(output.event, SITE, output.patient)
        for output in outputs
        if is_kept(output.event)
    ]
    asyncio.run(sink.deliver([entry for entry in entries if entry.line]))
    sink.close()


def rows(influxdb: InfluxDB, database: str) -> dict[str, list[str]]:
    return {
        name: sorted(
            json.dumps(row, sort_keys=True)
            for row in influxdb.query(f'SELECT * FROM "{name}" GROUP BY *', database)
        )
        for name in MEASUREMENTS
    }


def is_physiological(event: AlarmEvent) -> bool:
    return event.category is AlarmCategory.PHYSIOLOGICAL


def findings(outputs: list[Output]) -> dict[str, list[object]]:
    """What may not depend on when anything arrived."""
    events = [output.event for output in outputs]
    return {
        "beats": [(e.stream_id, e.sample, e.time_ns) for e in events if isinstance(e, Beat)],
        "rates": [
            (e.stream_id, e.sample, e.heart_rate_bpm) for e in events if isinstance(e, Vitals)
        ],
        "alarms": [
            (e.alarm_id, e.kind)
            for e in events
            if isinstance(e, AlarmEvent)
            and e.phase is AlarmPhase.START
            and e.signal is not None
        ],
    }


@pytest.mark.slow
def test_influxdb_ends_with_exactly_what_the_recorded_stream_gives(
    own_mosquitto: Mosquitto, own_influxdb: InfluxDB, tmp_path: Path
) -> None:
    start_ns = time.time_ns() - 300 * 10**9
    url, database = own_influxdb.url, own_influxdb.database
    store = f'[influx]\nurl = "{url}"\napi = "v1"\ndatabase = "{database}"\n'
    with gateway(tmp_path / "edge", own_mosquitto.port, store) as daemon:
        bridge = play_through_outages(own_mosquitto, own_influxdb, daemon, start_ns)
        expected_count = len(lines_of(offline_outputs(daemon.data)))
        wait_for_the_end(
            daemon,
            lambda: (
                sum(map(len, rows(own_influxdb, own_influxdb.database).values()))
                >= expected_count
            ),
        )
        assert daemon.stop() == 0, daemon.log[-3000:]
    expected = offline_outputs(daemon.data)
    own_influxdb.create_database("expected")
    deliver(Influx1Sink(own_influxdb.url, "expected"), expected)
    got, want = rows(own_influxdb, own_influxdb.database), rows(own_influxdb, "expected")
    assert want["beat"]
    assert want["vitals"]
    assert want["alarm"]
    assert got == want

    # The same chunks on a desk, without radio, broker or log: the same findings.
    options = bridge.options
    playback = options.playback(start_ns)
    chunks = (timed.chunk for timed in playback.timed_chunks())
    sent = records_of(chunks, lambda chunk: encode(options.recording, chunk), site=SITE)
    models = shipped_models()
    outputs = analyze(sent, SITE, models.models, models.ecg)
    desk = [one for one in outputs if isinstance(one, Output)]
    assert findings(desk) == findings(expected)


@pytest.mark.slow
def test_victoria_metrics_through_the_v2_api_ends_with_the_same(
    own_mosquitto: Mosquitto, own_victoria_metrics: VictoriaMetrics, tmp_path: Path
) -> None:
    start_ns = time.time_ns() - 300 * 10**9
    store = f'[influx]\nurl = "{own_victoria_metrics.url}"\napi = "v2"\n'
    with gateway(tmp_path / "edge", own_mosquitto.port, store) as daemon:
        play_through_outages(own_mosquitto, own_victoria_metrics, daemon, start_ns)
        expected_beats = {
            output.event.time_ns // 10**6
            for output in offline_outputs(daemon.data)
            if isinstance(output.event, Beat)
        }

        def beats_there() -> bool:
            series = own_victoria_metrics.export('{__name__="beat_label_code"}')
            return expected_beats <= {t for one in series for t in one["timestamps"]}

        wait_for_the_end(daemon, beats_there)
        assert daemon.stop() == 0, daemon.log[-3000:]
    expected = offline_outputs(daemon.data)
    got = _series(own_victoria_metrics)
    with VictoriaMetrics(own_victoria_metrics.binary, tmp_path / "expected") as other:
        deliver(InfluxSink(other.url, "vitalwire", "vitalwire", ""), expected)
        wait_until(lambda: _series(other).keys() >= got.keys(), "the expected points")
        want = _series(other)
    assert len(want) > 10
    assert got == want


def _series(store: VictoriaMetrics) -> dict[str, list[tuple[int, float]]]:
    """Each series' points, without the gateway's own figures."""
    return {
        json.dumps(one["metric"], sort_keys=True): sorted(
            zip(one["timestamps"], one["values"], strict=True)
        )
        for one in store.export('{__name__!~"gateway_.*"}')
    }
