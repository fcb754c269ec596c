"""`docs/alarms.md` shows the tables that the code uses."""

import re
from pathlib import Path

import pytest

from edge.stages.alarm_table import POLICIES, Policy
from edge.stages.limits import DEFAULT_LIMITS, RANGES
from vitalwire.contracts import AlarmKind

DOCS = Path(__file__).parents[3] / "docs" / "alarms.md"


def alarm_table() -> list[str]:
    rows = [
        "| alarm | about | priority | raised when | latching | over after | escalates |",
        "|---|---|---|---|---|---|---|",
    ]
    return rows + [row(kind, policy) for kind, policy in POLICIES.items()]


def row(kind: AlarmKind, policy: Policy) -> str:
    cells = (
        f"`{kind}`",
        "patient" if kind.category == "physiological" else "equipment",
        policy.priority,
        policy.condition.format(**DEFAULT_LIMITS),
        "yes" if policy.latching else "no",
        policy.ends,
        escalation(policy),
    )
    return f"| {' | '.join(cells)} |"


def escalation(policy: Policy) -> str:
    step = policy.escalation
    if step is None:
        return "no"
    after = f"{step.after_s:g} s" if step.after_s < 120 else f"{step.after_s / 60:g} min"
    seen = "acknowledged or not" if step.even_acknowledged else "unacknowledged"
    return f"to {step.priority} after {after} {seen}"


def limit_table() -> list[str]:
    rows = ["| limit | default | from | to | what it is |", "|---|---|---|---|---|"]
    return rows + [
        f"| `{name}` | {one.default:g} | {one.low:g} | {one.high:g} | {one.meaning} |"
        for name, one in RANGES.items()
    ]


@pytest.mark.parametrize(
    ("name", "rows"), [("table", alarm_table()), ("limits", limit_table())]
)
def test_the_documentation_shows_the_table(name: str, rows: list[str]) -> None:
    text = DOCS.read_text()
    found = re.search(rf"<!-- {name}: [^>]*-->\n(.*?)\n?<!-- end of {name} -->", text, re.S)
    assert found
    assert found[1].splitlines() == rows


def test_the_texts_name_the_delays_that_hold() -> None:
    for policy in POLICIES.values():
        if policy.off_delay_s:
            assert f"{policy.off_delay_s:g} s" in policy.ends


def test_every_alarm_on_a_limit_names_it() -> None:
    named = {name for one in POLICIES.values() for name in re.findall(r"{(\w+)", one.condition)}
    assert named == set(DEFAULT_LIMITS)
