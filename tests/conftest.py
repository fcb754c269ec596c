"""Fixtures for all tests: real servers, Debian's Chromium, the folder of real recordings.

A server is shared by the session where its state does not matter; a test that stops it,
or counts what it holds, takes the `own_` one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import InfluxDB, Mosquitto, VictoriaMetrics, find_binary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-on-skip", action="store_true", help="A skipped test fails the run: for CI."
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and session.config.getoption("--fail-on-skip") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """An MQTT broker for the whole session: use topics of your own, do not stop it."""
    binary = find_binary("mosquitto", "mosquitto")
    with Mosquitto(binary, tmp_path_factory.mktemp("mosquitto")) as server:
        yield server


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """An MQTT broker for one test, which may stop and start it."""
    with Mosquitto(find_binary("mosquitto", "mosquitto"), tmp_path / "mosquitto") as server:
        yield server


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """An InfluxDB 1.6 for the session: `create_database()` of your own, do not stop it."""
    binary = find_binary("influxd", "influxdb")
    with InfluxDB(binary, tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture
def own_influxdb(tmp_path: Path) -> Iterator[InfluxDB]:
    """An InfluxDB 1.6 for one test, which may stop and start it."""
    with InfluxDB(find_binary("influxd", "influxdb"), tmp_path / "influxdb") as server:
        yield server


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics for the session: use a site tag of your own, do not stop it."""
    binary = find_binary("victoria-metrics", "victoria-metrics")
    with VictoriaMetrics(binary, tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture
def own_victoria_metrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics for one test, which may stop and start it."""
    binary = find_binary("victoria-metrics", "victoria-metrics")
    with VictoriaMetrics(binary, tmp_path / "victoria") as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of a Chromium for playwright's `executable_path`."""
    return Path(find_binary("chromium", "chromium"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings."""
    folder = os.environ.get("VITALWIRE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("VITALWIRE_DATA names no folder of recordings (see `vitalwire data fetch`)")
    return Path(folder)
