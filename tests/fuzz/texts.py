"""Mutants of topics and of JSON messages."""

import json
import random
from typing import Any, Final

from vitalwire import messages, topics
from vitalwire.contracts import (
    Command,
    CommandAction,
    DeviceInfo,
    DeviceStatus,
    Signal,
)
from vitalwire.topics import Leaf

MESSAGES: Final = (
    DeviceInfo(("I", "II"), 250.0, "mV", 0.2, "record 208"),
    DeviceStatus(True, "", 0.8, "1.2.3", "bridge-1", ("lead_off",)),
    Command("c1", "w1", CommandAction.SNOOZE, "nurse", "a1", 120.0),
    Command("c2", "w1", CommandAction.LIMITS, "nurse", limits={"tachycardia_bpm": 150.0}),
)
TOPICS: Final = (
    topics.signal_topic("ward-1", "w1", Signal.ECG, Leaf.CHUNK),
    topics.signal_topic("ward-1", "w1", Signal.EEG, Leaf.INFO),
    topics.device_topic("ward-1", "w1", Leaf.STATUS),
    topics.device_topic("ward-1", "w1", Leaf.ALARMS_ACTIVE),
    topics.device_topic("ward-1", "w1", Leaf.COMMAND),
    topics.gateway_status("ward-1", "gateway-1"),
)
_LEVELS: Final = (
    "", "#", "+", "$SYS", "..", ".", "-", "_w", "w" * 64, "w" * 65, "ppg", "ECG", "ecg", "eeg",
    "chunk", "status", "alarms", "active", "bridge", "gateway", "vitalwire", "v2", "a b", "a\n",
    "\0", "é", "\ud800", "𝔢𝔠𝔤", "w" * 70_000,
)  # fmt: skip
_RAW: Final = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"1" + b"0" * 400, b'""',
    b'"\\ud800"', b'"\xff"', b'"' + b"x" * 300 + b'"', b"[]", b"{}", b"[[[[[[]]]]]]",
    b"[" * 5000, b'{"a":1}', b'["I",null]', b'"snooze"', b"1e308",
)  # fmt: skip


class TextMutator:
    """Seeded ways to break topics and messages."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._plain = [(type(message), messages.plain(message)) for message in MESSAGES]

    def topic(self) -> str:
        """Give a topic with levels replaced, dropped, doubled or swapped."""
        rng = self._rng
        levels = rng.choice(TOPICS).split("/")
        for _ in range(rng.choice((0, 1, 1, 2))):
            at = rng.randrange(len(levels)) if levels else 0
            way = rng.randrange(5)
            if way == 4 and len(levels) > 4:
                levels[4] = rng.choice(_LEVELS)  # the signal
            elif way == 0:
                levels[at : at + 1] = [rng.choice(_LEVELS)]
            elif way == 1:
                del levels[at : at + 1]
            elif way == 2:
                levels.insert(at, rng.choice(_LEVELS))
            else:
                rng.shuffle(levels)
        return "/".join(levels)

    def message(self) -> tuple[type[Any], bytes]:
        """Give a contract and JSON that may be one."""
        rng = self._rng
        cls, fields = rng.choice(self._plain)
        parts = {name: json.dumps(value).encode() for name, value in fields.items()}
        for _ in range(rng.choice((0, 1, 1, 2))):
            name = rng.choice(tuple(parts) or ("fs",))
            if rng.random() < 0.2:
                parts.pop(name, None)
            else:
                parts[name] = rng.choice(_RAW)
        body = b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in parts.items()) + b"}"
        return cls, self._bytes(bytearray(body))

    def _bytes(self, body: bytearray) -> bytes:
        rng = self._rng
        way = rng.randrange(8)
        if way == 0:
            body[rng.randrange(len(body))] = rng.randrange(256)
        elif way == 1:
            del body[rng.randrange(len(body)) :]
        elif way == 2:
            body += rng.choice(_RAW)
        elif way == 3 and rng.random() < 0.04:
            body += b" " * messages.MAX_JSON_BYTES
        return bytes(body)
