"""A recording, whatever file it lies in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples, Signal
from vitalwire.errors import InputError
from vitalwire.wire import MISSING

Digital = Callable[[int, int], NDArray[np.int16]]
"""`(first, n)` -> int16 `(n_channels, n)`; -32768 = missing."""

BLOCK_SAMPLES: Final = 1 << 18
"""Samples (all leads together) that are read from a file at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One signal of a recording; samples are read when they are asked for.

    `value = int16 * scale + offset`: the recorder's own steps, so that what goes over the
    wire loses nothing. A file of more than 16 bits is fitted to its span over the whole
    recording.
    """

    name: str
    path: Path
    signal: Signal
    leads: tuple[str, ...]
    fs: float  # Hz
    n_samples: int
    start_ns: int | None  # a file's clock knows no time zone: it is taken for UTC
    scale: NDArray[np.float32]  # (n_channels,)
    offset: NDArray[np.float32]  # (n_channels,)
    digital: Digital = field(repr=False)
    left_out: tuple[str, ...] = ()  # leads of the file that are not in here

    @property
    def unit(self) -> str:
        return self.signal.unit

    @property
    def n_channels(self) -> int:
        return len(self.leads)

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs

    def read(self, first: int = 0, n: int | None = None) -> Samples:
        """Samples float32 `(n_channels, n)` from `first` on; NaN = missing.

        Raises
        ------
        InputError
            Beyond the recording, or a file that ends before its header says.
        """
        if n is None:
            n = self.n_samples - first
        if first < 0 or n < 0 or first + n > self.n_samples:
            raise InputError(
                f"{self.path}: has {self.n_samples} samples, got a request for "
                f"{first} to {first + n}"
            )
        steps = self.digital(first, n)
        # In float32, as the gateway decodes it: a file and its replay are the same numbers.
        data: Samples = (steps * self.scale[:, None] + self.offset[:, None]).astype(np.float32)
        data[steps == MISSING] = np.nan
        return data

    def select(self, leads: Sequence[str]) -> "Recording":
        """The same recording with some of its leads, by label or number (from 1)."""
        rows = [lead_index(lead, self.leads, self.path) for lead in leads]
        whole = self.digital

        def some(first: int, n: int) -> NDArray[np.int16]:
            return whole(first, n)[rows]

        chosen = tuple(self.leads[row] for row in rows)
        return replace(
            self,
            leads=chosen,
            scale=self.scale[rows],
            offset=self.offset[rows],
            digital=some,
            left_out=self.left_out + tuple(set(self.leads) - set(chosen)),
        )


def lead_index(wanted: str, labels: Sequence[str], path: Path) -> int:
    """Position of a lead, by its label (in any case) or its number from 1.

    Raises
    ------
    InputError
        No such lead; names those that there are.
    """
    folded = [label.casefold() for label in labels]
    if wanted.strip().casefold() in folded:
        return folded.index(wanted.strip().casefold())
    if wanted.strip().isdigit() and 1 <= int(wanted) <= len(labels):
        return int(wanted) - 1
    raise InputError(f"{path}: no lead {wanted!r}; it has {', '.join(labels)}")


def open_span(n_samples: int, n_channels: int) -> list[tuple[int, int]]:
    """`(first, n)` of blocks of bounded size that cover a recording."""
    step = max(1, BLOCK_SAMPLES // max(1, n_channels))
    return [(at, min(step, n_samples - at)) for at in range(0, n_samples, step)]
