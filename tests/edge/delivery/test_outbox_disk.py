"""A disk, a power cut and a kill -9: the outbox loses nothing that it confirmed."""

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge.delivery.entries import BOTH_LANES, Entry, Lane
from edge.delivery.outbox import Outbox
from tests.edge.delivery.samples import alarm, beat, entries
from vitalwire.errors import UnavailableError

ONE = {"store": BOTH_LANES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def _alarms(*numbers: int) -> list[Entry]:
    return entries([alarm(i) for i in numbers])


def _all(outbox: Outbox) -> list[Entry]:
    return [entry for lane in Lane for _, entry in outbox.pending("store", lane, 1_000_000)]


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
    from tests.edge.delivery.test_outbox_disk import ONE, _alarms, _all
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
    outbox.advance("store", Lane.URGENT, outbox.pending("store", Lane.URGENT, 1)[0][0])
    again = Outbox(copy, ONE)
    assert again.committed_offset == 4
    assert _all(again) == entries([alarm(0), beat(0)])
