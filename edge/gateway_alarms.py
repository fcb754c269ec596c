"""Alarms of the gateway itself, under its own name: its disk, its models."""

from collections.abc import Mapping
from typing import Final

from edge.stages.alarms import Alarms
from edge.stages.items import Condition, State
from vitalwire.contracts import AlarmEvent, AlarmKind, Command, Receipt

_LOST: Final[Mapping[str, str]] = {
    "ecg-beat": "beats have no class, ventricular runs are not seen",
    "ecg-rhythm": "ventricular and atrial fibrillation are not seen",
    "eeg-seizure": "seizures are not seen",
}


class GatewayAlarms:
    """Turns the gateway's troubles into technical alarms."""

    def __init__(self, site: str, gateway: str) -> None:
        self._alarms = Alarms(site, gateway)
        self._problems: dict[AlarmKind, str] = {}

    def disk(self, problem: str, now_ns: int) -> list[AlarmEvent]:
        """Say whether the disk takes what must be kept; `problem` is "" when it does."""
        return self._say(AlarmKind.DISK_FULL, problem, now_ns)

    def models(self, problems: Mapping[str, str], now_ns: int) -> list[AlarmEvent]:
        """Say which models give no answers, and why; empty when all of them do."""
        told = [
            f"{_LOST.get(model, 'it is not asked')} ({model}: {' '.join(problem.split())})"
            for model, problem in sorted(problems.items())
        ]
        return self._say(AlarmKind.MODEL_FAILED, "; ".join(told), now_ns)

    def _say(self, kind: AlarmKind, problem: str, now_ns: int) -> list[AlarmEvent]:
        if problem == self._problems.get(kind, ""):
            return []
        self._problems[kind] = problem
        condition = Condition(
            kind=kind,
            active=bool(problem),
            sample=now_ns // 1_000_000,  # no samples here: its time in ms names the alarm
            time_ns=now_ns,
            onset_ns=now_ns,
            signal=None,
            stream_id=0,
            message=problem,
        )
        return self._alarms.push(condition, None)

    def tick(self, now_ns: int) -> list[AlarmEvent]:
        return self._alarms.tick(now_ns)

    def command(self, command: Command, now_ns: int) -> list[AlarmEvent | Receipt]:
        """Do what a person asked, and say what became of it."""
        return self._alarms.command(command, now_ns)

    def open(self) -> list[AlarmEvent]:
        """The last message of each open alarm."""
        return self._alarms.open()

    def state(self) -> State:
        problems = {kind.value: problem for kind, problem in self._problems.items()}
        return {"alarms": self._alarms.state(), "problems": problems}

    def restore(self, state: State) -> None:
        self._alarms.restore(state["alarms"])
        problems = state["problems"].items()
        self._problems = {AlarmKind(kind): problem for kind, problem in problems}
