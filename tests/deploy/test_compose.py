"""The compose file, as far as it can be judged without a container engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.config import load_settings
from edge.config import EdgeSettings
from tests.deploy.broker import DEPLOY

COMPOSE = DEPLOY / "compose.yaml"
MADE_BY_THE_OPERATOR = {"./mosquitto/vitalwire.passwd"}
_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]*\}")


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    document = yaml.safe_load(COMPOSE.read_text())
    found: dict[str, dict[str, Any]] = document["services"]
    return found


def environment(service: str) -> dict[str, str]:
    """The environment that a service gets, each secret replaced by its own name."""
    given = services()[service]["environment"]
    return {name: _VARIABLE.sub(r"\1", str(value)) for name, value in given.items()}


@pytest.fixture
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("VITALWIRE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["compose.yaml", "Dockerfile"])
def test_what_was_not_run_says_so_first(name: str) -> None:
    assert (DEPLOY / name).read_text().startswith("# not run here: ")


def test_the_services_are_these() -> None:
    assert set(services()) == {"mosquitto", "influxdb", "edge", "feed"}
    assert yaml.safe_load(COMPOSE.read_text()).keys() == {"name", "services", "volumes"}


@pytest.mark.parametrize("name", ["mosquitto", "influxdb", "edge", "feed"])
def test_a_service_is_pinned_restarted_and_watched(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+\.\d+", service["image"])
    assert service["restart"] == "unless-stopped"
    # The gateway's is the image's own.
    assert name == "edge" or service["healthcheck"]["test"][0].startswith("CMD")


def test_nothing_is_open_to_the_network() -> None:
    ports = [port for one in services().values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_mounted_file_and_volume_is_there() -> None:
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    for service in services().values():
        for mount in service["volumes"]:
            source, target = mount.split(":")[:2]
            assert target.startswith("/")
            if source.startswith("."):
                assert mount.endswith(":ro")
                assert source in MADE_BY_THE_OPERATOR or (DEPLOY / source).is_file(), source
            else:
                assert source in volumes


def test_the_broker_finds_what_its_configuration_names() -> None:
    targets = {mount.split(":")[1] for mount in services()["mosquitto"]["volumes"]}
    config = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
    for setting in ("password_file", "acl_file"):
        found = re.search(rf"^{setting} (\S+)$", config, re.MULTILINE)
        assert found
        assert found[1] in targets
    place = re.search(r"^persistence_location (\S+)/$", config, re.MULTILINE)
    folder = re.search(r"^include_dir (\S+)$", config, re.MULTILINE)
    assert place
    assert folder
    assert place[1] in targets
    assert any(target.startswith(f"{folder[1]}/") for target in targets)


def test_every_secret_is_in_the_example_and_none_has_a_value() -> None:
    lines = (DEPLOY / "compose.env.example").read_text().splitlines()
    example = [line for line in lines if line and line[0] != "#"]
    wanted = set(_VARIABLE.findall(COMPOSE.read_text()))
    assert wanted == {line.removesuffix("=") for line in example}
    assert all(line.endswith("=") for line in example)


@pytest.mark.usefixtures("_clean")
def test_the_gateway_takes_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("edge").items():
        monkeypatch.setenv(name, value)
    settings = EdgeSettings.load(DEPLOY / "edge.toml")
    assert settings.influx is not None
    token = settings.influx.token
    assert token is not None
    assert token.get_secret_value() == "INFLUX_TOKEN"
    influxdb = environment("influxdb")
    assert settings.influx.url == "http://influxdb:8086"
    assert settings.influx.org == influxdb["DOCKER_INFLUXDB_INIT_ORG"]
    assert settings.influx.bucket == influxdb["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert influxdb["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"] == "INFLUX_TOKEN"
    assert settings.broker.host == "mosquitto"


@pytest.mark.usefixtures("_clean")
def test_the_feed_takes_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("feed").items():
        monkeypatch.setenv(name, value)
    settings = load_settings(DEPLOY / "feed.toml")
    assert settings.broker.host == "mosquitto"
    assert settings.site == environment("edge")["VITALWIRE_EDGE_SITE"]
    assert settings.access_token is not None
    folder = Path(settings.database.removeprefix("sqlite:///")).parent
    targets = [mount.split(":")[1] for mount in services()["feed"]["volumes"]]
    assert str(folder) in targets


def test_users_are_those_of_the_acl() -> None:
    users = re.findall(
        r"^user (\S+)$", (DEPLOY / "mosquitto/vitalwire.acl").read_text(), re.MULTILINE
    )
    assert environment("edge")["VITALWIRE_EDGE_BROKER__USERNAME"] in users
    assert environment("feed")["VITALWIRE_FEED_BROKER__USERNAME"] in users
