"""What the page draws of classes, rhythm and evidence, in a real browser on a real broker."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.cloud.conftest import StartFeed
from tests.cloud.fake_gateway import (
    alarm,
    beat,
    chunk,
    probabilities,
    vitals,
)
from tests.cloud.test_page import INFO, Stage, stage_on, written
from tests.servers import Mosquitto
from vitalwire.contracts import AlarmKind, BeatClass, DeviceStatus, Event, Evidence, Priority

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the browser's

FS = 360
SECONDS = 6
END = int(5.8 * FS)  # a beat that is drawn when all before it is
TRACE = tuple(round(0.03 * i, 2) for i in range(30))

# The stretches of a canvas's columns where a colour stands, by the name of its variable.
COLUMNS = """([selector, name]) => {
  const canvas = document.querySelector(selector);
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(canvas).getPropertyValue(name).trim();
  probe.fillRect(0, 0, 1, 1);
  const wanted = probe.getImageData(0, 0, 1, 1).data;
  const { width, height } = canvas;
  if (!width || !height) return [];
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const has = (x) => {
    for (let y = 0; y < height; y++) {
      const i = 4 * (y * width + x);
      const near = [0, 1, 2].every((k) => Math.abs(data[i + k] - wanted[k]) < 4);
      if (near && data[i + 3] > 250) return true;
    }
    return false;
  };
  return Array.from({ length: width }, (_, x) => x).filter(has);
}"""
GROUPS = """(columns) => columns.reduce((groups, x) => {
  if (x - (groups.at(-1)?.at(-1) ?? -9) < 4) groups.at(-1).push(x);
  else groups.push([x]);
  return groups;
}, [])"""
INKED = """() => {
  const canvas = document.querySelector("canvas.lane");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const columns = new Set();
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) columns.add(((i - 3) / 4) % width);
  return [...columns];
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def stage(
    start_feed: StartFeed, own_mosquitto: Mosquitto, browser: Browser
) -> AsyncIterator[Stage]:
    # Numbers stay current for the length of a test, on a slow machine too.
    async with stage_on(start_feed, own_mosquitto, browser, stale_after_s=120) as stage:
        stage.page.set_default_timeout(90_000)
        yield stage
        assert stage.errors == []


def soon_ns(stage: Stage) -> int:
    """A time that is not long ago when a slow test looks at it."""
    return stage.running.feed.now_ns() + 600 * 10**9


async def play(
    stage: Stage, rhythm: Sequence[float | None], events: Sequence[Event] = ()
) -> None:
    """A strip of `SECONDS`, and after each second how likely fibrillation is; None: no word."""
    gateway, now_ns = stage.gateway, soon_ns(stage)
    await gateway.device("bed-1", DeviceStatus(True), INFO)
    data = np.sin(np.arange(SECONDS * FS) / 30).astype(np.float32)
    for i in range(SECONDS * 5):
        await gateway.chunk(chunk(data[i * 72 : i * 72 + 72], i * 72))
    await gateway.say(replace(vitals(), time_ns=now_ns, sample=FS))
    said = [
        probabilities((i + 1) * FS, time_ns=now_ns, af=value)
        for i, value in enumerate(rhythm)
        if value is not None
    ]
    await gateway.events("bed-1", [*said, *events, beat(END, label=BeatClass.F)])


async def columns(stage: Stage, canvas: str, colour: str) -> list[int]:
    found: list[int] = await stage.page.evaluate(COLUMNS, [f"canvas.{canvas}", colour])
    return found


async def swept(stage: Stage, beats: int) -> list[list[int]]:
    """Wait until the sweep has drawn so many letters in boxes; their columns."""
    await stage.page.wait_for_function(
        f"([args, n]) => ({GROUPS})(({COLUMNS})(args)).length === n",
        arg=[["canvas.trace", "--beat-box"], beats],
    )
    found = await columns(stage, "trace", "--beat-box")
    groups: list[list[int]] = await stage.page.evaluate(GROUPS, found)
    return groups


async def test_the_lane_lies_under_the_same_seconds_as_the_strip(stage: Stage) -> None:
    marked = beat(int(2.5 * FS), label=BeatClass.V)
    await play(stage, [0.0, 0.0, 0.9, 0.0, 0.0, 0.0], [marked])
    letter, _ = await swept(stage, beats=2)
    second = await columns(stage, "lane", "--af")
    assert abs(np.mean(letter) - (second[0] + second[-1]) / 2) < 0.1 * len(second)
    assert second == list(range(second[0], second[-1] + 1))
    # What is normal is the empty ground.
    inked = await stage.page.evaluate(INKED)
    assert set(inked) <= set(range(second[0] - 1, second[-1] + 2))


