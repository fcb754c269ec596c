"""Which samples of a stream have come, as few intervals as it takes."""

from bisect import bisect_right


class Coverage:
    """Intervals of samples that are there. Chunks mostly come in order: that costs nothing."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, first: int, n_samples: int) -> bool:
        """Add samples; False, and nothing added, where some of them are there already."""
        end = first + n_samples
        at = bisect_right(self._starts, first)
        before = at > 0 and self._ends[at - 1] > first
        behind = at < len(self._starts) and self._starts[at] < end
        if before or behind:
            return False
        joins_left = at > 0 and self._ends[at - 1] == first
        joins_right = at < len(self._starts) and self._starts[at] == end
        if joins_left and joins_right:
            self._ends[at - 1] = self._ends.pop(at)
            self._starts.pop(at)
        elif joins_left:
            self._ends[at - 1] = end
        elif joins_right:
            self._starts[at] = first
        else:
            self._starts.insert(at, first)
            self._ends.insert(at, end)
        return True

    @property
    def n_samples(self) -> int:
        return sum(self._ends) - sum(self._starts)

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First sample and length of what is missing between the first and the last."""
        pairs = zip(self._ends[:-1], self._starts[1:], strict=True)
        return [(end, start - end) for end, start in pairs]
