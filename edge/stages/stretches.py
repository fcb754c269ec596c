"""Which beats belong together: those with nothing between them that could hide a beat.

Beats are decided late, so the past is kept for a while: a beat belongs to the stretch its
own frame lies in.
"""

from typing import Final

from edge.stages.items import State

KEPT_S: Final = 10.0
"""Far longer than any QRS decision takes, its learning time included."""


class Stretches:
    """Numbers the stretches in which the heart is seen.

    Parameters
    ----------
    fs : float
        Hz.
    """

    def __init__(self, fs: float) -> None:
        self._kept = round(KEPT_S * fs)
        self._number = 0
        self._past: list[tuple[int, int | None]] = []  # (end, number); None: not seen

    def reset(self) -> None:
        """Begin a new stretch after a gap."""
        self._number += 1
        self._past = []

    def push(self, end: int, seen: bool) -> None:
        """Take the next frame, up to `end`."""
        if not seen and (not self._past or self._past[-1][1] is not None):
            self._number += 1
        number = self._number if seen else None
        if self._past and self._past[-1][1] == number:
            self._past.pop()
        self._past.append((end, number))
        while self._past[0][0] < end - self._kept:
            self._past.pop(0)

    def of(self, sample: int) -> int | None:
        """The stretch a sample lies in; None where the heart was not seen."""
        for end, number in self._past:
            if sample < end:
                return number
        return self._past[-1][1] if self._past else None

    def state(self) -> State:
        return {"number": self._number, "past": [list(entry) for entry in self._past]}

    def restore(self, state: State) -> None:
        self._number = state["number"]
        self._past = [(end, number) for end, number in state["past"]]
