"""Each sink gets everything, alarms first, at its own pace, whatever befalls the others."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.courier import Courier, backoff_s
from edge.delivery.entries import BOTH_LANES, Entry, Kind, Lane
from edge.delivery.outbox import Outbox
from edge.delivery.sinks.base import BusyError, RefusedError, deliver_isolating
from tests.edge.delivery.samples import T0, alarm, beat, entries
from vitalwire.errors import UnavailableError


class FakeSink:
    """Fails as it is told to, and remembers what it took."""

    def __init__(self, name: str = "store", lanes: Collection[Lane] = BOTH_LANES) -> None:
        self.name = name
        self.lanes = lanes
        self.batch = 1_000
        self.fault: UnavailableError | None = None
        self.poison: set[Entry] = set()
        self.taken: list[Entry] = []
        self.sizes: list[int] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def deliver(self, entries: Sequence[Entry]) -> None:
        self.sizes.append(len(entries))
        if self.before is not None:
            await self.before()
        if self.fault is not None:
            raise self.fault
        if self.poison & set(entries):
            raise RefusedError("HTTP 400: partial write")
        self.taken += entries

    def close(self) -> None: ...


class Naps:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.wakeup = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.wakeup.wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(courier: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _courier(outbox: Outbox, *sinks: FakeSink, sleep: Naps | None = None) -> Courier:
    return Courier(
        outbox, sinks, now_ns=lambda: T0, sleep=sleep or Naps(), rng=random.Random(1)
    )


def _outbox(path: Path, *sinks: FakeSink) -> Outbox:
    return Outbox(path, {sink.name: sink.lanes for sink in sinks})


async def test_new_entries_are_delivered_when_it_is_woken(path: Path) -> None:
    sink = FakeSink()
    outbox = _outbox(path, sink)
    courier = _courier(outbox, sink)
    async with running(courier):
        for i in range(5):
            outbox.commit(entries([beat(i)]), i)
            courier.wake()
            assert await courier.drained(10)
    assert sink.taken == entries([beat(i) for i in range(5)])
    [status] = courier.status()
    assert (status.delivered, status.bulk, status.retries) == (5, 0, 0)
    assert (status.last_success_ns, status.last_error) == (T0, None)


async def test_alarms_go_first_after_an_outage(path: Path) -> None:
    sink = FakeSink()
    outbox = _outbox(path, sink)
    outbox.commit(entries([*(beat(i) for i in range(3_000)), alarm(0), alarm(1)]), 1)
    async with running(courier := _courier(outbox, sink)):
        assert await courier.drained(10)
    assert sink.taken[:2] == entries([alarm(0), alarm(1)])
    assert len(sink.taken) == 3_002


async def test_an_alarm_overtakes_a_backlog(path: Path) -> None:
    sink = FakeSink()
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(i) for i in range(3_000)]), 1)

    async def raise_alarm() -> None:
        outbox.put_alarm(entries([alarm(0)]))

    sink.before = raise_alarm
    async with running(courier := _courier(outbox, sink)):
        assert await courier.drained(10)
    assert sink.taken.index(entries([alarm(0)])[0]) == 1_000


async def test_a_sink_that_is_away_does_not_hold_up_another(path: Path) -> None:
    away, here = FakeSink("away"), FakeSink("here")
    away.fault = UnavailableError("http://x: refused: is the store running?")
    outbox = _outbox(path, away, here)
    outbox.commit(entries([alarm(0), beat(0)]), 1)
    async with running(courier := _courier(outbox, away, here)):
        await until(lambda: len(here.taken) == 2)
        await until(lambda: courier.status()[0].retries == 1)
        status = courier.status()[0]
        assert (status.urgent, status.bulk, status.delivered) == (1, 1, 0)
        assert status.last_error == "http://x: refused: is the store running?"
    assert outbox.backlog("away") == {Lane.URGENT: 1, Lane.BULK: 1}


async def test_it_backs_off_and_goes_on_when_the_sink_is_back(path: Path) -> None:
    sink, naps = FakeSink(), Naps()
    naps.wakeup.set()
    sink.fault = UnavailableError("away")
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(i) for i in range(900)]), 1)
    async with running(courier := _courier(outbox, sink, sleep=naps)):
        await until(lambda: len(naps.asked) > 30)
        sink.fault = None
        assert await courier.drained(10)
    assert sink.taken == entries([beat(i) for i in range(900)])
    assert all(0 <= nap <= 60 for nap in naps.asked)
    assert max(naps.asked) > 30
    # It feels its way: a small batch first, then larger ones.
    back = sink.sizes[len(naps.asked) :]
    assert back == [100, 200, 400, 200]


async def test_new_entries_do_not_cut_the_back_off_short_but_a_reconnection_does(
    path: Path,
) -> None:
    sink, naps = FakeSink(), Naps()
    sink.fault = UnavailableError("away")
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(0)]), 1)
    async with running(courier := _courier(outbox, sink, sleep=naps)):
        await until(lambda: len(naps.asked) == 1)
        outbox.commit(entries([beat(1)]), 2)
        courier.wake()
        await asyncio.sleep(0.05)
        assert (len(sink.sizes), sink.taken) == (1, [])
        sink.fault = None
        courier.wake("store")
        assert await courier.drained(10)
    assert len(sink.taken) == 2


async def test_a_store_that_asks_for_time_gets_it(path: Path) -> None:
    sink, naps = FakeSink(), Naps()
    sink.fault = BusyError("HTTP 429", retry_after_s=42.0)
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(0)]), 1)
    async with running(_courier(outbox, sink, sleep=naps)):
        await until(lambda: naps.asked)
    assert naps.asked == [42.0]


async def test_a_poisoned_entry_is_set_aside_and_the_rest_goes_on(path: Path) -> None:
    sink = FakeSink()
    sent = entries([beat(i) for i in range(1_000)])
    sink.poison = {sent[3], sent[700]}
    outbox = _outbox(path, sink)
    outbox.commit(sent, 1)
    async with running(courier := _courier(outbox, sink)):
        assert await courier.drained(10)
    assert sink.taken == [entry for entry in sent if entry not in sink.poison]
    assert len(sink.sizes) < 50
    [status] = courier.status()
    assert (status.refused, status.delivered) == (2, 998)


async def test_cancelled_in_the_middle_it_delivers_again(path: Path) -> None:
    sink = FakeSink()
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(0)]), 1)
    entered = asyncio.Event()

    async def hang() -> None:
        entered.set()
        await asyncio.Event().wait()

    sink.before = hang
    async with running(_courier(outbox, sink)):
        await entered.wait()
    sink.before = None
    async with running(courier := _courier(outbox, sink)):
        assert await courier.drained(10)
    assert sink.taken == entries([beat(0)])


async def test_drained_says_when_it_took_too_long(path: Path) -> None:
    sink = FakeSink()
    sink.fault = UnavailableError("away")
    outbox = _outbox(path, sink)
    outbox.commit(entries([beat(0)]), 1)
    async with running(courier := _courier(outbox, sink)):
        assert not await courier.drained(0.05)


@given(st.sets(st.integers(0, 199)), st.integers(1, 200))
def test_halving_finds_exactly_the_culprits(bad: set[int], n: int) -> None:
    sent = [Entry(Kind.BEAT, i, line=f"beat a={i}i {i}") for i in range(n)]
    sink = FakeSink()
    sink.poison = {entry for i, entry in enumerate(sent) if i in bad}
    refused = asyncio.run(deliver_isolating(sink, sent))
    assert [entry for entry, _ in refused] == [e for e in sent if e in sink.poison]
    assert sink.taken == [e for e in sent if e not in sink.poison]


@given(st.integers(0, 10_000), st.integers())
def test_the_back_off_is_bounded(failures: int, seed: int) -> None:
    assert 0 <= backoff_s(failures, random.Random(seed)) <= min(60, 0.5 * 2 ** min(failures, 9))
