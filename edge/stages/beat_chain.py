"""The interval from each beat to the one before: none across what could not be read. Pure.

A beat is decided later than it happens, so a stretch may become unreadable, and readable
again, before the beats around it are told. Hence positions decide, not the order of calls.
"""

from collections import deque
from typing import Final

from edge.stages.items import State

_MOST: Final = 50  # frames, 10 s: longer than a beat's decision takes


class BeatChain:
    """Links the beats of one lead.

    Parameters
    ----------
    fs : float
        Hz.
    """

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._last: int | None = None  # the last beat
        self._unreadable: deque[int] = deque(maxlen=_MOST)  # first samples, not passed yet

    def add_unreadable(self, first_sample: int) -> None:
        """The frame from there on cannot be read."""
        self._unreadable.append(first_sample)

    def rr_s(self, sample: int) -> float | None:
        """The interval that the next beat, at `sample`, ends; None if there is none."""
        broken = False
        while self._unreadable and self._unreadable[0] <= sample:
            self._unreadable.popleft()
            broken = True
        last, self._last = self._last, sample
        return None if last is None or broken else (sample - last) / self._fs

    def state(self) -> State:
        return {"last": self._last, "unreadable": list(self._unreadable)}

    def restore(self, state: State) -> None:
        self._last = state["last"]
        self._unreadable = deque(state["unreadable"], maxlen=_MOST)
