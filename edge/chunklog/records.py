"""What the chunk log holds: every input of the pipeline, in the order it came. No I/O.

Little-endian: kind (1 byte), arrival time (8), length of the topic (2), topic in UTF-8,
payload. Framing and checksum are the business of `edge.chunklog.frames`.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from vitalwire.errors import ContractError

_HEAD: Final = struct.Struct("<BqH")
MAX_BODY_BYTES: Final = 1 << 20
"""Larger records are refused: a reader's memory is bounded by this."""


class RecordKind(IntEnum):
    """What a record is. The numbers are on disk: never reuse one."""

    MESSAGE = 1  # came over MQTT: topic and payload as they were
    TICK = 2  # the gateway's clock
    RESUMED = 3  # the gateway listens again: after a start, after the broker was away
    ASSIGNMENTS = 4  # who wears what, from here on


_KINDS: Final = {kind.value: kind for kind in RecordKind}


@dataclass(frozen=True, slots=True)
class Record:
    """One input of the pipeline. `arrival_ns` is the gateway's clock, UTC."""

    kind: RecordKind
    arrival_ns: int
    topic: str = ""
    payload: bytes = b""


def encode(record: Record) -> bytes:
    """A record as bytes.

    Raises
    ------
    ContractError
        Larger than `MAX_BODY_BYTES`, a topic over 65535 bytes, a time beyond 64 bits: the
        caller drops and counts such a message before it comes here.
    """
    topic = record.topic.encode("utf-8", "surrogatepass")
    size = _HEAD.size + len(topic) + len(record.payload)
    if size > MAX_BODY_BYTES or len(topic) > 0xFFFF:
        raise ContractError(
            f"a record holds at most {MAX_BODY_BYTES} bytes and a topic at most 65535, got "
            f"{size} and {len(topic)}: refuse such a message before the log"
        )
    try:
        head = _HEAD.pack(record.kind, record.arrival_ns, len(topic))
    except struct.error as error:
        raise ContractError(f"arrival_ns {record.arrival_ns} does not fit: {error}") from None
    return b"".join((head, topic, record.payload))


def decode(body: bytes) -> Record:
    """Read a record back.

    Raises
    ------
    ValueError
        Not a record; the frame's checksum held, so another program wrote it.
    """
    if len(body) < _HEAD.size:
        raise ValueError(f"expected at least {_HEAD.size} bytes, got {len(body)}")
    number, arrival_ns, topic_bytes = _HEAD.unpack_from(body)
    start = _HEAD.size + topic_bytes
    kind = _KINDS.get(number)
    if kind is None or start > len(body):
        raise ValueError(f"record of kind {number} with a topic of {topic_bytes} bytes")
    topic = body[_HEAD.size : start].decode("utf-8", "surrogatepass")
    return Record(kind, arrival_ns, topic, body[start:])
