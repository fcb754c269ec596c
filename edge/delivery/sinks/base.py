"""What every sink promises, and how a batch that one entry spoils is taken apart."""

from collections.abc import Collection, Sequence
from typing import Protocol

from edge.delivery.entries import Entry, Lane
from vitalwire.errors import UnavailableError, VitalwireError


class RefusedError(VitalwireError):
    """The store will never take something in this batch: a retry is in vain."""


class BusyError(UnavailableError):
    """The store asks to be left alone for a while."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Sink(Protocol):
    """A store or broker. Entries may come twice, with the same bytes, and count once."""

    @property
    def name(self) -> str: ...

    @property
    def lanes(self) -> Collection[Lane]: ...

    @property
    def batch(self) -> int:
        """How many entries it takes at once."""
        ...

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Return when all of them are safe there.

        Entries that are not of its form (no line, no message) are passed over.

        Raises
        ------
        UnavailableError
            It does not answer, or not well: try all of them again later.
        RefusedError
            It answered, and will never take some of them.
        """
        ...

    def close(self) -> None: ...


Refusal = tuple[Entry, str]
"""An entry and why it was refused."""


async def deliver_isolating(sink: Sink, entries: Sequence[Entry]) -> list[Refusal]:
    """Deliver; find the entries that spoil the batch by halving it, and return those.

    What was taken before an `UnavailableError` is delivered again on the next try.
    """
    try:
        await sink.deliver(entries)
    except RefusedError as error:
        if len(entries) == 1:
            return [(entries[0], str(error))]
        middle = len(entries) // 2
        first = await deliver_isolating(sink, entries[:middle])
        return first + await deliver_isolating(sink, entries[middle:])
    return []
