"""Beats of records that are labelled as a whole (challenge-2017, never its test fifth).

In a normal record all beats are N; in AF none is premature, so none is S. Records labelled
"other" give the beats that are clear by themselves, and normal ones are taken apart and put
together again with simulated ectopic beats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW, BeatWindow
from edge.stages.qrs import QrsDetector
from training.datasets.beats import CLASSES, ProbabilityOfAf, labelled, windows_of
from training.datasets.clear_beats import clear_classes
from training.datasets.records import left_out, open_ecg
from training.datasets.rhythm import filled
from training.datasets.simulated import N_BEATS, simulated
from training.scoring.record_sets import LabelledSet
from training.splits import is_test_record
from vitalwire.contracts import BeatClass
from vitalwire.errors import InputError

N_NORMAL: Final = 600  # records: enough hearts, and a few minutes of reading
N_OTHER: Final = 600
_SETTLE: Final = 3  # beats at the start of a record, whose template is still itself
_FOUND: Final = 0.9  # of simulated beats: fewer, and the detector lost its way in the noise
_NOT_PREMATURE: Final = frozenset({BeatClass.N, BeatClass.V, BeatClass.F})


class WeakSource(StrEnum):
    """Where a beat's label comes from: each is drawn with a share of its own."""

    NORMAL = "normal"
    AF = "af"
    CLEAR_N = "clear_n"
    CLEAR_S = "clear_s"
    CLEAR_V = "clear_v"
    SIMULATED_N = "simulated_n"
    SIMULATED_S = "simulated_s"
    SIMULATED_V = "simulated_v"


SOURCES: Final = tuple(WeakSource)
_CLEAR: Final[Mapping[BeatClass, WeakSource]] = {
    BeatClass.N: WeakSource.CLEAR_N,
    BeatClass.S: WeakSource.CLEAR_S,
    BeatClass.V: WeakSource.CLEAR_V,
}
_SIMULATED: Final[Mapping[BeatClass, WeakSource]] = {
    BeatClass.N: WeakSource.SIMULATED_N,
    BeatClass.S: WeakSource.SIMULATED_S,
    BeatClass.V: WeakSource.SIMULATED_V,
}


@dataclass(frozen=True, slots=True, eq=False)
class WeakBeats:
    """Beats whose record is labelled, not they."""

    beat: NDArray[np.float16]  # (n, N_CHANNELS, N_WINDOW)
    context: NDArray[np.float32]  # (n, N_CONTEXT)
    allowed: NDArray[np.bool_]  # (n, n_classes)
    source: NDArray[np.int8]  # (n,) index into SOURCES


def joined(parts: list[WeakBeats]) -> WeakBeats:
    """All in one; none at all of none."""
    empty = WeakBeats(
        np.empty((0, N_CHANNELS, N_WINDOW), np.float16),
        np.empty((0, N_CONTEXT), np.float32),
        np.empty((0, len(CLASSES)), np.bool_),
        np.empty(0, np.int8),
    )
    of = [empty, *parts]
    return WeakBeats(
        np.concatenate([one.beat for one in of]),
        np.concatenate([one.context for one in of]),
        np.concatenate([one.allowed for one in of]),
        np.concatenate([one.source for one in of]),
    )


@dataclass(slots=True, eq=False)
class WeakSet:
    """What a labelled set gave."""

    beats: WeakBeats
    used: list[Path]
    skipped: list[str]


def read_weak(found: LabelledSet, p_af: ProbabilityOfAf | None) -> WeakSet:
    """Beats of a labelled set. A record that cannot be read costs that record, and a line."""
    names = [name for name in found.paths if not is_test_record(name)]
    of = {label: [n for n in names if found.labels[n] == label] for label in "ANO"}
    parts: list[WeakBeats] = []
    used: list[Path] = []
    skipped: list[str] = []
    for label, chosen in [
        ("A", of["A"]),
        ("N", _spread(of["N"], N_NORMAL)),
        ("O", _spread(of["O"], N_OTHER)),
    ]:
        for name in chosen:
            path = found.paths[name]
            try:
                recording = open_ecg(path)
                x = filled(recording.read()[0])
            except InputError as error:
                skipped.append(str(error))
                continue
            used.append(path)
            parts += _of_record(x, recording.fs, label, name, p_af)
    skipped += left_out(found.folder, found.missing, "named in its table, not there")
    return WeakSet(joined(parts), used, skipped)


def _spread(names: list[str], n: int) -> list[str]:
    return names[:: max(len(names) // n, 1)][:n]


def _of_record(
    x: NDArray[np.float32], fs: float, label: str, name: str, p_af: ProbabilityOfAf | None
) -> list[WeakBeats]:
    windows = windows_of(x, fs, p_af=p_af and p_af(x, fs))[_SETTLE:-1]
    if not windows:
        return []
    if label == "A":
        return [_part(windows, _NOT_PREMATURE, WeakSource.AF)]
    if label == "N":
        normal = _part(windows, frozenset({BeatClass.N}), WeakSource.NORMAL)
        return [normal, *_of_simulated(x, fs, name, p_af)]
    clear = clear_classes(np.stack([one.inputs["context"] for one in windows]))
    return [
        _part([windows[i] for i in np.flatnonzero(is_clear)], frozenset({of}), _CLEAR[of])
        for of, is_clear in clear.items()
        if is_clear.any()
    ]


def _of_simulated(
    x: NDArray[np.float32], fs: float, name: str, p_af: ProbabilityOfAf | None
) -> list[WeakBeats]:
    """A normal record with simulated ectopic beats, as the gateway would see it."""
    detector = QrsDetector(fs)
    beats = np.array([one.sample for one in [*detector.push(x), *detector.flush()]], np.int64)
    made = simulated(x, fs, beats, np.random.default_rng(crc32(name.encode())))
    if made is None:
        return []
    y, reference = made
    try:
        seen = labelled(windows_of(y, fs, p_af=p_af and p_af(y, fs)), reference, fs, name, name)
    except InputError:
        return []
    if len(seen.label) < _FOUND * N_BEATS:
        return []
    return [
        _hot(seen.beat[rows], seen.context[rows], frozenset({of}), source)
        for of, source in _SIMULATED.items()
        if len(rows := _SETTLE + np.flatnonzero(seen.label[_SETTLE:] == CLASSES.index(of)))
    ]


def _part(
    windows: list[BeatWindow], allowed: frozenset[BeatClass], source: WeakSource
) -> WeakBeats:
    beat = np.stack([one.inputs["beat"] for one in windows])
    return _hot(beat, np.stack([one.inputs["context"] for one in windows]), allowed, source)


def _hot(
    beat: NDArray[np.float32],
    context: NDArray[np.float32],
    allowed: frozenset[BeatClass],
    source: WeakSource,
) -> WeakBeats:
    row = np.array([one in allowed for one in CLASSES])
    return WeakBeats(
        beat.astype(np.float16),
        context,
        np.tile(row, (len(beat), 1)),
        np.full(len(beat), SOURCES.index(source), np.int8),
    )
