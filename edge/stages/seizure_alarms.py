"""The alarm that follows from the seizure model. Pure.

It rests on episodes of the model's probability. What cannot be analysed (too few leads that
can be read) starts none and ends none: its hops do not reach the episodes. An alarm that a gap
or a model without an answer leaves open stays, with a note, until the model has seen a
background again. Leads that cannot be read are said beside it: they weaken what it rests on.
"""

from collections import deque
from typing import Final

import numpy as np

from edge.stages.eeg_signal import HOP_S, Float64
from edge.stages.episodes import Episodes
from edge.stages.items import Condition, State
from edge.stages.lead_rules import numbered
from edge.stages.reports import Now, Reports
from vitalwire.contracts import AlarmKind, Evidence, Signal, SignalState

TRACE_S: Final = 30
"""Length of the evidence: one probability a second."""

LEADS_S: Final = 5.0
"""A lead's contribution is the mean over so long: of the seizure, not of what was before."""

UPDATE: Final = 0.1
"""The alarm is said again when the running mean has moved so far from the one said last."""

_NAMED: Final = 4  # leads that are named, the strongest first
_LEADS_HOPS: Final = round(LEADS_S / HOP_S)


class SeizureAlarms:
    """Says when a seizure holds.

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
        self._trace: deque[float] = deque(maxlen=TRACE_S)
        self._leads: deque[tuple[float, ...]] = deque(maxlen=_LEADS_HOPS)

    def reset(self, sample: int) -> None:
        """Start anew at `sample` after a gap; what holds is kept until it is refuted."""
        self._trace.clear()
        self._leads.clear()
        self._reports.rewind(sample)

    def add(self, leads: tuple[float, ...]) -> None:
        """Remember what each lead spoke for a seizure in this hop, for the evidence."""
        self._leads.append(leads)

    def trace(self, probability: float) -> None:
        """Remember the probability of this second, for the evidence."""
        self._trace.append(round(probability, 2))

    def push(
        self,
        now: Now,
        seizures: Episodes,
        newest: float | None,
        state: SignalState,
        n_read: tuple[int, int],
        failed: bool,
    ) -> list[Condition]:
        """Take what is known at the end of a frame.

        Parameters
        ----------
        now : Now
        seizures : Episodes
        newest : float, optional
            The last probability; None where nothing is known.
        state : SignalState
            Of the leads together.
        n_read : (int, int)
            Leads that can be read, and all of them.
        failed : bool
            The model gives no answers.
        """
        out = self._judge(now, seizures, newest, n_read)
        note = _note(seizures, state, n_read, failed)
        return out + self._reports.note(now, AlarmKind.SEIZURE, note)

    def _judge(
        self, now: Now, seizures: Episodes, newest: float | None, n_read: tuple[int, int]
    ) -> list[Condition]:
        kind, mean = AlarmKind.SEIZURE, seizures.mean
        if seizures.refuted:
            return self._reports.off(now, kind)
        if seizures.onset is None or mean is None or newest is None:
            return []
        said = self._reports.number(kind, "mean")
        if said is not None and abs(mean - said) < UPDATE:
            return []
        leads = self._contributions()
        strongest = [lead for lead in np.argsort(-leads)[:_NAMED] if leads[lead] > 0.0]
        evidence: Evidence = {
            "model": self._model,
            "probability": round(newest, 2),
            "mean": round(mean, 2),
            "confidence": round(mean, 2),  # raised where the heart speaks for it: `fusion`
            "rests_on": "EEG",
            "trace": tuple(self._trace),
            "leads": tuple(round(float(value), 2) for value in leads),
            "strongest": numbered(strongest),
            "n_read": n_read[0],
            "n_leads": n_read[1],
        }
        message = "seizure"
        if strongest:
            message += f", most of all on lead {numbered(strongest)}"
        return self._reports.on(now, kind, seizures.onset, message, evidence)

    def _contributions(self) -> Float64:
        mean: Float64 = np.array(self._leads, np.float64).mean(axis=0)
        return mean

    def state(self) -> State:
        return {
            "reports": self._reports.state(),
            "trace": list(self._trace),
            "leads": [list(one) for one in self._leads],
        }

    def restore(self, state: State) -> None:
        self._reports.restore(state["reports"])
        self._trace.clear()
        self._trace.extend(state["trace"])
        self._leads.clear()
        self._leads.extend(tuple(one) for one in state["leads"])


def _note(seizures: Episodes, state: SignalState, n_read: tuple[int, int], failed: bool) -> str:
    """What weakens the alarm now; "" where nothing does."""
    if state is not SignalState.GOOD:
        return f"cannot be analysed now ({state.value.replace('_', ' ')})"
    if failed:
        return "cannot be analysed now (the seizure model gives no answers)"
    if seizures.mean is None:
        return "cannot be analysed now (not seen for long enough yet)"
    n_good, n_leads = n_read
    if n_good < n_leads:
        return f"{n_leads - n_good} of {n_leads} leads cannot be read"
    return ""
