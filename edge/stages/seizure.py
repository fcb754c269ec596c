"""Asks the seizure model about an EEG, hop by hop, and carries the model's state. Pure.

A hop in which no lead can be read is not asked about. Over a short stretch of such hops the
model's state is kept, as if the hops before and behind it were one; a longer one it would
remember wrongly, so behind `FORGET_S` of it, as behind a gap of the stream, it starts anew.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.stages.eeg_hops import EegHop
from edge.stages.eeg_signal import HOP_S
from edge.stages.items import State
from vitalwire.contracts import Arrays

FORGET_S: Final = 5.0
_FORGET_HOPS: Final = round(FORGET_S / HOP_S)


@dataclass(frozen=True, slots=True)
class SeizureAnswer:
    """What the model said of a hop."""

    probability: tuple[float, ...]  # in the order of its labels
    leads: tuple[float, ...]  # what each lead of the stream spoke for a seizure


class SeizureStage:
    """Hops in, questions out; answers in, probabilities out.

    A question must be answered before the next is asked for, since its state is the answer's.

    Parameters
    ----------
    n_state : int
        Floats that the model carries from hop to hop; zeros at the start.
    n_leads : int
        Of the stream.
    """

    def __init__(self, n_state: int, n_leads: int) -> None:
        self._n_state, self._n_leads = n_state, n_leads
        self._unread = 0  # hops in a row that were not asked about
        self._forget()

    def _forget(self) -> None:
        self._state = np.zeros(self._n_state, np.float32)

    def ask(self, hop: EegHop) -> Arrays | None:
        """The inputs for the next hop; None: nothing in it can be read."""
        if not hop.good.any():
            self._unread += 1
            if self._unread >= _FORGET_HOPS:
                self._forget()
            return None
        self._unread = 0
        return {**hop.inputs(), "state": self._state}

    def answer(self, outputs: Arrays) -> SeizureAnswer | None:
        """Take the model's answer.

        None: the model failed (an empty answer). Nothing is known then, and it starts anew.
        """
        if not outputs:
            self._forget()
            return None
        self._state = np.array(outputs["next_state"], np.float32)
        return SeizureAnswer(
            tuple(float(value) for value in outputs["probability"]),
            tuple(float(value) for value in outputs["leads"][: self._n_leads]),
        )

    def state(self) -> State:
        """Between two hops, when the question has been answered."""
        return {"state": self._state.copy(), "unread": self._unread}

    def restore(self, state: State) -> None:
        self._state = np.array(state["state"], np.float32)
        self._unread = state["unread"]
