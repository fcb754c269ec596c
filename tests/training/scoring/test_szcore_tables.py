"""The tables of seizures: every figure is where it belongs."""

from typing import Any

import pytest

from training.scoring.szcore_figures import summarise
from training.scoring.szcore_score import Recording, score_recording
from training.scoring.szcore_tables import patient_table, tables


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    recordings = [
        Recording("a", "1", 3600, [(600, 660), (1200, 1230)], [(604.5, 660)], unbroken=True),
        Recording("b", "1", 7200, [], [(50, 60)]),
    ]
    return summarise(
        ["Made events of two people."], [score_recording(one) for one in recordings]
    )


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
