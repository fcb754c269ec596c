"""Cuts what a beat classifier looks at: the beat's window and the intervals around it.

A beat is asked about at the next beat, or `WAIT_S` after it, whichever comes first: then the
following interval is not known and says 0.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.items import State
from edge.stages.qrs import Detection
from vitalwire.contracts import Arrays

WAIT_S: Final = 1.5
BEFORE_S: Final = 0.3
AFTER_S: Final = 0.5
WINDOW_FS_HZ: Final = 125.0
N_WINDOW: Final = round((BEFORE_S + AFTER_S) * WINDOW_FS_HZ)
_HISTORY_S: Final = WAIT_S + 4.0  # a beat found by searching back is older than its decision
_N_RR: Final = 8


@dataclass(frozen=True, slots=True)
class BeatWindow:
    """One beat, ready to be asked about."""

    beat: Detection
    inputs: Arrays  # beat (1, N_WINDOW) in mV; rr (3,) s: previous, mean of the last 8, next


class BeatWindows:
    """Frames of one lead and their detections in, windows out, in the order of the beats.

    Parameters
    ----------
    fs : float
        Hz.
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._history: NDArray[np.float32] = np.empty(0, np.float32)
        self._end = 0  # sample after the newest in history
        self._waiting: list[Detection] = []
        self._past: list[int] = []  # samples of the beats before the first that waits

    def push(self, lead: NDArray[np.float32], beats: Sequence[Detection]) -> list[BeatWindow]:
        """Take the next samples and the beats decided with them.

        Parameters
        ----------
        lead : (n_samples,) float32, mV
        beats : detections, counted from this stage's first sample
        """
        self._history = np.concatenate([self._history, lead])[-round(_HISTORY_S * self._fs) :]
        self._end += len(lead)
        self._waiting += beats
        ready = []
        while self._waiting and self._is_due(self._waiting[0]):
            ready.append(self._cut())
        return ready

    def flush(self, beats: Sequence[Detection]) -> list[BeatWindow]:
        """The end, or a gap: what waits is asked about with what there is."""
        self._waiting += beats
        return [self._cut() for _ in range(len(self._waiting))]

    def _is_due(self, beat: Detection) -> bool:
        if self._end < beat.sample + AFTER_S * self._fs:
            return False
        return len(self._waiting) > 1 or self._end >= beat.sample + WAIT_S * self._fs

    def _cut(self) -> BeatWindow:
        beat = self._waiting.pop(0)
        following = self._waiting[0].sample if self._waiting else None
        if following is not None and following - beat.sample > WAIT_S * self._fs:
            following = None  # as it would have been known without waiting for it
        self._past = [*self._past, beat.sample][-(_N_RR + 1) :]
        rr_s = np.diff(self._past) / self._fs
        intervals = [
            rr_s[-1] if len(rr_s) else 0.0,
            rr_s.mean() if len(rr_s) else 0.0,
            (following - beat.sample) / self._fs if following is not None else 0.0,
        ]
        window = self._window(beat.sample)
        inputs = {"beat": window[None, :], "rr": np.array(intervals, np.float32)}
        return BeatWindow(beat, inputs)

    def _window(self, sample: int) -> NDArray[np.float32]:
        at = sample + (np.arange(N_WINDOW) / WINDOW_FS_HZ - BEFORE_S) * self._fs
        first = self._end - len(self._history)
        positions = np.arange(first, self._end)
        return np.interp(at, positions, self._history).astype(np.float32)

    def state(self) -> State:
        return {
            "history": self._history,
            "end": self._end,
            "waiting": [list(astuple(beat)) for beat in self._waiting],
            "past": list(self._past),
        }

    def restore(self, state: State) -> None:
        self._history = state["history"]
        self._end = state["end"]
        self._waiting = [Detection(*fields) for fields in state["waiting"]]
        self._past = list(state["past"])
