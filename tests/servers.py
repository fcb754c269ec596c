"""Real servers for tests: mosquitto, InfluxDB 1.6 and VictoriaMetrics on free local ports.

Each keeps its port and its folder over `stop()` and `start()`, so that an outage in a test
is a real one. Each is ended by its own pid.
"""

import json
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlencode

import pytest
import urllib3

HOST = "127.0.0.1"
_START_S = 30.0
_STOP_S = 15.0


def find_binary(name: str, package: str) -> str:
    """Path of a program, or skip the test with the Debian package that brings it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], bool], what: str, timeout_s: float = _START_S, step_s: float = 0.02
) -> None:
    """Poll until `condition()` holds; fail the test with `what` if it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(step_s)


class Server(ABC):
    """One server process with a folder and a port of its own."""

    name = "server"

    def __init__(self, binary: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def log(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start on the same port and data as before, and wait until it answers."""
        assert self._process is None, f"{self.name} already runs"
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        wait_until(self._up_or_dead, f"{self.name} does not answer\n{self.log[-2000:]}")
        if self._process.poll() is not None:
            self._process = None
            pytest.fail(f"{self.name} ended at its start\n{self.log[-2000:]}")

    def stop(self) -> None:
        """End it in order; its data stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _up_or_dead(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or self._answers()

    def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts it."""


class HttpServer(Server):
    """A server that is spoken to over HTTP."""

    health = "/health"

    def __init__(self, binary: str, folder: Path) -> None:
        super().__init__(binary, folder)
        self.http = urllib3.PoolManager(retries=False, timeout=30.0)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def request(
        self, method: str, path: str, fields: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Ask, and fail on anything but 2xx."""
        query = f"?{urlencode(fields)}" if fields else ""
        answer = self.http.request(method, f"{self.url}{path}{query}")
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.data!r}"
        return answer

    def _answers(self) -> bool:
        try:
            return self.http.request("GET", f"{self.url}{self.health}").status < 300
        except urllib3.exceptions.HTTPError:
            return False


class Mosquitto(Server):
    """The MQTT broker, with the queue settings that a gateway needs.

    Parameters
    ----------
    config : str
        More lines of its configuration.
    """

    name = "mosquitto"

    def __init__(self, binary: str, folder: Path, config: str = "") -> None:
        super().__init__(binary, folder)
        (folder / "data").mkdir(exist_ok=True)
        # "user root" only keeps a root-run broker from changing to a user who may not
        # write in the test's folder; anybody else's run ignores it.
        (folder / "mosquitto.conf").write_text(
            "user root\n"
            f"listener {self.port} {HOST}\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {folder / 'data'}/\n"
            "autosave_on_changes true\n"
            "autosave_interval 1\n"
            "max_queued_messages 0\n"
            "max_inflight_messages 1000\n" + config
        )

    def _command(self) -> list[str]:
        return [self.binary, "-c", str(self.folder / "mosquitto.conf")]


class InfluxDB(HttpServer):
    """InfluxDB 1.6: `/write` and InfluxQL `/query` only."""

    name = "influxd"
    health = "/ping"

    def __init__(self, binary: str, folder: Path, database: str = "vitalwire") -> None:
        super().__init__(binary, folder)
        self.database = database
        (folder / "influxdb.conf").write_text(
            "reporting-disabled = true\n"
            f'bind-address = "{HOST}:{free_port()}"\n'
            f'[meta]\ndir = "{folder / "meta"}"\n'
            f'[data]\ndir = "{folder / "data"}"\nwal-dir = "{folder / "wal"}"\n'
            "query-log-enabled = false\n"
            f'[http]\nbind-address = "{HOST}:{self.port}"\nlog-enabled = false\n'
            "[monitor]\nstore-enabled = false\n"
            '[logging]\nlevel = "warn"\nsuppress-logo = true\n'
        )

    def start(self) -> None:
        super().start()
        self.create_database(self.database)

    def create_database(self, name: str) -> str:
        self.query(f'CREATE DATABASE "{name}"', database="")
        return name

    def query(self, influxql: str, database: str | None = None) -> list[dict[str, Any]]:
        """Rows of all series of an InfluxQL query: columns, tags, and `name` of the series."""
        fields = {"q": influxql, "epoch": "ns"}
        if database is None or database:
            fields["db"] = database or self.database
        answer = json.loads(self.request("POST", "/query", fields).data)
        rows: list[dict[str, Any]] = []
        for result in answer["results"]:
            assert "error" not in result, f"{influxql}: {result['error']}"
            for series in result.get("series", []):
                fixed = {"name": series["name"], **series.get("tags", {})}
                rows += [
                    {**fixed, **dict(zip(series["columns"], values, strict=True))}
                    for values in series.get("values", [])
                ]
        return rows

    def _command(self) -> list[str]:
        return [self.binary, "run", "-config", str(self.folder / "influxdb.conf")]


class VictoriaMetrics(HttpServer):
    """VictoriaMetrics, set up so that a retried point is one point and old dates stay."""

    name = "victoria-metrics"

    def export(self, match: str = '{__name__!=""}') -> list[dict[str, Any]]:
        """Series that match: `{"metric": labels, "values": [...], "timestamps": [ms]}`."""
        self.request("GET", "/internal/force_flush")
        answer = self.request("GET", "/api/v1/export", {"match[]": match})
        return [
            cast("dict[str, Any]", json.loads(line))
            for line in answer.data.splitlines()
            if line
        ]

    def _command(self) -> list[str]:
        return [
            self.binary,
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr={HOST}:{self.port}",
            "-retentionPeriod=100y",
            "-dedup.minScrapeInterval=1ms",
            "-search.disableCache",
            "-search.latencyOffset=0s",
            "-search.maxUniqueTimeseries=1000000",
            "-search.maxSamplesPerQuery=1000000000",
            "-memory.allowedBytes=256MB",
            "-loggerLevel=WARN",
        ]
