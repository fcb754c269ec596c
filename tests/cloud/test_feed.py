"""The feed between a real broker and a real HTTP client."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from cloud.server import RunningFeed
from tests.cloud.conftest import StartFeed
from tests.cloud.fake_gateway import FakeGateway, acknowledged, alarm, beat, chunk, vitals
from tests.cloud.waiting import until
from tests.servers import Mosquitto
from vitalwire import messages
from vitalwire.contracts import AlarmKind
from vitalwire.errors import InputError

Json = dict[str, Any]  # whatever the API answered


async def connected(running: RunningFeed) -> None:
    await until(lambda: running.feed.ward.link.connected, "feed connected")


async def events(client: httpx.AsyncClient, path: str) -> AsyncGenerator[tuple[str, Any], None]:
    """Server-sent events as they come."""
    async with client.stream("GET", path, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                yield name, json.loads(line.removeprefix("data:"))


async def open_alarms(client: httpx.AsyncClient) -> list[Json]:
    found: list[Json] = (await client.get("/api/alarms")).json()
    return found


async def progress_is(client: httpx.AsyncClient, wanted: str | None) -> Json:
    async with asyncio.timeout(20):
        while True:
            (found,) = await open_alarms(client)
            command = found["command"]
            if (command["progress"] if isinstance(command, dict) else None) == wanted:
                return found
            await asyncio.sleep(0.02)


@pytest.fixture
async def gateway(own_mosquitto: Mosquitto) -> AsyncIterator[FakeGateway]:
    async with FakeGateway(own_mosquitto.port) as gateway:
        yield gateway


async def test_an_acknowledgement_goes_to_the_gateway_and_back(
    start_feed: StartFeed, gateway: FakeGateway
) -> None:
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        await connected(running)
        await gateway.say(alarm())
        await until(lambda: running.feed.health()["open_alarms"] == 1, "alarm arrived")
        answer = await client.post("/api/alarms/a1/acknowledge", json={"by": "NS"})
        assert answer.status_code == 202
        command = await asyncio.wait_for(gateway.commands.get(), 20)
        assert (command.alarm_id, command.by, command.device) == ("a1", "NS", "bed-1")
        assert (await progress_is(client, "pending"))["acknowledged"] is False
        again = await client.post("/api/alarms/a1/acknowledge", json={"by": "XY"})
        assert (again.status_code, again.json()["error"]) == (
            409, "pending already, asked by NS",
        )  # fmt: skip
        await gateway.answer(command)
        assert (await progress_is(client, "accepted"))["acknowledged"] is False
        await gateway.say(acknowledged(alarm(), "NS"))
        assert (await progress_is(client, None))["acknowledged_by"] == "NS"
        await until(lambda: running.feed.health()["history_unwritten"] == 0, "history")
        history = (await client.get("/api/alarms/a1")).json()
        assert [event["phase"] for event in history["events"]] == ["start", "acknowledge"]
        assert [c["accepted"] for c in history["commands"]] == [True]


async def test_a_refusal_and_a_gateway_that_does_not_answer(
    start_feed: StartFeed, gateway: FakeGateway
) -> None:
    async with (
        start_feed(command_timeout_s=1.0) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        await connected(running)
        await gateway.say(alarm())
        await until(lambda: running.feed.health()["open_alarms"] == 1, "alarm arrived")
        body = {"by": "NS", "snooze_s": 60}
        assert (await client.post("/api/alarms/a1/snooze", json=body)).status_code == 202
        command = await asyncio.wait_for(gateway.commands.get(), 20)
        assert command.snooze_s == 60
        await gateway.answer(command, accepted=False, reason="an asystole is not snoozed")
        found = await progress_is(client, "refused")
        assert found["command"]["reason"] == "an asystole is not snoozed"
        await client.post("/api/alarms/a1/acknowledge", json={"by": "NS"})
        found = await progress_is(client, "unconfirmed")
        assert "did not answer" in found["command"]["reason"]
        assert found["acknowledged"] is False


async def test_the_stream_tells_all_then_what_changes(
    start_feed: StartFeed, gateway: FakeGateway
) -> None:
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        await connected(running)
        await gateway.say(alarm())
        await until(lambda: running.feed.health()["open_alarms"] == 1, "alarm arrived")
        stream = events(client, "/api/stream")
        name, snapshot = await anext(stream)
        assert name == "snapshot"
        assert [a["alarm_id"] for a in snapshot["alarms"]] == ["a1"]
        await gateway.say(vitals())
        async with asyncio.timeout(20):
            async for name, data in stream:
                if name == "device" and data["vitals"]:
                    break
        await stream.aclose()
        await until(lambda: running.feed.health()["readers"] == 0, "reader has left")


async def test_a_waveform_and_its_beats(start_feed: StartFeed, gateway: FakeGateway) -> None:
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        await connected(running)
        stream = events(client, "/api/devices/bed-1/ecg/waveform")
        sent = asyncio.create_task(feed_strip(gateway))
        n_samples, labels = 0, []
        async with asyncio.timeout(20):
            async for _, pieces in stream:
                for piece in pieces:
                    assert piece["key"] == "bed-1/ecg"
                    n_samples += sum(len(r["counts"][0]) for r in piece["runs"])
                    labels += [b["label"] for b in piece["beats"]]
                if n_samples >= 240 and labels:
                    break
        await sent
        assert (n_samples, labels) == (240, ["N"])
        await stream.aclose()


async def feed_strip(gateway: FakeGateway) -> None:
    data = np.sin(np.arange(720) / 20).astype(np.float32)
    for i in range(10):
        await gateway.chunk(chunk(data[i * 72 : i * 72 + 72], i * 72))
        await gateway.chunk(chunk(data[:72], 0, device="bed-2"))
    await gateway.events("bed-1", [beat(300)])


async def test_a_reader_that_does_not_read_holds_up_nobody_and_grows_nothing(
    start_feed: StartFeed,
) -> None:
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        await connected(running)
        port = int(running.url.rsplit(":", 1)[1].strip("/"))
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await writer.drain()
        await until(lambda: running.feed.health()["readers"] == 1, "sleeper connected")
        topic = "vitalwire/v1/ward"
        for i in range(20_000):
            payload = messages.dump(vitals(f"bed-{i % 5}", rate=60.0 + i % 7))
            running.feed.receive(f"{topic}/bed-{i % 5}/vitals", payload)
            if i % 500 == 0:
                await asyncio.sleep(0)
        (box,) = running.feed.updates._boxes
        assert len(box._items) <= 6
        assert box.coalesced > 1000
        assert (await client.get("/api/devices")).status_code == 200
        writer.close()


async def test_broker_gone_and_back_with_nothing_doubled(
    start_feed: StartFeed, own_mosquitto: Mosquitto
) -> None:
    async with start_feed() as running:
        await connected(running)
        for _ in range(2):
            own_mosquitto.kill()
            await until(lambda: not running.feed.ward.link.connected, "loss noticed")
            own_mosquitto.start()
            await connected(running)
        async with FakeGateway(own_mosquitto.port) as gateway:
            before = running.feed.subscriber.counts["messages"]
            for i in range(20):
                await gateway.say(alarm(f"a{i}", kind=AlarmKind.PAUSE))
            await gateway.say(alarm("last"))
            await until(lambda: running.feed.ward.devices["bed-1"].alarms.get("last"), "last")
            assert running.feed.subscriber.counts["messages"] - before == 21


async def test_alarms_of_its_absence_are_in_the_book(
    start_feed: StartFeed, gateway: FakeGateway
) -> None:
    async with start_feed() as running:
        await connected(running)
    await gateway.say(alarm("while away"))
    await gateway.active("bed-1", [])
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        await connected(running)
        await until(lambda: running.feed.subscriber.counts["messages"] >= 2, "backlog read")
        await until(lambda: running.feed.health()["history_unwritten"] == 0, "history")
        rows = (await client.get("/api/alarms?state=all")).json()
        assert [row["alarm_id"] for row in rows] == ["while away"]
        assert await open_alarms(client) == []  # the gateway's list says that it is over


async def test_a_taken_port_is_one_line(start_feed: StartFeed) -> None:
    async with start_feed() as running:
        port = int(running.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(InputError, match="cannot listen"):
            async with start_feed(port=port):
                pass


async def test_it_stops_cleanly_with_readers_on_the_line(start_feed: StartFeed) -> None:
    async with start_feed() as running, httpx.AsyncClient(base_url=running.url) as client:
        stream = events(client, "/api/stream")
        await anext(stream)
        running.feed.close()
        async with asyncio.timeout(20):
            rest = [name async for name, _ in stream]
        assert set(rest) <= {"link", "clock"}
