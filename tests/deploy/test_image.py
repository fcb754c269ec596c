"""The Dockerfile's install lines and entry point, in a bare venv instead of a container.

What comes out is what the image would hold: it is then run as compose would, against the
broker with its shipped configuration.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.deploy.broker import DEPLOY, ShippedMosquitto, password_of
from tests.deploy.test_compose import environment, services
from tests.servers import HOST, free_port, wait_until

CHECKOUT = DEPLOY.parent
NOT_ON_A_GATEWAY = {"torch", "wfdb", "pandas", "neurokit2", "sleepecg", "amqtt", "edfio"}
PREFIX = "/opt/vitalwire"


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each on one line, without comments."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined) if word]


def _bare(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment that knows nothing of this checkout."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("VITALWIRE_", "PYTHON"))}
    return {**keep, **(more or {})}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the build stage's COPY and RUN lines have installed to."""
    source = tmp_path_factory.mktemp("src")
    prefix = tmp_path_factory.mktemp("opt") / "vitalwire"
    stages = "\n".join(" ".join(one) for one in _instructions()).split("FROM ")
    for line in stages[1].splitlines():
        word, _, rest = line.partition(" ")
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                _copy(CHECKOUT / name, source / target / ("" if target != "./" else name))
        elif word == "RUN":
            command = rest.replace(PREFIX, str(prefix))
            command = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", command)
            done = subprocess.run(
                command, shell=True, cwd=source, env=_bare(), capture_output=True,
                text=True, check=False, timeout=600,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return prefix


def _copy(origin: Path, target: Path) -> None:
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, target)


def _entry_point(image: Path) -> list[str]:
    [rest] = [rest for word, rest in _instructions() if word == "ENTRYPOINT"]
    return [part.replace(PREFIX, str(image)) for part in json.loads(rest)]


def _run(
    command: list[str], folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=_bare(env), capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_the_gateway_brings_nothing_of_the_workstation(image: Path, tmp_path: Path) -> None:
    listed = _run([str(image / "bin/pip"), "list", "--format", "json"], tmp_path)
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "vitalwire" in names
    assert not names & NOT_ON_A_GATEWAY
    assert _run([str(image / "bin/pip"), "check"], tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], ["edge"], ["doctor"], ["feed"], ["log", "show"]])
def test_the_entry_point_knows_its_commands(
    image: Path, tmp_path: Path, command: list[str]
) -> None:
    done = _run([*_entry_point(image), *command, "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage: vitalwire" in done.stdout


@pytest.mark.slow
def test_a_command_that_was_not_installed_says_what_to_do(image: Path, tmp_path: Path) -> None:
    done = _run([*_entry_point(image), "demo"], tmp_path)
    assert done.returncode == 2
    assert "pip install 'vitalwire[demo]'" in done.stderr


@contextmanager
def _service(
    name: str, image: Path, folder: Path, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A service's command as compose has it, with the shipped configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        part.replace("/etc/vitalwire", str(DEPLOY)) for part in services()[name]["command"]
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_entry_point(image), *command], cwd=folder, env=_bare(env), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _edge_env(folder: Path, port: int) -> dict[str, str]:
    env = {k: v for k, v in environment("edge").items() if "INFLUX" not in k}
    return env | {
        "VITALWIRE_EDGE_ASSIGNMENTS": str(DEPLOY / "assignments.toml"),
        "VITALWIRE_EDGE_BROKER__HOST": HOST,
        "VITALWIRE_EDGE_BROKER__PORT": str(port),
        "VITALWIRE_EDGE_BROKER__PASSWORD": password_of("gateway-1"),
        "VITALWIRE_EDGE_DATA_DIR": str(folder / "data"),
    }


def _feed_env(folder: Path, port: int, page: int) -> dict[str, str]:
    return environment("feed") | {
        "VITALWIRE_FEED_HOST": HOST,
        "VITALWIRE_FEED_PORT": str(page),
        "VITALWIRE_FEED_DATABASE": f"sqlite:///{folder}/feed.db",
        "VITALWIRE_FEED_BROKER__HOST": HOST,
        "VITALWIRE_FEED_BROKER__PORT": str(port),
        "VITALWIRE_FEED_BROKER__PASSWORD": password_of("feed"),
    }


class Page:
    """The feed's API, with the token that compose gives it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}/api"
        self._token = {"Authorization": "Bearer FEED_ACCESS_TOKEN"}

    def get(self, path: str) -> Any:
        """A JSON answer, or None where there is none."""
        try:
            answer = urllib3.request(
                "GET", f"{self._url}/{path}", headers=self._token, retries=False, timeout=5
            )
        except urllib3.exceptions.HTTPError:
            return None
        return answer.json() if answer.status == 200 else None


@pytest.mark.slow
def test_broker_gateway_and_feed_work_as_shipped(image: Path, tmp_path: Path) -> None:
    page = free_port()
    with ShippedMosquitto(tmp_path / "broker") as broker:
        edge_env = _edge_env(tmp_path, broker.port)
        feed_env = _feed_env(tmp_path, broker.port, page)
        with (
            _service("edge", image, tmp_path / "edge", edge_env) as edge,
            _service("feed", image, tmp_path / "feed", feed_env),
        ):
            _healthy_feed(image, tmp_path, feed_env, page)
            _play(broker.port, tmp_path)
            wait_until(lambda: _heart_rate(Page(page)) is not None, "no heart rate on the page")
            _healthy_gateway(image, tmp_path, edge_env)
        assert edge.returncode == 0, (tmp_path / "edge/log").read_text()


def _play(port: int, folder: Path) -> None:
    """The bundled recording, as the bridge of the ACL."""
    command = f"bridge replay --port {port} --username bridge-1 --bridge bridge-1 --speed 50"
    done = _run(
        [sys.executable, "-m", "vitalwire", *command.split()],
        folder,
        {"VITALWIRE_MQTT_PASSWORD": password_of("bridge-1"), "PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stderr


def _heart_rate(page: Page) -> float | None:
    """That of the only device, once the page has it."""
    for device in page.get("devices") or []:
        for vitals in device["vitals"].values():
            rate: float | None = vitals["heart_rate_bpm"]
            return rate
    return None


def _healthy_feed(image: Path, folder: Path, env: dict[str, str], port: int) -> None:
    """By the health check of the compose file."""
    _, *check = services()["feed"]["healthcheck"]["test"]
    command = [
        part.replace(PREFIX, str(image)).replace("127.0.0.1:8080", f"{HOST}:{port}")
        for part in check
    ]
    wait_until(lambda: _run(command, folder, env).returncode == 0, "the feed is not healthy")


def _healthy_gateway(image: Path, folder: Path, env: dict[str, str]) -> None:
    """By the health check of the image; this machine's disk and clock are not judged."""
    [rest] = [rest for word, rest in _instructions() if word == "HEALTHCHECK"]
    command = [
        part.replace(PREFIX, str(image)).replace("/etc/vitalwire", str(DEPLOY))
        for part in json.loads(rest[rest.index("CMD ") + 4 :])
    ]
    done = _run([*command, "--json"], folder, env)
    checks = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert checks["broker"]["verdict"] == "ok", checks["broker"]
    assert checks["data folder"]["verdict"] == "ok"
    assert "a gateway is running" in checks["data folder"]["detail"]
    assert checks["assignments"]["verdict"] == "ok"
