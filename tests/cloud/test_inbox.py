from collections import Counter

from aiomqtt import Message

from cloud.inbox import Inbox

BASE = "vitalwire/v1/ward/bed-1"


def message(leaf: str, payload: bytes = b"") -> Message:
    return Message(f"{BASE}/{leaf}", payload, 1, False, 1, None)


def names(inbox: Inbox) -> list[str]:
    found = []
    while not inbox.empty():
        item = inbox.get_nowait()
        payload = item.payload
        assert isinstance(payload, bytes)
        found.append(f"{str(item.topic).removeprefix(f'{BASE}/')}{payload.decode()}")
    return found


def test_a_flood_of_waveforms_pushes_out_no_alarm() -> None:
    dropped: Counter[str] = Counter()
    inbox = Inbox(3, dropped)
    inbox.put_nowait(message("alarm"))
    for i in range(10):
        inbox.put_nowait(message("ecg/chunk", str(i).encode()))
    assert names(inbox) == ["alarm", "ecg/chunk7", "ecg/chunk8", "ecg/chunk9"]
    assert dropped == {"inbox_bulk": 7}


def test_alarms_are_read_first_and_in_order() -> None:
    inbox = Inbox(10, Counter())
    for leaf in ("vitals", "alarm", "ecg/events", "receipt", "alarms/active"):
        inbox.put_nowait(message(leaf))
    assert names(inbox) == ["alarm", "receipt", "alarms/active", "vitals", "ecg/events"]


def test_even_alarms_are_bounded_and_counted() -> None:
    dropped: Counter[str] = Counter()
    inbox = Inbox(2, dropped)
    for i in range(5):
        inbox.put_nowait(message("alarm", str(i).encode()))
    assert names(inbox) == ["alarm3", "alarm4"]
    assert dropped == {"inbox_urgent": 3}
