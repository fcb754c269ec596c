"""Alarms that follow from the rhythm model: a shockable rhythm, atrial fibrillation. Pure.

They rest on episodes, and on nothing that looks for beats. What cannot be analysed starts
none and ends none: its hops do not reach the episodes. An alarm that a gap or a model without
an answer leaves open stays, with a note, until the model has seen another rhythm.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from edge.stages.episodes import Episodes
from edge.stages.items import Condition, State
from edge.stages.reports import Now, Reports
from edge.stages.rules import HEART_SEEN
from vitalwire.contracts import AlarmKind, Evidence, Rhythm, Signal, SignalState

TRACE_S: Final = 30
"""Length of the evidence: one probability a second."""

UPDATE: Final = 0.1
"""An alarm is said again when the running mean has moved so far from the one said last."""


class _Alarm(NamedTuple):
    kind: AlarmKind
    message: str


ALARMS: Final[Mapping[Rhythm, _Alarm]] = {
    Rhythm.SHOCKABLE: _Alarm(
        AlarmKind.SHOCKABLE_RHYTHM,
        "shockable rhythm: ventricular fibrillation, flutter or fast tachycardia",
    ),
    Rhythm.AF: _Alarm(AlarmKind.ATRIAL_FIBRILLATION, "atrial fibrillation"),
}


class RhythmAlarms:
    """Says when a shockable rhythm and atrial fibrillation hold.

    Parameters
    ----------
    signal : Signal
    stream_id : int
    model : str
        Who says so, for the evidence.
    """

    def __init__(self, signal: Signal, stream_id: int, model: str) -> None:
        self._reports = Reports(signal, stream_id)
        self._model = model
        self._traces: dict[Rhythm, deque[float]] = {
            rhythm: deque(maxlen=TRACE_S) for rhythm in ALARMS
        }

    def reset(self, sample: int) -> None:
        """Start anew at `sample` after a gap; what holds is kept until it is refuted."""
        for trace in self._traces.values():
            trace.clear()
        self._reports.rewind(sample)

    def trace(self, labels: Sequence[Rhythm], values: Sequence[float]) -> None:
        """Remember the probabilities of this second, for the evidence."""
        for label, value in zip(labels, values, strict=True):
            if label in self._traces:
                self._traces[label].append(round(value, 2))

    def push(
        self,
        now: Now,
        episodes: Mapping[Rhythm, Episodes],
        newest: Mapping[Rhythm, float],
        state: SignalState,
        failed: bool,
    ) -> list[Condition]:
        """Take what is known at the end of a frame.

        Parameters
        ----------
        now : Now
        episodes : mapping
            Of every rhythm that has a rule.
        newest : mapping
            The last probabilities; empty where nothing is known.
        state : SignalState
            Of the lead.
        failed : bool
            The model gives no answers.
        """
        out: list[Condition] = []
        for rhythm, one in episodes.items():
            if rhythm in ALARMS:
                out += self._judge(now, rhythm, one, newest)
                note = _note(one, failed, state)
                out += self._reports.note(now, ALARMS[rhythm].kind, note)
        return out

    def _judge(
        self, now: Now, rhythm: Rhythm, one: Episodes, newest: Mapping[Rhythm, float]
    ) -> list[Condition]:
        kind, mean = ALARMS[rhythm].kind, one.mean
        if one.refuted:
            return self._reports.off(now, kind)
        if one.onset is None or mean is None or rhythm not in newest:
            return []
        said = self._reports.number(kind, "mean")
        if said is not None and abs(mean - said) < UPDATE:
            return []
        evidence: Evidence = {
            "model": self._model,
            "probability": round(newest[rhythm], 2),
            "mean": round(mean, 2),
            "trace": tuple(self._traces[rhythm]),
        }
        return self._reports.on(now, kind, one.onset, ALARMS[rhythm].message, evidence)

    def state(self) -> State:
        return {
            "reports": self._reports.state(),
            "traces": {rhythm.value: list(trace) for rhythm, trace in self._traces.items()},
        }

    def restore(self, state: State) -> None:
        self._reports.restore(state["reports"])
        for rhythm, trace in self._traces.items():
            trace.clear()
            trace.extend(state["traces"][rhythm.value])


def _note(one: Episodes, failed: bool, state: SignalState) -> str:
    """Why nothing can be said now; "" where it can."""
    if state not in HEART_SEEN:
        return f"cannot be analysed now ({state.value.replace('_', ' ')})"
    if failed:
        return "cannot be analysed now (the rhythm model gives no answers)"
    if one.mean is None:
        return "cannot be analysed now (not seen for long enough yet)"
    return ""
