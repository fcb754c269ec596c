import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cloud.mailbox import Hub, Mailbox, Update


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), min_size=1))
def test_a_reader_that_sleeps_gets_the_newest_of_each(sent: list[tuple[str, int]]) -> None:
    async def read() -> list[Update] | None:
        box: Mailbox[Update] = Mailbox()
        for key, value in sent:
            box.put(Update("device", key, value))
        return await box.take(1.0)

    items = asyncio.run(read())
    assert items is not None
    assert {item.key: item.data for item in items} == dict(sent)
    assert len(items) <= 3


async def test_a_closed_hub_ends_its_readers_and_those_who_come_late() -> None:
    hub: Hub[Update] = Hub()
    early: Mailbox[Update] = Mailbox()
    late: Mailbox[Update] = Mailbox()
    hub.open(early)
    hub.close()
    hub.open(late)
    assert await early.take(1.0) is None
    assert await late.take(1.0) is None


async def test_nothing_to_read_is_an_empty_answer() -> None:
    box: Mailbox[Update] = Mailbox()
    assert await box.take(0.0) == []


async def test_who_has_left_gets_nothing() -> None:
    hub: Hub[Update] = Hub()
    box: Mailbox[Update] = Mailbox()
    hub.open(box)
    hub.leave(box)
    hub.send([Update("device", "a", 1)])
    assert await box.take(0.0) == []
