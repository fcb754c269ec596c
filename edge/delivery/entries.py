"""What waits in the outbox: a line for the stores, a message for the broker, or both."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vitalwire.errors import ContractError


class Lane(StrEnum):
    """The two queues of the outbox, the one that every sink empties first in front."""

    URGENT = "urgent"  # never evicted; safe on disk before anybody hears of it
    BULK = "bulk"  # the oldest goes when the disk's share is used up


BOTH_LANES: Final = (Lane.URGENT, Lane.BULK)


class Kind(StrEnum):
    """What an entry came from."""

    ALARM = "alarm"
    RECEIPT = "receipt"
    VITALS = "vitals"
    BEAT = "beat"
    EPISODE = "episode"
    QUALITY = "quality"
    GAP = "gap"
    GATEWAY = "gateway"

    @property
    def lane(self) -> Lane:
        return Lane.URGENT if self in (Kind.ALARM, Kind.RECEIPT) else Lane.BULK


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to deliver, written out once: a retry carries the same bytes.

    `key` names it for good; an urgent entry has one, so that it can be put twice and is
    kept once.
    """

    kind: Kind
    time_ns: int  # of what it tells, UTC
    key: str | None = None
    line: str | None = None  # line protocol, ns, without a line break
    topic: str | None = None
    payload: bytes | None = None
    retain: bool = False

    def __post_init__(self) -> None:
        if (self.key is None) == (self.kind.lane is Lane.URGENT):
            raise ContractError(
                f"an urgent entry has a key and no other has, got {self.kind} {self.key!r}"
            )


@dataclass(frozen=True, slots=True)
class Message:
    """An MQTT message that is sent once, now, and may be lost (QoS 0)."""

    topic: str
    payload: bytes
