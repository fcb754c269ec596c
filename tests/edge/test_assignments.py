"""Who wears what: read from a file that people write by hand."""

import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge.assignments
from edge.assignments import Assignments
from vitalwire.errors import InputError

S = 1_000_000_000
TEXT = """
[[assignment]]
patient = "p-017"
device = "belt-3"
from = 2026-03-01T08:00:00Z
to = 2026-03-04T11:30:00+01:00

[[assignment]]
patient = "p-018"
device = "belt-3"
from = 2026-03-04T10:30:00Z

[[assignment]]
patient = "p-017"
device = "cap-1"
from = 2026-03-01T08:00:00.250Z

[limits.p-017]
tachycardia_bpm = 150
"""
START = 1_772_352_000 * S  # 2026-03-01T08:00:00Z
CHANGE = 1_772_620_200 * S  # 2026-03-04T10:30:00Z


def test_who_wears_what_and_when() -> None:
    assignments = Assignments.parse(TEXT)
    worn = [
        assignments.patient_of("belt-3", t)
        for t in (0, START - 1, START, CHANGE - 1, CHANGE, CHANGE * 2)
    ]
    assert worn == [None, None, "p-017", "p-017", "p-018", "p-018"]
    assert assignments.patient_of("cap-1", START + S // 4 - 1) is None
    assert assignments.patient_of("cap-1", START + S // 4) == "p-017"
    assert assignments.patient_of("belt-4", START) is None


def test_limits_are_those_that_differ() -> None:
    assignments = Assignments.parse(TEXT)
    assert assignments.limits_of("p-017") == {"tachycardia_bpm": 150}
    assert assignments.limits_of("p-018") == {}
    assert assignments.limits_of(None) == {}


def test_nothing_is_nobody() -> None:
    assert Assignments.parse("").patient_of("belt-3", START) is None
    assert Assignments.parse("# nobody yet\n") == Assignments.parse("")


def test_the_example_in_the_documentation_is_valid() -> None:
    text = (edge.assignments.__doc__ or "").split("::")[1].split("An interval")[0]
    example = "\n".join(line.strip() for line in text.splitlines())
    assignments = Assignments.parse(example)
    assert assignments.patient_of("belt-3", START) == "p-017"
    assert dict(assignments.limits_of("p-017")) == {
        "tachycardia_bpm": 150,
        "bradycardia_bpm": 35,
    }


def entry(**fields: str) -> str:
    given = {"patient": '"p-1"', "device": '"d-1"', "from": "2026-03-01T08:00:00Z", **fields}
    return "[[assignment]]\n" + "\n".join(f"{k} = {v}" for k, v in given.items() if v) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[assignment]\n", "not valid TOML.*line 1"),
        ("a = " + "[" * 100_000, "not valid TOML"),
        ("a = " + "1" * 5000, "not valid TOML"),
        ("patients = 1\n", "unknown 'patients'"),
        ("assignment = 3\n", "with two brackets"),
        ("[assignment]\npatient = 'x'\n", "with two brackets"),
        ("assignment = [1]\n", "with two brackets"),
        (entry(colour="3"), "assignment 1: unknown 'colour'"),
        (entry(patient=""), "assignment 1: patient: expected"),
        (entry(patient="3"), "assignment 1: patient: expected"),
        (entry() + entry(device='"a/b"'), "assignment 2: device: device must be"),
        (entry(device='"gateway"'), "device must be"),
        (entry(patient='"Anna Maier"'), "patient must be"),
        (entry(patient='"a,b=c"'), "patient must be"),
        (entry(**{"from": ""}), "assignment 1: from: expected a time"),
        (entry(**{"from": '"2026-03-01"'}), "assignment 1: from: expected a time"),
        (entry(**{"from": "2026-03-01"}), "assignment 1: from: expected a time"),
        (entry(**{"from": "2026-03-01T08:00:00"}), "has no time zone: write .*Z for UTC"),
        (entry(to="2026-03-01T08:00:00Z"), "assignment 1: to: expected a time after from"),
        (entry() + entry(patient='"p-2"'), "worn by 'p-1' and by 'p-2'.*end the first"),
        (entry(to="2026-03-02T00:00:00Z") + entry(to="2026-03-02T00:00:00Z"), "end the first"),
        (entry() + "limits = 3\n", "assignment 1: unknown 'limits'"),
        ("limits = 3\n", r"expected \[limits.PATIENT\]"),
        (entry() + "[limits]\np-1 = 3\n", "limits.p-1: expected a table"),
        (entry() + "[limits.p-2]\n", "limits.p-2: no assignment has this patient"),
        (entry() + "[limits.p-1]\nasystole_s = 60\n", "limits.p-1: asystole_s .*3 to 8"),
        (entry() + "[limits.p-1]\nasystole = 4\n", "limits.p-1: unknown limit 'asystole'"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Assignments.parse(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("assignments.toml")


@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_say_why(text: str) -> None:
    with suppress(InputError):
        Assignments.parse(text)


_VALUES = st.recursive(
    st.sampled_from(["1", "1.5", "true", '"x"', "2026-03-01T08:00:00Z", "nan", "07:32:00"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda v: f"[{', '.join(v)}]"),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["patient", "device", "from", "to"]), _VALUES, max_size=4),
    st.dictionaries(st.sampled_from(["pause_s", "lead_off_s"]), _VALUES, max_size=2),
)
def test_no_type_of_value_does_anything_but_parse_or_say_why(
    fields: dict[str, str], limits: dict[str, str]
) -> None:
    text = entry(**fields) + "[limits.p-1]\n"
    text += "\n".join(f"{k} = {v}" for k, v in limits.items())
    tomllib.loads(text)
    with suppress(InputError):
        Assignments.parse(text)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True))
def test_intervals_in_any_order_of_the_file(days: list[int]) -> None:
    days = sorted(days)[: len(days) // 2 * 2]
    spans = list(zip(days[::2], days[1::2], strict=True))
    entries = [
        entry(
            patient=f'"p-{a}"',
            **{"from": day(a), "to": day(b)},
        )
        for a, b in spans
    ]
    assignments = Assignments.parse("".join(reversed(entries)))
    for d in range(42):
        wearer = next((f"p-{a}" for a, b in spans if a <= d < b), None)
        assert assignments.patient_of("d-1", (1_767_225_600 + d * 86_400) * S) == wearer


def day(n: int) -> str:
    """2026-01-01 and `n` days."""
    return f"2026-01-{n + 1:02}T00:00:00Z" if n < 31 else f"2026-02-{n - 30:02}T00:00:00Z"
