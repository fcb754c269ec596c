from dataclasses import replace
from pathlib import Path

import pytest

from cloud.history import History
from tests.cloud.fake_gateway import T0_NS, acknowledged, alarm, ended
from vitalwire.contracts import Command, CommandAction, Receipt
from vitalwire.errors import InputError, UnavailableError


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(f"sqlite:///{tmp_path / 'feed.db'}")


def test_every_message_once_however_often_it_comes(history: History) -> None:
    start, seen = alarm(), acknowledged(alarm(), "NS")
    history.add([(start, 1), (seen, 2)])
    history.add([(seen, 3), (ended(seen), 4), (start, 5)])
    events = history.events("a1")
    assert [event["revision"] for event in events] == [0, 1, 2]
    assert [event["received_ns"] for event in events] == [1, 2, 4]
    assert events[0]["category"] == "physiological"


def test_alarms_are_listed_as_they_stand_the_newest_first(history: History) -> None:
    for i in range(5):
        event = replace(alarm(f"a{i}", device=f"bed-{i % 2}"), declared_ns=T0_NS + i)
        history.add([(event, 0), (acknowledged(event, "NS"), 0)])
    assert [row["alarm_id"] for row in history.alarms(None, None, 3)] == ["a4", "a3", "a2"]
    assert [row["alarm_id"] for row in history.alarms("bed-1", T0_NS + 3, 9)] == ["a1"]
    assert all(row["acknowledged_by"] == "NS" for row in history.alarms(None, None, 9))


def test_who_asked_and_what_became_of_it(history: History) -> None:
    command = Command("c1", "bed-1", CommandAction.ACKNOWLEDGE, "NS", "a1")
    history.add_command(command, 5)
    history.answer(Receipt("c1", "bed-1", False, "ended", 9, "a1"))
    history.answer(Receipt("of another feed", "bed-1", True, "", 9, "a1"))
    (row,) = history.commands("a1")
    assert (row["asked_by"], row["accepted"], row["reason"]) == ("NS", False, "ended")


def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'feed.db'}"
    History(url).add([(alarm(), 1)])
    assert len(History(url).events("a1")) == 1


def test_what_is_older_than_the_site_keeps_goes(history: History) -> None:
    history.add([(alarm("old"), T0_NS - 1), (replace(alarm("new"), time_ns=1), T0_NS)])
    history.prune(T0_NS)
    assert [row["alarm_id"] for row in history.alarms(None, None, 9)] == ["new"]


def test_a_broken_database_says_so(history: History) -> None:
    with history._connection() as connection:
        connection.exec_driver_sql("DROP TABLE alarm_event")
    with pytest.raises(UnavailableError, match="alarm history"):
        history.add([(alarm(), 1)])


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////no/such/folder/x.db", "postgresql://u:secret@127.0.0.1:1/x"]
)
def test_a_url_that_cannot_be_opened_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(InputError) as failure:
        History(url)
    assert "secret" not in str(failure.value)
    assert "\n" not in str(failure.value)