async def test_what_nobody_could_analyse_is_hatched(stage: Stage) -> None:
    await play(stage, [0.9, None, None, None, 0.9, 0.9])
    await swept(stage, beats=1)
    hatched = await columns(stage, "lane", "--dim")
    said = await columns(stage, "lane", "--af")
    before = [x for x in said if x < hatched[0]]
    after = [x for x in said if x > hatched[-1]]
    assert len(before) + len(after) == len(said)  # an answer or hatching, never both
    # 1 s before, from the strip's edge; 2.5 s that nobody spoke for; what the next answers
    # speak for behind them.
    assert before
    assert 2 * hatched[0] < hatched[-1] - hatched[0] < 3 * hatched[0]
    assert len(after) > len(before)


async def test_a_second_of_poor_signal_is_hatched_though_the_model_spoke(stage: Stage) -> None:
    await play(stage, [0.0] * SECONDS)
    await swept(stage, beats=1)
    assert await columns(stage, "lane", "--dim") == []
    await stage.gateway.say(replace(vitals(rate=None), time_ns=soon_ns(stage), sample=3 * FS))
    await expect(stage.page.locator(".rhythm")).to_have_text("cannot tell (poor signal)")
    await stage.page.wait_for_function(
        f"(args) => ({COLUMNS})(args).length > 3", arg=["canvas.lane", "--dim"]
    )


async def test_without_a_model_there_is_no_lane_and_no_word(stage: Stage) -> None:
    await play(stage, [])
    await expect(stage.page.locator(".rate .value")).to_have_text("72")
    for part in ("canvas.lane", ".saying", "#lane-legend"):
        await expect(stage.page.locator(part)).to_be_hidden()


async def test_the_rhythm_stands_in_words_with_its_legend(stage: Stage) -> None:
    await play(stage, [0.0, 0.0, 0.0, 0.0, 0.5, 0.934])
    rhythm = stage.page.locator(".rhythm")
    await expect(rhythm).to_have_text("atrial fibrillation 93 %")
    await expect(stage.page.locator("#lane-legend")).to_contain_text("cannot analyse")
    await expect(stage.page.locator("#lane-legend .swatch")).to_have_count(6)


WORDS = [
    ({"label": "normal", "probability": 0.97}, "sinus or normal 97 %"),
    ({"label": "normal", "probability": 0.4}, "perhaps sinus or normal 40 %"),
    ({"label": "normal", "probability": 1}, "sinus or normal > 99 %"),
    ({"label": "shockable", "probability": 0.8}, "VT/VF - shockable 80 %"),
    ({"label": "other", "probability": 0.8}, "other rhythm 80 %"),
    ({"label": "noise", "probability": 0.8}, "cannot tell (noise) 80 %"),
    ({"label": "normal", "probability": 0.9, "received_ms": 94_000}, "not known (no answer)"),
    ({"label": "normal", "probability": 0.9, "time_ms": 80_000}, "not known (delayed)"),
    ({"label": "af", "probability": 0.9, "reason": "lead off"}, "cannot tell (lead off)"),
]


async def test_words_of_the_rhythm_now_and_never_of_before(stage: Stage) -> None:
    current = {"received_ms": 99_000, "time_ms": 99_000, "reason": ""}
    shown = await stage.page.evaluate(
        """async (views) => {
          const { rhythmWords } = await import("/static/js/rhythm.js");
          return views.map((said) => ["", "offline"].map(
            (cutOff) => rhythmWords(said, 100_000, 5000, cutOff).words));
        }""",
        [{**current, **said} for said, _ in WORDS],
    )
    assert shown == [[words, "not known (offline)"] for _, words in WORDS]


async def test_classes_differ_in_shape_and_not_in_letter_alone(stage: Stage) -> None:
    shapes = await stage.page.evaluate(
        """async () => {
          const { drawLetter } = await import("/static/js/beats.js");
          // Letter and shape in one colour: what is left is the shape.
          return ["N", "S", "V", "F"].map((label) => {
            const canvas = new OffscreenCanvas(60, 60);
            const context = canvas.getContext("2d");
            const ink = (name) => (name === "--sans" ? "sans-serif" : "#fff");
            drawLetter(context, label, 30, 30, 30, ink);
            const { data } = context.getImageData(0, 0, 60, 60);
            return Array.from({ length: 3600 }, (_, i) => Number(data[4 * i + 3] > 128));
          });
        }"""
    )
    masks = [np.array(shape, bool) for shape in shapes]
    sizes = [int(mask.sum()) for mask in masks]
    assert sizes[0] < min(sizes[1:]) / 2  # a normal beat stays small
    for i, one in enumerate(masks):
        for other in masks[i + 1 :]:
            assert (one ^ other).sum() > 0.1 * max(one.sum(), other.sum())


