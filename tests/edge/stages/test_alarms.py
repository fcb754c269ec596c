"""The life of alarms, and what users of other systems complain of."""

import json
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.stages.alarm_table import POLICIES
from edge.stages.alarms import REMEMBERED, Alarms
from edge.stages.items import Condition
from edge.stages.time_line import TimeLine
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Command,
    CommandAction,
    Evidence,
    Priority,
    Receipt,
    Signal,
)
from vitalwire.messages import dump, load

S = 1_000_000_000
T0 = 1_760_000_000 * S
FRAME = S // 5
START, UPDATE, ESCALATE = AlarmPhase.START, AlarmPhase.UPDATE, AlarmPhase.ESCALATE
ACKNOWLEDGE, SNOOZE, END = AlarmPhase.ACKNOWLEDGE, AlarmPhase.SNOOZE, AlarmPhase.END
ASYSTOLE, LEAD_OFF = AlarmKind.ASYSTOLE, AlarmKind.LEAD_OFF
SILENT, POOR = AlarmKind.DEVICE_SILENT, AlarmKind.POOR_SIGNAL
OF_DEVICE = (SILENT, AlarmKind.LOW_BATTERY, AlarmKind.DISK_FULL)


def sounds(event: AlarmEvent) -> bool:
    """As a ward hears it."""
    return event.phase is not END and not event.acknowledged and event.snoozed_until_ns is None


