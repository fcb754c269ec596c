"""A floor as the gateway's seizure model: asked hop by hop, it judges the last 4 s each second.

A floor is what any model has to beat. It stands where the model does, so it hears just what
the model hears (128 Hz, 0.5 to 45 Hz, each lead on its own scale, leads that cannot be read
left out), and its probability becomes episodes and alarms by the same stages.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_signal import EEG_FS_HZ, HOP_S, N_HOP, N_LEADS_MAX
from vitalwire.contracts import Arrays

WINDOW_S: Final = 4.0
STEP_S: Final = 1.0
N_WINDOW: Final = round(WINDOW_S * EEG_FS_HZ)
_WINDOW_HOPS: Final = round(WINDOW_S / HOP_S)
_STEP_HOPS: Final = round(STEP_S / HOP_S)

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]


class Judgement(NamedTuple):
    """What a floor says of a window."""

    probability: float
    leads: Float64  # (n_leads,) what each speaks for a seizure
    memory: Float32


class Floor(Protocol):
    """Judges windows. What it keeps from one to the next is its memory, zeros at the start."""

    @property
    def n_memory(self) -> int: ...

    def judge(self, window: Float64, leads: NDArray[np.int64], memory: Float32) -> Judgement:
        """Judge the last 4 s.

        Parameters
        ----------
        window : (n_leads, N_WINDOW) of the leads that could be read throughout; one or more
        leads : (n_leads,) their places, 0 to N_LEADS_MAX - 1
        memory : (n_memory,)
        """
        ...


@dataclass(frozen=True, slots=True)
class FloorModel:
    """See `edge.inference.Model`. Until 4 s were heard it says that nothing is there."""

    floor: Floor

    @property
    def n_state(self) -> int:
        """The window, how many hops each lead has been good for, the hops that were heard
        since the last judgement, the last probability, its leads, and the floor's memory."""
        return N_LEADS_MAX * (N_WINDOW + 2) + 2 + self.floor.n_memory

    def run(self, inputs: Arrays) -> Arrays:
        """`probability` (B, 2), `leads` (B, N_LEADS_MAX) and `next_state` (B, n_state)."""
        rows = zip(inputs["signal"], inputs["good"], inputs["state"], strict=True)
        answers = [self._row(signal, good, state) for signal, good, state in rows]
        return {
            "probability": np.array([(1.0 - p, p) for p, _, _ in answers], np.float32),
            "leads": np.stack([leads for _, leads, _ in answers]),
            "next_state": np.stack([state for _, _, state in answers]),
        }

    def _row(
        self, signal: Float32, good: Float32, state: Float32
    ) -> tuple[float, Float32, Float32]:
        state = state.copy()
        samples, good_hops, of_leads, rest = np.split(
            state, np.cumsum([N_LEADS_MAX * N_WINDOW, N_LEADS_MAX, N_LEADS_MAX])
        )
        window = samples.reshape(N_LEADS_MAX, N_WINDOW)
        window[:, :-N_HOP] = window[:, N_HOP:].copy()
        window[:, -N_HOP:] = signal
        good_hops[:] = np.minimum(good_hops + 1.0, _WINDOW_HOPS) * (good > 0.0)
        rest[0] = (rest[0] + 1.0) % _STEP_HOPS
        leads = np.flatnonzero(good_hops >= _WINDOW_HOPS)
        if len(leads) and rest[0] == 0.0:
            told = self.floor.judge(window[leads].astype(np.float64), leads, rest[2:])
            rest[1], rest[2:] = told.probability, told.memory
            of_leads[:] = 0.0
            of_leads[leads] = told.leads
        return float(rest[1]), of_leads.copy(), state
