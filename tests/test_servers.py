"""The servers that the tests stand on keep their port and their data over an outage."""

import subprocess

import urllib3

from tests.servers import HOST, InfluxDB, Mosquitto, VictoriaMetrics, find_binary

POINT = "vitals,site=ward-1 bpm=61.5 1700000000123456789"


def _write(url: str) -> None:
    answer = urllib3.request("POST", f"{url}/write?db=vitalwire", body=POINT.encode())
    assert answer.status == 204, answer.data


def test_mosquitto_keeps_a_retained_message_over_a_restart(own_mosquitto: Mosquitto) -> None:
    address = ["-h", HOST, "-p", str(own_mosquitto.port), "-t", "a", "-q", "1"]
    publish = find_binary("mosquitto_pub", "mosquitto-clients")
    subscribe = find_binary("mosquitto_sub", "mosquitto-clients")
    subprocess.run([publish, *address, "-r", "-m", "here"], check=True, timeout=10)
    own_mosquitto.stop()
    own_mosquitto.start()
    got = subprocess.run(
        [subscribe, *address, "-C", "1", "-W", "5"], capture_output=True, check=True, timeout=10
    )
    assert got.stdout == b"here\n"


def test_influxdb_keeps_points_over_a_restart(own_influxdb: InfluxDB) -> None:
    _write(own_influxdb.url)
    own_influxdb.kill()
    own_influxdb.start()
    assert own_influxdb.query("SELECT * FROM vitals") == [
        {"name": "vitals", "time": 1700000000123456789, "bpm": 61.5, "site": "ward-1"}
    ]


def test_victoria_metrics_keeps_points_over_a_restart(
    own_victoria_metrics: VictoriaMetrics,
) -> None:
    _write(own_victoria_metrics.url)
    own_victoria_metrics.stop()
    own_victoria_metrics.start()
    [series] = own_victoria_metrics.export()
    assert series["metric"]["__name__"] == "vitals_bpm"
    assert series["values"] == [61.5]
    assert series["timestamps"] == [1700000000123]
