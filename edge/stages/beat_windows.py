"""Cuts what a beat classifier looks at: the beat's window and the intervals around it.

A beat is asked about at the next beat, or `WAIT_S` after it, whichever comes first: then the
following interval is not known and says 0. An interval across what could not be read says 0
too.
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
class LinkedBeat:
    """A beat, and the interval that it ends."""

    detection: Detection
    rr_s: float | None  # None where no interval counts


@dataclass(frozen=True, slots=True)
class BeatWindow:
    """One beat, ready to be asked about."""

    beat: LinkedBeat
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
        self._waiting: list[LinkedBeat] = []
        self._rr_s: list[float] = []  # the last intervals without a break

    def push(self, lead: NDArray[np.float32], beats: Sequence[LinkedBeat]) -> list[BeatWindow]:
        """Take the next samples and the beats decided with them.

        Parameters
        ----------
        lead : (n_samples,) float32, mV
        beats : counted from this stage's first sample
        """
        self._history = np.concatenate([self._history, lead])[-round(_HISTORY_S * self._fs) :]
        self._end += len(lead)
        self._waiting += beats
        ready = []
        while self._waiting and self._is_due(self._waiting[0].detection.sample):
            ready.append(self._cut())
        return ready

    def flush(self, beats: Sequence[LinkedBeat]) -> list[BeatWindow]:
        """The end, or a gap: what waits is asked about with what there is."""
        self._waiting += beats
        return [self._cut() for _ in range(len(self._waiting))]

    def _is_due(self, sample: int) -> bool:
        if self._end < sample + AFTER_S * self._fs:
            return False
        return len(self._waiting) > 1 or self._end >= sample + WAIT_S * self._fs

    def _cut(self) -> BeatWindow:
        beat = self._waiting.pop(0)
        self._rr_s = [] if beat.rr_s is None else [*self._rr_s, beat.rr_s][-_N_RR:]
        intervals = [
            self._rr_s[-1] if self._rr_s else 0.0,
            sum(self._rr_s) / len(self._rr_s) if self._rr_s else 0.0,
            self._following_s(beat),
        ]
        window = self._window(beat.detection.sample)
        inputs = {"beat": window[None, :], "rr": np.array(intervals, np.float32)}
        return BeatWindow(beat, inputs)

    def _following_s(self, beat: LinkedBeat) -> float:
        """The next interval if it was known within `WAIT_S`, else 0, however it was cut."""
        if not self._waiting or self._waiting[0].rr_s is None:
            return 0.0
        decided = self._waiting[0].detection.decided_sample
        in_time = decided - beat.detection.sample < WAIT_S * self._fs
        return self._waiting[0].rr_s if in_time else 0.0

    def _window(self, sample: int) -> NDArray[np.float32]:
        at = sample + (np.arange(N_WINDOW) / WINDOW_FS_HZ - BEFORE_S) * self._fs
        first = self._end - len(self._history)
        positions = np.arange(first, self._end)
        return np.interp(at, positions, self._history).astype(np.float32)

    def state(self) -> State:
        return {
            "history": self._history,
            "end": self._end,
            "waiting": [[*astuple(beat.detection), beat.rr_s] for beat in self._waiting],
            "rr_s": list(self._rr_s),
        }

    def restore(self, state: State) -> None:
        self._history = state["history"]
        self._end = state["end"]
        self._waiting = [LinkedBeat(Detection(*of), rr_s) for *of, rr_s in state["waiting"]]
        self._rr_s = list(state["rr_s"])
