"""The report of seizures: what it is of stands first, every figure is where it belongs."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.scoring.test_page import Page
from training.scoring.szcore_figures import summarise
from training.scoring.szcore_report import patient_table, render, tables, text, write_page
from training.scoring.szcore_score import Recording, score_recording
from vitalwire.errors import InputError

ABOUT = ["Made events of two people.", "It cannot say how <others> fare."]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    recordings = [
        Recording("a", "1", 3600, [(600, 660), (1200, 1230)], [(604.5, 660)], unbroken=True),
        Recording("b", "1", 7200, [], [(50, 60)]),
    ]
    return summarise(ABOUT, [score_recording(one) for one in recordings])


def test_the_tables(report: dict[str, Any]) -> None:
    by_event, by_second, delays = tables(report)
    mean, of, pooled = (dict(zip(by_event[1], row, strict=True)) for row in by_event[2])
    assert mean["sensitivity"] == "0.500 (0.013 to 0.987)"
    assert mean["false alarms a day"] == "6.000"
    assert (of["sensitivity"], of["false alarms a day"]) == ("1", "2")
    counts = [
        pooled[head] for head in ("patients", "hours", "seizures", "found", "false alarms")
    ]
    assert counts == ["2", "3.00", "2", "1", "1"]
    assert pooled["precision"] == "0.500 (0.013 to 0.987)"
    assert pooled["false alarms a day"].startswith("8.000 (0.203 to 44.573")
    seconds = dict(zip(by_second[1], by_second[2][2], strict=True))
    assert (seconds["seconds of seizure"], seconds["found"]) == ("90", "56")
    assert seconds["false seconds a day"] == "80.000"
    shown = dict(zip(delays[1], delays[2][0], strict=True))
    assert (shown["seizures timed"], shown["not alarmed"], shown["median s"]) == (
        "2",
        "1",
        "4.5",
    )


def test_one_line_a_patient(report: dict[str, Any]) -> None:
    _, heads, rows = patient_table(report)
    a, b = rows
    assert (a[0], b[0]) == ("a", "b")
    assert a[heads.index("delays s")] == "4.5"
    assert a[heads.index("not alarmed")] == "1 of 2"
    assert b[heads.index("sensitivity")] == b[heads.index("not alarmed")] == "-"
    assert b[heads.index("a day")].startswith("12.000 (")


def test_what_it_is_of_stands_first(report: dict[str, Any]) -> None:
    assert text(report).splitlines()[:3] == [ABOUT[0], "", ABOUT[1]]
    page = render(report)
    assert page.index("Made events") < page.index("cannot say") < page.index("<table")


def test_tables_are_markdown(report: dict[str, Any]) -> None:
    blocks = [block.splitlines() for block in text(report).split("\n\n") if block[0] == "|"]
    assert [len(block) for block in blocks] == [5, 5, 3, 4]
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1


def test_the_page(report: dict[str, Any], tmp_path: Path) -> None:
    skipped = [{"record": "<b>c", "why": "no seizure was annotated"}]
    write_page(tmp_path / "report.html", {**report, "skipped": skipped})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    parsed = Page(page)
    assert parsed.counts["table"] == 4
    assert parsed.links == []
    assert "b" not in parsed.counts
    assert "&lt;others&gt;" in page
    assert "nan" not in page.lower()
    assert "None" not in page


def test_a_page_of_nothing() -> None:
    page = render(summarise(ABOUT, []))
    assert Page(page).counts["table"] == 4
    assert "None" not in page


def test_a_page_that_cannot_be_written(report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        write_page(tmp_path, report)
