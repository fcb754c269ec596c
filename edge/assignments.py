"""Who wears which device, from when to when, and with which alarm limits.

`assignments.toml` holds pseudonyms, never names::

    [[assignment]]
    patient = "p-017"
    device = "belt-3"
    from = 2026-03-01T08:00:00Z   # with a time zone
    to = 2026-03-04T10:30:00Z     # left out: until further notice

    [limits.p-017]                # only what differs from the defaults
    tachycardia_bpm = 150
    bradycardia_bpm = 35

An interval holds its `from` and not its `to`, so that the next may begin where one ends. One
device has one wearer at a time; one patient may wear several devices.
"""

import datetime as dt
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge.stages.items import Limits
from edge.stages.limits import check_limits
from vitalwire.errors import ContractError, InputError
from vitalwire.topics import check_name

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_KEYS = ("patient", "device", "from", "to")


@dataclass(frozen=True, slots=True)
class Wearing:
    """One patient wears one device from `start_ns` (UTC) until before `end_ns`."""

    patient: str
    device: str
    start_ns: int
    end_ns: int | None  # None: until further notice


@dataclass(frozen=True, slots=True)
class Assignments:
    """What `assignments.toml` says."""

    by_device: Mapping[str, tuple[Wearing, ...]]  # in order of time
    limits: Mapping[str, Limits]  # by patient; only what differs from the defaults

    @classmethod
    def parse(cls, text: str) -> "Assignments":
        """Read the text of an `assignments.toml`; "" means that nobody wears anything.

        Raises
        ------
        InputError
            With the line, or the entry and field, and what to do.
        """
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
            raise InputError(f"assignments.toml: not valid TOML: {error}") from None
        if unknown := sorted(set(document) - {"assignment", "limits"}):
            raise InputError(
                f"assignments.toml: unknown {unknown[0]!r}: expected [[assignment]] tables "
                "and [limits.PATIENT] tables"
            )
        wearings = _wearings(document.get("assignment", []))
        return cls(_by_device(wearings), _limits(document.get("limits", {}), wearings))

    def patient_of(self, device: str, time_ns: int) -> str | None:
        """The pseudonym of who wears a device at that time (UTC), None if nobody does."""
        wearings = self.by_device.get(device, ())
        i = bisect_right(wearings, time_ns, key=lambda wearing: wearing.start_ns) - 1
        if i < 0:
            return None
        end_ns = wearings[i].end_ns
        return wearings[i].patient if end_ns is None or time_ns < end_ns else None

    def limits_of(self, patient: str | None) -> Limits:
        """A patient's own limits, those that differ from the defaults."""
        return self.limits.get(patient, {}) if patient else {}


def _wearings(entries: object) -> list[Wearing]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(
            "assignments.toml: assignment: expected [[assignment]] tables, with two brackets"
        )
    return [_wearing(i, entry) for i, entry in enumerate(entries, start=1)]


def _wearing(i: int, entry: Mapping[str, object]) -> Wearing:
    where = f"assignments.toml: assignment {i}"
    if unknown := sorted(set(entry) - set(_KEYS)):
        raise InputError(f"{where}: unknown {unknown[0]!r}: expected {', '.join(_KEYS)}")
    start_ns = _time(entry, "from", where)
    end_ns = _time(entry, "to", where) if "to" in entry else None
    if end_ns is not None and end_ns <= start_ns:
        raise InputError(f"{where}: to: expected a time after from: exchange the two?")
    patient, device = _name(entry, "patient", where), _name(entry, "device", where)
    return Wearing(patient, device, start_ns, end_ns)


def _name(entry: Mapping[str, object], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise InputError(f'{where}: {key}: expected {key} = "NAME", got {value!r}')
    try:
        return check_name(value, key)
    except ContractError as error:
        raise InputError(f"{where}: {key}: {error}") from None


def _time(entry: Mapping[str, object], key: str, where: str) -> int:
    value = entry.get(key)
    if not isinstance(value, dt.datetime):
        raise InputError(
            f"{where}: {key}: expected a time such as 2026-03-01T08:00:00Z, got {value!r}"
        )
    if value.tzinfo is None:
        raise InputError(
            f"{where}: {key}: {value} has no time zone: write {value.isoformat()}Z for UTC, "
            "or an offset such as +01:00"
        )
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _by_device(wearings: list[Wearing]) -> Mapping[str, tuple[Wearing, ...]]:
    by_device: dict[str, list[Wearing]] = {}
    for wearing in sorted(wearings, key=lambda wearing: wearing.start_ns):
        others = by_device.setdefault(wearing.device, [])
        if others and (others[-1].end_ns is None or others[-1].end_ns > wearing.start_ns):
            raise InputError(
                f"assignments.toml: device {wearing.device!r}: worn by {others[-1].patient!r} "
                f"and by {wearing.patient!r} from {_words(wearing.start_ns)} on: end the first "
                "with a `to` no later than that"
            )
        others.append(wearing)
    return MappingProxyType({device: tuple(worn) for device, worn in by_device.items()})


def _words(time_ns: int) -> str:
    return (_EPOCH + dt.timedelta(microseconds=time_ns // 1000)).isoformat()


def _limits(tables: object, wearings: list[Wearing]) -> Mapping[str, Limits]:
    if not isinstance(tables, dict):
        raise InputError("assignments.toml: limits: expected [limits.PATIENT] tables")
    patients = {wearing.patient for wearing in wearings}
    limits: dict[str, Limits] = {}
    for patient, own in tables.items():
        where = f"assignments.toml: limits.{patient}"
        if patient not in patients:
            raise InputError(
                f"{where}: no assignment has this patient: check the spelling, or remove it"
            )
        if not isinstance(own, dict):
            raise InputError(f"{where}: expected a table of limits, got {own!r}")
        try:
            checked = check_limits(own)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        limits[patient] = MappingProxyType({name: checked[name] for name in own})
    return MappingProxyType(limits)
