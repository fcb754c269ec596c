"""Cuts a stream into fixed frames, so that nothing behind it can see the radio's cut.

Frames lie on a grid of sample counts from the stream's start. Everything downstream works
frame by frame: it is chunk-invariant by construction, whatever it computes.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from edge.stages.items import Frame, State
from vitalwire.contracts import Chunk, Samples
from vitalwire.errors import ContractError

FRAME_S: Final = 0.2
"""Seconds a frame lasts: the hop of the rhythm model (25 samples at 125 Hz)."""


class Framer:
    """Turns consecutive chunks of one rate and lead count into frames.

    Parameters
    ----------
    fs : float
        Hz.
    n_channels : int

    Notes
    -----
    A missing sample (NaN) holds the lead's last value: a filter downstream stays finite and
    sees no step; how many were missing is said beside the samples, and judged there.
    """

    def __init__(self, fs: float, n_channels: int) -> None:
        self.n_frame = max(round(fs * FRAME_S), 1)
        self._held: Samples = np.empty((n_channels, 0), np.float32)
        self._held_missing: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = np.empty(
            (n_channels, 0), np.bool_
        )
        self._first = -1  # of the held samples; -1 = nothing came yet
        self._last = np.zeros((n_channels, 1), np.float32)
        self._flags: list[tuple[int, int, bool, bool]] = []  # (end, lead_off, known, injected)

    def push(self, chunk: Chunk) -> list[Frame]:
        """Give the next chunk of the stream, take the frames that are complete."""
        if self._first < 0:
            self._first = chunk.first_sample
        elif chunk.first_sample != self._first + self._held.shape[1]:
            raise ContractError(
                f"the framer takes consecutive samples: expected {self._first} + "
                f"{self._held.shape[1]}, got {chunk.first_sample} of {chunk.device}"
            )
        data, missing = self._fill(chunk.data)
        self._held = np.concatenate([self._held, data], axis=1)
        self._held_missing = np.concatenate([self._held_missing, missing], axis=1)
        end = chunk.first_sample + chunk.n_samples
        self._flags.append((end, chunk.lead_off, chunk.lead_state_known, chunk.injected))
        frames = []
        while self._held.shape[1] >= (n := self._to_grid()):
            frames.append(self._cut(n))
        return frames

    def flush(self) -> list[Frame]:
        """Take what is left before a gap or at the end, as a shorter frame."""
        return [self._cut(self._held.shape[1])] if self._held.shape[1] else []

    def _to_grid(self) -> int:
        return self.n_frame - self._first % self.n_frame

    def _cut(self, n: int) -> Frame:
        end = self._first + n
        start = self._first
        inside = [flags for flags in self._flags if flags[0] > start]
        covering = inside[: 1 + sum(flags[0] < end for flags in inside)]
        frame = Frame(
            first_sample=start,
            data=np.ascontiguousarray(self._held[:, :n]),
            missing=tuple(self._held_missing[:, :n].sum(axis=1).tolist()),
            lead_off=_union(flags[1] for flags in covering),
            lead_state_known=all(flags[2] for flags in covering),
            injected=any(flags[3] for flags in covering),
        )
        self._held, self._held_missing = self._held[:, n:], self._held_missing[:, n:]
        self._first = end
        self._flags = [flags for flags in self._flags if flags[0] > end]
        return frame

    def _fill(
        self, data: Samples
    ) -> tuple[Samples, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
        missing = np.isnan(data)
        if missing.any():
            padded = np.concatenate([self._last, data], axis=1)
            known = np.where(np.isnan(padded), 0, np.arange(padded.shape[1]))
            newest = np.maximum.accumulate(known, axis=1)
            data = np.take_along_axis(padded, newest, axis=1)[:, 1:]
        self._last = data[:, -1:].copy()
        return data, missing

    def state(self) -> State:
        return {
            "held": self._held,
            "held_missing": self._held_missing,
            "first": self._first,
            "last": self._last,
            "flags": [list(flags) for flags in self._flags],
        }

    def restore(self, state: State) -> None:
        self._held = state["held"]
        self._held_missing = state["held_missing"]
        self._first = state["first"]
        self._last = state["last"]
        self._flags = [(f[0], f[1], f[2], f[3]) for f in state["flags"]]


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
