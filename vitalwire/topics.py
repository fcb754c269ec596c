"""MQTT topics: the topic is the identity, the payload does not repeat it.

A level is 1 to 64 characters of `[A-Za-z0-9_.-]`, beginning with a letter or a digit: safe in
a topic, in a file name, in line protocol and in an ACL pattern.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from vitalwire.contracts import Signal
from vitalwire.errors import ContractError, WireError, WireReason

ROOT = "vitalwire/v1"
_LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RESERVED = frozenset({"bridge", "gateway"})


class Leaf(StrEnum):
    """The last levels of a topic: what its payload is."""

    CHUNK = "chunk"
    INFO = "info"
    EVENTS = "events"
    STATUS = "status"
    VITALS = "vitals"
    ALARM = "alarm"
    ALARMS_ACTIVE = "alarms/active"
    COMMAND = "command"
    RECEIPT = "receipt"


_OF_SIGNAL = frozenset({Leaf.CHUNK, Leaf.INFO, Leaf.EVENTS})
_OF_DEVICE = frozenset(Leaf) - _OF_SIGNAL


@dataclass(frozen=True, slots=True)
class Topic:
    """A device's topic, taken apart. `signal` is None where the leaf is of the device."""

    site: str
    device: str
    leaf: Leaf
    signal: Signal | None = None

    def __str__(self) -> str:
        middle = f"{self.device}/{self.signal.value}" if self.signal else self.device
        return f"{ROOT}/{self.site}/{middle}/{self.leaf.value}"


def check_name(name: str, what: str) -> str:
    """Return `name` if it can be a topic level, else raise `ContractError`."""
    if not _LEVEL.fullmatch(name) or (what == "device" and name in _RESERVED):
        raise ContractError(
            f"{what} must be 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or a digit, "
            f"and no reserved word ({', '.join(sorted(_RESERVED))}), got {name!r}"
        )
    return name


def signal_topic(site: str, device: str, signal: Signal, leaf: Leaf) -> str:
    """Topic of one signal of a device."""
    if leaf not in _OF_SIGNAL:
        raise ContractError(f"{leaf.value} is a topic of a device, not of a signal")
    check_name(site, "site")
    check_name(device, "device")
    return str(Topic(site, device, leaf, signal))


def device_topic(site: str, device: str, leaf: Leaf) -> str:
    """Topic of a device."""
    if leaf not in _OF_DEVICE:
        raise ContractError(f"{leaf.value} is a topic of a signal, not of a device")
    check_name(site, "site")
    check_name(device, "device")
    return str(Topic(site, device, leaf))


def bridge_status(site: str, bridge: str) -> str:
    """Where a bridge says that it is there (retained, last will)."""
    return f"{ROOT}/{check_name(site, 'site')}/bridge/{check_name(bridge, 'bridge')}/status"


def gateway_status(site: str, gateway: str) -> str:
    """Where a gateway says that it is there (retained, last will)."""
    return f"{ROOT}/{check_name(site, 'site')}/gateway/{check_name(gateway, 'gateway')}/status"


def gateway_subscriptions(site: str) -> list[str]:
    """What a gateway listens to."""
    base = f"{ROOT}/{check_name(site, 'site')}"
    return [
        f"{base}/+/+/chunk",
        f"{base}/+/+/info",
        f"{base}/+/status",
        f"{base}/+/command",
    ]


@lru_cache(maxsize=4096)  # a gateway hears the same few topics many times a second
def parse(topic: str) -> Topic:
    """Take a device's topic apart.

    Raises
    ------
    WireError
        `BAD_TOPIC`, or `UNKNOWN_SIGNAL` where all but the signal is right.
    """
    root, levels = topic[: len(ROOT) + 1], topic[len(ROOT) + 1 :].split("/")
    if root != f"{ROOT}/" or not 3 <= len(levels) <= 4:
        raise _bad(topic)
    site, device, *rest = levels
    if not _LEVEL.fullmatch(site) or not _LEVEL.fullmatch(device) or device in _RESERVED:
        raise _bad(topic)
    try:
        leaf = Leaf("/".join(rest))
    except ValueError:
        return _parse_signal(topic, site, device, rest)
    if leaf in _OF_SIGNAL:
        raise _bad(topic)
    return Topic(site, device, leaf)


def _parse_signal(topic: str, site: str, device: str, rest: list[str]) -> Topic:
    try:
        leaf = Leaf(rest[-1])
    except ValueError:
        raise _bad(topic) from None
    if len(rest) != 2 or leaf not in _OF_SIGNAL:
        raise _bad(topic)
    try:
        return Topic(site, device, leaf, Signal(rest[0]))
    except ValueError:
        raise WireError(
            WireReason.UNKNOWN_SIGNAL,
            f"expected one of {', '.join(Signal)} in the topic, got {rest[0][:64]!r}",
        ) from None


def _bad(topic: str) -> WireError:
    return WireError(
        WireReason.BAD_TOPIC,
        f"expected {ROOT}/SITE/DEVICE/[SIGNAL/]LEAF, got {topic[:128]!r}",
    )