async def test_nothing_of_the_sweep_before_is_left_standing(stage: Stage) -> None:
    # Beats that come late, a strip that is drawn anew: between the sweep and what it has not
    # reached yet there is nothing, in all its lap.
    left = await stage.page.evaluate(
        """async () => {
          const { Strip } = await import("/static/js/strip.js");
          const box = document.createElement("div");
          const [canvas, grid, lane] = [1, 2, 3].map(() => document.createElement("canvas"));
          for (const one of [canvas, grid, lane]) [one.width, one.height] = [317, 120];
          document.body.append(box);
          box.append(canvas, grid, lane);
          const strip = new Strip(canvas, grid, lane, { gain: grid, over: grid });
          strip.resize();
          const left = [];
          const n = 24;
          for (let k = 0; k < 150; k++) {
            const start = k * n;
            const counts = Array.from({ length: n }, (_, i) => (i % 2 ? 2000 : -2000));
            const late = [20, 150, 300, 420].map((ago) => start - ago).filter((at) => at > 0);
            strip.accept({
              stream: "1", fs: 120, unit: "mV", unit_per_count: 0.001, lead_off: 0,
              runs: [{ start, counts: [counts] }], injected: false,
              beats: late.map((at) => ({ at, label: "V", activation: [1, 1, 1] })),
              opinions: [{ at: start, values: { af: 0.5 } }],
              readings: [{ at: start, good: k % 3 > 0 }],
            }, 0);
            strip.frame(1000 + k * 200);
            if (k % 5 === 4) strip.redraw();
            if (strip.drawnTo == null) continue;
            const { axis, drawnTo, rem } = strip;
            const pixel = Math.ceil(1 / axis.step);
            const letter = Math.ceil((0.6 * rem) / axis.step);
            const [from, to] = [drawnTo + letter + pixel, drawnTo + axis.gap - pixel];
            if (to <= from) throw new Error("no gap to look into");
            for (const one of [canvas, lane]) {
              for (const [x0, x1] of axis.spans(from, to)) {
                const { data } = one.getContext("2d").getImageData(x0, 0, x1 - x0, 120);
                if (data.some((value, i) => i % 4 === 3 && value > 0)) left.push([k, x0, x1]);
              }
            }
          }
          return [left, strip.drawnTo];
        }"""
    )
    residues, drawn_to = left
    assert drawn_to > 2000  # several laps
    assert residues == []


async def test_what_spoke_for_a_ventricular_beat_is_shaded_behind_it(stage: Stage) -> None:
    row = (0.0,) * 12 + (1.0,) * 8
    marked = beat(2 * FS, label=BeatClass.V, activation=row)
    await play(stage, [], [marked])
    letter, _ = await swept(stage, beats=2)
    row_of_top = """() => {
      const canvas = document.querySelector("canvas.trace");
      const { data } = canvas.getContext("2d").getImageData(0, 1, canvas.width, 1);
      return Array.from({ length: canvas.width }, (_, x) => data[4 * x + 3]);
    }"""
    await stage.page.wait_for_function(
        f"() => ({row_of_top})().filter((a) => a > 40).length > 20"
    )
    shade = np.array(await stage.page.evaluate(row_of_top))
    dark = np.flatnonzero(shade > 40)
    assert dark[0] > np.mean(letter)  # 0.2 to 0.6 s after the R peak, and nothing before it
    assert not shade[: int(np.mean(letter))].any()


