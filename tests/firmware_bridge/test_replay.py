"""The bridge over a real mosquitto: nothing is lost over an outage, and it says goodbye."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiomqtt
import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.fault_specs import parse_faults
from firmware_bridge.publisher import Broker
from firmware_bridge.replay import ReplayOptions, ReplayReport, replay
from tests.servers import Mosquitto, find_binary, free_port
from tests.vitalwire.recordings.records import random_steps, recording
from vitalwire import messages, topics, wire
from vitalwire.contracts import Chunk, DeviceInfo, DeviceStatus
from vitalwire.errors import InputError, UnavailableError

MADE = recording(random_steps(1, 36_000))  # 100 s, 500 chunks


class Listener:
    """What a gateway would hear: a persistent session that never misses a message."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.retained: dict[str, bytes] = {}
        self.statuses: list[tuple[str, DeviceStatus]] = []

    def take(self, message: aiomqtt.Message) -> None:
        topic, payload = str(message.topic), bytes(message.payload)
        if topic.endswith("/chunk"):
            parsed = topics.parse(topic)
            assert parsed.signal is not None
            self.chunks.append(wire.decode(payload, parsed.device, parsed.signal))
        else:
            self.retained[topic] = payload
            if topic.endswith("/status"):
                self.statuses.append((topic, messages.load(DeviceStatus, payload)))

    async def listen(self, port: int, client_id: str, site: str, ready: asyncio.Event) -> None:
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1", port, identifier=client_id, clean_session=False
                ) as client:
                    await client.subscribe(f"vitalwire/v1/{site}/#", qos=1)
                    ready.set()
                    async for message in client.messages:
                        self.take(message)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(port: int, site: str) -> AsyncIterator[Listener]:
    listener, ready = Listener(), asyncio.Event()
    task = asyncio.create_task(listener.listen(port, f"listener-{site}", site, ready))
    await ready.wait()
    try:
        yield listener
    finally:
        task.cancel()


async def until(condition: object, what: str) -> None:
    assert callable(condition)
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


def options(port: int, **more: object) -> ReplayOptions:
    fixed = {"recording": MADE, "broker": Broker(port=port), "speed": 0.0, "start_ns": 10**18}
    return ReplayOptions(**{**fixed, **more})  # type: ignore[arg-type]


async def test_every_chunk_arrives_in_order(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port, "order") as heard:
        report = await replay(options(mosquitto.port, site="order", devices=3))
        await until(lambda: len(heard.chunks) == report.chunks_sent, "all chunks")
    assert report.acked == report.chunks_sent == len(heard.chunks)
    assert report.reconnects == 0
    for name in ("demo-001", "demo-002", "demo-003"):
        mine = [c for c in heard.chunks if c.device == name]
        keys = [(c.t0_ns, c.seq) for c in mine]
        assert keys == sorted(keys)
        assert sum(c.n_samples for c in mine) == 36_000


async def test_broker_outage_in_the_middle_loses_nothing(own_mosquitto: Mosquitto) -> None:
    """First deliveries in order, none missing; what comes twice is the same chunk."""
    made = options(own_mosquitto.port, site="outage", speed=20.0, window=64)
    sent = list(made.playback(0).timed_chunks())
    async with listening(own_mosquitto.port, "outage") as heard:
        task = asyncio.create_task(replay(made))
        for at in (80, 250):
            await until(lambda at=at: len(heard.chunks) > at, "some chunks")
            own_mosquitto.stop() if at == 80 else own_mosquitto.kill()
            await asyncio.sleep(0.5)
            own_mosquitto.start()
        report = await task
        first: dict[tuple[int, int], Chunk] = {}
        wanted = {(t.chunk.stream_id, t.chunk.seq) for t in sent}
        await until(lambda: {(c.stream_id, c.seq) for c in heard.chunks} == wanted, "all")
    for chunk in heard.chunks:
        first.setdefault((chunk.stream_id, chunk.seq), chunk)
    assert [seq for _, seq in first] == sorted(seq for _, seq in first)
    assert report.reconnects >= 2
    assert report.acked == report.chunks_sent == 500


