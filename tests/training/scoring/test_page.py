"""The page of a report: complete, self-contained, readable on a phone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.scoring.made_records import Made, beats_each_second, load_hearing
from training.scoring import strips
from training.scoring.evaluate_beat import BeatOptions, evaluate_beat
from training.scoring.evaluate_rhythm import evaluate_rhythm
from training.scoring.page import render, write_page
from training.scoring.telling import text, write_results
from vitalwire.errors import InputError

pytest.importorskip("wfdb", reason="WFDB records are written with wfdb")


@contextmanager
def silent(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


@pytest.fixture(scope="module")
def beat_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("beats")
    drawn = dict.fromkeys(range(310, 330, 3), "V")
    marks = [(n + 0.5, "S" if n == 320 else drawn.get(n, "N"), "") for n in range(340)]
    made = Made(beats=beats_each_second(340, {**drawn, 312: "S"}), marks=marks)
    made.comments = ["69 M 1085 1629 x1"]
    made.write(folder, "100")
    made.write(folder, "101")
    (folder / "none.hea").write_text("none 1 250 9\n")
    options = BeatOptions()
    return evaluate_beat(folder, None, load_hearing, options=options, n_workers=1, track=silent)


@pytest.fixture(scope="module")
def rhythm_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("rhythms")
    marks = [(0, "+", "(N"), (50, "+", "(VF"), (80, "+", "(N"), (310, "+", "(AFIB")]
    tones = [(100, 110, "shockable"), (320, 400, "af")]
    Made(duration_s=400, tones=tones, marks=marks).write(folder / "vfdb", "a")
    for name, rhythm in (("x", "af"), ("y", "normal")):
        tones = [] if rhythm == "normal" else [(0, 20, rhythm)]
        Made(duration_s=20, tones=tones).write(folder / "challenge-2017", name)
    (folder / "challenge-2017" / "REFERENCE.csv").write_text("x,A\ny,A\n")
    return evaluate_rhythm(folder, ["all"], load_hearing, n_workers=1, track=silent)


class Page(HTMLParser):
    """Counts elements, and refuses a page that is not closed as it was opened."""

    void = frozenset({"meta", "br", "line", "circle", "polyline"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


def test_the_beat_page(beat_report: dict[str, Any]) -> None:
    page = render(beat_report)
    parsed = Page(page)
    assert parsed.links == []
    assert "script" not in parsed.counts
    assert page.index("It cannot say") < page.index("<table")
    n_figures = len(beat_report["worst"]) + len(beat_report["calibration"])
    assert parsed.counts["figure"] == n_figures > 4
    assert "none: has no annotations" in page  # what was not scored
    assert "nan" not in page.lower()


def test_a_name_is_text(beat_report: dict[str, Any]) -> None:
    hostile = {**beat_report["worst"][0], "record": "<b>x"}
    skipped = [{"record": "<b>y", "why": "<script>"}]
    page = render({**beat_report, "worst": [hostile], "skipped": skipped})
    assert "script" not in Page(page).counts
    assert "&lt;b&gt;x" in page


def test_the_rhythm_page(rhythm_report: dict[str, Any]) -> None:
    page = render(rhythm_report)
    parsed = Page(page)
    assert parsed.links == []
    assert page.index("the figures cannot say") < page.index("<table")
    assert "Labels it was surest of, and wrong" in page
    assert "annotated <b>shockable</b>, 30 s long, told <b>nothing</b>" in page


def test_a_record_that_is_gone_leaves_its_caption(rhythm_report: dict[str, Any]) -> None:
    gone = {**rhythm_report["shockable"]["worst"][0], "path": "/nowhere/a"}
    figure = strips.strip(gone)
    assert "no such recording" in figure
    assert "told <b>nothing</b>" in figure


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_any_signal_can_be_drawn(value: float) -> None:
    drawn = strips.trace(np.full(500, value, np.float32), 250.0, mark_s=1.0)
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_tables_are_markdown(
    beat_report: dict[str, Any], rhythm_report: dict[str, Any]
) -> None:
    for task, report in (("ecg-beat", beat_report), ("ecg-rhythm", rhythm_report)):
        lines = text(task, report).splitlines()
        rows = [line for line in lines if line.startswith("|")]
        assert len(rows) > 12
        for first, line in pairwise(rows):
            if set(line) <= set("|-"):
                assert first.count("|") == line.count("|")


def test_results_have_a_section_for_each_task(
    beat_report: dict[str, Any],
    rhythm_report: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    results = tmp_path / "docs" / "results.md"
    results.write_text("# Results\n")
    write_results("ecg-beat", beat_report)
    write_results("ecg-rhythm", rhythm_report)
    write_results("ecg-rhythm", {**rhythm_report, "folds": ["a"]})
    write_results("ecg-beat", beat_report)
    page = results.read_text()
    for name in ("ecg-beat", "ecg-rhythm", "ecg-rhythm-folds"):
        assert page.count(f"<!-- {name}: begin -->") == 1
    assert "| 101 |" in page


def test_a_page_that_cannot_be_written(beat_report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        write_page(tmp_path, beat_report)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 400])
def test_it_fits_the_screen(
    chromium: Path,
    beat_report: dict[str, Any],
    rhythm_report: dict[str, Any],
    tmp_path: Path,
    width: int,
) -> None:
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), headless=True, args=arguments
        )
        for name, report in (("beat", beat_report), ("rhythm", rhythm_report)):
            path = tmp_path / f"{name}.html"
            write_page(path, report)
            tab = browser.new_page(viewport={"width": width, "height": 800})
            tab.on("console", lambda message: problems.append(message.text))
            tab.goto(path.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.locator("figure svg").first.bounding_box() is not None
            assert problems == []
        browser.close()
