"""Episodes that follow each other closely are told as one. Pure.

A seizure that pauses is one seizure: SzCORE, by which they are scored, joins events less than
90 s apart. So the end of an episode is told only when so long nothing has followed it; then
with the time when it was over. Nothing else waits: what `Episodes` says at once is what an
alarm goes by.
"""

from dataclasses import astuple
from typing import Final

from edge.stages.episodes import EpisodeChange
from edge.stages.items import State

MERGE_S: Final = 90.0


class MergedEpisodes:
    """Changes of `Episodes` in; changes out, with episodes under `MERGE_S` apart as one.

    Parameters
    ----------
    fs : float
        Hz, of the stream's samples.
    """

    def __init__(self, fs: float) -> None:
        self._apart = round(MERGE_S * fs)  # samples
        self._over: EpisodeChange | None = None  # it ended, and that was not told yet
        self._goes_on = False  # what ended has come back

    def push(self, changes: list[EpisodeChange], now: int) -> list[EpisodeChange]:
        """Take what became known up to the sample `now`."""
        told: list[EpisodeChange] = []
        for change in changes:
            told += self._end(change) if change.end is not None else self._begin(change)
        if self._over and not self._goes_on and now - _end(self._over) >= self._apart:
            told += self.flush()
        return told

    def flush(self) -> list[EpisodeChange]:
        """The end that waits, before a gap; whatever is open has to be over."""
        told = [self._over] if self._over else []
        self._over, self._goes_on = None, False
        return told

    def _begin(self, change: EpisodeChange) -> list[EpisodeChange]:
        if self._over and change.onset - _end(self._over) < self._apart:
            self._goes_on = True
            return []
        return [*self.flush(), change]

    def _end(self, change: EpisodeChange) -> list[EpisodeChange]:
        self._over = _joined(self._over, change) if self._over else change
        self._goes_on = False
        return []

    def state(self) -> State:
        return {"over": self._over and list(astuple(self._over)), "goes_on": self._goes_on}

    def restore(self, state: State) -> None:
        self._over = state["over"] and EpisodeChange(*state["over"])
        self._goes_on = state["goes_on"]


def _end(change: EpisodeChange) -> int:
    assert change.end is not None
    return change.end


def _joined(first: EpisodeChange, second: EpisodeChange) -> EpisodeChange:
    """Both, and what lies between; the confidence is that of the two by their lengths."""
    lengths = [max(_end(one) - one.onset, 1) for one in (first, second)]
    confidences = [first.confidence, second.confidence]
    mean = sum(n * value for n, value in zip(lengths, confidences, strict=True)) / sum(lengths)
    return EpisodeChange(first.onset, _end(second), mean)
