"""One recording of EEG to learn from or to be scored on, whatever set it is of.

It says whose it is, what is in it and where the seizures are; the signal stays on disk until
`blocks` streams it, so that a list of thousands of hours is small. Times are seconds from
the first sample; what is missing (a gap of an EDF+D file) is NaN in its place.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from vitalwire.contracts import Samples
from vitalwire.errors import InputError
from vitalwire.recordings import Recording

Span = tuple[float, float]
"""Onset and end of a seizure, s from the recording's first sample."""

Warn = Callable[[str], None]
"""Told in one line of what was left out or mended."""

Source = Callable[[], Recording]

BLOCK_S: Final = 60.0
"""Length of a block: of 64 leads at 512 Hz it is 8 MB."""

SAME_PERSON: Final = {"chb21": "chb01"}
"""Cases of one person, and the name that both go by.

"Case chb21 was obtained 1.5 years after case chb01, from the same subject" (Guttag 2010,
CHB-MIT Scalp EEG Database, PhysioNet, doi:10.13026/C2K01R).
"""


class Kind(StrEnum):
    """What a recording is a piece of, and so what can be counted on it."""

    CONTINUOUS = "continuous"  # as it was recorded: latencies, false alarms a day
    ONSET = "onset"  # cut around an onset: latencies
    BEFORE = "before"  # cut off at an onset: no seizure in it
    ICTAL = "ictal"  # cut out of a seizure: where it begins is no onset
    CLIP = "clip"  # one label for the whole, and nothing before it


@dataclass(frozen=True, slots=True)
class EegRecording:
    """A recording and its seizures; samples are read when they are asked for."""

    patient: str  # one name for one person, in whatever set: splits are made by it
    name: str
    path: Path
    kind: Kind
    leads: tuple[str, ...]
    fs: float  # Hz
    n_samples: int
    seizures: tuple[Span, ...]  # in order, apart from each other, within the recording
    source: Source = field(repr=False, compare=False)
    primed_by: "EegRecording | None" = field(default=None, repr=False)  # of an ICTAL one
    training_only: bool = False  # its people are on both sides of any split

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs

    def open(self) -> Recording:
        """The signal, for pieces of one's own choice: `open().read(first, n)`.

        Raises
        ------
        InputError
            The file is gone, or another than it was.
        """
        recording = self.source()
        if (recording.n_samples, recording.leads) != (self.n_samples, self.leads):
            raise InputError(f"{self.path}: has changed since it was found: look again")
        return recording

    def blocks(self, block_s: float = BLOCK_S) -> Iterator[Samples]:
        """All samples in order, float32 `(n_leads, n)` in uV; NaN = missing.

        Raises
        ------
        InputError
            The file cannot be read.
        """
        recording = self.open()
        step = max(1, round(block_s * self.fs))
        for first in range(0, self.n_samples, step):
            yield recording.read(first, min(step, self.n_samples - first))


def case_of(name: str) -> str:
    """What a name begins with: `chb17a_03` is of chb17, `PN00-1` of PN00, `s03` of s03."""
    found = re.match(r"[A-Za-z]+\d+", name)
    return found[0] if found else name


def person_of(name: str) -> str:
    """Whose file it is, by a name that begins with the person or the case."""
    case = case_of(name)
    return SAME_PERSON.get(case, case)
