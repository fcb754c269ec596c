"""What the writers take: the layout of a recording, and its samples segment by segment."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire import wire
from vitalwire.contracts import Samples
from vitalwire.errors import ContractError, InputError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BLOCK: Final = 65536  # samples of a stretch that is filled at once


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """The layout of a recording that is to be written.

    `value = int16 * scale + offset`, as on the wire, so that a recording goes through the
    gateway and back without a change.
    """

    leads: tuple[str, ...]
    fs: float  # Hz
    unit: str  # "mV" or "uV"
    scale: NDArray[np.float32]  # (n_channels,), > 0
    offset: NDArray[np.float32]  # (n_channels,)
    start_ns: int | None = None  # UTC of the first sample
    comments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.leads)
        if n == 0 or self.scale.shape != (n,) or self.offset.shape != (n,):
            raise ContractError(
                f"Format needs a scale and an offset for each of {n} leads, got "
                f"{self.scale.shape} and {self.offset.shape}"
            )
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all() and self.fs > 0):
            raise ContractError("Format.scale must be finite and > 0, Format.fs > 0")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Consecutive samples, float32 `(n_channels, n_samples)`; NaN = missing."""

    first_sample: int
    data: Samples


def check_record_name(name: str) -> str:
    """Return `name` if WFDB tools can read a record of this name, else raise `InputError`."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"a record's name is letters, digits, _ and -, got {name!r}: choose another"
        )
    return name


def positioned(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Segments counted from the first one's start, and checked for their order."""
    origin: int | None = None
    end = 0
    for segment in segments:
        if origin is None:
            origin = segment.first_sample
        first = segment.first_sample - origin
        if first < end:
            raise ContractError(
                f"segments must follow each other: sample {first} comes after {end}"
            )
        end = first + segment.data.shape[1]
        yield Segment(first, segment.data)


def filled(segments: Iterable[Segment], n_channels: int) -> Iterator[Samples]:
    """Positioned segments as blocks without a break: what lies between them is NaN."""
    end = 0
    for segment in segments:
        while end < segment.first_sample:
            n = min(_BLOCK, segment.first_sample - end)
            yield np.full((n_channels, n), np.nan, np.float32)
            end += n
        yield segment.data
        end += segment.data.shape[1]


def digital(data: Samples, form: Format) -> NDArray[np.int16]:
    """Samples as int16 `(n_channels, n_samples)`; -32768 = missing."""
    if data.shape[0] != len(form.leads):
        raise ContractError(f"expected {len(form.leads)} channels, got {data.shape[0]}")
    return wire.quantize(data, form.scale, form.offset)
