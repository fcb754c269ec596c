"""What the page draws of an EEG, in a real browser on a real broker."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from edge.stages.seizure_alarms import LEADS_S
from tests.cloud.conftest import StartFeed
from tests.cloud.fake_gateway import (
    alarm,
    eeg_chunk,
    eeg_vitals,
    lead_state,
    seizure_alarm,
    seizure_probability,
    vitals,
)
from tests.cloud.test_page import Stage, stage_on
from tests.cloud.test_page_rhythm import COLUMNS, soon_ns
from tests.cloud.waiting import until
from tests.servers import Mosquitto
from vitalwire.contracts import AlarmKind, DeviceInfo, DeviceStatus, Signal, SignalState

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the browser's

FS = 256
SECONDS = 5
LABELS = ("F7-T7", "T7-P7", "FP1-F7", "CZ-PZ")
HYPHEN = "\N{NON-BREAKING HYPHEN}"  # a name of a lead is not broken at it
SIZES = [(390, 844), (1024, 768), (1440, 900)]


@pytest_asyncio.fixture(loop_scope="module")
async def stage(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> AsyncIterator[Stage]:
    # Numbers stay current for the length of a test, on a slow machine too.
    async with stage_on(start_feed, own_mosquitto, browser, stale_after_s=120) as stage:
        stage.page.set_default_timeout(90_000)
        yield stage
        assert stage.errors == []


async def play(stage: Stage, labels: tuple[str, ...] = LABELS, seizure: bool = True) -> None:
    """An EEG; a flat lead, one that is off; a seizure in its last seconds, with its alarm."""
    gateway, now_ns = stage.gateway, soon_ns(stage)
    info = DeviceInfo(labels, FS, "uV", 0.2)
    await gateway.device("bed-1", DeviceStatus(True), info, Signal.EEG)
    n = SECONDS * FS
    data = 30 * np.sin(np.arange(n) / 9 + np.arange(len(labels))[:, None])
    for first in range(0, n, 64):
        await gateway.chunk(eeg_chunk(data[:, first : first + 64], first))
    states = [lead_state(0, 0, SignalState.GOOD), lead_state(1, FS, SignalState.FLAT)]
    states.append(lead_state(len(labels) - 1, FS, SignalState.LEAD_OFF))
    said = [
        seizure_probability((i + 1) * FS, 0.94 if seizure and i > 2 else 0.0, now_ns)
        for i in range(SECONDS)
    ]
    await gateway.events("bed-1", [*states, *said], Signal.EEG)
    await gateway.say(eeg_vitals(n, len(labels) - 2, time_ns=now_ns))
    if seizure:
        spoke = (0.1, 0.6, 0.0, 0.3, *[0.01] * len(labels))[: len(labels)]
        await gateway.say(seizure_alarm(now_ns - 2 * 10**9, spoke))


async def test_lanes_their_marks_and_their_numbers(stage: Stage) -> None:
    await play(stage, seizure=False)
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(".lead-label b")).to_have_text(list(LABELS))
    await expect(card.locator(".lead-label i")).to_have_text(["", "– flat", "", "◇ off"])
    await expect(card.locator(".eeg .rate .value")).to_have_text("32")
    await expect(card.locator(".eeg .minor .value")).to_have_text(
        ["2/4", "612", "120", "88", "40", "2.5"]
    )
    await expect(card.locator(".seizure-words")).to_have_text("probability < 1 %")
    await expect(card.locator(".rate:visible")).to_have_count(1)  # no ECG, no heart rate
    await expect(card.locator(".gain:visible")).to_contain_text("µV lane to lane")


async def test_a_lead_that_cannot_be_read_is_dim_and_one_that_is_off_not_drawn(
    stage: Stage,
) -> None:
    await play(stage, seizure=False)
    dim = ["canvas.lanes", "--unread"]
    await stage.page.wait_for_function(f"(args) => ({COLUMNS})(args).length > 100", arg=dim)
    ink = """() => {
      const canvas = document.querySelector("canvas.lanes");
      const { width, height } = canvas;
      const from = Math.round(height * 0.78);
      const { data } = canvas.getContext("2d").getImageData(0, from, width, height - from);
      const columns = new Set();
      for (let i = 3; i < data.length; i += 4) if (data[i]) columns.add(((i - 3) / 4) % width);
      return [columns.size, width];
    }"""
    # The last lane is of the lead that is off from the first second on.
    drawn, width = await stage.page.evaluate(ink)
    assert drawn <= 0.13 * width


async def test_a_seizure_is_shaded_and_its_leads_are_named(stage: Stage) -> None:
    await play(stage)
    card, item = stage.page.locator("[data-device='bed-1']"), stage.page.locator(".alarm")
    await expect(card.locator(".seizure-words[data-urgent]")).to_have_text("probability 94 %")
    await expect(card.locator(".lead-label[data-strong] b")).to_have_text(
        ["F7-T7", "T7-P7", "CZ-PZ"]
    )
    in_order = "T7-P7, CZ-PZ, F7-T7".replace("-", HYPHEN)
    await expect(card.locator(".basis")).to_contain_text(f"most on {in_order}")
    await expect(item.locator(".kind")).to_have_text("Seizure")
    await expect(item.locator(".message")).to_have_text(f"seizure, most of all on {in_order}")
    await expect(item.locator(".lead-rows b")).to_have_text(["T7-P7", "CZ-PZ", "F7-T7"])
    await expect(item.locator(".exhibit").first).to_contain_text(
        f"over {LEADS_S:g} s, 3 of 4 could be read"
    )
    await expect(item.locator(".exhibit").nth(1)).to_contain_text(
        "Seizure: probability last 94 %"
    )
    await expect(item.locator(".evidence li")).to_have_text(
        [
            "Model eeg-seizure",
            "Probability 94 %",
            "Mean 81 %",
            "Confidence 81 %",
            "Rests on EEG",
        ]
    )
    shaded, lane = ["canvas.lanes", "--seizure"], ["canvas.seizure-lane", "--seizure"]
    await stage.page.wait_for_function(
        f"([a, b]) => [a, b].every((one) => ({COLUMNS})(one).length > 60)", arg=[shaded, lane]
    )
    bar = await stage.page.evaluate(COLUMNS, shaded)
    said = await stage.page.evaluate(COLUMNS, lane)
    second = (await stage.page.evaluate("document.querySelector('canvas.lanes').width")) / 10
    assert abs(bar[0] - 3 * second) < 0.1 * second  # from the onset: 2 s before the end of 5 s
    assert abs(said[0] - 3 * second) < 0.6 * second  # an answer is of the second before it


async def test_leads_of_another_montage_have_no_names(stage: Stage) -> None:
    await play(stage, ("FP1", "FP2"), seizure=False)
    await stage.gateway.say(seizure_alarm(soon_ns(stage)))  # of four leads
    card, item = stage.page.locator("[data-device='bed-1']"), stage.page.locator(".alarm")
    await expect(item.locator(".message")).to_have_text("seizure, most of all on lead 2, 4, 1")
    await expect(item.locator(".lead-rows b")).to_have_text(["lead 2", "lead 4", "lead 1"])
    await expect(card.locator(".basis")).to_have_text(re.compile(r"alarm since [\d:]+$"))
    await expect(card.locator(".lead-label[data-strong]")).to_have_count(0)


async def test_an_alarm_of_leads_that_are_off_says_which(stage: Stage) -> None:
    await play(stage, seizure=False)
    off = replace(alarm(kind=AlarmKind.LEAD_OFF), signal=Signal.EEG, evidence={"leads": "2, 4"})
    facts = stage.page.locator(".alarm .evidence li")
    await stage.gateway.say(off)
    await expect(facts).to_have_text([f"Leads T7{HYPHEN}P7, CZ{HYPHEN}PZ"])
    await stage.gateway.say(replace(off, revision=1, evidence={"leads": "9"}))
    await expect(facts).to_have_text(["Lead 9"])


async def test_one_wild_lead_does_not_flatten_the_others(stage: Stage) -> None:
    rows = 30 * np.sin(np.arange(4 * FS) / 9 + np.arange(24)[:, None])
    rows[7] *= 60
    labels = tuple(f"E{i + 1}" for i in range(24))
    await stage.gateway.device(
        "bed-1", DeviceStatus(True), DeviceInfo(labels, FS, "uV", 0.2), Signal.EEG
    )
    await stage.gateway.chunk(eeg_chunk(rows, 0))
    await expect(stage.page.locator(".montage .gain")).to_contain_text("70 µV lane to lane")


async def test_what_came_before_the_card_is_not_lost(stage: Stage) -> None:
    gateway, info = stage.gateway, DeviceInfo(("F7-T7", "T7-P7"), FS, "uV", 0.2)
    rows = 30 * np.sin(np.arange(2 * FS) / 9 + np.arange(2)[:, None])
    await gateway.chunk(eeg_chunk(rows, 0, "bed-1"))
    await gateway.events("bed-1", [lead_state(1, FS, SignalState.FLAT)], Signal.EEG)
    await gateway.device("bed-2", DeviceStatus(True), info, Signal.EEG)
    await gateway.chunk(eeg_chunk(rows, 0, "bed-2"))
    gain = ".montage .gain:has-text('lane to lane')"
    await expect(stage.page.locator(f"[data-device='bed-2'] {gain}")).to_have_count(1)
    await gateway.device("bed-1", DeviceStatus(True), info, Signal.EEG)
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(gain)).to_have_count(1)
    await expect(card.locator(".lead-label i")).to_have_text(["", "– flat"])


@pytest.mark.parametrize("signal", list(Signal))
async def test_a_page_that_is_opened_later_says_since_when_there_is_no_waveform(
    stage: Stage, signal: Signal
) -> None:
    feed, page = stage.running.feed, stage.page
    await stage.gateway.device(
        "bed-1", DeviceStatus(True), DeviceInfo(("F7-T7",), FS, "uV", 0.2), signal
    )
    heard_ns, clock_ns = feed.now_ns() - 3600 * 10**9, feed.now_ns
    feed.now_ns = lambda: heard_ns
    await stage.gateway.chunk(replace(eeg_chunk(np.ones((1, FS)), 0), signal=signal))
    await until(feed.waveforms.recent, "the chunk was heard")
    feed.now_ns = clock_ns
    await page.reload()
    when = "async (ms) => (await import('/static/js/format.js')).when(ms, Date.now())"
    since = await page.evaluate(when, heard_ns // 10**6)
    await expect(page.locator(".plot:visible[data-still] .over")).to_have_text(
        [f"no waveform since {since}"]
    )


async def test_too_few_leads_cannot_be_analysed_in_words_and_no_number_is_left(
    stage: Stage,
) -> None:
    await play(stage)
    poor = eeg_vitals(SECONDS * FS, 1, SignalState.POOR, soon_ns(stage))
    await stage.gateway.say(poor)
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(".state")).to_contain_text("Cannot analyse")
    await expect(card.locator(".state")).to_contain_text("1 of 4 leads can be read")
    await expect(card.locator(".eeg .rate .value")).to_have_text("--")
    await expect(card.locator(".eeg .rate .why")).to_have_text("poor signal")
    await expect(card.locator(".eeg .minor .value")).to_have_text(["1/4", *["--"] * 5])
    await expect(card.locator(".seizure-words")).to_have_text("cannot tell (poor signal)")


async def test_an_ecg_and_an_eeg_stand_on_one_card(stage: Stage) -> None:
    await play(stage, seizure=False)
    await stage.gateway.say(replace(vitals(), time_ns=soon_ns(stage)))
    card = stage.page.locator("[data-device='bed-1']")
    await expect(card.locator(".rate:visible .value")).to_have_text(["72", "32"])
    await expect(card.locator("canvas.trace")).to_be_visible()
    await expect(card.locator("canvas.lanes")).to_be_visible()


# Whether what is drawn is of the size that the screen has now.
SETTLED = """() => [...document.querySelectorAll("canvas.lanes")].every((canvas) => {
  const { width, height } = canvas.getBoundingClientRect();
  return canvas.width === Math.round(width) && canvas.height === Math.round(height);
})"""


async def resize(page: Page, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await page.wait_for_function(SETTLED)


# What lies over something else, what is cut off, and labels too low to be read, on all cards.
FAULTS = """() => {
  const shown = (part, within) =>
    [...within.querySelectorAll(part)].filter((one) => one.checkVisibility());
  const names = [".montage-head", ".lead-labels", ".montage .plot", ".seizure-lane",
    ".montage .saying", ".eeg .numbers", ".split > .strip", ".card header", ".card-alarm"];
  const boxes = (name, card) =>
    shown(name, card).map((one) => [name, one.getBoundingClientRect()]);
  const over = [], cut = [];
  for (const card of shown(".card", document)) {
    const parts = names.flatMap((name) => boxes(name, card));
    parts.forEach(([name, a], i) => parts.slice(i + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const tall = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && tall > 1) over.push([name, other]);
    }));
    for (const one of shown(".eeg .number > *, .eeg .age:not(:empty)", card)) {
      const { top, bottom, left, right } = one.getBoundingClientRect();
      const whole = [".minor", ".numbers"].map((name) => one.closest(name)).filter(Boolean)
        .map((around) => around.getBoundingClientRect())
        .every((box) => top > box.top - 1 && bottom < box.bottom + 1
          && left > box.left - 1 && right < box.right + 1);
      if (!whole || one.scrollWidth > one.clientWidth + 1) cut.push(one.textContent);
    }
  }
  const low = shown(".lead-label", document).filter((one) => one.clientHeight < 11).length;
  return [over, cut, low, document.documentElement.scrollWidth > innerWidth];
}"""
NONE = [[], [], 0, False]


@pytest.mark.parametrize("n_leads", [1, 32])
async def test_lanes_have_room_and_nothing_lies_over_anything(
    stage: Stage, n_leads: int
) -> None:
    await play(stage, tuple(f"FT{i + 1}-FT{i + 2}" for i in range(n_leads)))
    page = stage.page
    for width, height in SIZES:
        await resize(page, width, height)
        seen = set()
        for _ in range(n_leads):
            await expect(page.locator(".lead-label").first).not_to_be_empty()
            seen |= set(await page.locator(".lead-label b").all_text_contents()) - {""}
            if len(seen) == n_leads:
                break
            await page.locator(".montage .lead").click()
        assert len(seen) == n_leads
        assert await page.evaluate(FAULTS) == NONE
        basis = "document.querySelector('.basis')"
        assert await page.evaluate(f"{basis}.scrollWidth <= {basis}.clientWidth + 1")


async def test_two_cards_with_lanes_cut_off_no_number(stage: Stage) -> None:
    await play(stage, tuple(f"E{i + 1}" for i in range(32)))
    await stage.gateway.say(replace(vitals(), time_ns=soon_ns(stage)))
    other = replace(eeg_vitals(512, 31, time_ns=soon_ns(stage)), device="bed-2", analysable=0.5)
    await stage.gateway.chunk(eeg_chunk(np.ones((32, FS)), 0, device="bed-2"))
    await stage.gateway.say(other)
    last = stage.page.locator("[data-device='bed-2'] .eeg .rate .value")
    await expect(last).to_have_text("32")
    for width, height in [*SIZES, *((1024, height) for height in range(640, 920, 20))]:
        await resize(stage.page, width, height)
        faults = await stage.page.evaluate(FAULTS)
        assert faults == NONE, (width, height)


async def test_with_an_ecg_beside_it_a_whole_montage_is_still_seen_at_once(
    stage: Stage,
) -> None:
    await stage.page.set_viewport_size({"width": 1440, "height": 900})
    labels = tuple(f"E{i + 1}" for i in range(23))
    await play(stage, labels)
    await stage.gateway.say(replace(vitals(), time_ns=soon_ns(stage)))
    await expect(stage.page.locator("canvas.trace")).to_be_visible()
    await stage.page.wait_for_function(SETTLED)
    assert await stage.page.locator(".lead-label b").all_text_contents() == list(labels)
    assert await stage.page.evaluate(FAULTS) == NONE


async def test_lanes_get_the_width_of_a_card_that_is_higher_than_wide(stage: Stage) -> None:
    await stage.page.set_viewport_size({"width": 1024, "height": 768})
    await play(stage)
    gain = stage.page.locator(".montage .gain")
    await expect(gain).to_contain_text("10 s")
    await resize(stage.page, 390, 844)
    await expect(gain).to_contain_text("· 5 s")
