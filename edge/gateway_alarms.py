"""Alarms of the gateway itself, under its own name: its disk."""

from edge.stages.alarms import Alarms
from edge.stages.items import Condition, State
from vitalwire.contracts import AlarmEvent, AlarmKind, Command, Receipt


class GatewayAlarms:
    """Turns the gateway's troubles into technical alarms."""

    def __init__(self, site: str, gateway: str) -> None:
        self._alarms = Alarms(site, gateway)
        self._full = False

    def disk(self, problem: str, now_ns: int) -> list[AlarmEvent]:
        """Say whether the disk takes what must be kept; `problem` is "" when it does."""
        if bool(problem) == self._full:
            return []
        self._full = bool(problem)
        condition = Condition(
            kind=AlarmKind.DISK_FULL,
            active=self._full,
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
        return {"alarms": self._alarms.state(), "full": self._full}

    def restore(self, state: State) -> None:
        self._alarms.restore(state["alarms"])
        self._full = state["full"]
