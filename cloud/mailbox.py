"""Updates on their way to browsers: each reader has a mailbox that cannot grow.

An update is the whole of what it is about, under a key; a newer one of the same key takes
the older one's place. So a reader that does not read costs one entry a device and alarm, and
when it reads again it gets the state as it is, not the history of what it missed.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """The present state of one thing: `kind` names the event, `data` is JSON-plain."""

    kind: str
    key: str
    data: object


class Post(Protocol):
    """What can lie in a mailbox: named, and able to take in what was not fetched."""

    @property
    def kind(self) -> str: ...

    @property
    def key(self) -> str: ...


P = TypeVar("P", bound=Post)


class Mailbox(Generic[P]):
    """The newest of each key, until it is taken."""

    def __init__(self) -> None:
        self._items: dict[Key, P] = {}
        self._filled = asyncio.Event()
        self._closed = False
        self.coalesced = 0

    def put(self, item: P) -> None:
        key = (item.kind, item.key)
        older = self._items.pop(key, None)  # so that the newest stands last
        if older is not None:
            self.coalesced += 1
            item = self.merge(older, item)
        self._items[key] = item
        self._filled.set()

    def merge(self, older: P, newer: P) -> P:
        """What becomes of an item that nobody fetched: replaced."""
        del older
        return newer

    def close(self) -> None:
        self._closed = True
        self._filled.set()

    async def take(self, timeout_s: float) -> list[P] | None:
        """All that lies there, at most after `timeout_s`; None when closed."""
        try:
            await asyncio.wait_for(self._filled.wait(), timeout_s)
        except TimeoutError:
            return []
        if self._closed:
            return None
        self._filled.clear()
        items = list(self._items.values())
        self._items.clear()
        return items


class Hub(Generic[P]):
    """All readers' mailboxes."""

    def __init__(self) -> None:
        self._boxes: set[Mailbox[P]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._boxes)

    def open(self, box: Mailbox[P]) -> None:
        self._boxes.add(box)
        if self._closed:
            box.close()

    def leave(self, box: Mailbox[P]) -> None:
        self._boxes.discard(box)

    def send(self, items: Iterable[P]) -> None:
        for item in items:
            for box in self._boxes:
                box.put(item)

    def close(self) -> None:
        """End every reader's stream."""
        self._closed = True
        for box in self._boxes:
            box.close()
