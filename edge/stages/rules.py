"""Alarms that follow from the beats of one ECG lead, and from the state of that lead.

Definitions are those of the PhysioNet/CinC 2015 challenge: asystole, 4 s without a beat;
extreme bradycardia, under 40/min over 5 beats (the mean of their 4 intervals); extreme
tachycardia, over 140/min over 17 beats (the mean of their 16).

Three laws. What cannot be analysed starts no alarm of the patient and ends none. A beat
counts by the state of the frame that holds it, not of the one in which it was decided. All
decisions fall on frames, which lie on sample counts, so they do not depend on the radio.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from edge.stages.heart_rate import RateRules
from edge.stages.items import Condition, Limits, State
from edge.stages.lead_rules import LeadRules
from edge.stages.limits import DEFAULT_LIMITS, check_limits
from edge.stages.reports import Now, Reports, UtcOf
from edge.stages.stretches import Stretches
from vitalwire.contracts import AlarmKind, Evidence, Rhythm, Signal, SignalState
from vitalwire.errors import ContractError

__all__ = ["DEFAULT_LIMITS", "CardiacRules", "HasSample", "check_limits"]

HEART_SEEN: Final = frozenset({SignalState.GOOD, SignalState.FLAT})
"""A flat line is seen: with the leads on it is the heart that stands still."""

_KEPT: Final = (
    AlarmKind.ASYSTOLE,
    AlarmKind.EXTREME_BRADYCARDIA,
    AlarmKind.EXTREME_TACHYCARDIA,
)
_FRAME_S: Final = 0.2  # as framing cuts; only used for the very first frame
_PLAIN: Final = (
    "start", "end", "count_from", "last_beat", "fresh", "state_from", "before_known",
    "injected_end",
)  # fmt: skip


class HasSample(Protocol):
    """A beat, as far as the rules care."""

    @property
    def sample(self) -> int: ...


class CardiacRules:
    """Says when asystole, extreme rates, pauses, lead off and poor signal hold.

    Parameters
    ----------
    fs : float
        Hz.
    signal : Signal
    stream_id : int
    limits : mapping
        A patient's limits, see `limits`.
    decision_delay_s : float
        So long after its R peak a beat may still be decided. A signal that is not flat is
        an asystole only when no beat can be pending: `asystole_s` and this after the last.
    flat_after_s : float
        So long a signal has been flat when its state becomes FLAT. No beat can be pending in
        a flat frame, so nothing is added there: the alarm comes at `asystole_s`.

    Notes
    -----
    Time without a beat is counted from the last beat, from `reset`, or from where the lead
    could be analysed again, whichever is latest; and for a flat line, from where it became
    flat. An interval of `asystole_s` and more that a beat ends before the delay is over is
    said as an asystole that begins and ends at once: it latches.
    """

    def __init__(
        self,
        fs: float,
        signal: Signal,
        stream_id: int,
        limits: Limits = DEFAULT_LIMITS,
        *,
        decision_delay_s: float = 1.0,
        flat_after_s: float = 3.2,
    ) -> None:
        if signal is not Signal.ECG or fs <= 0 or decision_delay_s < 0 or flat_after_s < 0:
            raise ContractError(
                "expected an ECG, fs > 0 and delays >= 0, got "
                f"{signal}, {fs} Hz, {decision_delay_s} s and {flat_after_s} s: other "
                "signals have LeadRules"
            )
        self._fs = fs
        self._delay = decision_delay_s * fs
        self._flat_after = round(flat_after_s * fs)
        self._limits = check_limits(limits)
        self._lead = LeadRules(fs, signal, stream_id, self._limits)
        self._reports = Reports(signal, stream_id)
        self._rates = RateRules(fs, self._reports)
        self._stretches = Stretches(fs)
        self._start = -1  # of the samples without a gap; -1: nothing came
        self._end = -1  # of the last frame
        self._fresh = True  # no frame since the start
        self._count_from = -1  # no beat since this sample
        self._last_beat = -1
        self._before = SignalState.UNKNOWN  # state of the last frame
        self._state_from = -1  # it has been so since
        self._before_known = False  # lead state known in the last frame
        self._injected_end = -1

    def set_limits(self, limits: Limits) -> None:
        """Change the limits from the next frame on; raises `InputError`."""
        self._limits = check_limits(limits)
        self._lead.set_limits(self._limits)

    def reset(self, sample: int) -> None:
        """Start anew at `sample` after a gap; what holds is kept until it is refuted."""
        self._start = self._end = self._count_from = self._state_from = sample
        self._fresh = True
        self._last_beat = min(self._last_beat, sample - 1)
        self._injected_end = min(self._injected_end, sample)
        self._before = SignalState.UNKNOWN
        self._stretches.reset()
        self._rates.reset()
        self._reports.rewind(sample)
        self._lead.reset(sample)

    def push(
        self,
        end_sample: int,
        utc_of: UtcOf,
        beats: Sequence[HasSample],
        state: SignalState,
        lead_state_known: bool,
        injected: bool,
        *,
        other_lead_off: bool = False,
        rhythm: Rhythm | None = None,
    ) -> list[Condition]:
        """Take the next frame, up to `end_sample`, and the beats decided in it.

        Parameters
        ----------
        end_sample : int
            The first sample after the frame.
        utc_of : callable
            UTC in ns of a sample position.
        beats : sequence
            In order, with the `sample` of their R peak, which may lie in an earlier frame.
        state : SignalState
        lead_state_known : bool
            The sender can tell whether the lead is on, so a flat line is the heart's.
        injected : bool
            A test source altered this frame.
        other_lead_off : bool
            A lead beside the one whose `state` this is, is off: that is to be reported too.
        rhythm : Rhythm, optional
            What the rhythm model says now, for the message; None: nothing is known.
        """
        now = self._now(end_sample, utc_of, injected)
        self._stretches.push(end_sample, state in HEART_SEEN)
        self._begin_count(now, state)
        out = self._lead.push(now, SignalState.LEAD_OFF if other_lead_off else state)
        for beat in beats:
            out += self._beat(now, beat.sample)
        if state in HEART_SEEN:
            out += self._without_beat(now, state, lead_state_known, rhythm)
        else:
            out += self._cannot_see(now, state)
        self._before, self._before_known = state, lead_state_known
        return out

    def _now(self, end_sample: int, utc_of: UtcOf, injected: bool) -> Now:
        if self._end < 0 or (self._fresh and end_sample <= self._end):
            # Nobody said where it starts, or the sample count fell back at the reset.
            self.reset(max(end_sample - round(_FRAME_S * self._fs), 0))
        self._fresh = False
        if end_sample <= self._end:
            raise ContractError(
                f"frames follow each other: expected an end after {self._end}, got "
                f"{end_sample}: call reset() at a gap"
            )
        start, self._end = self._end, end_sample
        if injected:
            self._injected_end = end_sample
        return Now(start, end_sample, utc_of, self._injected_end)

    def _beat(self, now: Now, sample: int) -> list[Condition]:
        stretch = self._stretches.of(sample)
        if stretch is None or sample < self._start or sample <= self._last_beat:
            return []
        out: list[Condition] = []
        waited = max(sample - self._count_from, self._rates.interval(sample, stretch))
        waited_s = waited / self._fs
        if self._stands_still():
            self._rates.reset()
        elif waited_s >= self._limits["asystole_s"]:
            self._count_from = sample - waited
            out += self._asystole(now, f"no beats for {waited_s:.1f} s, then a beat", "beat")
        self._last_beat = sample
        self._count_from = max(self._count_from, sample)
        out += self._reports.off(now, AlarmKind.ASYSTOLE)
        out += self._reports.off(now, AlarmKind.FLAT_SIGNAL)
        return out + self._rates.beat(now, sample, stretch, self._limits)

    def _without_beat(
        self, now: Now, state: SignalState, lead_state_known: bool, rhythm: Rhythm | None
    ) -> list[Condition]:
        flat = state is SignalState.FLAT
        out: list[Condition] = []
        for kind in _KEPT:
            out += self._reports.note(now, kind, "")
        if not flat:
            out += self._reports.off(now, AlarmKind.FLAT_SIGNAL)
        delay = 0.0 if flat else self._delay
        limit_s = self._limits["asystole_s"]
        if (
            now.sample - self._count_from < limit_s * self._fs + delay
            or now.sample - self._state_from < delay
        ):
            return out
        if flat and not lead_state_known:
            known_better = self._reports.is_active(AlarmKind.ASYSTOLE)
            return out if known_better else out + self._flat_signal(now)
        out += self._reports.off(now, AlarmKind.FLAT_SIGNAL)
        why = "flat, leads on" if flat else "not flat: check for ventricular fibrillation"
        if rhythm and not flat:
            why += f" (rhythm model: {rhythm})"
        message = f"no beats for {limit_s:g} s, signal {why}"
        return out + self._asystole(now, message, state.value)

    def _begin_count(self, now: Now, state: SignalState) -> None:
        """Move the start of the count where the lead begins to be seen, in this frame."""
        if state is self._before:
            return
        self._state_from = now.start
        unseen = self._before not in HEART_SEEN
        if state is SignalState.FLAT:
            flat_from = max(now.sample - self._flat_after, self._start)
            since = flat_from if unseen else min(self._count_from, flat_from)
            self._count_from = max(self._last_beat, since)
        # Out of a flat line with the lead state unknown: what is seen now is new.
        no_lead = self._before is SignalState.FLAT and not self._before_known
        if state is SignalState.GOOD and (unseen or no_lead):
            self._count_from = max(self._last_beat, now.start)

    def _cannot_see(self, now: Now, state: SignalState) -> list[Condition]:
        note = f"cannot be analysed now ({state.value.replace('_', ' ')})"
        out: list[Condition] = []
        for kind in _KEPT:
            out += self._reports.note(now, kind, note)
        if state is not SignalState.UNKNOWN:
            out += self._reports.off(now, AlarmKind.FLAT_SIGNAL)
        return out

    def _stands_still(self) -> bool:
        return any(
            self._reports.is_active(kind)
            for kind in (AlarmKind.ASYSTOLE, AlarmKind.FLAT_SIGNAL)
        )

    def _asystole(self, now: Now, message: str, signal: str) -> list[Condition]:
        self._rates.reset()  # a new rhythm follows: the standstill is no interval of it
        evidence: Evidence = {"limit_s": self._limits["asystole_s"], "signal": signal}
        return self._reports.on(now, AlarmKind.ASYSTOLE, self._count_from, message, evidence)

    def _flat_signal(self, now: Now) -> list[Condition]:
        self._rates.reset()
        limit_s = self._limits["asystole_s"]
        return self._reports.on(
            now,
            AlarmKind.FLAT_SIGNAL,
            self._count_from,
            f"no beats for {limit_s:g} s, signal flat: asystole or lead off, check the patient",
            {"limit_s": limit_s, "signal": SignalState.FLAT.value},
        )

    def state(self) -> State:
        return {
            "limits": dict(self._limits),
            "lead": self._lead.state(),
            "reports": self._reports.state(),
            "rates": self._rates.state(),
            "stretches": self._stretches.state(),
            "before": self._before.value,
            **{name: getattr(self, f"_{name}") for name in _PLAIN},
        }

    def restore(self, state: State) -> None:
        self._limits = check_limits(state["limits"])
        self._lead.restore(state["lead"])
        self._reports.restore(state["reports"])
        self._rates.restore(state["rates"])
        self._stretches.restore(state["stretches"])
        self._before = SignalState(state["before"])
        for name in _PLAIN:
            setattr(self, f"_{name}", state[name])
