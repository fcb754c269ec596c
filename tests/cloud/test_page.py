"""The page in a real browser, on a real broker."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from cloud.server import RunningFeed
from tests.cloud.conftest import StartFeed
from tests.cloud.fake_gateway import (
    FakeGateway,
    acknowledged,
    alarm,
    beat,
    chunk,
    ended,
    vitals,
)
from tests.cloud.waiting import until
from tests.servers import Mosquitto
from vitalwire.contracts import AlarmKind, BeatClass, DeviceInfo, DeviceStatus, Priority

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the browser's

expect.set_options(timeout=20_000)
INFO = DeviceInfo(("MLII",), 360.0, "mV", 0.2, "test")
HOSTILE = '<img src=x onerror="document.title=1"><b>bold</b>'


@dataclass
class Stage:
    """A page, the feed behind it and the gateway behind that."""

    page: Page
    running: RunningFeed
    gateway: FakeGateway
    errors: list[str]


@asynccontextmanager
async def stage_on(
    start_feed: StartFeed, broker: Mosquitto, browser: Browser, **more: object
) -> AsyncIterator[Stage]:
    async with start_feed(**more) as running, FakeGateway(broker.port) as gateway:
        await until(lambda: running.feed.ward.link.connected, "feed connected")
        page = await browser.new_page()  # in a context of its own: nothing is left to the next
        try:
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda line: note(line, errors))
            await page.goto(running.url)
            if "access_token" not in more:
                await expect(page.locator("#live")).to_have_text("live")
            yield Stage(page, running, gateway, errors)
        finally:
            await page.close()


async def written(stage: Stage) -> None:
    """Wait for the history's thread: the book is read once, when it is opened."""
    health = stage.running.feed.health
    await until(lambda: health()["history_unwritten"] == 0, "history written")


def note(line: ConsoleMessage, errors: list[str]) -> None:
    if line.type == "error":
        errors.append(line.text)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> AsyncIterator[Stage]:
    async with stage_on(start_feed, own_mosquitto, browser) as stage:
        yield stage
        assert stage.errors == []


async def test_a_device_its_strip_and_its_numbers(stage: Stage) -> None:
    await stage.gateway.device("bed-1", DeviceStatus(True, injected=("lead_off",)), INFO)
    data = np.sin(np.arange(1440) / 20).astype(np.float32)
    for i in range(20):
        await stage.gateway.chunk(chunk(data[i * 72 : i * 72 + 72], i * 72))
    await stage.gateway.events("bed-1", [beat(400, label=BeatClass.V)])
    await stage.gateway.say(replace(vitals(), time_ns=stage.running.feed.now_ns()))
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(".rate .value")).to_have_text("72")
    await expect(card.locator(".lead")).to_have_text("MLII")
    await expect(card.locator(".injected")).to_have_text(
        "INJECTED TEST FAULTS FROM THIS SOURCE: lead off"
    )
    await stage.gateway.chunk(chunk(data[:72], 1440, injected=True))
    await expect(card.locator(".injected")).to_have_text("INJECTED TEST FAULT NOW: lead off")
    await expect(card.locator(".minor .number").first).to_contain_text("--")
    assert "cannot be measured now" in (await card.text_content() or "")
    await stage.page.wait_for_function(
        """() => {
          const { width, height } = document.querySelector("canvas.trace");
          const drawing = document.querySelector("canvas.trace").getContext("2d");
          return drawing.getImageData(0, 0, width, height).data.some((value) => value > 0);
        }"""
    )


async def test_a_number_that_is_not_known_is_no_zero(stage: Stage) -> None:
    await stage.gateway.say(vitals(rate=None))
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(".rate .value")).to_have_text("--")
    await expect(card.locator(".rate .why")).to_have_text("poor signal")
    await expect(card.locator(".state")).to_contain_text("Cannot analyse")


