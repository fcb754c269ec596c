"""JSON messages on MQTT: the contracts, written and read back, checked.

What comes from outside raises `WireError` with `BAD_JSON` and the field at fault, never more.
"""

import json
import math
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from vitalwire.contracts import Event
from vitalwire.errors import WireError, WireReason

MAX_JSON_BYTES: Final = 64 * 1024

T = TypeVar("T")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    """Made once for each contract: that costs more than many messages."""
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def plain(message: Any) -> dict[str, Any]:
    """A contract as JSON-plain values (enums by value, tuples as lists)."""
    value: dict[str, Any] = _adapter(type(message)).dump_python(message, mode="json")
    return value


def dump(message: Any) -> bytes:
    """A contract as compact JSON."""
    return _adapter(type(message)).dump_json(message)


def dump_event(event: Event) -> bytes:
    """An event as one JSON line of the `events` topic: its fields, and `type` in front."""
    fields = {"type": type(event).__name__.lower(), **plain(event)}
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()


def load(cls: type[T], payload: bytes) -> T:
    """Read a contract from JSON.

    Raises
    ------
    WireError
        `OVERSIZED`, or `BAD_JSON` where a field is missing, of another type or not finite.
    """
    if len(payload) > MAX_JSON_BYTES:
        raise WireError(
            WireReason.OVERSIZED, f"expected at most {MAX_JSON_BYTES} bytes, got {len(payload)}"
        )
    try:
        message: T = _adapter(cls).validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise WireError(
            WireReason.BAD_JSON, f"{cls.__name__}: {where}: {first['msg']}"
        ) from None
    except RecursionError:
        raise WireError(WireReason.BAD_JSON, f"{cls.__name__}: nested too deeply") from None
    if not _finite(plain(message)):
        raise WireError(WireReason.BAD_JSON, f"{cls.__name__}: a number is not finite")
    return message


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_finite(item) for item in value)
    return True
