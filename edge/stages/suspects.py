"""Refused chunks that agree with each other: how a stream comes out of a wrong belief.

A chunk that does not fit the stream is refused: a duplicate, a redelivery, or the one wrong
count of a sender's bug. But if the belief is what is wrong (the one wrong chunk was taken, the
sender began anew without saying so), every good chunk is refused from then on. So refused
chunks are remembered, and when enough of them follow each other without a break, and nothing
else comes, they are believed.

What has never been delivered (`fresh`) needs `N_AGREEING` chunks. What could as well be a
redelivery of old chunks must also arrive at the pace of a live sender: a redelivery is a burst.
"""

from typing import Final

from edge.stages.chunk_state import chunk_from_state, chunk_state
from edge.stages.items import State
from vitalwire.contracts import Chunk

N_AGREEING: Final = 3
PATIENCE_S: Final = 60.0  # of live pace, before what may be a redelivery is believed
PATIENCE_NEWER_S: Final = 5.0  # where the device's own clock says that it is none
_LIVE_PACE: Final = 1.5  # seconds of signal in a second, at most
_LIVE_SLACK_S: Final = 2.0  # chunks do not arrive evenly


class Suspects:
    """The latest run of refused chunks."""

    def __init__(self) -> None:
        self._run: list[Chunk] = []  # the latest `N_AGREEING` of it
        self._start_sample = 0  # the end of its first chunk
        self._start_ns = 0  # arrival of its first chunk
        self._fresh = False

    def push(self, chunk: Chunk, arrival_ns: int, *, fresh: bool, newer: bool) -> list[Chunk]:
        """Remember a refused chunk; give the run when it is to be believed, else nothing.

        Parameters
        ----------
        fresh : bool
            It cannot be a redelivery of what was delivered.
        newer : bool
            The device's UTC says that it was taken after all that was delivered.
        """
        if self._run and _same(self._run[-1], chunk):
            return []
        if not self._run or not _follows(self._run[-1], chunk):
            self._run = []
            self._start_sample = chunk.first_sample + chunk.n_samples
            self._start_ns = arrival_ns
            self._fresh = fresh
        self._run = [*self._run, chunk][-N_AGREEING:]
        patience_s = PATIENCE_NEWER_S if newer else PATIENCE_S
        if len(self._run) < N_AGREEING or not (
            self._fresh or self._is_live(arrival_ns, patience_s)
        ):
            return []
        run, self._run = self._run, []
        return run

    def clear(self) -> None:
        """Forget the run: the stream goes on as believed."""
        self._run = []

    def _is_live(self, arrival_ns: int, patience_s: float) -> bool:
        last = self._run[-1]
        signal_s = (last.first_sample + last.n_samples - self._start_sample) / last.fs
        span_s = (arrival_ns - self._start_ns) / 1e9
        return span_s >= patience_s and signal_s <= _LIVE_PACE * span_s + _LIVE_SLACK_S

    def state(self) -> State:
        """Everything a continuation depends on."""
        return {
            "run": [chunk_state(chunk) for chunk in self._run],
            "start_sample": self._start_sample,
            "start_ns": self._start_ns,
            "fresh": self._fresh,
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self._run = [chunk_from_state(item) for item in state["run"]]
        self._start_sample = state["start_sample"]
        self._start_ns = state["start_ns"]
        self._fresh = state["fresh"]


def next_seq(seq: int) -> int:
    """Give the sequence number after `seq`: uint32, wraps."""
    return (seq + 1) & 0xFFFFFFFF


def _same(last: Chunk, chunk: Chunk) -> bool:
    return (last.stream_id, last.seq, last.first_sample) == (
        chunk.stream_id,
        chunk.seq,
        chunk.first_sample,
    )


def _follows(last: Chunk, chunk: Chunk) -> bool:
    return (
        chunk.stream_id == last.stream_id
        and chunk.seq == next_seq(last.seq)
        and chunk.first_sample == last.first_sample + last.n_samples
        and chunk.fs == last.fs
        and chunk.n_channels == last.n_channels
    )
