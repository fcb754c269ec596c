"""The daemon as a process, against a real broker: what it says, survives, and refuses."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.edge.mqtt_client import SiteClient
from tests.edge.pipeline.streams import cut, even, piece
from tests.servers import HOST, Mosquitto, find_binary, free_port, wait_until
from tests.small_disk import small_file_system
from tests.system.gateway import SITE, GatewayProcess, gateway, offline_outputs
from vitalwire import topics
from vitalwire.cli.analysis import records_of_log
from vitalwire.contracts import AlarmEvent, Beat, Signal
from vitalwire.topics import Leaf

GATEWAY = "gateway-1"
STATUS = topics.gateway_status(SITE, GATEWAY)
CHUNKS = topics.signal_topic(SITE, "w1", Signal.ECG, Leaf.CHUNK)


# --- what it refuses to start with -------------------------------------------------------


def config(folder: Path, port: int, *, data: Path | None = None, more: str = "") -> Path:
    path = folder / "edge.toml"
    path.write_text(
        f'site = "{SITE}"\ndata_dir = "{data or folder / "data"}"\n'
        f"broker_timeout_s = 1\n{more}\n"
        f'[broker]\nhost = "{HOST}"\nport = {port}\n'
    )
    return path


def run_edge(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vitalwire", "edge", "--config", str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refuses(path: Path, code: int, word: str) -> None:
    done = run_edge(path)
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("vitalwire: ")]
    assert len(said) == 1, done.stderr
    assert word in said[0]
    assert done.stderr.splitlines()[-1] == said[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ("colour = 1", "colour"),
        ('site = "twice"', "TOML"),
        ("tick_s = 0", "tick_s"),
        ('gateway = "a b"', "gateway must be"),
    ],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, more: str, word: str) -> None:
    refuses(config(tmp_path, 1883, more=more), 2, word)
    assert files(tmp_path).keys() == {"edge.toml"}


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    refuses(tmp_path / "none.toml", 2, "cannot read")


def test_no_broker(tmp_path: Path) -> None:
    refuses(config(tmp_path, free_port()), 1, "no broker answers")


def test_a_broker_that_refuses(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    closed = f"allow_anonymous false\npassword_file {passwords}\n"
    binary = find_binary("mosquitto", "mosquitto")
    with Mosquitto(binary, tmp_path / "broker", closed) as broker:
        refuses(config(tmp_path, broker.port), 1, "refuses")


def test_a_data_folder_that_cannot_be_one(tmp_path: Path, mosquitto: Mosquitto) -> None:
    (tmp_path / "data").write_text("a file")
    refuses(config(tmp_path, mosquitto.port, data=tmp_path / "data" / "x"), 2, "data")
    refuses(config(tmp_path, mosquitto.port), 2, "data")
    assert (tmp_path / "data").read_text() == "a file"


def test_a_data_folder_that_cannot_be_written(mosquitto: Mosquitto, tmp_path: Path) -> None:
    unwritable = Path("/proc/vitalwire")  # for root too
    refuses(config(tmp_path, mosquitto.port, data=unwritable), 2, "data_dir")


def test_a_second_daemon_on_the_same_folder(own_mosquitto: Mosquitto, tmp_path: Path) -> None:
    with gateway(tmp_path / "edge", own_mosquitto.port) as first:
        folder = tmp_path / "second"
        folder.mkdir()
        refuses(config(folder, own_mosquitto.port, data=first.data), 2, "another")
        assert first.running
        with SiteClient(own_mosquitto.port) as client:
            client.say(Leaf.STATUS, online=True, battery=0.05)
            client.wait_for_alarm("low_battery", "start")


# --- what it says ------------------------------------------------------------------------


@pytest.fixture
def daemon(own_mosquitto: Mosquitto, tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway(tmp_path / "edge", own_mosquitto.port) as process:
        yield process


@pytest.fixture
def client(own_mosquitto: Mosquitto) -> Iterator[SiteClient]:
    with SiteClient(own_mosquitto.port) as one:
        yield one


def messages_of(client: SiteClient, device: str = "w1") -> list[tuple[str, int]]:
    return [(one["alarm_id"], one["revision"]) for one in client.of(Leaf.ALARM, device)]


def active_now(port: int, device: str = "w1") -> list[dict[str, Any]]:
    """What a client that comes now is told of the open alarms."""
    with SiteClient(port, device) as late:
        late.wait(lambda: bool(late.of(Leaf.ALARMS_ACTIVE)), "the retained open alarms")
        (first, *_) = late.of(Leaf.ALARMS_ACTIVE)
        return list(first)


def test_the_life_of_an_alarm(
    daemon: GatewayProcess, client: SiteClient, own_mosquitto: Mosquitto
) -> None:
    client.say(Leaf.STATUS, online=True, battery=0.05)
    start = client.wait_for_alarm("low_battery", "start")
    (alarm,) = active_now(own_mosquitto.port)
    assert (alarm["alarm_id"], alarm["acknowledged"]) == (start["alarm_id"], False)

    ask = {"device": "w1", "by": "nurse", "alarm_id": start["alarm_id"]}
    client.say(Leaf.COMMAND, command_id="c1", action="snooze", snooze_s=1.0, **ask)
    snoozed = client.wait_for_alarm("low_battery", "snooze")
    assert snoozed["snoozed_until_ns"] > time.time_ns() - 60 * 10**9
    client.wait_for_alarm("low_battery", "update")  # it sounds again, by itself

    client.say(Leaf.COMMAND, command_id="c2", action="acknowledge", **ask)
    client.say(Leaf.COMMAND, command_id="c2", action="acknowledge", **ask)  # a double click
    seen = client.wait_for_alarm("low_battery", "acknowledge")
    assert (seen["acknowledged"], seen["acknowledged_by"]) == (True, "nurse")
    client.say(Leaf.COMMAND, command_id="c3", action="acknowledge", **ask | {"alarm_id": "x"})
    client.wait(lambda: len(client.of(Leaf.RECEIPT)) >= 3, "three receipts")
    assert {one["command_id"]: one["accepted"] for one in client.of(Leaf.RECEIPT)} == {
        "c1": True,
        "c2": True,
        "c3": False,
    }

    client.say(Leaf.STATUS, online=True, battery=0.9)
    client.wait_for_alarm("low_battery", "end")
    wait_until(lambda: active_now(own_mosquitto.port) == [], "no open alarm", step_s=0.2)
    told = messages_of(client)
    assert told == [(start["alarm_id"], revision) for revision in range(5)]
    assert daemon.stop() == 0


def test_an_alarm_survives_kill_and_is_told_once(
    daemon: GatewayProcess, client: SiteClient, own_mosquitto: Mosquitto
) -> None:
    client.say(Leaf.STATUS, online=True, battery=0.05)
    start = client.wait_for_alarm("low_battery", "start")
    daemon.kill()
    client.wait(lambda: heard_status(client)[-1] == {"online": False}, "the last will")
    daemon.start()
    client.wait(lambda: heard_status(client)[-1] != {"online": False}, "it is back")
    (alarm,) = active_now(own_mosquitto.port)
    assert alarm["alarm_id"] == start["alarm_id"]
    client.say(
        Leaf.COMMAND, command_id="c1", device="w1", action="acknowledge", by="nurse",
        alarm_id=start["alarm_id"],
    )  # fmt: skip
    client.wait_for_alarm("low_battery", "acknowledge")
    daemon.kill()
    daemon.start()
    client.say(Leaf.STATUS, online=True, battery=0.9)
    client.wait_for_alarm("low_battery", "end")
    distinct = dict.fromkeys(messages_of(client))  # QoS 1: the same message may come twice
    assert list(distinct) == [(start["alarm_id"], revision) for revision in range(3)]


def heard_status(client: SiteClient) -> list[dict[str, Any]]:
    return [one.body for one in list(client.heard) if one.topic == STATUS]


def test_the_gateways_own_status(daemon: GatewayProcess, own_mosquitto: Mosquitto) -> None:
    with SiteClient(own_mosquitto.port) as client:
        client.wait(lambda: bool(heard_status(client)), "the retained status")
        status = heard_status(client)[0]
        assert status["online"] is True
        assert status["version"]
        assert {sink["name"] for sink in status["sinks"]} >= {"mqtt", "sqlite"}
        begin = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begin < 20
        client.wait(lambda: heard_status(client)[-1] == {"online": False}, "its goodbye")
    assert "Traceback" not in daemon.log


def test_assignments_are_read_again_while_it_runs(
    own_mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "assignments.toml"
    path.write_text(wears("p-1"))
    monkeypatch.setenv("VITALWIRE_EDGE_ASSIGNMENTS", str(path))
    with (
        gateway(tmp_path / "edge", own_mosquitto.port) as process,
        SiteClient(own_mosquitto.port) as client,
    ):
        wait_until(lambda: bool(assignments_read(process.data)), "the assignments")
        client.say(Leaf.STATUS, online=True, battery=0.05)
        assert client.wait_for_alarm("low_battery", "start")["patient"] == "p-1"
        path.write_text("[[assignment]")  # half-written: the old ones hold
        client.say(Leaf.STATUS, online=True, battery=0.9)
        client.wait_for_alarm("low_battery", "end")
        path.write_text(wears("p-2"))
        wait_until(lambda: len(assignments_read(process.data)) == 2, "the new assignments")
        client.say(Leaf.STATUS, online=True, battery=0.05)

        def newest() -> dict[str, Any]:
            return dict(client.of(Leaf.ALARM)[-1])

        client.wait(lambda: newest()["phase"] == "start", "the second alarm")
        assert newest()["patient"] == "p-2"


def wears(patient: str) -> str:
    return f'[[assignment]]\npatient="{patient}"\ndevice="w1"\nfrom=2020-01-01T00:00:00Z\n'


def assignments_read(data: Path) -> list[bytes]:
    return [one.payload for one in records_of_log(data) if one.kind.name == "ASSIGNMENTS"]


# --- a full disk -------------------------------------------------------------------------

DISK_BYTES = 12 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    with small_file_system(tmp_path / "edge" / "data", DISK_BYTES) as disk:
        yield disk


def fill(path: Path) -> None:
    """Take all the space that is left."""
    with path.open("ab", buffering=0) as file:
        for size in (2**16, 2**12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_full_disk_loses_nothing(
    small_disk: Path, own_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITALWIRE_EDGE_DISK_RESERVE_BYTES", "0")
    whole = piece(None, 0.0, 120.0)
    now_ns = time.time_ns() - 150 * 10**9
    chunks = [
        replace(one, lead_off=int(60 <= one.first_sample / one.fs < 70))
        for one in cut(whole, even(whole), t0_ns=now_ns)
    ]
    payloads = [whole.encode(one) for one in chunks]
    with (
        gateway(small_disk.parent, own_mosquitto.port) as process,
        SiteClient(own_mosquitto.port) as client,
    ):
        for payload in payloads[:100]:
            client.publish(CHUNKS, payload)
        wait_until(lambda: n_logged(small_disk) == 100, "the first chunks in the log")
        ballast = small_disk / "ballast"
        fill(ballast)
        for payload in payloads[100:]:
            client.publish(CHUNKS, payload)
        alarm = client.wait_for_alarm("disk_full", "start", GATEWAY)
        assert alarm["priority"] != "low"
        assert process.running, process.log[-3000:]
        (told,) = active_now(own_mosquitto.port, GATEWAY)
        assert told["alarm_id"] == alarm["alarm_id"]
        ballast.unlink()
        wait_until(
            lambda: n_logged(small_disk) == len(payloads),
            f"all chunks in the log\n{process.log[-2000:]}",
            60,
        )
        client.wait(
            lambda: any(not one["active"] for one in client.of(Leaf.ALARM, GATEWAY)),
            "the end of the alarm",
        )
        client.wait_for_alarm("lead_off", "start")
        # The last beat waits for the next one, to be classified: a goodbye says none comes.
        client.say(Leaf.STATUS, online=False, reason="end of recording")
        wait_until(
            lambda: any(one.topic.endswith("/status") for one in records_of_log(small_disk)),
            "the goodbye in the log",
        )
        assert process.stop() == 0, process.log[-3000:]
        assert "Traceback" not in process.log
        outputs = offline_outputs(small_disk)
        beats = [one for one in outputs if isinstance(one.event, Beat)]
        alarms = [one for one in outputs if isinstance(one.event, AlarmEvent)]
        assert len(beats) > 150
        assert alarms
        assert stored(small_disk, "beat") == len(beats)


def n_logged(data: Path) -> int:
    """Distinct chunks in the log: what came twice counts once."""
    return len({one.payload for one in records_of_log(data) if one.topic == CHUNKS})


def stored(data: Path, measurement: str) -> int:
    with closing(sqlite3.connect(data / "store.sqlite")) as store:
        (count,) = store.execute(
            "SELECT count(*) FROM points WHERE measurement = ?", (measurement,)
        ).fetchone()
        return int(count)
