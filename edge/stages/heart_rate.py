"""Pauses and extreme rates, judged at each beat."""

from collections import deque
from itertools import pairwise
from typing import Final

from edge.stages.items import Condition, Limits, State
from edge.stages.limits import RANGES
from edge.stages.reports import Now, Reports
from vitalwire.contracts import AlarmKind

UPDATE_BPM: Final = 10.0
"""A rate is said again when it has moved so far from the one said last."""

_MOST_BEATS: Final = int(
    max(RANGES["bradycardia_beats"].high, RANGES["tachycardia_beats"].high)
)


class RateRules:
    """Judges the intervals between beats of one stretch.

    Parameters
    ----------
    fs : float
        Hz.
    reports : Reports
        Where they are said.

    Notes
    -----
    A rate over n beats is the mean of their n - 1 intervals. One long interval is a pause,
    not a bradycardia: two at least must be slower than the limit by themselves.
    """

    def __init__(self, fs: float, reports: Reports) -> None:
        self._fs = fs
        self._reports = reports
        self._stretch = -1
        self._beats: deque[int] = deque(maxlen=_MOST_BEATS)

    def reset(self) -> None:
        """Begin again after a gap."""
        self._beats.clear()

    def interval(self, sample: int, stretch: int) -> int:
        """Samples since the last beat, 0 where it is not of the same stretch."""
        if not self._beats or stretch != self._stretch:
            return 0
        return sample - self._beats[-1]

    def beat(self, now: Now, sample: int, stretch: int, limits: Limits) -> list[Condition]:
        """Take the next beat; only beats of one stretch are counted together."""
        if stretch != self._stretch:
            self._stretch = stretch
            self._beats.clear()
        self._beats.append(sample)
        if len(self._beats) < 2:
            return []
        return self._pause(now, limits) + self._slow(now, limits) + self._fast(now, limits)

    def _pause(self, now: Now, limits: Limits) -> list[Condition]:
        rr_s = (self._beats[-1] - self._beats[-2]) / self._fs
        if rr_s < limits["pause_s"]:
            return []
        on = self._reports.on(
            now,
            AlarmKind.PAUSE,
            self._beats[-2],
            f"pause of {rr_s:.1f} s between two beats",
            {"rr_s": round(rr_s, 3), "limit_s": limits["pause_s"]},
        )
        return on + self._reports.off(now, AlarmKind.PAUSE)

    def _slow(self, now: Now, limits: Limits) -> list[Condition]:
        beats = self._last(limits["bradycardia_beats"])
        if not beats:
            return []
        limit = limits["bradycardia_bpm"]
        bpm = self._bpm(beats)
        n_slow = sum(60.0 * self._fs < limit * (b - a) for a, b in pairwise(beats))
        if bpm >= limit:
            return self._reports.off(now, AlarmKind.EXTREME_BRADYCARDIA)
        if n_slow < 2:
            return []
        return self._rate(now, AlarmKind.EXTREME_BRADYCARDIA, beats, bpm, limit)

    def _fast(self, now: Now, limits: Limits) -> list[Condition]:
        beats = self._last(limits["tachycardia_beats"])
        if not beats:
            return []
        limit = limits["tachycardia_bpm"]
        bpm = self._bpm(beats)
        if bpm <= limit:
            return self._reports.off(now, AlarmKind.EXTREME_TACHYCARDIA)
        return self._rate(now, AlarmKind.EXTREME_TACHYCARDIA, beats, bpm, limit)

    def _rate(
        self, now: Now, kind: AlarmKind, beats: list[int], bpm: float, limit: float
    ) -> list[Condition]:
        said = self._reports.number(kind, "rate_bpm")
        if said is not None and abs(bpm - said) < UPDATE_BPM:
            return []
        side = "under" if bpm < limit else "over"
        return self._reports.on(
            now,
            kind,
            beats[0],
            f"{bpm:.0f} beats a minute over {len(beats)} beats ({side} {limit:g})",
            {"rate_bpm": round(bpm, 1), "beats": len(beats), "limit_bpm": limit},
        )

    def _last(self, n: float) -> list[int]:
        return list(self._beats)[-int(n) :] if len(self._beats) >= n else []

    def _bpm(self, beats: list[int]) -> float:
        return 60.0 * self._fs * (len(beats) - 1) / (beats[-1] - beats[0])

    def state(self) -> State:
        return {"stretch": self._stretch, "beats": list(self._beats)}

    def restore(self, state: State) -> None:
        self._stretch = state["stretch"]
        self._beats = deque(state["beats"], maxlen=_MOST_BEATS)