async def test_outage_longer_than_the_window_holds_the_source_back(
    own_mosquitto: Mosquitto,
) -> None:
    seen: list[ReplayReport] = []
    made = options(own_mosquitto.port, site="back", speed=100.0, window=10)
    async with listening(own_mosquitto.port, "back") as heard:
        task = asyncio.create_task(replay(made, seen.append))
        await until(lambda: len(heard.chunks) > 20, "some chunks")
        own_mosquitto.stop()
        held = len({c.seq for c in heard.chunks})
        await asyncio.sleep(1.0)
        assert not task.done()
        assert seen[-1].chunks_sent <= held + 2 * 10
        own_mosquitto.start()
        report = await task
        await until(lambda: len({c.seq for c in heard.chunks}) == 500, "all chunks")
    assert report.acked == 500


async def test_what_is_retained(mosquitto: Mosquitto) -> None:
    plan = parse_faults(["leadoff:at=20,for=10", "drop:p=0.01"], seed=3)
    async with listening(mosquitto.port, "retained") as heard:
        report = await replay(
            options(mosquitto.port, site="retained", plan=plan, lead_state_known=True)
        )
        await until(lambda: heard.statuses and not heard.statuses[-1][1].online, "goodbye")
    base = "vitalwire/v1/retained"
    info = messages.load(DeviceInfo, heard.retained[f"{base}/demo/ecg/info"])
    assert (info.leads, info.fs, info.unit, info.interval_s) == (("V1",), 360.0, "mV", 0.2)
    mine = [status for topic, status in heard.statuses if topic == f"{base}/demo/status"]
    assert [status.online for status in mine] == [True, False]
    assert mine[0].injected == ("leadoff:at=20,for=10", "drop:p=0.01")
    assert (mine[1].reason, mine[1].bridge) == ("end of recording", "replay")
    bridge = messages.load(DeviceStatus, heard.retained[f"{base}/bridge/replay/status"])
    assert (bridge.online, bridge.reason) == (False, "end of recording")
    assert {c.seq for c in heard.chunks if c.injected} <= set(range(100, 150))
    assert report.injected == report.faults["leadoff"] == 50


async def test_retained_messages_are_said_again_to_a_broker_that_forgot(
    own_mosquitto: Mosquitto,
) -> None:
    made = options(own_mosquitto.port, site="forgot", speed=20.0)
    stop = asyncio.Event()
    task = asyncio.create_task(replay(made, None, stop))
    async with listening(own_mosquitto.port, "forgot") as heard:
        await until(lambda: heard.chunks, "a chunk")
    own_mosquitto.stop()
    for file in (own_mosquitto.folder / "data").iterdir():
        file.unlink()
    own_mosquitto.start()
    async with listening(own_mosquitto.port, "forgot") as heard:
        await until(lambda: len(heard.retained) == 3, "info and statuses")
        assert all(status.online for _, status in heard.statuses)
        stop.set()
        report = await task
    assert report.stopped


@pytest.mark.parametrize("own", [True, False])
async def test_last_will_when_the_bridge_dies(mosquitto: Mosquitto, own: bool) -> None:
    site = f"will-{own}".lower()
    command = [
        sys.executable, "-m", "vitalwire", "bridge", "replay", "--port", str(mosquitto.port),
        "--site", site, *(["--own-connection", "--devices", "2"] if own else []),
    ]  # fmt: skip
    async with listening(mosquitto.port, site) as heard:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            await until(lambda: len(heard.chunks) > 2, "chunks")
        finally:
            process.kill()
            process.wait()
        gone = 2 if own else 1
        await until(lambda: sum(not s.online for _, s in heard.statuses) == gone, "will")
    offline = {topic: status for topic, status in heard.statuses if not status.online}
    base = f"vitalwire/v1/{site}"
    if own:
        assert set(offline) == {f"{base}/demo-001/status", f"{base}/demo-002/status"}
    else:
        assert set(offline) == {f"{base}/bridge/replay/status"}
    assert {status.reason for status in offline.values()} == {""}


