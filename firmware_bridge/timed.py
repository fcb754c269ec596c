"""Chunks with the time at which they are sent, and what a fault has to work with."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Chunk

FOREVER_S: Final = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class TimedChunk:
    """A chunk, and when it is sent: seconds since the device's start."""

    at_s: float
    chunk: Chunk

    @property
    def begin_s(self) -> float:
        """When its first sample was taken, before any fault moved it."""
        return self.at_s - self.chunk.n_samples / self.chunk.fs


Stream = Iterator[TimedChunk]


class Layer(IntEnum):
    """Where in the real world a fault lies."""

    ELECTRODE = 0
    DEVICE = 1
    RADIO = 2


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a fault may use besides the chunks."""

    rng: np.random.Generator
    power: NDArray[np.float64] | None  # (n_channels,) variance of the clean signal, unit^2
    tally: Counter[str]  # how often each fault struck
