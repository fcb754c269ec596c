"""Vital signs from the beats of one lead, once a second of samples. Pure.

A point is due when the frames pass a multiple of `round(fs)` samples since the stream's
start. What cannot be analysed now is None: nothing is carried over from before.

- heart rate: mean of the last eight RR, none of them ended more than 10 s before the newest
  beat; None without two of them, or with no beat for 5 s;
- SDNN and RMSSD: the normal-to-normal RR of the last 60 s (see `rr_series`), None where they
  fill less than half of it; RMSSD from RR that follow each other without a break;
- respiration: see `respiration`; renewed every fifth point.

Beats come in order, up to some 2 s after their R peak.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.stages.items import State
from edge.stages.respiration import respiration_bpm
from edge.stages.rr_series import Beats, RrSeries
from vitalwire.contracts import SignalState
from vitalwire.errors import ContractError

FRAME_S: Final = 0.2
RATE_WINDOW_S: Final = 10.0
RATE_MAX_RR: Final = 8
RATE_MIN_RR: Final = 2
MAX_AGE_S: Final = 5.0  # of the last beat: an RR of 3 s, and 2 s until it is known
HRV_MIN_S: Final = 30.0  # of normal-to-normal RR in the minute
RESPIRATION_EVERY: Final = 5  # points


@dataclass(frozen=True, slots=True)
class VitalsPoint:
    """Vital signs at one sample; the fields of `vitalwire.contracts.Vitals`."""

    sample: int
    state: SignalState
    heart_rate_bpm: float | None = None
    rr_s: float | None = None
    rmssd_ms: float | None = None
    sdnn_ms: float | None = None
    respiration_bpm: float | None = None
    analysable: float = 0.0


class VitalsStage:
    """Vital signs of one lead.

    Parameters
    ----------
    fs : sampling rate, Hz
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._hop = max(1, round(fs))
        self._series = RrSeries(fs)
        self._frame = max(1, round(FRAME_S * fs))
        self._end: int | None = None  # of the last frame
        self._broken = False  # the next frame need not follow it
        self._respiration: float | None = None

    def reset(self) -> None:
        """Forget everything, as for a new stream."""
        self._series.reset()
        self._end = None
        self._broken = False
        self._respiration = None

    def break_chain(self) -> None:
        """Let no RR reach from before to after this call: after a gap, on another lead.

        Frames that are not `GOOD` do so by themselves.
        """
        self._series.break_chain()
        self._broken = True

    def push(
        self,
        frame_end_sample: int,
        beats: Sequence[tuple[int, float]],
        state: SignalState,
    ) -> list[VitalsPoint]:
        """Take a frame, give the points that are due.

        Parameters
        ----------
        frame_end_sample : the first sample after the frame; the frame starts where the last
            one ended, or, after `break_chain`, at most 0.2 s before
        beats : those that became known with this frame: sample and amplitude (mV)
        state : of the lead after this frame

        Raises
        ------
        ContractError
            The frame does not lie after the last one: `reset` comes before a new stream.
        """
        first_sample = self._advance(frame_end_sample)
        if state is SignalState.GOOD:
            self._series.add_good(first_sample, frame_end_sample)
        else:
            self._series.break_chain()
        for sample, amplitude_mv in beats:
            self._series.add_beat(sample, amplitude_mv)
        due = range(first_sample // self._hop + 1, frame_end_sample // self._hop + 1)
        return [self._point(k, state) for k in due]

    def _advance(self, end: int) -> int:
        """Where the frame that ends here starts."""
        if self._broken and self._end is not None and end <= self._end:
            self.reset()  # the sender started its count again
        last = -1 if self._end is None else self._end
        if end <= last:
            raise ContractError(f"frames go forward: expected an end after {last}, got {end}")
        unbroken = self._end is not None and not self._broken
        self._end, self._broken = end, False
        return last if unbroken else max(end - self._frame, last, 0)

    def _point(self, k: int, state: SignalState) -> VitalsPoint:
        now = k * self._hop
        self._series.forget_before(now)
        analysable = self._series.analysable(now)
        if state is not SignalState.GOOD:
            self._respiration = None
            return VitalsPoint(now, state, analysable=analysable)
        beats = self._series.beats()
        if k % RESPIRATION_EVERY == 0:
            self._respiration = respiration_bpm(beats, now / self._fs)
        rr_s = self._mean_rr(now)
        sdnn_ms, rmssd_ms = variability(beats)
        return VitalsPoint(
            now,
            state,
            heart_rate_bpm=None if rr_s is None else 60.0 / rr_s,
            rr_s=rr_s,
            rmssd_ms=rmssd_ms,
            sdnn_ms=sdnn_ms,
            respiration_bpm=self._respiration,
            analysable=analysable,
        )

    def _mean_rr(self, now: int) -> float | None:
        last = self._series.last_beat()
        if last is None or now - last > MAX_AGE_S * self._fs:
            return None
        since = last - round(RATE_WINDOW_S * self._fs)
        rr = self._series.recent_rr(since, RATE_MAX_RR)
        return sum(rr) / len(rr) if len(rr) >= RATE_MIN_RR else None

    def state(self) -> State:
        return {
            "series": self._series.state(),
            "end": self._end,
            "broken": self._broken,
            "respiration": self._respiration,
        }

    def restore(self, state: State) -> None:
        self._series.restore(state["series"])
        self._end, self._broken = state["end"], state["broken"]
        self._respiration = state["respiration"]


def variability(beats: Beats) -> tuple[float | None, float | None]:
    """SDNN and RMSSD (ms) of the normal-to-normal RR; None where they are too few."""
    nn_ms = 1000.0 * beats.rr_s[beats.normal]
    total_ms = float(nn_ms.sum())
    if nn_ms.size < 3 or total_ms < 1000.0 * HRV_MIN_S:
        return None, None
    # Dot products: np.std and np.diff cost several times as much on so few values.
    spread_ms = nn_ms - total_ms / nn_ms.size
    sdnn_ms = math.sqrt(float(np.dot(spread_ms, spread_ms)) / (nn_ms.size - 1))
    both = beats.normal[1:] & beats.normal[:-1]
    steps_ms = 1000.0 * (beats.rr_s[1:] - beats.rr_s[:-1])[both]
    if not steps_ms.size:
        return sdnn_ms, None
    return sdnn_ms, math.sqrt(float(np.dot(steps_ms, steps_ms)) / steps_ms.size)
