"""One suite for every store: what was sent is in it, once, whatever happened on the way."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from edge.delivery.courier import Courier
from edge.delivery.entries import Entry, Lane
from edge.delivery.outbox import Outbox
from edge.delivery.sinks.base import Sink, deliver_isolating
from tests.edge.delivery.samples import alarm, entries, stream
from tests.edge.delivery.stores import (
    BrokerStore,
    EmbeddedStore,
    Influx1Store,
    Store,
    VictoriaStore,
    missing,
)

STORES = ["influx1", "victoria", "sqlite", "mqtt"]
OUTAGE_S = 3.5


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    match request.param:
        case "influx1":
            yield Influx1Store(request.getfixturevalue("own_influxdb"))
        case "victoria":
            yield VictoriaStore(request.getfixturevalue("own_victoria_metrics"))
        case "sqlite":
            yield EmbeddedStore(tmp_path / "store.db")
        case _:
            broker = BrokerStore(request.getfixturevalue("own_mosquitto"))
            with broker.reader():
                yield broker


async def _nap(seconds: float) -> None:
    """The back-off of a test: what was asked for, but never long."""
    await asyncio.sleep(min(seconds, 0.2))


@asynccontextmanager
async def delivering(outbox: Outbox, sink: Sink) -> AsyncIterator[Courier]:
    courier = Courier(outbox, [sink], sleep=_nap, rng=random.Random(3))
    task = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def holds(store: Store, sent: list[Entry]) -> None:
    """Wait until a store holds exactly what was sent; say what is wrong if it never does."""
    wrong = "?"
    with suppress(TimeoutError):
        async with asyncio.timeout(15):
            while wrong:
                wrong = await asyncio.to_thread(missing, store, sent)
                await asyncio.sleep(0.05 if wrong else 0)
    assert wrong == ""


def _outbox(path: Path, sink: Sink) -> Outbox:
    return Outbox(path / "outbox.db", {sink.name: sink.lanes})


async def test_it_holds_exactly_what_was_sent_also_when_it_comes_twice(
    store: Store, tmp_path: Path
) -> None:
    sink = store.sink()
    sent = entries(stream(120))
    outbox = _outbox(tmp_path, sink)
    outbox.commit(sent, 1)
    async with delivering(outbox, sink) as courier:
        assert await courier.drained(20)
    await holds(store, sent)
    await sink.deliver(sent)
    await sink.deliver(sent[::-1])
    await holds(store, sent)
    sink.close()


async def test_an_outage_loses_nothing_from_its_first_second_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events come on while the store is away, and the gateway itself is started anew."""
    monkeypatch.setattr("edge.delivery.database._BUSY_S", 0.2)
    sink = store.sink()
    outbox = _outbox(tmp_path, sink)
    sent = entries(stream(400))
    parts = [sent[i : i + 60] for i in range(0, len(sent), 60)]
    middle = len(parts) // 3
    async with delivering(outbox, sink) as courier:
        for i, part in enumerate(parts[:middle]):
            await _commit(outbox, courier, part, i)
        await asyncio.to_thread(store.stop)
        for i, part in enumerate(parts[middle : 2 * middle], middle):
            await _commit(outbox, courier, part, i)
            await asyncio.sleep(OUTAGE_S / middle)
        [status] = courier.status()
        assert status.retries > 0
        assert status.last_error
    outbox.close()
    outbox = _outbox(tmp_path, sink)
    waiting = sum(outbox.backlog(sink.name).values())
    assert waiting > 0
    async with delivering(outbox, sink) as courier:
        await asyncio.to_thread(store.start)
        for i, part in enumerate(parts[2 * middle :], 2 * middle):
            await _commit(outbox, courier, part, i)
        assert await courier.drained(30)
        assert courier.status()[0].refused == 0
    await holds(store, sent)
    sink.close()


async def _commit(outbox: Outbox, courier: Courier, part: list[Entry], offset: int) -> None:
    await asyncio.to_thread(outbox.commit, part, offset)
    courier.wake()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("store", ["influx1", "sqlite"], indirect=True)  # the others take all
async def test_a_point_that_it_refuses_does_not_hold_up_the_others(
    store: Store, tmp_path: Path
) -> None:
    assert store.poison is not None
    sink = store.sink()
    good = entries(stream(200))
    await sink.deliver(good[:10])  # so that it knows the type of each field
    sent = [*good[:300], store.poison, *good[300:]]
    outbox = _outbox(tmp_path, sink)
    outbox.commit(sent, 1)
    async with delivering(outbox, sink) as courier:
        assert await courier.drained(20)
        [status] = courier.status()
    assert (status.refused, status.delivered) == (1, len(good))
    assert status.last_error is None
    await holds(store, good)
    sink.close()


async def test_alarms_come_first_after_an_outage(store: Store, tmp_path: Path) -> None:
    sink = store.sink()
    outbox = _outbox(tmp_path, sink)
    sent = entries([*stream(300), *(alarm(1_000 + i) for i in range(5))])
    outbox.commit(sent, 1)
    urgent = [entry for entry in sent if entry.kind.lane is Lane.URGENT]
    waiting = [entry for _, entry in outbox.pending(sink.name, Lane.URGENT, 10_000)]
    assert waiting == urgent
    async with delivering(outbox, sink) as courier:
        assert await courier.drained(20)
    await holds(store, sent)
    if isinstance(store, BrokerStore):
        assert list(store.held()) == list(store.expected(urgent))
    sink.close()


async def test_what_has_no_form_for_it_is_passed_over(store: Store) -> None:
    sink = store.sink()
    assert await deliver_isolating(sink, []) == []
    [entry] = entries([alarm(0)])
    other = replace(entry, topic=None) if sink.name == "mqtt" else replace(entry, line=None)
    assert await deliver_isolating(sink, [other]) == []
    await holds(store, [])
    sink.close()
