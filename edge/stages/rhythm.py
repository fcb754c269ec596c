"""Asks the rhythm model about one lead, hop by hop, and carries the model's state. Pure.

It never looks for beats, nor at the quality of the signal: a heart in fibrillation has no
beats, and looks like poor signal. Only what a lead that is off shows is no heart: those hops
are not asked about, and the model starts anew behind them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.items import State
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP, RhythmHops
from vitalwire.contracts import Arrays

HOP_S: Final = N_HOP / MODEL_FS_HZ


class RhythmStage:
    """Samples of the models' signal in, questions out; answers in, probabilities out.

    Positions are samples at 125 Hz since the lead's start. A question must be answered before
    the next is asked for, since its state is the answer's.

    Parameters
    ----------
    n_state : int
        Floats that the model carries from hop to hop; zeros at the start.
    """

    def __init__(self, n_state: int) -> None:
        self._n_state = n_state
        self._hops = RhythmHops()
        self._cut: list[NDArray[np.float32]] = []  # not asked about yet
        self._end = 0  # of the last hop that was taken off `_cut`
        self._off_until = 0
        self._forget()

    def _forget(self) -> None:
        self._state = np.zeros(self._n_state, np.float32)

    @property
    def end(self) -> int:
        """The position behind the hop that was answered last."""
        return self._end

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, (n,) mV at 125 Hz."""
        self._cut += list(self._hops.push(samples))

    def lead_off(self, until: int) -> None:
        """The lead is off: no hop that begins before the position `until` is asked about."""
        self._off_until = until

    def ask(self) -> Arrays | None:
        """The inputs for the next whole hop; None: there is none."""
        while self._cut and self._end < self._off_until:
            self._forget()
            self._take()
        if not self._cut:
            return None
        return {"signal": self._cut[0], "state": self._state}

    def answer(self, outputs: Arrays) -> tuple[float, ...] | None:
        """Take the model's answer; give its probabilities.

        None: the model failed (an empty answer). Nothing is known then, and it starts anew.
        """
        self._take()
        if not outputs:
            self._forget()
            return None
        self._state = np.array(outputs["next_state"], np.float32)
        return tuple(float(value) for value in outputs["probability"])

    def _take(self) -> None:
        del self._cut[0]
        self._end += N_HOP

    def state(self) -> State:
        """Between two pushes, when every question has been answered."""
        return {
            "hops": self._hops.state(),
            "end": self._end,
            "off_until": self._off_until,
            "state": self._state.copy(),
        }

    def restore(self, state: State) -> None:
        self._hops.restore(state["hops"])
        self._end, self._off_until = state["end"], state["off_until"]
        self._state = np.array(state["state"], np.float32)
