"""Time as a sum of steps, so that a clock that is set does not make anything due."""

from dataclasses import dataclass
from typing import Final

from edge.stages.items import State

SET_BACK_NS: Final = 2_000_000_000
"""A step back of more than this is a clock that was set; a smaller one is disorder."""


@dataclass(slots=True)
class TimeLine:
    """Adds up the steps of a clock, none longer than `most_ns`.

    A gap of ten minutes, or a clock set from 1970 to today, counts as one step of `most_ns`;
    a clock set back counts as none.
    """

    most_ns: int
    last_ns: int | None = None  # of the clock
    ns: int = 0  # the sum

    def to(self, now_ns: int) -> int:
        """Go on to `now_ns` of the clock; the sum."""
        step = 0 if self.last_ns is None else now_ns - self.last_ns
        if step > 0 or self.last_ns is None or step < -SET_BACK_NS:
            self.ns += min(max(step, 0), self.most_ns)
            self.last_ns = now_ns
        return self.ns

    def state(self) -> State:
        return {"last_ns": self.last_ns, "ns": self.ns}

    def restore(self, state: State) -> None:
        self.last_ns, self.ns = state["last_ns"], state["ns"]
