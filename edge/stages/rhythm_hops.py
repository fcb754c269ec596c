"""Cuts the models' signal into the hops that the rhythm model is asked about. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.items import State

N_HOP: Final = 25
"""Samples of a hop at 125 Hz: 0.2 s, counted from the lead's start."""


class RhythmHops:
    """Samples of the models' signal in, whole hops out."""

    def __init__(self) -> None:
        self._held: NDArray[np.float32] = np.empty(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples, (n,); give (n_hops, N_HOP)."""
        held = np.concatenate([self._held, samples])
        n_hops = len(held) // N_HOP
        self._held = held[n_hops * N_HOP :].copy()
        return held[: n_hops * N_HOP].reshape(n_hops, N_HOP)

    def state(self) -> State:
        return {"held": self._held.copy()}

    def restore(self, state: State) -> None:
        self._held = np.array(state["held"], np.float32)
