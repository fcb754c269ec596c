"""What is in stays in until it is delivered, once, within its bounds."""

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.delivery.entries import BOTH_LANES, Entry, Kind, Lane
from edge.delivery.outbox import Outbox
from tests.edge.delivery.samples import alarm, beat, entries, stream, vitals
from vitalwire.errors import ContractError, UnavailableError

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


# What a disk does.


def test_a_damaged_file_is_named_and_left_alone(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)
    before = path.read_bytes()
    with pytest.raises(UnavailableError, match=r"outbox\.db.*move it away"):
        Outbox(path, ONE)
    assert path.read_bytes() == before


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(UnavailableError, match="expected schema version 1, got 9"):
        Outbox(path, ONE)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="check that its folder exists"):
        Outbox(tmp_path / "none" / "outbox.db", ONE)


def test_locked_by_another_it_can_be_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.delivery.database._BUSY_S", 0.05)
    outbox = Outbox(path, ONE)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError, match="another program holds it"):
            outbox.put_alarm(_alarms(0))
        other.execute("ROLLBACK")
    assert outbox.put_alarm(_alarms(0)) == 1


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from edge.delivery.outbox import Outbox
    from tests.edge.delivery.test_outbox import ONE, _alarms, _all
    from vitalwire.errors import UnavailableError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    outbox = Outbox(Path(sys.argv[1]), ONE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    put = 0
    try:
        while put < 10_000:
            put += outbox.put_alarm(_alarms(put))
    except UnavailableError as error:
        print(error)
    assert _all(outbox) == _alarms(*range(put)), "lost or half-written"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert outbox.put_alarm(_alarms(put)) == 1, "does not recover"
    assert _all(outbox) == _alarms(*range(put + 1))
    print(put)
"""


def test_a_disk_that_takes_no_more_loses_nothing_that_was_confirmed(path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    message, put = ended.stdout.splitlines()
    assert "outbox.db" in message
    assert "disk" in message
    assert 0 < int(put) < 10_000


def _kill_while_committing(path: Path, first: int, lines: int) -> list[str]:
    """Let the program go on until it has said `lines` lines, kill it, return all it said."""
    command = [sys.executable, "-m", "tests.edge.delivery.committer", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        return said + process.stdout.readlines()


@pytest.mark.parametrize("lines", [1, 2, 37, 80])
def test_killed_at_any_time_it_has_all_that_it_confirmed(path: Path, lines: int) -> None:
    said = [
        line.split()
        for run in range(3)
        for line in _kill_while_committing(path, 1_000 * run, lines)
        if line.endswith("\n")
    ]
    confirmed = [what for kind, what in said if kind == "alarm"]
    offset = max((int(what) for kind, what in said if kind == "offset"), default=0)
    outbox = Outbox(path, ONE)
    keys = [entry.key for _, entry in outbox.pending("store", Lane.URGENT, 1_000_000)]
    assert set(confirmed) <= set(keys)
    assert len(keys) == len(set(keys)) <= len(confirmed) + 3
    assert outbox.committed_offset >= offset
    beats = outbox.pending("store", Lane.BULK, 1_000_000)
    assert len(beats) >= sum(kind == "offset" for kind, _ in said)


def test_a_power_cut_leaves_cursors_behind_but_loses_nothing(
    path: Path, tmp_path: Path
) -> None:
    """A copy of the files at a moment is what a power cut leaves, at worst without cursors."""
    outbox = Outbox(path, ONE)
    outbox.commit(entries([alarm(0), beat(0)]), 4)
    copy = tmp_path / "copy.db"
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    _take(outbox, "store", Lane.URGENT)
    again = Outbox(copy, ONE)
    assert again.committed_offset == 4
    assert _all(again) == entries([alarm(0), beat(0)])
