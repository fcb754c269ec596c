"""Cuts what the beat classifier looks at: the beat, what came before it, and its intervals.

A beat is asked about at the next beat, or `WAIT_S` after it, whichever comes first: then the
following interval is not known and says 0. An interval across what could not be read says 0
too. Beside the beat the model sees the one before it and a template: the median of those of
the last beats that came latest after their predecessors. A beat that came late is not
premature, whatever most beats do, so the template is the patient's own normal beat even in a
bigeminy or where most beats are supraventricular.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import (
    CONTEXT,
    N_INTERVALS,
    interval_context,
    quantile,
    similarity,
)
from edge.stages.items import State
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.qrs import Detection
from vitalwire.contracts import Arrays

WAIT_S: Final = 1.5
BEFORE_S: Final = 0.4  # holds the P wave
AFTER_S: Final = 0.5
N_BEFORE: Final = round(BEFORE_S * MODEL_FS_HZ)
N_WINDOW: Final = N_BEFORE + round(AFTER_S * MODEL_FS_HZ)
N_CHANNELS: Final = 3  # the beat, the one before, the template
N_REMEMBERED: Final = 32  # beats that the template is chosen from
N_TEMPLATE: Final = 8

_HISTORY: Final = round((WAIT_S + 4.0) * MODEL_FS_HZ)
"""A beat found by searching back is older than its decision."""

_QRS: Final = slice(N_BEFORE - 10, N_BEFORE + 14)  # 80 ms before the R peak to 110 ms after
_P_WAVE: Final = slice(N_BEFORE - 35, N_BEFORE - 8)  # 280 ms to 65 ms before
_P_AF: Final = CONTEXT.index("p_af")
_LEAST_MV: Final = 0.05  # of a template's QRS: less is no scale

Window = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LinkedBeat:
    """A beat, and the interval that it ends."""

    detection: Detection
    rr_s: float | None  # None where no interval counts


@dataclass(frozen=True, slots=True)
class BeatWindow:
    """One beat, ready to be asked about."""

    beat: LinkedBeat
    inputs: Arrays  # beat (N_CHANNELS, N_WINDOW), context (N_CONTEXT,)

    @property
    def p_af(self) -> float:
        """Probability of atrial fibrillation, as it was known at this beat."""
        return float(self.inputs["context"][_P_AF])


class BeatWindows:
    """The models' signal and its detections in, windows out, in the order of the beats.

    Parameters
    ----------
    fs : float
        Hz, of the detections' samples; the signal comes at `MODEL_FS_HZ` from the same start.
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._history: NDArray[np.float32] = np.empty(0, np.float32)
        self._end = 0  # sample after the newest in history, at MODEL_FS_HZ
        self._waiting: list[LinkedBeat] = []
        self._intervals_s: list[float] = []
        self._p_af: list[float] = []  # at the same beats
        self._windows: NDArray[np.float32] = np.empty((0, N_WINDOW), np.float32)
        self._lateness: list[float] = []  # of each window: its interval, s

    def push(
        self, samples: NDArray[np.float32], beats: Sequence[LinkedBeat], p_af: float = 0.0
    ) -> list[BeatWindow]:
        """Take the next samples and the beats decided with them.

        Parameters
        ----------
        samples : (n,) float32, mV at MODEL_FS_HZ
        beats : counted at `fs` from this stage's start
        p_af : probability of atrial fibrillation now; 0 where nobody knows
        """
        self._history = np.concatenate([self._history, samples])
        self._end += len(samples)
        self._waiting += beats
        ready = []
        while self._waiting and self._is_due(self._waiting[0].detection.sample):
            ready.append(self._cut(p_af))
        self._history = self._history[-_HISTORY:]  # behind the cut: a push may be a long one
        return ready

    def flush(self, beats: Sequence[LinkedBeat], p_af: float = 0.0) -> list[BeatWindow]:
        """The end, or a gap: what waits is asked about with what there is."""
        self._waiting += beats
        return [self._cut(p_af) for _ in range(len(self._waiting))]

    def _is_due(self, sample: int) -> bool:
        end_s, beat_s = self._end / MODEL_FS_HZ, sample / self._fs
        if end_s < beat_s + AFTER_S:
            return False
        return len(self._waiting) > 1 or end_s >= beat_s + WAIT_S

    def _cut(self, p_af: float) -> BeatWindow:
        beat = self._waiting.pop(0)
        if beat.rr_s is not None:
            self._intervals_s = [*self._intervals_s, beat.rr_s][-N_INTERVALS:]
        self._p_af = [*self._p_af, p_af][-N_INTERVALS:]
        window = self._window(beat.detection.sample)
        before = self._windows[-1] if len(self._windows) else window
        self._remember(window, beat.rr_s)
        template = self._template()
        scale = max(float(np.ptp(template[_QRS])), _LEAST_MV)
        amplitude = max(float(np.ptp(window[_QRS])), _LEAST_MV) / scale
        context = [
            *interval_context(self._intervals_s, beat.rr_s, self._following_s(beat)),
            p_af,
            float(np.mean(self._p_af)),
            float(np.clip(np.log(amplitude), -1.5, 1.5)),
            similarity(window[_QRS], template[_QRS]),
            similarity(window[_P_WAVE], template[_P_WAVE]),
        ]
        channels: NDArray[np.float32] = np.stack([window, before, template])
        channels = channels / np.float32(scale)
        inputs: Arrays = {"beat": channels, "context": np.array(context, np.float32)}
        return BeatWindow(beat, inputs)

    def _following_s(self, beat: LinkedBeat) -> float:
        """The next interval if it was known within `WAIT_S`, else 0, however it was cut."""
        if not self._waiting or self._waiting[0].rr_s is None:
            return 0.0
        decided = self._waiting[0].detection.decided_sample
        in_time = decided - beat.detection.sample < WAIT_S * self._fs
        return self._waiting[0].rr_s if in_time else 0.0

    def _window(self, sample: int) -> Window:
        """The samples around a beat; what is not there holds the nearest that is."""
        at = round(sample / self._fs * MODEL_FS_HZ) - N_BEFORE + np.arange(N_WINDOW)
        first = self._end - len(self._history)
        if not len(self._history):
            return np.zeros(N_WINDOW, np.float32)
        return self._history[np.clip(at - first, 0, len(self._history) - 1)]

    def _remember(self, window: Window, rr_s: float | None) -> None:
        self._windows = np.concatenate([self._windows, window[None]])[-N_REMEMBERED:]
        usual = quantile(sorted(self._intervals_s), 0.5) if self._intervals_s else 0.0
        self._lateness = [*self._lateness, usual if rr_s is None else rr_s][-N_REMEMBERED:]

    def _template(self) -> Window:
        latest = np.argsort(self._lateness, kind="stable")[-N_TEMPLATE:]
        return np.median(self._windows[latest], axis=0).astype(np.float32)

    def state(self) -> State:
        return {
            "history": self._history,
            "end": self._end,
            "waiting": [[*astuple(beat.detection), beat.rr_s] for beat in self._waiting],
            "intervals_s": list(self._intervals_s),
            "p_af": list(self._p_af),
            "windows": self._windows,
            "lateness": list(self._lateness),
        }

    def restore(self, state: State) -> None:
        self._history = state["history"]
        self._end = state["end"]
        self._waiting = [LinkedBeat(Detection(*of), rr_s) for *of, rr_s in state["waiting"]]
        self._intervals_s = list(state["intervals_s"])
        self._p_af = list(state["p_af"])
        self._windows = state["windows"]
        self._lateness = list(state["lateness"])
