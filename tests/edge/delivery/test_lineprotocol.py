"""What is written is what is read: by us, by influxdb-client, by the real server."""

import math

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point as ClientPoint

from edge.delivery.lineprotocol import FieldValue, clean, format_line, parse_line
from tests.servers import InfluxDB
from vitalwire.errors import ContractError

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=20)
NAMES = st.text("abz_,= ", min_size=1, max_size=8)
TAGS = st.dictionaries(NAMES, st.text('ab,= \\"é\n', max_size=8), max_size=4)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FIELDS = st.dictionaries(NAMES, NUMBERS | INT64 | st.booleans() | TEXT, min_size=1, max_size=4)


def _kept(tags: dict[str, str]) -> dict[str, str]:
    return {key: clean(value).replace("\\", "/") for key, value in tags.items() if value}


def _cleaned(fields: dict[str, FieldValue]) -> dict[str, FieldValue]:
    return {k: clean(v) if isinstance(v, str) else v for k, v in fields.items()}


@given(TAGS, FIELDS, INT64)
def test_a_line_is_read_back(
    tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int
) -> None:
    line = format_line("beat", tags, fields, time_ns)
    assert len(line.splitlines()) == 1
    point = parse_line(line)
    assert (point.measurement, point.tags, point.time_ns) == ("beat", _kept(tags), time_ns)
    assert point.fields == _cleaned(fields)
    assert [type(v) for v in point.fields.values()] == [type(v) for v in fields.values()]


@given(st.dictionaries(NAMES, st.text("ab,= é", min_size=1), max_size=4), TEXT, NUMBERS)
def test_it_is_escaped_as_influxdb_client_escapes(
    tags: dict[str, str], text: str, number: float
) -> None:
    text = clean(text)
    plain = {"measurement": "a point", "tags": tags, "time": 12}
    theirs = ClientPoint.from_dict({**plain, "fields": {"a,b": text, "c d": number}})
    ours = format_line("a point", tags, {"a,b": text, "c d": number}, 12)
    # They write 1.0 as 1: the same number to a store.
    assert parse_line(ours) == parse_line(theirs.to_line_protocol())


@given(
    tags=st.dictionaries(st.sampled_from(["site", "patient"]), st.text(max_size=12)),
    text=TEXT,
    number=NUMBERS,
    whole=INT64,
    time_ns=st.integers(0, 4_000_000_000_000_000_000),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_influxdb_reads_what_was_written(
    influxdb: InfluxDB,
    tags: dict[str, str],
    text: str,
    number: float,
    whole: int,
    time_ns: int,
) -> None:
    influxdb.query("DROP MEASUREMENT roundtrip")
    fields: dict[str, FieldValue] = {"text": text, "whole": whole, "yes": True}
    line = format_line("roundtrip", tags, {**fields, "number": number}, time_ns)
    url = f"{influxdb.url}/write?db={influxdb.database}"
    answer = urllib3.request("POST", url, body=line.encode())
    assert answer.status == 204, answer.data
    [row] = influxdb.query("SELECT * FROM roundtrip")
    want = {"name": "roundtrip", "time": time_ns, **_kept(tags), **_cleaned(fields)}
    assert math.isclose(row.pop("number"), number, rel_tol=1e-15)
    assert {k: v for k, v in row.items() if v is not None} == want


def test_what_no_store_takes_is_left_out() -> None:
    fields = {"nan": math.nan, "inf": math.inf, "none": None, "huge": 2**63, "kept": 1}
    assert format_line("a", {"t": None, "u": ""}, fields, 5) == "a kept=1i 5"


def test_a_point_without_a_field_is_our_bug() -> None:
    with pytest.raises(ContractError, match="needs a field"):
        format_line("a", {}, {"nan": math.nan}, 5)


@pytest.mark.parametrize(
    "line", ["", "a", "a b", "a b=", "a b=1", "a b=1 x", "a,b b=1", 'a b="']
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_line(line)
