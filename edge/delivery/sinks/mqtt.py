"""Alarms and receipts to the broker, each confirmed by its PUBACK."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from edge.delivery.entries import Entry, Lane

Publish = Callable[[str, bytes, int, bool], Awaitable[None]]
"""`publish(topic, payload, qos, retain)`: returns after the PUBACK.

Raises `UnavailableError` when there is no connection, or when it breaks before the PUBACK.
"""

_QOS: Final = 1


class MqttSink:
    """Messages in their order. After an outage some may come twice: their ids say so."""

    lanes: Final = (Lane.URGENT,)
    batch: Final = 50  # under way at once, and sent again when the connection breaks

    def __init__(self, publish: Publish, name: str = "mqtt") -> None:
        self.name = name
        self._publish = publish

    async def deliver(self, entries: Sequence[Entry]) -> None:
        # Tasks start in their order, so the messages leave in their order; waiting for each
        # PUBACK before the next would cost a round trip an alarm.
        results = await asyncio.gather(
            *(
                self._publish(entry.topic, entry.payload, _QOS, entry.retain)
                for entry in entries
                if entry.topic is not None and entry.payload is not None
            ),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def close(self) -> None:
        """The connection is the daemon's."""
