"""A bounded queue between the broker's socket and the feed: full, it drops what can go.

aiomqtt's own queue, when full, discards whatever comes next, an alarm as well as a waveform.
Here alarms have a queue of their own, are read first, and are never pushed out by waveforms.
"""

import asyncio
from collections import Counter, deque

from aiomqtt import Message

from cloud.inbound import is_bulk


class Inbox(asyncio.Queue[Message]):
    """Messages in order of arrival, urgent ones first; the oldest bulk goes first when full."""

    def __init__(self, max_items: int, dropped: Counter[str]) -> None:
        self._max_items = max_items
        self._dropped = dropped
        super().__init__()

    def _init(self, maxsize: int) -> None:
        del maxsize
        self._urgent: deque[Message] = deque()
        self._bulk: deque[Message] = deque()

    def _put(self, item: Message) -> None:
        bulk = is_bulk(str(item.topic))
        line = self._bulk if bulk else self._urgent
        if len(line) >= self._max_items:
            line.popleft()
            self._dropped["inbox_bulk" if bulk else "inbox_urgent"] += 1
        line.append(item)

    def _get(self) -> Message:
        return (self._urgent or self._bulk).popleft()

    def qsize(self) -> int:
        return len(self._urgent) + len(self._bulk)

    def empty(self) -> bool:
        return not self.qsize()