async def test_evidence_of_a_ventricular_tachycardia(stage: Stage) -> None:
    evidence: Evidence = {
        "rate_bpm": 182.4, "classes": "NVVVVV", "probability": 0.94, "limit_bpm": 100.0,
        "activation": tuple([0.1] * 15 + [1.0] + [0.2] * 4), "what_is_new": "tomorrow",
    }  # fmt: skip
    kind = AlarmKind.VENTRICULAR_TACHYCARDIA
    await stage.gateway.say(replace(alarm(kind=kind), evidence=evidence))
    item = stage.page.locator(".alarm")
    await expect(item.locator(".kind")).to_have_text("Ventricular tachycardia")
    await expect(item.locator(".evidence li")).to_have_text(
        ["Rate 182 bpm", "Probability 94 %", "Limit 100 bpm", "What is new tomorrow"]
    )
    await expect(item.locator(".letters b")).to_have_text(["N", "V", "V", "V", "V", "V"])
    await expect(item.locator(".exhibit").nth(0)).to_contain_text("1 normal, 5 ventricular")
    await expect(item.locator(".exhibit").nth(1)).to_contain_text(
        "most 0.30 s after the R peak"
    )
    line = await item.locator("svg .peak").get_attribute("d")
    assert line == "M106.7 0V40"  # 0.4 s of 0.9 s
    await expect(item.locator("svg .bars")).to_be_visible()
    await item.locator("summary").click()
    await expect(item.locator("svg .bars")).to_be_hidden()
    await stage.gateway.say(replace(alarm(kind=kind, revision=1), evidence=evidence))
    await expect(item.locator("svg .bars")).to_be_hidden()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (AlarmKind.SHOCKABLE_RHYTHM, "Shockable rhythm (VT/VF)"),
        (AlarmKind.ATRIAL_FIBRILLATION, "Atrial fibrillation"),
    ],
)
async def test_evidence_of_a_rhythm(stage: Stage, kind: AlarmKind, name: str) -> None:
    evidence: Evidence = {
        "model": "ecg-rhythm",
        "probability": 0.87,
        "mean": 0.8,
        "trace": TRACE,
    }
    await stage.gateway.say(replace(alarm(kind=kind), evidence=evidence))
    item = stage.page.locator(".alarm")
    await expect(item.locator(".kind")).to_have_text(name)
    await expect(item.locator(".evidence")).to_contain_text("Mean 80 %")
    shown = item.locator(".exhibit")
    await expect(shown).to_contain_text(f"{name}: probability last 87 %, from < 1 % to 87 %")
    await expect(shown).to_contain_text("30 s before")
    path = await shown.locator(".curve").get_attribute("d")
    heights = [float(point.split()[1]) for point in re.split("[ML]", path or "")[1:]]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == 40.0  # of an axis from 0 to 1, not of what happened to come
    assert heights[-1] == pytest.approx(0.13 * 40)


ODD: list[Evidence] = [
    {"trace": ()}, {"trace": (0.5,)}, {"trace": (5.0, -3.0)}, {"classes": "hello"},
    {"classes": "V"}, {"activation": ()}, {"activation": (2.0, 1.0)}, {"probability": 7},
    {"classes": True, "trace": "x", "mean": "y"},
]  # fmt: skip


async def test_odd_evidence_is_told_as_it_is(stage: Stage) -> None:
    for i, evidence in enumerate(ODD):
        event = alarm(str(i), kind=AlarmKind.BIGEMINY, priority=Priority.HIGH)
        await stage.gateway.say(replace(event, evidence=evidence))
        item = stage.page.locator(f"[data-alarm-id='{i}']")
        await expect(item.locator(".kind")).to_have_text("Bigeminy")
        assert await item.locator(".evidence li, .exhibit").count() == len(evidence)


async def test_every_kind_has_a_name_of_its_own(stage: Stage) -> None:
    names = await stage.page.evaluate(
        """async (kinds) => {
          const { kindName } = await import("/static/js/format.js");
          return kinds.map(kindName);
        }""",
        [kind.value for kind in AlarmKind],
    )
    assert len(set(names)) == len(AlarmKind)
    assert names[list(AlarmKind).index(AlarmKind.MODEL_FAILED)] == "Analysis model failed"


async def test_the_book_shows_the_evidence_too(stage: Stage) -> None:
    evidence: Evidence = {"probability": 0.87, "trace": TRACE}
    event = alarm(kind=AlarmKind.ATRIAL_FIBRILLATION, priority=Priority.MEDIUM)
    await stage.gateway.say(replace(event, evidence=evidence))
    await expect(stage.page.locator(".alarm")).to_have_count(1)
    await written(stage)
    await stage.page.keyboard.press("h")
    row = stage.page.locator("#history-rows tr")
    await row.locator("summary").click()
    await expect(row.locator(".curve")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1024, 768), (1440, 900)])
async def test_words_of_the_rhythm_are_not_cut_off(
    stage: Stage, width: int, height: int
) -> None:
    await stage.page.set_viewport_size({"width": width, "height": height})
    now_ns = soon_ns(stage)
    for i in range(6):
        name = f"bed-{i}"
        await stage.gateway.chunk(chunk(np.zeros(72), 0, name))
        await stage.gateway.say(replace(vitals(name), time_ns=now_ns))
        said = probabilities(72, name, now_ns, af=0.95)
        await stage.gateway.events(name, [said])
    await expect(stage.page.locator(".rhythm:visible")).to_have_count(6)
    cut = """() => [...document.querySelectorAll(".rhythm")].filter(
      (words) => words.scrollWidth > words.clientWidth + 1).length"""
    assert await stage.page.evaluate(cut) == 0
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert await stage.page.evaluate(wide) <= 0
