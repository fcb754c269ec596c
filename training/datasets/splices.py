"""The same heart with fewer normal beats: where most beats are ectopic, nothing is usual.

A record in which three beats in four are premature is rare, and a classifier that has never
seen one takes the premature interval for the normal one. So runs of normal beats are shortened,
a cycle at a time, each cut where the T wave is over; intervals, shapes and labels of what
remains are the record's own. Pure.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.ec57 import Reference
from vitalwire.contracts import BeatClass

_CUT_SHARE: Final = 0.45  # of the interval behind a beat: its T wave is over
_LONGEST_S: Final = 1.0  # of an interval, for that share
_LEVEL_S: Final = 0.05  # of signal to each side of a cut has its level
_SETTLES_S: Final = 0.3  # a step of the baseline is gone


def fewer_normal(
    x_mv: NDArray[np.float32], fs: float, reference: Reference, n_kept: int
) -> tuple[NDArray[np.float32], Reference]:
    """Cut normal beats that follow at least `n_kept` + 1 normal ones in a row.

    Parameters
    ----------
    x_mv : (n_samples,) float32, finite, of one lead
    fs : float
        Hz.
    reference : Reference
        Its beats.
    n_kept : int
        Normal beats that stay behind a first one.
    """
    samples, classes = reference.samples, reference.classes
    is_cut = _surplus(classes, n_kept)
    ends = _cycle_ends(samples, fs)
    kept: list[NDArray[np.float32]] = []
    moved = np.zeros(len(samples), np.int64)
    first = n_removed = 0
    for k in np.flatnonzero(is_cut):  # a cut beat takes the cycle up to its own end with it
        from_, to = ends[k - 1], ends[k]
        _append(kept, x_mv[first:from_], fs)
        first = to
        n_removed += to - from_
        moved[k:] = n_removed
    _append(kept, x_mv[first:], fs)
    stays = ~is_cut
    return np.concatenate(kept), Reference((samples - moved)[stays], classes[stays])


def _surplus(classes: NDArray[np.str_], n_kept: int) -> NDArray[np.bool_]:
    """Which beats go: never the last, whose cycle has no end."""
    surplus = np.zeros(len(classes), np.bool_)
    n_in_a_row = 0
    for k in range(1, len(classes) - 1):
        both = classes[k] == classes[k - 1] == BeatClass.N.value
        n_in_a_row = n_in_a_row + 1 if both else 0
        surplus[k] = n_in_a_row > n_kept
    return surplus


def _cycle_ends(samples: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    intervals = np.minimum(np.diff(samples), round(_LONGEST_S * fs))
    ends: NDArray[np.int64] = samples[:-1] + np.round(_CUT_SHARE * intervals).astype(np.int64)
    return ends


def _append(kept: list[NDArray[np.float32]], piece: NDArray[np.float32], fs: float) -> None:
    """Lead a piece in from the level at which the signal was cut."""
    n = round(_LEVEL_S * fs)
    if not len(piece):
        return
    if kept and min(len(piece), len(kept[-1])) > n:
        step = kept[-1][-n:].mean() - piece[:n].mean()
        piece = piece + step * np.exp(-np.arange(len(piece)) / (_SETTLES_S * fs))
    kept.append(piece.astype(np.float32))
