"""The Bonn clips: five sets of 100, one lead, 23.6 s each, in one NumPy archive.

Arrays `Z`, `O` (scalp, healthy people), `N`, `F` (within the skull, between seizures) and `S`
(within the skull, in a seizure), int16 `(clips, samples)`, and `fs` in Hz (Andrzejak et al.
2001, Phys. Rev. E 64:061907). Who is who is not said, and sets share people: all of it is for
training only, and one patient. A set is known by its amplitude alone: normalise each clip.
"""

from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.datasets.eeg_recording import EegRecording, Kind
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import Recording

_SETS: Final = ("Z", "O", "N", "F", "S")
_ICTAL: Final = "S"
_PATIENT: Final = "bonn"
_LEADS: Final = ("EEG",)


def bonn_clips(path: Path) -> list[EegRecording]:
    """The clips of an archive, `Z001` and on; none where it holds something else.

    Raises
    ------
    InputError
        Unreadable, a set that is not int16 (clips, samples), or no rate.
    """
    if not set(_SETS) <= _names(path):
        return []
    fs = _rate(path)
    clips = []
    for name in _SETS:
        n_clips, n_samples = _clips(path, name).shape
        seizures = ((0.0, n_samples / fs),) if name == _ICTAL else ()
        clips += [
            EegRecording(
                patient=_PATIENT,
                name=f"{name}{number + 1:03}",
                path=path,
                kind=Kind.CLIP,
                leads=_LEADS,
                fs=fs,
                n_samples=n_samples,
                seizures=seizures,
                source=partial(_open, path, name, number, fs),
                training_only=True,
            )
            for number in range(n_clips)
        ]
    return clips


def _open(path: Path, name: str, number: int, fs: float) -> Recording:
    steps = _clips(path, name)[number : number + 1]
    return Recording(
        name=f"{name}{number + 1:03}",
        path=path,
        signal=Signal.EEG,
        leads=_LEADS,
        fs=fs,
        n_samples=steps.shape[1],
        start_ns=None,
        scale=np.ones(1, np.float32),
        offset=np.zeros(1, np.float32),
        digital=lambda first, n: steps[:, first : first + n],
    )


@lru_cache(maxsize=len(_SETS))
def _clips(path: Path, name: str) -> NDArray[np.int16]:
    clips = _array(path, name)
    if clips.dtype != np.int16 or clips.ndim != 2 or clips.size == 0:
        raise InputError(
            f"{path}: array {name}: expected int16 (clips, samples), got {clips.dtype} "
            f"{clips.shape}"
        )
    return clips.astype(np.int16)


def _rate(path: Path) -> float:
    fs = _array(path, "fs")
    if fs.size != 1 or fs.dtype.kind not in "iuf" or not 0 < float(fs.item()) < np.inf:
        raise InputError(f"{path}: array fs: expected one rate > 0 Hz, got {fs.tolist()}")
    return float(fs.item())


def _array(path: Path, name: str) -> NDArray[np.generic]:
    try:
        with np.load(path) as archive:
            array: NDArray[np.generic] = archive[name]
    except Exception as error:
        raise InputError(f"{path}: array {name}: cannot be read ({error})") from error
    return array


def _names(path: Path) -> set[str]:
    try:
        with np.load(path) as archive:
            return set(archive.files)
    except Exception as error:
        # What went wrong is not said: NumPy advises to load it unsafely.
        raise InputError(f"{path}: not a NumPy archive, or cut off") from error
