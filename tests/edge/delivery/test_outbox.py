"""What is in stays in until it is delivered, once, within its bounds."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.delivery.entries import BOTH_LANES, Entry, Kind, Lane
from edge.delivery.outbox import Outbox
from tests.edge.delivery.samples import alarm, beat, entries, stream, vitals
from vitalwire.errors import ContractError

ONE = {"store": BOTH_LANES}
TWO = {"store": BOTH_LANES, "mqtt": (Lane.URGENT,)}
SMALL = 400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def _alarms(*numbers: int) -> list[Entry]:
    return entries([alarm(i) for i in numbers])


def _all(outbox: Outbox, sink: str = "store") -> list[Entry]:
    return [entry for lane in Lane for _, entry in outbox.pending(sink, lane, 1_000_000)]


def _take(outbox: Outbox, sink: str, lane: Lane, limit: int = 1_000_000) -> list[Entry]:
    waiting = outbox.pending(sink, lane, limit)
    if waiting:
        outbox.advance(sink, lane, waiting[-1][0])
    return [entry for _, entry in waiting]


def test_entries_come_back_as_they_went_in(path: Path) -> None:
    given_entries = entries(stream(6))
    outbox = Outbox(path, ONE)
    outbox.commit(given_entries, 100)
    outbox.close()
    outbox = Outbox(path, ONE)
    assert outbox.committed_offset == 100
    urgent = [e for e in given_entries if e.kind.lane is Lane.URGENT]
    bulk = [e for e in given_entries if e.kind.lane is Lane.BULK]
    assert _all(outbox) == urgent + bulk


def test_each_sink_has_its_own_place(path: Path) -> None:
    outbox = Outbox(path, TWO)
    outbox.commit(entries([alarm(0), beat(0), alarm(1), beat(1)]), 1)
    assert _take(outbox, "store", Lane.URGENT, 1) == _alarms(0)
    assert _take(outbox, "mqtt", Lane.URGENT) == _alarms(0, 1)
    assert _take(outbox, "store", Lane.BULK) == entries([beat(0), beat(1)])
    assert _take(outbox, "store", Lane.URGENT) == _alarms(1)
    assert outbox.backlog("store") == {Lane.URGENT: 0, Lane.BULK: 0}
    assert outbox.backlog("mqtt") == {Lane.URGENT: 0}


def test_what_all_have_taken_is_deleted_and_nothing_else(path: Path) -> None:
    outbox = Outbox(path, TWO)
    outbox.commit(entries([alarm(0), beat(0)]), 1)
    _take(outbox, "store", Lane.BULK)
    _take(outbox, "store", Lane.URGENT)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM bulk").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM urgent").fetchone() == (1,)


def test_an_alarm_is_kept_once_even_after_it_was_delivered(path: Path) -> None:
    outbox = Outbox(path, ONE)
    assert outbox.put_alarm(_alarms(0, 1)) == 2
    assert outbox.put_alarm(_alarms(0, 1, 2)) == 1
    assert _take(outbox, "store", Lane.URGENT) == _alarms(0, 1, 2)
    outbox.commit(entries([alarm(1), beat(0), alarm(3)]), 5)
    assert _all(outbox) == entries([alarm(3), beat(0)])


def test_the_first_words_of_an_alarm_stand(path: Path) -> None:
    """A replay after an update may phrase it otherwise: one point all the same."""
    outbox = Outbox(path, ONE)
    [first] = _alarms(0)
    outbox.put_alarm([first])
    outbox.put_alarm([Entry(Kind.ALARM, 0, key=first.key, line="other words=1i 1")])
    assert _all(outbox) == [first]


def test_an_id_is_never_used_again(path: Path) -> None:
    """Or a new entry would hide behind a cursor that has passed its id."""
    for i in range(3):
        outbox = Outbox(path, ONE)
        outbox.commit(entries([alarm(i), beat(i)]), i)
        assert _take(outbox, "store", Lane.URGENT) == _alarms(i)
        assert _take(outbox, "store", Lane.BULK) == entries([beat(i)])
        outbox.close()


def test_a_new_sink_gets_what_is_still_here_and_a_removed_one_holds_nothing_up(
    path: Path,
) -> None:
    outbox = Outbox(path, TWO)
    outbox.commit(entries([alarm(0), alarm(1), beat(0)]), 1)
    _take(outbox, "store", Lane.URGENT, 1)
    outbox.close()
    outbox = Outbox(path, {"other": BOTH_LANES})
    assert _all(outbox, "other") == entries([alarm(0), alarm(1), beat(0)])
    _take(outbox, "other", Lane.URGENT)
    assert outbox.backlog("other") == {Lane.URGENT: 0, Lane.BULK: 1}
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM urgent").fetchone() == (0,)


def test_without_any_sink_nothing_piles_up(path: Path) -> None:
    outbox = Outbox(path, {})
    outbox.commit(entries(stream(5)), 3)
    with sqlite3.connect(path) as db:
        assert db.execute(
            "SELECT (SELECT count(*) FROM bulk) + count(*) FROM urgent"
        ).fetchone()
    assert outbox.committed_offset == 3


def test_the_offset_goes_with_the_entries_or_not_at_all(path: Path) -> None:
    outbox = Outbox(path, ONE)
    outbox.commit(entries([beat(0)]), 10)
    outbox.commit(entries([beat(1)]), None)
    assert outbox.committed_offset == 10
    impossible = Entry(Kind.BEAT, 2**63, line="beat rr_s=1 1")
    with pytest.raises(OverflowError):
        outbox.commit([*entries([beat(2)]), impossible], 20)
    assert outbox.committed_offset == 10
    assert _all(outbox) == entries([beat(0), beat(1)])


def test_an_offset_that_goes_back_is_our_bug_unless_the_log_was_cut(path: Path) -> None:
    outbox = Outbox(path, ONE)
    outbox.commit([], 10)
    with pytest.raises(ContractError, match="committed up to 10"):
        outbox.commit([], 9)
    outbox.rewind(20)
    assert outbox.committed_offset == 10
    outbox.rewind(5)
    outbox.commit([], 7)
    assert outbox.committed_offset == 7


def test_an_alarm_without_a_key_or_a_beat_among_alarms_is_our_bug(path: Path) -> None:
    with pytest.raises(ContractError, match="has a key"):
        Entry(Kind.ALARM, 0, line="a b=1 1")
    with pytest.raises(ContractError, match="urgent entries"):
        Outbox(path, ONE).put_alarm(entries([beat(0)]))


def test_the_oldest_bulk_goes_first_and_an_alarm_never(path: Path) -> None:
    outbox = Outbox(path, ONE, max_bytes=SMALL)
    sent = 0
    for i in range(60):
        outbox.commit(entries([alarm(i), *(vitals(100 * i + k) for k in range(100))]), i)
        sent += 100
        assert outbox.used_bytes <= SMALL
    kept = [entry for _, entry in outbox.pending("store", Lane.BULK, 1_000_000)]
    assert outbox.evicted == {Kind.VITALS: sent - len(kept)}
    assert 100 < len(kept) < sent
    assert kept == entries([vitals(i) for i in range(sent - len(kept), sent)])
    assert outbox.backlog("store")[Lane.URGENT] == 60
    assert not outbox.full
    # The file, its log beside it apart, stays within the bound as well.
    assert path.stat().st_size <= SMALL * 1.3


def test_asked_for_room_it_evicts_bulk_only(path: Path) -> None:
    outbox = Outbox(path, ONE)
    outbox.commit(entries([*map(alarm, range(50)), *map(vitals, range(4_000))]), 1)
    before = outbox.used_bytes
    gone = outbox.evict(100_000)
    assert 0 < gone < 4_000
    assert outbox.used_bytes <= before - 100_000
    assert outbox.evicted == {Kind.VITALS: gone}
    assert outbox.evict(1 << 40) == 4_000 - gone
    assert outbox.backlog("store") == {Lane.URGENT: 50, Lane.BULK: 0}


def test_full_of_alarms_it_says_so_and_still_takes_alarms(path: Path) -> None:
    outbox = Outbox(path, ONE, max_bytes=SMALL)
    outbox.put_alarm(_alarms(*range(600)))
    assert outbox.full
    assert outbox.put_alarm(_alarms(600)) == 1
    outbox.commit(entries([beat(0)]), 1)
    assert outbox.evicted == {Kind.BEAT: 1}
    assert outbox.full
    assert _take(outbox, "store", Lane.URGENT) == _alarms(*range(601))
    assert not outbox.full
    outbox.commit(entries([beat(1)]), 2)
    assert _all(outbox) == entries([beat(1)])


def test_what_a_sink_refuses_is_kept_aside_with_the_reason(path: Path) -> None:
    outbox = Outbox(path, TWO)
    outbox.commit(entries([alarm(0), alarm(1)]), 1)
    waiting = outbox.pending("store", Lane.URGENT, 10)
    outbox.advance("store", Lane.URGENT, waiting[-1][0], [(waiting[0][1], "HTTP 400: no")])
    assert outbox.refused == {"store": 1}
    assert outbox.pending("store", Lane.URGENT, 10) == []
    assert _take(outbox, "mqtt", Lane.URGENT) == _alarms(0, 1)
    with sqlite3.connect(path) as db:
        row = db.execute("SELECT sink, kind, key, reason FROM refused").fetchone()
    assert row == ("store", "alarm", "a00000000:0", "HTTP 400: no")


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_every_sink_gets_everything_in_order_whatever_comes_between(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("box") / "outbox.db"
    outbox = Outbox(path, TWO)
    sent: list[Entry] = []
    got: dict[tuple[str, Lane], list[Entry]] = {
        (sink, lane): [] for sink, lanes in TWO.items() for lane in lanes
    }
    for i in range(data.draw(st.integers(1, 30))):
        match data.draw(st.sampled_from(["put", "commit", "take", "reopen"])):
            case "put":
                sent += (new := _alarms(i))
                outbox.put_alarm(new)
            case "commit":
                sent += (new := entries([alarm(i), beat(i)]))
                outbox.commit(new, i)
            case "take":
                sink, lane = data.draw(st.sampled_from(sorted(got)))
                got[sink, lane] += _take(outbox, sink, lane, data.draw(st.integers(1, 4)))
            case _:
                outbox.close()
                outbox = Outbox(path, TWO)
    for sink, lane in got:
        got[sink, lane] += _take(outbox, sink, lane)
        assert got[sink, lane] == [e for e in sent if e.kind.lane is lane]
    outbox.close()