async def test_an_alarm_acknowledged_by_keyboard_alone(stage: Stage) -> None:
    page = stage.page
    await stage.gateway.say(alarm())
    await expect(page.locator("#say-now")).to_contain_text("high priority alarm: Asystole")
    item = page.locator(".alarm")
    await expect(item.locator(".kind")).to_have_text("Asystole")
    await expect(item).to_contain_text("no beat for 4.2 s")
    await expect(item).to_contain_text("Silence 4.2 s")
    await page.keyboard.press("j")
    await expect(item).to_be_focused()
    await page.keyboard.press("a")
    await page.keyboard.type("NS")
    await page.keyboard.press("Enter")
    command = await stage.gateway.commands.get()
    await expect(item.locator(".progress")).to_contain_text("pending: asked by NS")
    await expect(item).not_to_have_attribute("data-acknowledged", "")
    await stage.gateway.answer(command)
    await expect(item.locator(".progress")).to_contain_text("accepted by the gateway")
    await stage.gateway.say(acknowledged(alarm(), "NS"))
    await expect(item.locator(".progress")).to_have_text("Acknowledged by NS")
    await expect(item).to_have_attribute("data-acknowledged", "")
    await stage.gateway.say(ended(acknowledged(alarm(), "NS")))
    await expect(item).to_have_count(0)
    await expect(page.locator("#no-alarms")).to_have_text("No open alarms.")
    await written(stage)
    await page.keyboard.press("h")
    await expect(page.locator("#history-rows tr")).to_contain_text(["Asystole"])