class Ward:
    """A device's alarms; samples and ticks go on together unless one is stopped."""

    def __init__(self) -> None:
        self.alarms = Alarms("ward", "belt-3")
        self.now = T0
        self.told: list[AlarmEvent] = []
        self.receipts: list[Receipt] = []
        self.patient: str | None = "p-017"
        self.n_commands = 0

    def run(self, seconds: float, *, samples: bool = True, ticks: bool = True) -> "Ward":
        for i in range(round(seconds * 5)):
            self.now += FRAME
            if samples:
                self.told += self.alarms.advance(self.now)
            if ticks and i % 5 == 4:
                self.told += self.alarms.tick(self.now)
        return self

    def condition(self, kind: AlarmKind, active: bool, **changes: object) -> Condition:
        of_device = kind in OF_DEVICE
        made = Condition(
            kind=kind,
            active=active,
            sample=(self.now - T0) // 4_000_000,
            time_ns=self.now,
            onset_ns=self.now - 4 * S,
            signal=None if of_device else Signal.ECG,
            stream_id=0 if of_device else 7,
            message=f"{kind} seen" if active else "",
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def on(self, kind: AlarmKind, **changes: object) -> "Ward":
        self.told += self.alarms.push(self.condition(kind, True, **changes), self.patient)
        return self

    def off(self, kind: AlarmKind, **changes: object) -> "Ward":
        self.told += self.alarms.push(self.condition(kind, False, **changes), self.patient)
        return self

    def command(
        self, action: CommandAction, alarm_id: str | None, **changes: object
    ) -> Receipt:
        self.n_commands += 1
        command = Command(f"c-{self.n_commands}", "belt-3", action, "nurse", alarm_id)
        return self.send(replace(command, **changes))  # type: ignore[arg-type]

    def send(self, command: Command) -> Receipt:
        *events, receipt = self.alarms.command(command, self.now)
        assert isinstance(receipt, Receipt)
        self.told += [event for event in events if isinstance(event, AlarmEvent)]
        self.receipts.append(receipt)
        return receipt

    def acknowledge(self, kind: AlarmKind) -> Receipt:
        return self.command(CommandAction.ACKNOWLEDGE, self.last(kind).alarm_id)

    def snooze(self, kind: AlarmKind, seconds: float | None) -> Receipt:
        return self.command(CommandAction.SNOOZE, self.last(kind).alarm_id, snooze_s=seconds)

    def last(self, kind: AlarmKind) -> AlarmEvent:
        return [event for event in self.told if event.kind is kind][-1]

    def phases(self, kind: AlarmKind) -> list[AlarmPhase]:
        return [event.phase for event in self.told if event.kind is kind]

    def restart(self) -> "Ward":
        state = json.loads(json.dumps(self.alarms.state()))
        self.alarms = Alarms("ward", "belt-3")
        self.alarms.restore(state)
        return self


# What users of other systems complain of (Nightscout, OpenSeizureDetector)


def test_an_acknowledged_alarm_that_is_still_active_is_not_raised_again() -> None:
    ward = Ward().on(ASYSTOLE).run(3)
    assert ward.acknowledge(ASYSTOLE).accepted
    ward.run(60).on(ASYSTOLE, message="still").run(600).off(ASYSTOLE).run(2).on(ASYSTOLE)
    ward.run(60)
    assert START not in ward.phases(ASYSTOLE)[1:]
    assert all(event.acknowledged for event in ward.told[1:])
    assert ward.last(ASYSTOLE).acknowledged_by == "nurse"


def test_one_acknowledge_does_not_clear_all() -> None:
    ward = Ward().on(ASYSTOLE).on(LEAD_OFF).on(SILENT)
    ward.acknowledge(LEAD_OFF)
    assert {e.kind: sounds(e) for e in ward.alarms.open()} == {
        ASYSTOLE: True,
        LEAD_OFF: False,
        SILENT: True,
    }


def test_a_snooze_of_one_alarm_is_not_one_of_another() -> None:
    ward = Ward().on(LEAD_OFF)
    ward.snooze(LEAD_OFF, 600)
    ward.run(5).on(ASYSTOLE)
    assert sounds(ward.last(ASYSTOLE))


def test_a_snooze_holds_for_its_time_and_no_longer() -> None:
    ward = Ward().on(ASYSTOLE).run(2)
    assert ward.snooze(ASYSTOLE, 60).accepted
    assert ward.last(ASYSTOLE).snoozed_until_ns == ward.now + 60 * S
    ward.run(58).on(ASYSTOLE, message="still")
    assert not sounds(ward.last(ASYSTOLE))
    ward.run(3)
    assert sounds(ward.last(ASYSTOLE))
    assert ward.phases(ASYSTOLE) == [START, SNOOZE, UPDATE, UPDATE]


def test_a_technical_alarm_does_not_oscillate() -> None:
    ward = Ward()
    for _ in range(100):
        ward.on(LEAD_OFF).run(3).off(LEAD_OFF).run(3)
    assert ward.phases(LEAD_OFF).count(START) == 1
    assert END not in ward.phases(LEAD_OFF)
    assert len(ward.told) < 70  # news every 10 s, not every flicker
    assert ward.run(10).phases(LEAD_OFF)[-1] is END


def test_an_alarm_of_a_device_that_goes_silent_stays_open() -> None:
    ward = Ward().on(ASYSTOLE).run(3).off(ASYSTOLE).run(1)
    ward.run(3600, samples=False).on(SILENT)
    assert {event.kind: event.active for event in ward.alarms.open()} == {
        ASYSTOLE: True,
        SILENT: True,
    }
    assert END not in ward.phases(ASYSTOLE)


# The life


def test_the_first_message() -> None:
    ward = Ward().on(ASYSTOLE, evidence={"limit_s": 4.0})
    event = ward.told[0]
    assert (event.phase, event.revision, event.priority) == (START, 0, Priority.HIGH)
    assert event.active
    assert not event.latched
    assert not event.acknowledged
    assert event.onset_ns == event.declared_ns - 4 * S
    assert event.evidence == {"limit_s": 4.0}
    assert event.patient == "p-017"
    assert ward.alarms.open() == [event]
    assert load(AlarmEvent, dump(event)) == event


def test_the_id_is_of_the_declaration_and_nothing_else() -> None:
    first = Ward().on(ASYSTOLE).told[0]
    again = Ward().on(ASYSTOLE, onset_ns=T0, message="x", time_ns=T0 + 1).told[0]
    assert first.alarm_id == again.alarm_id
    assert first.alarm_id == "384c5c317fe42a7bd8a33423159e37b8"  # it may never change
    for other in (
        Ward().on(LEAD_OFF),
        Ward().on(ASYSTOLE, sample=9),
        Ward().on(ASYSTOLE, stream_id=8),
        Ward().on(ASYSTOLE, signal=Signal.EEG),
    ):
        assert other.told[0].alarm_id != first.alarm_id


def test_a_latching_alarm_stays_until_it_is_acknowledged() -> None:
    ward = Ward().on(ASYSTOLE).run(10).off(ASYSTOLE)
    gone = ward.now
    ward.run(600)
    event = ward.last(ASYSTOLE)
    assert (event.active, event.latched, sounds(event)) == (False, True, True)
    assert ward.alarms.open() == [event]
    ward.acknowledge(ASYSTOLE)
    assert ward.phases(ASYSTOLE) == [START, UPDATE, ACKNOWLEDGE, END]
    assert ward.last(ASYSTOLE).ended_ns == gone
    assert ward.alarms.open() == []


def test_a_latched_alarm_whose_condition_returns_is_the_same_alarm() -> None:
    ward = Ward().on(ASYSTOLE).run(1).off(ASYSTOLE).run(20).on(ASYSTOLE)
    event = ward.last(ASYSTOLE)
    assert (event.phase, event.active, event.latched) == (UPDATE, True, False)
    assert event.evidence["episodes"] == 2
    assert len({e.alarm_id for e in ward.told}) == 1


def test_an_acknowledged_alarm_ends_by_itself() -> None:
    ward = Ward().on(ASYSTOLE).run(1)
    ward.acknowledge(ASYSTOLE)
    ward.off(ASYSTOLE).run(4.8)
    assert ward.alarms.open()
    ward.run(0.4)
    assert ward.phases(ASYSTOLE) == [START, ACKNOWLEDGE, END]
    ward.run(1).on(ASYSTOLE)
    assert ward.phases(ASYSTOLE)[-1] is START
    assert sounds(ward.last(ASYSTOLE))


def test_a_technical_alarm_does_not_latch() -> None:
    assert Ward().on(LEAD_OFF).run(1).off(LEAD_OFF).run(6).phases(LEAD_OFF) == [START, END]


def test_a_pause_ends_by_itself_and_pauses_close_together_are_one_alarm() -> None:
    ward = Ward()
    for _ in range(3):
        ward.on(AlarmKind.PAUSE).off(AlarmKind.PAUSE).run(20)
    ward.run(20)
    phases = ward.phases(AlarmKind.PAUSE)
    assert (phases[0], phases[-1], phases.count(START)) == (START, END, 1)
    assert ward.last(AlarmKind.PAUSE).evidence["episodes"] == 3


def test_silence_ends_at_once() -> None:
    assert Ward().on(SILENT).run(30).off(SILENT).phases(SILENT) == [START, END]


def test_an_overlapping_condition_adopts_the_alarm_and_refines_its_onset() -> None:
    ward = Ward().on(ASYSTOLE).run(20)
    ward.on(ASYSTOLE, stream_id=8, onset_ns=T0 - 9 * S, message="after a reboot")
    event = ward.last(ASYSTOLE)
    assert (event.phase, event.stream_id, event.onset_ns) == (UPDATE, 7, T0 - 9 * S)
    assert event.alarm_id == ward.told[0].alarm_id
    assert event.message == "after a reboot"


def test_the_onset_never_moves_forward() -> None:
    ward = Ward().on(ASYSTOLE).run(20).on(ASYSTOLE, onset_ns=T0 + 5 * S, message="x")
    assert ward.last(ASYSTOLE).onset_ns == T0 - 4 * S


def test_news_are_told_every_ten_seconds_and_the_newest_is_not_lost() -> None:
    ward = Ward().on(ASYSTOLE)
    for i in range(9):
        ward.run(1).on(ASYSTOLE, message=f"news {i}", evidence={"n": i})
    assert len(ward.told) == 1
    ward.run(2)
    assert [event.message for event in ward.told] == ["asystole seen", "news 8"]
    assert ward.last(ASYSTOLE).evidence == {"n": 8}
    ward.run(60).on(ASYSTOLE, message="news 8", evidence={"n": 8})
    assert len(ward.told) == 2


def test_evidence_is_merged() -> None:
    ward = Ward().on(ASYSTOLE, evidence={"a": 1, "b": 2}).run(11)
    ward.on(ASYSTOLE, evidence={"b": 3})
    assert ward.last(ASYSTOLE).evidence == {"a": 1, "b": 3}


def test_a_real_alarm_does_not_pass_as_injected() -> None:
    injected: Evidence = {"injected": True}
    ward = Ward().on(ASYSTOLE, evidence=injected).run(11).on(ASYSTOLE, evidence=injected)
    assert ward.last(ASYSTOLE).evidence == {"injected": True}
    ward.off(ASYSTOLE).run(20).on(ASYSTOLE)
    assert "injected" not in ward.last(ASYSTOLE).evidence


def test_escalation_by_time_unacknowledged() -> None:
    ward = Ward().on(LEAD_OFF).run(299)
    assert ward.phases(LEAD_OFF) == [START]
    ward.run(2)
    assert ward.phases(LEAD_OFF) == [START, ESCALATE]
    assert ward.last(LEAD_OFF).priority is Priority.HIGH
    assert ward.run(3600).phases(LEAD_OFF) == [START, ESCALATE]


def test_who_has_seen_a_lead_off_is_not_told_again() -> None:
    ward = Ward().on(LEAD_OFF).run(100)
    ward.acknowledge(LEAD_OFF)
    assert ward.run(3600).phases(LEAD_OFF) == [START, ACKNOWLEDGE]


def test_poor_signal_that_stays_is_a_worse_alarm_and_raised_again() -> None:
    ward = Ward().on(POOR).run(10)
    assert ward.last(POOR).priority is Priority.LOW
    ward.acknowledge(POOR)
    ward.run(82)
    event = ward.last(POOR)
    assert (event.phase, event.priority, sounds(event)) == (ESCALATE, Priority.MEDIUM, True)
    ward.acknowledge(POOR)
    assert ward.run(3600).phases(POOR) == [START, ACKNOWLEDGE, ESCALATE, ACKNOWLEDGE]


def test_a_snooze_also_holds_an_escalation_back() -> None:
    ward = Ward().on(LEAD_OFF).run(290)
    ward.snooze(LEAD_OFF, 60)
    ward.run(58)
    assert ward.phases(LEAD_OFF) == [START, SNOOZE]
    ward.run(4)
    assert ward.phases(LEAD_OFF) == [START, SNOOZE, UPDATE, ESCALATE]


def test_a_silent_device_escalates_by_ticks() -> None:
    assert Ward().on(SILENT).run(301, samples=False).phases(SILENT) == [START, ESCALATE]


def test_another_wearer_has_another_alarm() -> None:
    ward = Ward().on(LEAD_OFF).run(5)
    ward.patient = "p-018"
    ward.on(LEAD_OFF)
    assert ward.phases(LEAD_OFF) == [START, END, START]
    assert [e.patient for e in ward.told] == ["p-017", "p-017", "p-018"]
    assert ward.told[0].alarm_id != ward.told[2].alarm_id


def test_a_wearer_who_is_named_later_is_added() -> None:
    ward = Ward()
    ward.patient = None
    ward.on(LEAD_OFF).run(20)
    ward.patient = "p-018"
    ward.on(LEAD_OFF)
    assert ward.last(LEAD_OFF).patient == "p-018"
    assert ward.phases(LEAD_OFF) == [START, UPDATE]


def test_a_sample_count_that_starts_again_does_not_meet_an_old_id() -> None:
    ward = Ward().on(LEAD_OFF, sample=100).off(LEAD_OFF).run(10).on(LEAD_OFF, sample=100)
    assert ward.told[0].alarm_id != ward.told[2].alarm_id


def test_the_most_urgent_comes_first() -> None:
    ward = Ward().on(POOR).run(1).on(LEAD_OFF).run(1).on(ASYSTOLE).run(1).on(SILENT)
    assert [e.kind for e in ward.alarms.open()] == [ASYSTOLE, LEAD_OFF, SILENT, POOR]


# Commands


def test_acknowledging_twice_is_one_acknowledgement() -> None:
    ward = Ward().on(ASYSTOLE)
    assert ward.acknowledge(ASYSTOLE).accepted
    assert ward.acknowledge(ASYSTOLE).accepted
    assert ward.phases(ASYSTOLE) == [START, ACKNOWLEDGE]


def test_a_command_that_is_delivered_again_has_no_second_effect() -> None:
    ward = Ward().on(LEAD_OFF)
    alarm_id = ward.told[0].alarm_id
    command = Command("x", "belt-3", CommandAction.SNOOZE, "nurse", alarm_id, snooze_s=10)
    first = ward.send(command)
    ward.run(5).restart()
    assert ward.send(command) == first
    ward.run(7)
    assert sounds(ward.last(LEAD_OFF))
    assert ward.send(command) == first
    assert sounds(ward.last(LEAD_OFF))
    assert ward.phases(LEAD_OFF) == [START, SNOOZE, UPDATE]


def test_refused_commands_are_also_remembered() -> None:
    ward = Ward()
    command = Command("x", "belt-3", CommandAction.ACKNOWLEDGE, "nurse", "gone")
    first = ward.send(command)
    assert not first.accepted
    assert ward.run(5).send(command) == first


@pytest.mark.parametrize("seconds", [None, 0.0, 0.5, -5.0, 601.0, float("nan"), float("inf")])
def test_a_snooze_has_bounds(seconds: float | None) -> None:
    ward = Ward().on(ASYSTOLE)
    receipt = ward.snooze(ASYSTOLE, seconds)
    assert not receipt.accepted
    assert receipt.reason.startswith("snooze_s: expected 1 to 600 for a high alarm")
    assert ward.phases(ASYSTOLE) == [START]


@pytest.mark.parametrize("seconds", [1.0, 600.0])
def test_the_bounds_of_a_snooze_are_allowed(seconds: float) -> None:
    assert Ward().on(ASYSTOLE).snooze(ASYSTOLE, seconds).accepted


def test_a_lesser_alarm_may_sleep_longer() -> None:
    ward = Ward().on(LEAD_OFF)
    assert ward.snooze(LEAD_OFF, 3600).accepted
    assert not ward.snooze(LEAD_OFF, 3601).accepted


def test_a_snooze_can_be_given_again() -> None:
    ward = Ward().on(ASYSTOLE)
    ward.snooze(ASYSTOLE, 10)
    ward.run(8)
    ward.snooze(ASYSTOLE, 10)
    ward.run(8)
    assert not sounds(ward.last(ASYSTOLE))
    assert sounds(ward.run(4).last(ASYSTOLE))


def test_an_acknowledged_alarm_cannot_be_snoozed_back_into_sounding() -> None:
    ward = Ward().on(ASYSTOLE)
    ward.acknowledge(ASYSTOLE)
    assert not ward.snooze(ASYSTOLE, 10).accepted


def test_an_acknowledgement_ends_the_snooze() -> None:
    ward = Ward().on(ASYSTOLE)
    ward.snooze(ASYSTOLE, 10)
    ward.acknowledge(ASYSTOLE)
    assert ward.last(ASYSTOLE).snoozed_until_ns is None
    assert ward.run(60).phases(ASYSTOLE) == [START, SNOOZE, ACKNOWLEDGE]


def test_a_snoozed_latched_alarm_sounds_again() -> None:
    ward = Ward().on(ASYSTOLE)
    ward.snooze(ASYSTOLE, 30)
    ward.off(ASYSTOLE).run(10)
    assert ward.last(ASYSTOLE).latched
    assert not sounds(ward.last(ASYSTOLE))
    assert sounds(ward.run(25).last(ASYSTOLE))


def test_commands_that_cannot_be_obeyed_say_why() -> None:
    ward = Ward().on(LEAD_OFF)
    alarm_id = ward.told[0].alarm_id
    do = CommandAction.ACKNOWLEDGE
    assert "no open alarm" in ward.command(do, "0" * 32).reason
    assert "no open alarm" in ward.command(do, None).reason
    assert "by:" in ward.command(do, alarm_id, by=" ").reason
    assert "by:" in ward.command(do, alarm_id, by="x" * 1000).reason
    assert "came to 'belt-3'" in ward.command(do, alarm_id, device="belt-4").reason
    assert "limits" in ward.command(CommandAction.LIMITS, None, limits={}).reason
    assert all(not receipt.accepted and receipt.reason for receipt in ward.receipts)
    assert ward.phases(LEAD_OFF) == [START]
    ward.off(LEAD_OFF).run(6)
    assert "no open alarm" in ward.command(do, alarm_id).reason


def test_memory_is_bounded() -> None:
    ward = Ward()
    for i in range(3 * REMEMBERED):
        ward.on(LEAD_OFF).off(LEAD_OFF).run(5.2)
        ward.command(CommandAction.ACKNOWLEDGE, f"{i}")
    state = ward.alarms.state()
    assert len(state["receipts"]) == len(state["ids"]) == REMEMBERED
    assert state["open"] == []


# Clocks


@pytest.mark.parametrize("jump_s", [10**9, -(10**9), 3600, -3600])
def test_a_clock_that_is_set_ends_and_escalates_nothing(jump_s: int) -> None:
    ward = Ward().on(LEAD_OFF).on(ASYSTOLE).on(SILENT).run(5).off(ASYSTOLE).run(1)
    before = len(ward.told)
    ward.now += jump_s * S
    ward.run(2)
    assert len(ward.told) == before


@pytest.mark.parametrize("jump_s", [-3600, -3])
def test_a_clock_set_back_does_not_prolong_a_snooze(jump_s: int) -> None:
    ward = Ward().on(ASYSTOLE)
    ward.snooze(ASYSTOLE, 60)
    ward.run(10)
    ward.now += jump_s * S
    ward.run(53)
    assert sounds(ward.last(ASYSTOLE))


def test_a_time_line_ignores_disorder_and_bounds_steps() -> None:
    line = TimeLine(most_ns=5)
    assert [line.to(t) for t in (100, 103, 102, 103, 104, 10**6)] == [0, 3, 3, 3, 4, 9]


def test_samples_and_ticks_do_not_move_each_other() -> None:
    """An alarm of samples is told the same, however ticks fall between them."""

    def told(ticks: bool) -> list[AlarmEvent]:
        ward = Ward().on(LEAD_OFF).run(310, ticks=ticks).off(LEAD_OFF).run(6, ticks=ticks)
        ward.on(ASYSTOLE).run(3, ticks=ticks).off(ASYSTOLE).run(9, ticks=ticks)
        return ward.told

    assert told(True) == told(False)


def test_two_signals_have_alarms_of_their_own() -> None:
    ward = Ward().on(LEAD_OFF).on(LEAD_OFF, signal=Signal.EEG)
    assert len(ward.alarms.open()) == 2
    ward.off(LEAD_OFF, signal=Signal.EEG).run(10)
    assert len(ward.alarms.open()) == 2  # the samples of the EEG stand still
    for i in range(40):
        ward.told += ward.alarms.advance(ward.now + i * FRAME, Signal.EEG)
    assert [event.signal for event in ward.alarms.open()] == [Signal.ECG]


# Restart


@pytest.mark.parametrize("cut_s", [1, 20, 45])
def test_state_survives_a_restart_in_the_middle_of_a_snooze(cut_s: int) -> None:
    def play(restart: bool) -> list[AlarmEvent]:
        ward = Ward().on(ASYSTOLE, evidence={"a": 1.0, "b": "x", "injected": True}).run(1)
        ward.on(POOR).on(ASYSTOLE, message="pending", evidence={"n": 1})
        ward.snooze(ASYSTOLE, 30)
        ward.on(ASYSTOLE, message="news", onset_ns=T0 - 9 * S).off(ASYSTOLE).run(cut_s)
        if restart:
            state = ward.alarms.state()
            assert ward.restart().alarms.state() == state
        ward.run(120)
        ward.acknowledge(ASYSTOLE)
        return ward.told

    assert play(True) == play(False)


def test_a_state_is_not_changed_by_what_follows() -> None:
    ward = Ward().on(ASYSTOLE).run(1)
    state = ward.alarms.state()
    before = json.dumps(state)
    ward.on(ASYSTOLE, evidence={"x": 1}).run(30).off(ASYSTOLE).run(30)
    assert json.dumps(state) == before


def test_every_kind_has_a_policy() -> None:
    assert set(POLICIES) == set(AlarmKind)
    for policy in POLICIES.values():
        step = policy.escalation
        assert step is None or step.priority.rank > policy.priority.rank
        assert policy.latching <= (policy.priority is Priority.HIGH)


class AlarmMachine(RuleBasedStateMachine):
    """Anything in any order: what a ward may rely on always holds."""

    def __init__(self) -> None:
        super().__init__()
        self.ward = Ward()
        self.seen = 0
        self.last: dict[str, AlarmEvent] = {}

    kinds = st.sampled_from(list(AlarmKind))

    @rule(kind=kinds, n=st.integers(0, 3))
    def holds(self, kind: AlarmKind, n: int) -> None:
        self.ward.on(kind, evidence={"n": n}, message=f"news {n}")

    @rule(kind=kinds)
    def over(self, kind: AlarmKind) -> None:
        self.ward.off(kind)

    @rule(
        seconds=st.sampled_from([0.2, 1.0, 6.0, 40.0, 310.0]),
        samples=st.booleans(),
        ticks=st.booleans(),
    )
    def wait(self, seconds: float, samples: bool, ticks: bool) -> None:
        self.ward.run(seconds, samples=samples, ticks=ticks)

    @rule(jump=st.sampled_from([-(10**6), -5, 5, 10**6]))
    def set_clock(self, jump: int) -> None:
        self.ward.now = max(self.ward.now + jump * S, 0)

    @rule()
    def restart(self) -> None:
        before = self.ward.alarms.state()
        assert self.ward.restart().alarms.state() == before

    @precondition(lambda self: self.last)
    @rule(data=st.data(), snooze_s=st.sampled_from([None, 0.5, 1.0, 30.0, 600.0, 3600.0]))
    def command(self, data: st.DataObject, snooze_s: float | None) -> None:
        alarm_id = data.draw(st.sampled_from(sorted(self.last)))
        before = {event.alarm_id: event for event in self.ward.alarms.open()}
        action = CommandAction.ACKNOWLEDGE if snooze_s is None else CommandAction.SNOOZE
        receipt = self.ward.command(action, alarm_id, snooze_s=snooze_s)
        after = {event.alarm_id: event for event in self.ward.alarms.open()}
        assert bool(receipt.reason) is not receipt.accepted
        if alarm_id not in before:
            assert not receipt.accepted
        elif receipt.accepted and alarm_id in after:
            assert not sounds(after.pop(alarm_id))
        before.pop(alarm_id, None)
        after.pop(alarm_id, None)
        assert after == before  # one command, one alarm

    @invariant()
    def messages_make_sense(self) -> None:
        for event in self.ward.told[self.seen :]:
            before = self.last.get(event.alarm_id)
            if before is None:
                assert (event.phase, event.revision) == (START, 0)
            else:
                self.follows(before, event)
            assert not (event.active and event.latched)
            assert (event.phase is END) is (event.ended_ns is not None)
            assert event.acknowledged is (event.acknowledged_by is not None)
            assert event.active or event.latched or event.phase is END
            self.last[event.alarm_id] = event
        self.seen = len(self.ward.told)

    def follows(self, before: AlarmEvent, event: AlarmEvent) -> None:
        assert before.phase is not END
        assert event.phase is not START
        assert event.revision == before.revision + 1
        assert event.onset_ns <= before.onset_ns
        fixed = ("kind", "signal", "declared_sample", "declared_ns", "stream_id", "patient")
        assert all(getattr(before, name) == getattr(event, name) for name in fixed)
        assert event.priority.rank >= before.priority.rank
        if (event.phase is ESCALATE) is not (event.priority is not before.priority):
            raise AssertionError("a priority changes by escalation only")
        if before.acknowledged and not event.acknowledged:
            assert event.phase is ESCALATE
        if event.phase is END and POLICIES[event.kind].latching:
            assert event.acknowledged

    @invariant()
    def one_open_alarm_a_kind(self) -> None:
        opened = self.ward.alarms.open()
        assert len({(event.kind, event.signal) for event in opened}) == len(opened)
        unended = [event for event in self.last.values() if event.phase is not END]
        by_id = {event.alarm_id: event for event in opened}
        assert by_id == {event.alarm_id: event for event in unended}


TestAlarmMachine = AlarmMachine.TestCase
TestAlarmMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_rows_of_numbers_are_no_news_after_a_restart() -> None:
    """A saved state gives tuples back as lists."""
    row: dict[str, object] = {"trace": (0.1, 0.9), "classes": "NVVV"}
    ward = Ward().on(ASYSTOLE, evidence=row).restart()
    assert ward.alarms.open()[0].evidence == row
    ward.run(20).on(ASYSTOLE, evidence=row).run(20)
    assert ward.phases(ASYSTOLE) == [START]
    ward = Ward().on(ASYSTOLE).on(ASYSTOLE, evidence=row).restart().run(20)
    assert ward.last(ASYSTOLE).evidence == row


def test_what_speaks_for_an_alarm_stands_above_its_condition_and_changes_nothing_else() -> None:
    ward = Ward().on(ASYSTOLE, evidence={"confidence": 0.7, "limit_s": 4.0}).run(1)
    opened = ward.last(ASYSTOLE)
    (told,) = ward.alarms.support(opened.alarm_id, {"confidence": 0.85}, ward.now)
    assert told == replace(
        opened, phase=UPDATE, revision=1, time_ns=ward.now,
        evidence={"confidence": 0.85, "limit_s": 4.0},
    )  # fmt: skip
    ward.restart().on(ASYSTOLE, evidence={"confidence": 0.75, "limit_s": 5.0}).run(20)
    assert ward.last(ASYSTOLE).evidence == {"confidence": 0.85, "limit_s": 5.0}
    assert ward.alarms.support("no such alarm", {"confidence": 1.0}, ward.now) == []


def test_a_snapshot_from_before_there_was_support_is_read() -> None:
    ward = Ward().on(ASYSTOLE)
    saved = ward.alarms.state()
    del saved["open"][0]["support"]
    restored = Alarms("ward", "belt-3")
    restored.restore(saved)
    assert restored.open() == ward.alarms.open()