async def test_stop_says_goodbye(mosquitto: Mosquitto) -> None:
    stop = asyncio.Event()
    async with listening(mosquitto.port, "stop") as heard:
        task = asyncio.create_task(
            replay(options(mosquitto.port, site="stop", speed=1.0, loop=True), None, stop)
        )
        await until(lambda: heard.chunks, "a chunk")
        stop.set()
        report = await task
        await until(lambda: len(heard.statuses) == 4, "goodbye")
    assert report.stopped
    assert report.acked == report.chunks_sent < 100
    assert [s.reason for _, s in heard.statuses if not s.online] == ["switched off"] * 2


async def test_stop_while_the_broker_is_away_says_what_is_lost(
    own_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.replay._GOODBYE_S", 0.3)
    stop = asyncio.Event()
    seen: list[ReplayReport] = []
    made = options(own_mosquitto.port, speed=100.0, window=5)
    task = asyncio.create_task(replay(made, seen.append, stop))
    await until(lambda: seen and seen[-1].acked > 20, "chunks")
    own_mosquitto.stop()
    await asyncio.sleep(0.2)
    stop.set()
    with pytest.raises(UnavailableError, match=r"did not take the last \d+ messages"):
        await task


async def test_nobody_there() -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:.*refused.*--wait"):
        await replay(options(free_port()))


async def test_wait_for_a_broker(tmp_path: Path) -> None:
    server = Mosquitto(find_binary("mosquitto", "mosquitto"), tmp_path)
    task = asyncio.create_task(replay(options(server.port, wait=True)))
    await asyncio.sleep(0.3)
    assert not task.done()
    with server:
        report = await task
    assert report.acked == 500


async def test_stop_while_waiting() -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(replay(options(free_port(), wait=True), None, stop))
    await asyncio.sleep(0.3)
    stop.set()
    report = await task
    assert (report.stopped, report.chunks_sent) == (True, 0)


async def test_broker_refuses(tmp_path: Path) -> None:
    config = f"password_file {tmp_path / 'passwords'}\n"
    (tmp_path / "passwords").write_text("")
    server = Mosquitto(find_binary("mosquitto", "mosquitto"), tmp_path / "broker", config)
    path = server.folder / "mosquitto.conf"
    path.write_text(path.read_text().replace("anonymous true", "anonymous false"))
    with server:
        made = options(server.port)
        with pytest.raises(UnavailableError, match=r"[Nn]ot authori[sz]ed"):
            await replay(made)
        wrong = replace(made, broker=Broker(port=server.port, username="a", password="b"))
        with pytest.raises(UnavailableError, match="user and password"):
            await replay(wrong)


async def test_recording_that_breaks_off(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.playback.BLOCK_SAMPLES", 4096)

    def cut_off(first: int, n: int) -> NDArray[np.int16]:
        if first + n > 10_000:
            raise InputError("made.dat: truncated")
        return MADE.digital(first, n)

    async with listening(mosquitto.port, "broken") as heard:
        made = replace(MADE, digital=cut_off)
        playing = options(mosquitto.port, site="broken", recording=made)
        with pytest.raises(InputError, match=r"made\.dat: truncated"):
            await replay(playing)
        await until(lambda: len(heard.statuses) == 4, "goodbye")
    assert {s.reason for _, s in heard.statuses if not s.online} == {"recording broke off"}


async def test_backlog_ends_now() -> None:
    fast = options(1, start_ns=None).playback(10**18)
    slow = options(1, start_ns=None, speed=1.0).playback(10**18)
    assert fast.start_ns == 10**18 - 100 * 10**9
    assert slow.start_ns == 10**18


@pytest.mark.parametrize("host", ["", "x" * 64, "a..b"])
def test_no_name_of_a_host(host: str) -> None:
    with pytest.raises(InputError, match="broker: expected a host's name or address"):
        Broker(host)


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": -1.0}, {"speed": float("nan")}, {"loop": True}, {"devices": 0},
        {"device": "a/b"}, {"device": "bridge"}, {"site": ""}, {"bridge": "#"}, {"window": 0},
    ],
)  # fmt: skip
def test_what_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        options(1, **wrong)
