"""A device that falls silent is told once, and only when it is silent."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.items import Condition
from edge.stages.silence import SilenceWatch
from vitalwire.contracts import AlarmKind, DeviceStatus
from vitalwire.errors import InputError

S = 1_000_000_000
T0 = 1_760_000_000 * S
HERE = DeviceStatus(online=True)
WILL = DeviceStatus(online=False)
GOODBYE = DeviceStatus(online=False, reason="end of recording")
SILENT, BATTERY = AlarmKind.DEVICE_SILENT, AlarmKind.LOW_BATTERY


class Clock:
    """Ticks once a second; the device may talk in between."""

    def __init__(self) -> None:
        self.watch = SilenceWatch("belt-3")
        self.now = T0
        self.said: list[tuple[int, Condition]] = []

    def hear(self, *conditions: Condition) -> None:
        self.said += [((self.now - T0) // S, c) for c in conditions]

    def run(self, seconds: int, chunk_every: int = 0) -> "Clock":
        for i in range(seconds):
            self.now += S
            if chunk_every and i % chunk_every == 0:
                self.hear(*self.watch.heard(self.now))
            self.hear(*self.watch.tick(self.now))
        return self

    def status(self, status: DeviceStatus) -> "Clock":
        self.hear(*self.watch.status(status, self.now))
        return self

    def of(self, kind: AlarmKind) -> list[tuple[int, bool]]:
        return [(second, c.active) for second, c in self.said if c.kind is kind]


def test_ten_seconds_without_a_chunk_are_silence() -> None:
    clock = Clock().run(30, chunk_every=1).run(60)
    assert clock.of(SILENT) == [(40, True)]
    said = clock.said[0][1]
    assert said.onset_ns == T0 + 30 * S
    assert said.message == "no data for 10 s: the patient is not monitored"
    assert said.signal is None


def test_a_device_that_nobody_knows_is_not_missed() -> None:
    assert Clock().run(100).said == []


def test_a_device_that_says_it_is_there_and_sends_nothing_is_missed() -> None:
    assert Clock().status(HERE).run(30).of(SILENT) == [(10, True)]


def test_a_goodbye_is_no_alarm() -> None:
    assert Clock().run(10, 1).status(GOODBYE).run(100).said == []


def test_a_goodbye_ends_the_alarm() -> None:
    clock = Clock().run(10, 1).run(20).status(GOODBYE).run(100)
    assert clock.of(SILENT) == [(20, True), (30, False)]


def test_a_chunk_that_comes_after_the_goodbye_does_not_take_it_back() -> None:
    assert Clock().run(10, 1).status(GOODBYE).run(2, 1).run(100).said == []


def test_a_last_will_after_a_goodbye_does_not_take_it_back() -> None:
    assert Clock().run(10, 1).status(GOODBYE).run(1).status(WILL).run(100).said == []


@pytest.mark.parametrize("back", ["data", "hello"])
def test_a_device_that_comes_back_is_watched_again(back: str) -> None:
    clock = Clock().run(10, 1).status(GOODBYE).run(50)
    clock = clock.run(10, 1) if back == "data" else clock.status(HERE)
    assert [active for _, active in clock.run(30).of(SILENT)] == [True]


def test_a_lost_connection_has_five_seconds_to_come_back() -> None:
    assert Clock().run(10, 1).status(WILL).run(30).of(SILENT) == [(15, True)]
    assert Clock().run(10, 1).status(WILL).run(4).status(HERE).run(30, 1).said == []
    assert Clock().run(10, 1).status(WILL).run(4).run(30, 1).said == []


def test_a_lost_connection_says_so() -> None:
    said = Clock().run(10, 1).status(WILL).run(30).said[0][1]
    assert said.message.startswith("connection lost")
    assert said.evidence["last_will"] is True


def test_a_retained_last_will_of_a_device_never_heard_is_an_alarm() -> None:
    assert Clock().status(WILL).run(30).of(SILENT) == [(5, True)]


def test_a_connection_that_comes_and_goes_without_data_is_silence() -> None:
    clock = Clock().run(10, 1)
    for _ in range(10):
        clock.status(WILL).run(2).status(HERE).run(2)
    assert clock.of(SILENT) == [(20, True)]


def test_silence_ends_when_data_have_flowed_for_5_s() -> None:
    clock = Clock().run(10, 1).run(20).run(30, 1)
    assert clock.of(SILENT) == [(20, True), (36, False)]


def test_single_chunks_do_not_make_it_oscillate() -> None:
    clock = Clock().run(10, 1)
    for _ in range(20):
        clock.run(14).run(1, 1)
    assert clock.of(SILENT) == [(20, True)]


def test_a_sender_of_long_chunks_is_neither_silent_nor_silent_for_ever() -> None:
    assert Clock().run(200, chunk_every=8).of(SILENT) == []
    clock = Clock().run(10, 1).run(20).run(60, chunk_every=8)
    assert [active for _, active in clock.of(SILENT)] == [True, False]


@pytest.mark.parametrize("jump_s", [1_760_000_000, 3600, 20, 4, -4, -3600, -1_760_000_000])
def test_a_clock_that_is_set_is_not_silence(jump_s: int) -> None:
    clock = Clock().run(10, 1).run(7)
    clock.now += jump_s * S
    clock.run(1)
    assert clock.said == []
    clock.run(4)
    assert [c.active for _, c in clock.said] == [True]


def test_a_gateway_that_was_away_starts_its_timers_anew() -> None:
    clock = Clock().run(10, 1).run(8)
    clock.now += 2 * S
    assert clock.watch.resumed(clock.now) == []
    assert clock.run(9).said == []
    assert [second for second, _ in clock.run(5).said] == [30]


def test_a_gateway_that_was_away_does_not_take_an_alarm_back() -> None:
    clock = Clock().run(10, 1).run(20)
    clock.watch.resumed(clock.now)
    assert clock.run(100).of(SILENT) == [(20, True)]


def test_the_time_until_silence_is_a_limit() -> None:
    clock = Clock().run(1, 1)
    clock.watch.set_limits({"device_silent_s": 20})
    assert clock.run(60).of(SILENT) == [(21, True)]
    with pytest.raises(InputError, match="device_silent_s"):
        clock.watch.set_limits({"device_silent_s": 3600})


def battery(level: float | None) -> DeviceStatus:
    return DeviceStatus(online=True, battery=level)


def test_a_low_battery_is_told_and_does_not_oscillate() -> None:
    clock = Clock()
    for level in (0.5, 0.16, 0.15, 0.149, 0.151, 0.149, 0.19, 0.14, 0.2, None, 0.21, 0.16, 0.1):
        clock.status(battery(level))
    assert [active for _, active in clock.of(BATTERY)] == [True, False, True]
    assert clock.said[0][1].message == "battery at 15%: charge or replace it"


def test_a_battery_that_goes_on_falling_is_told_again() -> None:
    clock = Clock()
    for level in (0.14, 0.12, 0.1, 0.09, 0.05, 0.03, 0.02):
        clock.status(battery(level))
    told = [c.evidence["battery"] for _, c in clock.said]
    assert told == [0.14, 0.09, 0.03]


@pytest.mark.parametrize("level", [-0.1, 1.1, 15.0])
def test_a_battery_that_cannot_be_is_ignored(level: float) -> None:
    assert Clock().status(battery(level)).said == []


def test_what_a_test_source_makes_is_said_to_be_injected() -> None:
    status = DeviceStatus(online=True, battery=0.1, injected=("silence",))
    clock = Clock().status(status).run(20)
    assert [c.evidence["injected"] for _, c in clock.said] == [True, True]


_STEP = st.one_of(
    st.tuples(st.just("tick"), st.integers(0, 2 * S)),
    st.tuples(st.just("heard"), st.integers(0, 2 * S)),
    st.tuples(st.just("tick"), st.sampled_from([-(10**18), 10**18, -S, 60 * S])),
    st.tuples(st.sampled_from(["here", "will", "goodbye", "low", "resumed"]), st.just(S)),
)
_STATUS = {"here": HERE, "will": WILL, "goodbye": GOODBYE, "low": battery(0.1)}


def act(watch: SilenceWatch, what: str, now: int) -> list[Condition]:
    if what in _STATUS:
        return watch.status(_STATUS[what], now)
    do = {"tick": watch.tick, "heard": watch.heard, "resumed": watch.resumed}
    return do[what](now)


@given(st.lists(_STEP, max_size=80), st.integers(0, 80))
@settings(max_examples=150)
def test_conditions_alternate_and_state_goes_on_exactly(
    steps: list[tuple[str, int]], cut: int
) -> None:
    watch, now, silent = SilenceWatch("d"), T0, False
    for i, (what, step) in enumerate(steps):
        now = max(now + step, 0)
        if i == cut:
            twin = SilenceWatch("d")
            twin.restore(json.loads(json.dumps(watch.state())))
            assert twin.state() == watch.state()
            watch = twin
        for c in act(watch, what, now):
            if c.kind is SILENT:
                assert c.active is not silent
                silent = c.active
            assert c.onset_ns <= c.time_ns == now


@given(st.lists(st.sampled_from([1, 1, 1, 1, 10**9, -(10**9), 3600]), max_size=60))
def test_no_order_of_clock_jumps_makes_a_talking_device_silent(jumps: list[int]) -> None:
    watch, now = SilenceWatch("d"), T0
    for jump in jumps:
        now += jump * S
        assert watch.tick(now) == []
        assert watch.heard(now + S // 10) == []