async def test_a_refusal_and_no_answer_are_said_and_change_nothing(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> None:
    async with stage_on(start_feed, own_mosquitto, browser, command_timeout_s=1.5) as stage:
        page = stage.page
        await page.evaluate("localStorage.setItem('vitalwire.name', 'NS')")
        await stage.gateway.say(alarm())
        await page.get_by_role("button", name="Acknowledge Asystole bed-1").click()
        command = await stage.gateway.commands.get()
        await stage.gateway.answer(command, False, "not this one")
        progress = page.locator(".alarm .progress")
        await expect(progress).to_have_text("Acknowledgement by NS refused: not this one")
        await page.get_by_role("button", name="Snooze Asystole bed-1").click()
        await expect(progress).to_contain_text("not confirmed: gateway did not answer")
        await expect(page.locator(".alarm")).not_to_have_attribute("data-acknowledged", "")


async def test_text_from_outside_is_text(stage: Stage) -> None:
    hostile = replace(
        alarm(message=HOSTILE), patient=HOSTILE, evidence={HOSTILE: HOSTILE},
        acknowledged_by=HOSTILE, acknowledged=True,
    )  # fmt: skip
    info = replace(INFO, leads=(HOSTILE,), source=HOSTILE)
    status = DeviceStatus(False, HOSTILE, firmware=HOSTILE, injected=(HOSTILE,))
    await stage.gateway.device("bed-1", status, info)
    await stage.gateway.status(online=False, version=HOSTILE)
    await stage.gateway.say(hostile)
    await expect(stage.page.locator(".alarm .message")).to_have_text(HOSTILE)
    await expect(stage.page.locator(".card .patient")).to_have_text(HOSTILE)
    await written(stage)
    await stage.page.keyboard.press("h")
    await expect(stage.page.locator("#history-rows tr")).to_have_count(1)
    assert await stage.page.locator("main img, main b, dialog img, dialog b").count() == 0
    assert await stage.page.title() != "1"


async def test_priorities_differ_by_more_than_colour(stage: Stage) -> None:
    kinds = {
        "low": AlarmKind.LOW_BATTERY, "high": AlarmKind.ASYSTOLE, "medium": AlarmKind.LEAD_OFF,
    }  # fmt: skip
    for priority, kind in kinds.items():
        await stage.gateway.say(alarm(priority, kind=kind, priority=Priority(priority)))
    items = stage.page.locator(".alarm")
    await expect(items.locator(".kind")).to_have_text(["Asystole", "Lead off", "Low battery"])
    await expect(items.locator(".symbol text")).to_have_text(["!!!", "!!", "!"])
    await expect(items.locator(".category")).to_have_text(
        ["Patient, high", "Equipment, medium", "Equipment, low"]
    )
    shapes = await items.locator(".symbol path").evaluate_all(
        "paths => paths.map((path) => path.getAttribute('d'))"
    )
    assert shapes[0] != shapes[1] == shapes[2]
    await expect(stage.page).to_have_title(re.compile(r"\(3\) "))


async def test_broker_gone_is_an_alarm_of_its_own_and_it_comes_back(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> None:
    async with stage_on(start_feed, own_mosquitto, browser) as stage:
        await stage.gateway.say(vitals())
        card = stage.page.locator("[data-device='bed-1']")
        await expect(card.locator(".rate .value")).to_have_text("72")
        own_mosquitto.kill()
        banner = stage.page.locator(".banner.high").first
        await expect(banner).to_contain_text("CONNECTION LOST: DATA IS STALE")
        await expect(stage.page.locator("#say-now")).to_contain_text("CONNECTION LOST")
        await expect(card).to_have_attribute("data-stale", "")
        await expect(card.locator(".state")).to_contain_text("Not known")
        await expect(stage.page.locator("#no-alarms")).to_contain_text("not known now")
        own_mosquitto.start()
        await expect(stage.page.locator("#live")).to_have_text("live")
        await expect(stage.page.locator(".banner")).to_have_count(0)
        async with FakeGateway(own_mosquitto.port, name="gw-2") as back:
            before = stage.running.feed.subscriber.counts["messages"]
            await back.say(alarm())
            await expect(stage.page.locator(".alarm")).to_have_count(1)
            assert stage.running.feed.subscriber.counts["messages"] - before == 1


async def test_feed_gone_is_said_by_the_page_itself(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> None:
    async with stage_on(start_feed, own_mosquitto, browser) as stage:
        await stage.page.context.set_offline(True)
        stage.running.feed.close()
        banner = stage.page.locator(".banner.high")
        await expect(banner).to_contain_text("CONNECTION TO THE FEED LOST")


async def test_vitals_that_are_not_renewed_are_stale(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> None:
    async with stage_on(start_feed, own_mosquitto, browser, stale_after_s=0.5) as stage:
        await stage.gateway.say(replace(vitals(), time_ns=stage.running.feed.now_ns()))
        card = stage.page.locator("[data-device='bed-1']")
        await expect(card).to_have_attribute("data-stale", "")
        await expect(card.locator(".age")).to_contain_text("STALE")
        await expect(card.locator(".state")).to_contain_text("No updates")


async def test_vitals_of_long_ago_are_no_present(stage: Stage) -> None:
    await stage.gateway.say(vitals())  # of 2023, arriving now
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card).to_have_attribute("data-stale", "")
    await expect(card.locator(".age")).to_contain_text("DELAYED: measured")
    await expect(card.locator(".state")).to_contain_text("Delayed")


async def test_a_gateway_that_is_gone_is_said(stage: Stage) -> None:
    await stage.gateway.status(online=True)
    await stage.gateway.say(alarm(device="gw-1", kind=AlarmKind.DISK_FULL))
    await expect(stage.page.locator(".alarm")).to_contain_text("Gateway disk full")
    await expect(stage.page.locator(".card")).to_have_count(0)
    await stage.gateway.status(online=False)
    await expect(stage.page.locator(".banner")).to_contain_text("GATEWAY NOT RUNNING")


async def test_the_token_is_asked_for_once(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> None:
    async with stage_on(start_feed, own_mosquitto, browser, access_token="sesame") as stage:
        await expect(stage.page.locator("#token-dialog")).to_be_visible()
        await stage.page.fill("#token", "sesame")
        await stage.page.keyboard.press("Enter")
        await expect(stage.page.locator("#live")).to_have_text("live")
        await stage.page.reload()
        await expect(stage.page.locator("#live")).to_have_text("live")
        await expect(stage.page.locator("#token-dialog")).to_be_hidden()


@pytest.mark.parametrize(
    ("width", "height"), [(360, 740), (768, 1024), (1280, 800), (1920, 1080)]
)
async def test_nothing_is_cut_off_at_the_side(stage: Stage, width: int, height: int) -> None:
    await stage.page.set_viewport_size({"width": width, "height": height})
    for i in range(24):
        await stage.gateway.say(vitals(f"bed-{i}"))
    await stage.gateway.say(alarm())
    await expect(stage.page.locator(".card")).to_have_count(24)
    await expect(stage.page.locator(".alarm")).to_be_visible()
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert await stage.page.evaluate(wide) <= 0
    cut = """() => [...document.querySelectorAll(".rate .value")].filter(
      (value) => value.scrollWidth > value.clientWidth + 1).length"""
    assert await stage.page.evaluate(cut) == 0
