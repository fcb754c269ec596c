"""Whether a device is still there, and how full its battery is. Driven by the gateway's clock.

Silence is measured by adding up the steps between two inputs, so that a clock that NTP sets
from 1970 to today is one odd step and not fifty years of silence.
"""

from typing import Final

from edge.stages.items import Condition, Limits, State
from edge.stages.limits import DEFAULT_LIMITS, check_limits
from vitalwire.contracts import AlarmKind, DeviceStatus, Evidence

GRACE_S: Final = 5.0
"""A device whose last will came may reconnect within this."""

FLOW_S: Final = 5.0
"""Data must have flowed for so long before a silent device counts as back: two chunks so far
apart, and between any two of them less than the time that makes it silent."""

BATTERY_BACK: Final = 0.05
"""A battery is low until it is so far above the limit (0.2 for a limit of 0.15), and is said
again when it has fallen by so much."""

_S: Final = 1_000_000_000
_PLAIN: Final = (
    "last_ns",
    "age_ns",
    "heard_ns",
    "flow_ns",
    "will_ns",
    "expected",
    "gone",
    "silent",
    "battery",
    "low_said",
    "injected",
)


class SilenceWatch:
    """Watches one device.

    Parameters
    ----------
    device : str
    limits : mapping
        `device_silent_s` and `low_battery_fraction` are used.
    tick_s : float
        Time between two ticks. A step of the clock of more than three of them, or
        backward, is a jump: it counts as one tick, or as nothing.
    """

    def __init__(
        self, device: str, limits: Limits = DEFAULT_LIMITS, *, tick_s: float = 1.0
    ) -> None:
        self._device = device
        self._limits = check_limits(limits)
        self._tick_ns = round(tick_s * _S)
        self._last_ns: int | None = None  # the gateway's clock at the last input
        self._age_ns = 0  # steps added up: a clock that only goes forward
        self._heard_ns = 0  # the last chunk, by age
        self._flow_ns: int | None = None  # data flow without a break since, by age
        self._will_ns: int | None = None  # a last will came, by age
        self._expected = False  # data should come: it sent some, or said that it is there
        self._gone = False  # it said goodbye
        self._silent = False
        self._battery: float | None = None
        self._low_said: float | None = None  # the battery when last said to be low
        self._injected = False

    def set_limits(self, limits: Limits) -> None:
        """Change the limits; raises `InputError`."""
        self._limits = check_limits(limits)

    def heard(self, now_ns: int) -> list[Condition]:
        """A chunk came."""
        self._step(now_ns)
        limit_ns = self._limits["device_silent_s"] * _S
        if self._flow_ns is None or self._age_ns - self._heard_ns >= limit_ns:
            self._flow_ns = self._age_ns
        self._heard_ns = self._age_ns
        self._will_ns = None
        # What comes after the goodbye was under way: only a flow takes the goodbye back.
        self._gone = self._gone and not self._flows()
        self._expected = not self._gone
        return self._judge(now_ns)

    def status(self, status: DeviceStatus, now_ns: int) -> list[Condition]:
        """The device, or its bridge for it, said whether it is there.

        A last will (offline without a reason) also counts for a device that was never
        heard: it did not say goodbye, and silence about that would be worse.
        """
        self._step(now_ns)
        self._injected = bool(status.injected)
        if status.online:
            self._expect()
            self._will_ns = None
        elif not status.reason:
            if not self._gone:
                self._expect()
                self._will_ns = self._age_ns
        else:
            self._gone, self._expected = True, False
            self._flow_ns = self._will_ns = None
        if status.battery is not None and 0.0 <= status.battery <= 1.0:
            self._battery = status.battery
        return self._judge(now_ns) + self._judge_battery(now_ns)

    def tick(self, now_ns: int) -> list[Condition]:
        """The gateway's clock."""
        self._step(now_ns)
        return self._judge(now_ns)

    def resumed(self, now_ns: int) -> list[Condition]:
        """The gateway itself was away: its silence is not the device's. Timers start anew."""
        self._last_ns = now_ns
        self._heard_ns = self._age_ns
        self._flow_ns = None
        if self._will_ns is not None:
            self._will_ns = self._age_ns
        return []

    def _step(self, now_ns: int) -> None:
        step = 0 if self._last_ns is None else now_ns - self._last_ns
        self._age_ns += max(step, 0) if step <= 3 * self._tick_ns else self._tick_ns
        self._last_ns = now_ns

    def _expect(self) -> None:
        self._gone = False
        if not self._expected:
            self._expected = True
            self._heard_ns = self._age_ns  # it has its time for a first chunk

    def _flows(self) -> bool:
        return self._flow_ns is not None and self._heard_ns - self._flow_ns >= FLOW_S * _S

    def _judge(self, now_ns: int) -> list[Condition]:
        if self._silent:
            if self._expected and not self._flows():
                return []
            self._silent = False
            return [self._condition(AlarmKind.DEVICE_SILENT, False, now_ns)]
        silent_ns = self._age_ns - self._heard_ns
        will = self._will_ns is not None and self._age_ns - self._will_ns >= GRACE_S * _S
        over = silent_ns >= self._limits["device_silent_s"] * _S
        if not self._expected or not (over or will):
            return []
        self._silent, self._flow_ns = True, None
        return [self._say_silent(now_ns, silent_ns, will)]

    def _say_silent(self, now_ns: int, silent_ns: int, will: bool) -> Condition:
        silent_s = silent_ns / _S
        if will:
            message = "connection lost without a goodbye: the patient is not monitored"
        else:
            message = f"no data for {silent_s:.0f} s: the patient is not monitored"
        evidence: Evidence = {"silent_s": round(silent_s, 1), "last_will": will}
        return self._condition(
            AlarmKind.DEVICE_SILENT, True, now_ns, now_ns - silent_ns, message, evidence
        )

    def _judge_battery(self, now_ns: int) -> list[Condition]:
        if self._battery is None:
            return []
        limit, said = self._limits["low_battery_fraction"], self._low_said
        if self._battery > limit + BATTERY_BACK:
            self._low_said = None
            back = self._condition(AlarmKind.LOW_BATTERY, False, now_ns)
            return [back] if said is not None else []
        if self._battery >= limit or (said is not None and self._battery > said - BATTERY_BACK):
            return []
        self._low_said = self._battery
        message = f"battery at {self._battery:.0%}: charge or replace it"
        evidence: Evidence = {"battery": round(self._battery, 3), "limit": limit}
        return [self._condition(AlarmKind.LOW_BATTERY, True, now_ns, now_ns, message, evidence)]

    def _condition(
        self,
        kind: AlarmKind,
        active: bool,
        now_ns: int,
        onset_ns: int | None = None,
        message: str = "",
        evidence: Evidence | None = None,
    ) -> Condition:
        injected: Evidence = {"injected": True} if self._injected and active else {}
        return Condition(
            kind=kind,
            active=active,
            sample=now_ns // 1_000_000,  # no sample: the ms of the decision make the id
            time_ns=now_ns,
            onset_ns=now_ns if onset_ns is None else onset_ns,
            signal=None,
            stream_id=0,
            message=message,
            evidence={**(evidence or {}), **injected},
        )

    def state(self) -> State:
        return {
            "limits": dict(self._limits),
            **{name: getattr(self, f"_{name}") for name in _PLAIN},
        }

    def restore(self, state: State) -> None:
        self._limits = check_limits(state["limits"])
        for name in _PLAIN:
            setattr(self, f"_{name}", state[name])
