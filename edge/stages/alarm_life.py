"""The life of one alarm, from its declaration to its end. `alarms` keeps many.

Every change is a message: the last one with a higher revision and some fields changed.
"""

from dataclasses import fields, replace
from enum import Enum
from typing import Any, Final

from edge.stages.alarm_table import POLICIES
from edge.stages.items import Condition, State, evidence_of
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase, Evidence, Priority, Signal

UPDATE_EVERY_NS: Final = 10_000_000_000
"""News of an alarm's evidence is told no more often than this; its phases are told at once."""

_S: Final = 1_000_000_000
_PLAIN: Final = ("started_ns", "away_ns", "gone_ns", "told_ns", "snooze_ns", "episodes")


class AlarmLife:
    """One open alarm.

    Parameters
    ----------
    event : AlarmEvent
        Its first message.
    line_ns : int
        Now, on the alarm's own time line: that of its samples, or of ticks.
    """

    def __init__(self, event: AlarmEvent, line_ns: int) -> None:
        self.event = event  # the last message
        self._policy = POLICIES[event.kind]
        self._started_ns = line_ns
        self._told_ns = line_ns  # the last message, on the time line
        self._away_ns: int | None = None  # the condition is away since, on the time line
        self._gone_ns: int | None = None  # the same in UTC, kept until it holds again
        self._snooze_ns: int | None = None  # until then, on the time line of ticks
        self._episodes = 1
        self._news: dict[str, Any] = {}  # known, not told yet
        self._support: Evidence = {}  # of elsewhere; stands above what the condition says

    @property
    def ended(self) -> bool:
        return self.event.phase is AlarmPhase.END

    def on(self, condition: Condition, patient: str | None, line_ns: int) -> list[AlarmEvent]:
        """The condition holds, still or again."""
        evidence = {**self._known("evidence"), **condition.evidence, **self._support}
        if not condition.evidence.get("injected"):
            evidence.pop("injected", None)  # what is real now must not look like a test
        if self._gone_ns is not None:
            self._episodes += 1
            evidence["episodes"] = self._episodes
        self._away_ns = self._gone_ns = None
        self._learn("evidence", evidence)
        self._learn("message", condition.message or self._known("message"))
        self._learn("onset_ns", min(condition.onset_ns, self._known("onset_ns")))
        self._learn("patient", self._known("patient") or patient)
        if not self.event.active:
            again = {"active": True, "latched": False}
            return [self._tell(AlarmPhase.UPDATE, condition.time_ns, line_ns, **again)]
        return self._tell_news(condition.time_ns, line_ns)

    def off(self, condition: Condition, line_ns: int) -> list[AlarmEvent]:
        """The condition no longer holds."""
        if self._gone_ns is None:
            self._away_ns, self._gone_ns = line_ns, condition.time_ns
            self._learn("message", condition.message or self._known("message"))
        return self.advance(condition.time_ns, line_ns)

    def support(self, evidence: Evidence, time_ns: int, line_ns: int) -> AlarmEvent:
        """Something else speaks for it too: say so, and change nothing but the evidence."""
        self._support = {**self._support, **evidence}
        self._learn("evidence", {**self._known("evidence"), **evidence})
        return self._tell(AlarmPhase.UPDATE, time_ns, line_ns)

    def advance(self, time_ns: int, line_ns: int) -> list[AlarmEvent]:
        """The alarm's own time goes on."""
        off_delay_ns = self._policy.off_delay_s * _S
        if self._away_ns is not None and line_ns - self._away_ns >= off_delay_ns:
            self._away_ns = None
            if self.event.acknowledged or not self._policy.latching:
                return [self.end(time_ns, line_ns)]
            over = {"active": False, "latched": True}
            return [self._tell(AlarmPhase.UPDATE, time_ns, line_ns, **over)]
        if worse := self._escalated(line_ns):
            return [self._tell(AlarmPhase.ESCALATE, time_ns, line_ns, **worse)]
        return self._tell_news(time_ns, line_ns)

    def acknowledge(self, by: str, now_ns: int, line_ns: int) -> list[AlarmEvent]:
        """A person has seen it: it no longer sounds, and ends if it is over."""
        if self.event.acknowledged:
            return []
        self._snooze_ns = None
        seen = {"acknowledged": True, "acknowledged_by": by, "snoozed_until_ns": None}
        out = [self._tell(AlarmPhase.ACKNOWLEDGE, now_ns, line_ns, **seen)]
        return [*out, self.end(now_ns, line_ns)] if self.event.latched else out

    def snooze(
        self, until_ns: int, until_tick_ns: int, now_ns: int, line_ns: int
    ) -> AlarmEvent:
        """A person wants it not to sound until then."""
        self._snooze_ns = until_tick_ns
        held = {"snoozed_until_ns": until_ns}
        return self._tell(AlarmPhase.SNOOZE, now_ns, line_ns, **held)

    def tick(self, now_ns: int, tick_ns: int, line_ns: int) -> list[AlarmEvent]:
        """The gateway's clock: a snooze holds for its time and no longer.

        It is over when its time has passed by either measure: a clock set back cannot
        prolong it; one set forward makes the alarm sound early, which is the safe side.
        """
        until_ns = self.event.snoozed_until_ns
        if self._snooze_ns is None or until_ns is None:
            return []
        if tick_ns < self._snooze_ns and now_ns < until_ns:
            return []
        self._snooze_ns = None
        sounds = {"snoozed_until_ns": None}
        return [self._tell(AlarmPhase.UPDATE, now_ns, line_ns, **sounds)]

    def end(self, time_ns: int, line_ns: int) -> AlarmEvent:
        """The last message; `ended_ns` is when the condition went away."""
        over = {
            "active": False,
            "latched": False,
            "snoozed_until_ns": None,
            "ended_ns": time_ns if self._gone_ns is None else self._gone_ns,
        }
        return self._tell(AlarmPhase.END, time_ns, line_ns, **over)

    def _escalated(self, line_ns: int) -> dict[str, Any]:
        step = self._policy.escalation
        if (
            step is None
            or line_ns - self._started_ns < step.after_s * _S
            or step.priority.rank <= self.event.priority.rank
            or not self.event.active
            or self._gone_ns is not None
            or self._snooze_ns is not None
            or (self.event.acknowledged and not step.even_acknowledged)
        ):
            return {}
        return {"priority": step.priority, "acknowledged": False, "acknowledged_by": None}

    def _known(self, name: str) -> Any:
        return self._news.get(name, getattr(self.event, name))

    def _learn(self, name: str, value: object) -> None:
        self._news.pop(name, None)
        if value != getattr(self.event, name):
            self._news[name] = value

    def _tell_news(self, time_ns: int, line_ns: int) -> list[AlarmEvent]:
        if not self._news or line_ns - self._told_ns < UPDATE_EVERY_NS:
            return []
        return [self._tell(AlarmPhase.UPDATE, time_ns, line_ns)]

    def _tell(
        self, phase: AlarmPhase, time_ns: int, line_ns: int, **changes: Any
    ) -> AlarmEvent:
        self.event = replace(
            self.event,
            **{**self._news, **changes},
            phase=phase,
            time_ns=time_ns,
            revision=self.event.revision + 1,
        )
        self._news = {}
        self._told_ns = line_ns
        return self.event

    def state(self) -> State:
        return {
            "event": _plain(self.event),
            "news": {**self._news},
            "support": dict(self._support),
            **{name: getattr(self, f"_{name}") for name in _PLAIN},
        }

    @classmethod
    def restored(cls, state: State) -> "AlarmLife":
        """An alarm as `state` left it."""
        life = cls(_event(state["event"]), 0)
        life._news = {**state["news"]}
        if "evidence" in life._news:
            life._news["evidence"] = evidence_of(life._news["evidence"])
        life._support = evidence_of(state.get("support", {}))  # older snapshots have none
        for name in _PLAIN:
            setattr(life, f"_{name}", state[name])
        return life


def _plain(event: AlarmEvent) -> State:
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in values.items()
    } | {"evidence": dict(event.evidence)}


def _event(state: State) -> AlarmEvent:
    return AlarmEvent(
        **{
            **state,
            "phase": AlarmPhase(state["phase"]),
            "kind": AlarmKind(state["kind"]),
            "priority": Priority(state["priority"]),
            "signal": None if state["signal"] is None else Signal(state["signal"]),
            "evidence": evidence_of(state["evidence"]),
        }
    )
