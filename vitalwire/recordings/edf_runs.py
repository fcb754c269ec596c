"""Where the samples of an EDF file lie in time: runs of data records without a gap.

A data record of a discontinuous file (EDF+D) carries its own onset; the time between two
that do not follow each other is missing samples here.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_GAP_SAMPLES: Final = 0.75
_ANNOTATIONS: Final = ("EDF Annotations", "BDF Annotations")


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of data records that follow each other, in samples of one rate."""

    first: NDArray[np.int64]  # where a run begins in time
    stored: NDArray[np.int64]  # where it begins in the file
    length: NDArray[np.int64]
    fs: float

    @classmethod
    def of(cls, onsets_s: NDArray[np.float64], fs: float, record_samples: int) -> "Runs":
        """Runs of data records that begin at `onsets_s`, each of `record_samples`."""
        at = np.rint(onsets_s * fs).astype(np.int64)
        # Onsets are written with finite decimals: less than a sample is no gap.
        strays = np.diff(onsets_s) * fs - record_samples
        breaks = np.flatnonzero(np.abs(strays) > _GAP_SAMPLES) + 1
        starts = np.concatenate([[0], breaks]).astype(np.int64)
        ends = np.concatenate([breaks, [len(at)]]).astype(np.int64)
        length = (ends - starts) * record_samples
        return cls(at[starts], starts * record_samples, length, fs)

    @property
    def n_samples(self) -> int:
        """Length in time, gaps and all."""
        return int(self.first[-1] + self.length[-1])

    def read(self, signals: Sequence[Any], first: int, n: int) -> NDArray[np.float64]:
        """Digital values `(n_channels, n)` of edfio's signals; NaN in the gaps."""
        out = np.full((len(signals), n), np.nan)
        for start, stored, length in zip(self.first, self.stored, self.length, strict=True):
            begin, end = max(first, int(start)), min(first + n, int(start + length))
            if begin >= end:
                continue
            at = int(stored) + begin - int(start)
            for row, signal in enumerate(signals):
                out[row, begin - first : end - first] = signal.get_digital_slice(
                    at / self.fs, (at + end - begin) / self.fs
                )
        _let_go(signals[0])
        return out


def record_onsets(edf: Any) -> NDArray[np.float64]:
    """Onset of each data record in seconds from the first.

    Raises
    ------
    ValueError
        A discontinuous file does not say them.
    """
    if edf.reserved[:5] not in ("EDF+D", "BDF+D"):
        return np.arange(edf.num_data_records) * float(edf.data_record_duration)
    signal = next((s for s in edf._signals if s.label in _ANNOTATIONS), None)
    if signal is None:
        raise ValueError(f"{edf.reserved[:5]} without the annotations that hold its times")
    records = np.asarray(signal.digital).reshape(edf.num_data_records, -1)
    # The first annotation of a data record is its time (EDF+ 2.2.4).
    stamps = [bytes(row[:64]).split(b"\x14")[0].split(b"\x15")[0] for row in records]
    onsets = np.array([_seconds(stamp) for stamp in stamps])
    return np.asarray(onsets - onsets[0], np.float64)


def _seconds(stamp: bytes) -> float:
    try:
        onset = float(stamp)
    except ValueError:
        onset = np.nan
    if not np.isfinite(onset):
        raise ValueError(f"onset of a data record: expected seconds, got {stamp!r}")
    return onset


def _let_go(signal: Any) -> None:
    """Unload what was read of a mapped file, else it would all stay in memory to its end."""
    loader = signal._lazy_loader
    pages = None if loader is None else loader.buffer.base
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)
