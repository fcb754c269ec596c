"""Faults as they are written on a command line: `gap:at=60,for=5`, `noise:snr=6`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Final, get_args

from firmware_bridge.faults import Fault, FaultPlan
from vitalwire.errors import InputError

_KINDS: Final[dict[str, type[Fault]]] = {kind.name: kind for kind in get_args(Fault)}
_FIELD_OF: Final = {"at": "at_s", "for": "for_s"}
_WORD_OF: Final = {field: word for word, field in _FIELD_OF.items()}


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    high: float


_RANGES: Final = {
    "p": _Range(0.0, 1.0),
    "at_s": _Range(0.0, math.inf),
    "for_s": _Range(0.0, math.inf),
    "by": _Range(0.0, 1e9),
    "ppm": _Range(-1e6, 1e6),
    "snr": _Range(-100.0, 200.0),
    "lead": _Range(-1, 31),
    "known": _Range(0, 1),
}


def parse_faults(specs: Sequence[str], seed: int = 0) -> FaultPlan:
    """Read faults as a person writes them.

    Raises
    ------
    InputError
        Names what is wrong, and what is known.
    """
    return FaultPlan(tuple(parse_fault(spec) for spec in specs), seed)


def parse_fault(spec: str) -> Fault:
    """Read one fault, as `leadoff:at=20,for=10,lead=0`."""
    name, _, rest = spec.partition(":")
    kind = _KINDS.get(name.strip())
    if kind is None:
        raise InputError(f"fault {name.strip()!r} is not known; known: {known_faults()}")
    values: dict[str, float | int] = {}
    casts: dict[str, Callable[[str], float | int]] = {
        field.name: int if field.type is int else float for field in fields(kind)
    }
    for part in filter(None, rest.split(",")):
        word, _, text = part.partition("=")
        field = _FIELD_OF.get(word.strip(), word.strip())
        if field not in casts or word.strip() in _WORD_OF:
            raise InputError(f"fault {spec!r}: {word.strip()!r} is not known; as {usage(kind)}")
        values[field] = _value(spec, word.strip(), field, text, casts[field])
    absent = [
        _WORD_OF.get(field.name, field.name)
        for field in fields(kind)
        if field.default is MISSING and field.name not in values
    ]
    if absent:
        raise InputError(f"fault {spec!r}: {', '.join(absent)} is missing; as {usage(kind)}")
    return kind(**values)  # type: ignore[arg-type]  # cast by the field's own type above


def _value(
    spec: str, word: str, field: str, text: str, cast: Callable[[str], float | int]
) -> float | int:
    allowed = _RANGES[field]
    try:
        value = cast(text)
    except ValueError:
        value = math.nan
    if not allowed.low <= value <= allowed.high:  # false for NaN too
        what = "a whole number" if cast is int else "a number"
        raise InputError(
            f"fault {spec!r}: {word}: expected {what} from {allowed.low:g} to "
            f"{allowed.high:g}, got {text!r}"
        )
    return value


def usage(kind: type[Fault]) -> str:
    """How a fault is written, optional parts in brackets."""
    parts = []
    for field in fields(kind):
        text = f"{_WORD_OF.get(field.name, field.name)}="
        parts.append(text if field.default is MISSING else f"[{text}]")
    return f"{kind.name}:{','.join(parts)}"


def known_faults() -> str:
    """How each fault is written."""
    return " ".join(usage(kind) for kind in _KINDS.values())


def describe(fault: Fault) -> str:
    """A fault as one would write it."""
    parts = [
        f"{_WORD_OF.get(field.name, field.name)}={value:g}"
        for field in fields(fault)
        if (value := getattr(fault, field.name)) != field.default
    ]
    return f"{fault.name}:{','.join(parts)}" if parts else fault.name
