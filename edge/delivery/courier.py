"""Carries what waits in the outbox to the sinks: one task a sink, none waits for another."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from edge.delivery.entries import Lane
from edge.delivery.outbox import Outbox, Waiting
from edge.delivery.sinks.base import BusyError, Sink, deliver_isolating
from vitalwire.errors import UnavailableError

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

T = TypeVar("T")

_FIRST_S: Final = 0.5
_CAP_S: Final = 60.0
_OUTBOX_RETRY_S: Final = 1.0
_PROBE: Final = 100  # entries in the first try after a failure, doubled with each success


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How it goes with one sink."""

    name: str
    urgent: int  # entries that wait for it
    bulk: int
    delivered: int  # since the start
    refused: int  # ever
    retries: int  # since the start
    last_success_ns: int | None
    last_error: str | None  # None when the last try went well


class Courier:
    """Delivers from the outbox to every sink, alarms first, for as long as it takes.

    Parameters
    ----------
    now_ns, sleep, rng
        The clock, waiting and chance, for tests to replace.
    """

    def __init__(
        self,
        outbox: Outbox,
        sinks: Iterable[Sink],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        rng = rng or random.Random()
        self._outbox = outbox
        self._rounds = {sink.name: _Round(outbox, sink, now_ns, sleep, rng) for sink in sinks}

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, round_ in self._rounds.items():
                group.create_task(round_.run(), name=f"courier-{name}")

    def wake(self, name: str | None = None) -> None:
        """There is something new; or: the sink `name` is reachable again, try it now.

        From the event loop's thread.
        """
        for round_ in self._rounds.values():
            round_.new.set()
        if name is not None:
            self._rounds[name].reachable.set()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every sink has taken everything. False if it took too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for round_ in self._rounds.values():
                    await round_.drained()
                return True
        return False

    def status(self) -> list[SinkStatus]:
        """State of each sink. Reads the outbox, so it blocks for a moment."""
        refused = self._outbox.refused
        return [round_.status(refused.get(name, 0)) for name, round_ in self._rounds.items()]


def backoff_s(failures: int, rng: random.Random) -> float:
    """Exponential back-off with full jitter: anything up to a bound that doubles to 60 s.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    return rng.uniform(0.0, min(_CAP_S, _FIRST_S * 2 ** min(failures, 16)))


class _Round:
    """The deliveries to one sink."""

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        now_ns: Callable[[], int],
        sleep: Sleep,
        rng: random.Random,
    ) -> None:
        self.new = asyncio.Event()
        self.reachable = asyncio.Event()
        self._outbox, self._sink = outbox, sink
        self._now_ns, self._sleep, self._rng = now_ns, sleep, rng
        self._limit = sink.batch
        self._failures = 0  # in a row
        self._delivered = 0
        self._retries = 0
        self._last_success_ns: int | None = None
        self._last_error: str | None = None
        self._progress = asyncio.Event()

    async def run(self) -> None:
        while True:
            # Cleared before looking: what comes in between wakes it again.
            self.new.clear()
            self.reachable.clear()
            try:
                more = await self._deliver_next()
            except UnavailableError as error:
                await self._back_off(error)
                continue
            if not more:
                await self.new.wait()

    async def drained(self) -> None:
        while any((await asyncio.to_thread(self._outbox.backlog, self._sink.name)).values()):
            self._progress.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait(), 0.5)

    def status(self, refused: int) -> SinkStatus:
        waiting = self._outbox.backlog(self._sink.name)
        return SinkStatus(
            name=self._sink.name,
            urgent=waiting.get(Lane.URGENT, 0),
            bulk=waiting.get(Lane.BULK, 0),
            delivered=self._delivered,
            refused=refused,
            retries=self._retries,
            last_success_ns=self._last_success_ns,
            last_error=self._last_error,
        )

    async def _deliver_next(self) -> bool:
        """Deliver one batch, of the urgent lane if anything is in it. False: nothing waits."""
        for lane in (lane for lane in Lane if lane in self._sink.lanes):
            waiting = await self._ask_outbox(
                partial(self._outbox.pending, self._sink.name, lane, self._limit)
            )
            if waiting:
                await self._deliver(lane, waiting)
                return True
        return False

    async def _deliver(self, lane: Lane, waiting: Sequence[Waiting]) -> None:
        refused = await deliver_isolating(self._sink, [entry for _, entry in waiting])
        await self._ask_outbox(
            partial(self._outbox.advance, self._sink.name, lane, waiting[-1][0], refused)
        )
        for _, reason in refused:
            log.error("refused for good", extra={"sink": self._sink.name, "reason": reason})
        if self._last_error is not None:
            log.warning("delivers again", extra={"sink": self._sink.name})
        self._delivered += len(waiting) - len(refused)
        self._last_success_ns = self._now_ns()
        self._last_error = None
        self._failures = 0
        self._limit = min(self._sink.batch, self._limit * 2)
        self._progress.set()

    async def _ask_outbox(self, call: Callable[[], T]) -> T:
        """Ask until the outbox answers. A busy or full disk of our own is no fault of the sink:
        it must not make an alarm wait for the sink's back-off, nor deliver a batch twice."""
        while True:
            try:
                return await asyncio.to_thread(call)
            except UnavailableError as error:
                log.warning("the outbox does not answer", extra={"reason": str(error)})
                await self._sleep(_OUTBOX_RETRY_S)

    async def _back_off(self, error: UnavailableError) -> None:
        if self._last_error is None:
            log.warning(
                "cannot deliver, will retry",
                extra={"sink": self._sink.name, "reason": str(error)},
            )
        self._retries += 1
        self._last_error = str(error)
        self._limit = min(self._limit, _PROBE)
        delay = backoff_s(self._failures, self._rng)
        self._failures += 1
        if isinstance(error, BusyError):
            delay = min(_CAP_S, max(delay, error.retry_after_s))
        await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody says that the sink is reachable."""
        waits = {
            asyncio.ensure_future(self._sleep(seconds)),
            asyncio.ensure_future(self.reachable.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
