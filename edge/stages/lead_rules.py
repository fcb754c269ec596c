"""Technical alarms of a signal: a lead is off, or for too long nothing could be made of it.

They hold for any signal; `rules` adds what only a heart has.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from edge.stages.items import Condition, Limits, State
from edge.stages.limits import check_limits
from edge.stages.reports import Now, Reports
from vitalwire.contracts import AlarmKind, Signal, SignalState

FINE_AGAIN_S: Final = 5.0
"""A lead can be analysed again once it could for so long: a lead that is good every other
second would otherwise never be reported, or be reported every other second."""


def numbered(leads: Iterable[int]) -> str:
    """Leads as a person counts them: from 1."""
    return ", ".join(str(lead + 1) for lead in leads)


class LeadRules:
    """Says when a lead is off and when it cannot be analysed.

    Parameters
    ----------
    fs : float
        Hz.
    signal : Signal
    stream_id : int
    limits : mapping
        `lead_off_s` and `poor_signal_s` are used.

    Notes
    -----
    "Cannot be analysed" is POOR, UNKNOWN, a lead that is off too briefly to be reported as
    such, and a gap; for an EEG also FLAT. A lead reported off is not reported as poor too:
    the reason is known.
    """

    def __init__(self, fs: float, signal: Signal, stream_id: int, limits: Limits) -> None:
        self._fs = fs
        self._fine = {SignalState.GOOD} | (
            {SignalState.FLAT} if signal is Signal.ECG else set()
        )
        self._limits = check_limits(limits)
        self._reports = Reports(signal, stream_id)
        self._off_since = -1
        self._poor_since = -1
        self._fine_since = -1

    def set_limits(self, limits: Limits) -> None:
        """Change the limits from the next frame on; raises `InputError`."""
        self._limits = check_limits(limits)

    def reset(self, sample: int) -> None:
        """Samples before `sample` are missing; a poor stretch goes on through the gap."""
        self._off_since = self._fine_since = -1
        self._poor_since = min(self._poor_since, sample)
        self._reports.rewind(sample)

    def push(
        self, now: Now, state: SignalState, off: Sequence[int] | None = None
    ) -> list[Condition]:
        """Take the next frame.

        Parameters
        ----------
        now : Now
        state : SignalState
            Of the lead, or of all of them together.
        off : sequence of int, optional
            Of many leads those that are off; by default `state` says whether it is.
        """
        return self._off(now, state, off) + self._poor(now, state)

    def _off(self, now: Now, state: SignalState, off: Sequence[int] | None) -> list[Condition]:
        if not off and (off is not None or state is not SignalState.LEAD_OFF):
            self._off_since = -1
            known = state is not SignalState.UNKNOWN
            return self._reports.off(now, AlarmKind.LEAD_OFF) if known else []
        if self._off_since < 0:
            self._off_since = now.start
        if now.sample - self._off_since < self._limits["lead_off_s"] * self._fs:
            return []
        evidence: dict[str, float | str] = {"limit_s": self._limits["lead_off_s"]}
        if off:
            evidence["leads"] = numbered(off)
        return self._reports.on(
            now,
            AlarmKind.LEAD_OFF,
            self._off_since,
            "lead off: check the electrode",
            evidence,
        )

    def _poor(self, now: Now, state: SignalState) -> list[Condition]:
        if state in self._fine:
            return self._fine_frame(now)
        self._fine_since = -1
        if state is SignalState.LEAD_OFF and self._reports.is_active(AlarmKind.LEAD_OFF):
            self._poor_since = -1
            return self._reports.off(now, AlarmKind.POOR_SIGNAL)
        if self._poor_since < 0:
            self._poor_since = now.start
        limit_s = self._limits["poor_signal_s"]
        if now.sample - self._poor_since < limit_s * self._fs:
            return []
        return self._reports.on(
            now,
            AlarmKind.POOR_SIGNAL,
            self._poor_since,
            "signal cannot be analysed: the patient is not monitored, check the electrodes",
            {"limit_s": limit_s},
        )

    def _fine_frame(self, now: Now) -> list[Condition]:
        if self._fine_since < 0:
            self._fine_since = now.start
        if now.sample - self._fine_since < FINE_AGAIN_S * self._fs:
            return []
        self._poor_since = -1
        return self._reports.off(now, AlarmKind.POOR_SIGNAL)

    def state(self) -> State:
        return {
            "limits": dict(self._limits),
            "off_since": self._off_since,
            "poor_since": self._poor_since,
            "fine_since": self._fine_since,
            "reports": self._reports.state(),
        }

    def restore(self, state: State) -> None:
        self._limits = check_limits(state["limits"])
        self._off_since = state["off_since"]
        self._poor_since = state["poor_since"]
        self._fine_since = state["fine_since"]
        self._reports.restore(state["reports"])
