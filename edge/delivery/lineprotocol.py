"""Line protocol, written and read back.

InfluxDB 1.x has no escape for a backslash or a line break in a tag, and VictoriaMetrics cuts
at every line break even inside a quoted string. So both are replaced before they get there:
what is written here means the same to every store.

Source: InfluxDB 1.6 documentation, "Line protocol reference".
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from vitalwire.errors import ContractError

FieldValue = float | int | bool | str

_INT64: Final = range(-(2**63), 2**63)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_KEY: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "/"})
_STRING: Final = str.maketrans({'"': r"\"", "\\": r"\\"})


@dataclass(frozen=True, slots=True)
class Point:
    """A line, taken apart."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, FieldValue]
    time_ns: int


def clean(text: str) -> str:
    """`text` without control characters and half characters: a blank for each."""
    return _CONTROL.sub(" ", text)


def format_line(
    measurement: str,
    tags: Mapping[str, str | None],
    fields: Mapping[str, FieldValue | None],
    time_ns: int,
) -> str:
    """One line, without a line break. Tags are sorted, as the store keeps them.

    Tags and fields that are None are left out, and so are empty tags and numbers that no
    store takes (not finite, beyond int64). A backslash in a tag becomes a slash.

    Raises
    ------
    ContractError
        If no field is left.
    """
    head = _escape(measurement) + "".join(
        f",{_escape(key)}={_escape(value)}" for key, value in sorted(tags.items()) if value
    )
    parts = [
        f"{_escape(key)}={text}"
        for key, value in fields.items()
        if (text := _field(value)) is not None
    ]
    if not parts:
        raise ContractError(f"a point of {measurement} needs a field, got {dict(fields)}")
    return f"{head} {','.join(parts)} {time_ns}"


@lru_cache(maxsize=4096)  # names and tags are few, and come with every line
def _escape(name: str) -> str:
    return clean(name).translate(_KEY)


def _field(value: FieldValue | None) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}i" if value in _INT64 else None
        case str():
            return f'"{clean(value).translate(_STRING)}"'
        case _:
            return repr(float(value)) if math.isfinite(value) else None


_WORD = r"[^\\,= ]*(?:\\.[^\\,= ]*)*"
_HEAD = re.compile(r"[^\\, ]*(?:\\.[^\\, ]*)*(?:,[^\\, ]*(?:\\.[^\\, ]*)*)*(?= )")
_NAME = re.compile(r"[^\\, ]*(?:\\.[^\\, ]*)*")
_TAG = re.compile(f",({_WORD})=({_WORD})")
_FIELD = re.compile(rf'({_WORD})=("[^\\"]*(?:\\.[^\\"]*)*"|[^\s,"]+)(,| )')
_UNESCAPE = re.compile(r"\\([,= \"\\])")


def parse_line(line: str) -> Point:
    """Take a line of `format_line` apart.

    Raises
    ------
    ValueError
        If it is not one.
    """
    found = _HEAD.match(line)
    if found is None:
        raise ValueError(f"not line protocol: {line[:80]!r}")
    measurement, tags = _head(found[0])
    fields: dict[str, FieldValue] = {}
    position, more = found.end() + 1, ","
    while more == ",":
        field = _FIELD.match(line, position)
        if field is None:
            raise ValueError(f"no field at {position}: {line[:80]!r}")
        key, text, more = field.groups()
        fields[_plain(key)] = _value(text)
        position = field.end()
    return Point(measurement, dict(tags), fields, int(line[position:]))


@lru_cache(maxsize=4096)  # a stream's lines all begin alike
def _head(head: str) -> tuple[str, dict[str, str]]:
    name = _NAME.match(head)
    if name is None or not name[0]:
        raise ValueError(f"no measurement: {head[:80]!r}")
    tags = {_plain(m[1]): _plain(m[2]) for m in _TAG.finditer(head, name.end())}
    return _plain(name[0]), tags


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text) if "\\" in text else text


def _value(text: str) -> FieldValue:
    if text[0] == '"':
        return _plain(text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    return int(text[:-1]) if text[-1] == "i" else float(text)
