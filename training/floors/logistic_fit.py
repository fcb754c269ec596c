"""Fits the logistic floor for each person on everybody else.

Windows lie wholly in a seizure or wholly out of it. Of a recording's windows at most `MOST` of
each kind are taken, spread evenly. Each person weighs the same within a kind, and so do the
two kinds: hours of one person do not drown the minutes of another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_hops import EegHop, hops_of
from edge.stages.eeg_signal import EEG_FS_HZ
from training.floors.loading import LoadFloor, logistic_floor
from training.floors.logistic import N_FEATURES, Logistic, features
from training.floors.windows import WINDOW_S, Float32, Float64, FloorModel, Judgement
from training.scoring.eeg_streams import Stream
from training.scoring.spans import common, length
from vitalwire.errors import InputError

MOST: Final = 2000
C: Final = 0.1  # scikit-learn's: the smaller, the more the weights are held back


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Features of one stream's windows, float32 (n, N_FEATURES) of each kind."""

    patient: str
    background: Float32
    seizure: Float32


def windows_of(stream: Stream) -> Windows:
    """The windows that a floor would judge.

    Raises
    ------
    InputError
        The stream cannot be read, or not be analysed.
    """
    found: dict[bool, list[Float64]] = {True: [], False: []}
    seizures = stream.seizures
    for end_s, window in _judged(hops_of(stream.chunks())):
        inside_s = length(common(seizures, [(end_s - WINDOW_S, end_s)]))
        if inside_s in (0.0, WINDOW_S):
            found[inside_s > 0.0].append(window)
    return Windows(stream.patient, _spread(found[False]), _spread(found[True]))


def fit_logistic(windows: Sequence[Windows]) -> dict[str, LoadFloor]:
    """For each person the regression that has not heard them.

    Raises
    ------
    InputError
        Nobody else has a seizure, or a time without one.
    """
    return {
        patient: logistic_floor(
            _fit([one for one in windows if one.patient != patient], patient)
        )
        for patient in sorted({one.patient for one in windows})
    }


def _fit(windows: Sequence[Windows], left_out: str) -> Logistic:
    from sklearn.linear_model import LogisticRegression

    x = [*(one.background for one in windows), *(one.seizure for one in windows)]
    weights = [
        *_weights([one.patient for one in windows], [len(one.background) for one in windows]),
        *_weights([one.patient for one in windows], [len(one.seizure) for one in windows]),
    ]
    n_background = sum(len(one.background) for one in windows)
    all_x = np.concatenate(x).astype(np.float64) if x else np.empty((0, N_FEATURES))
    y = np.arange(len(all_x)) >= n_background
    if not n_background or n_background == len(all_x):
        kind = "seizure" if n_background else "time without a seizure"
        raise InputError(
            f"the logistic floor is fitted for {left_out} on everybody else, of whom no {kind} "
            "is there: it needs seizures of two people or more"
        )
    weight = np.concatenate(weights)
    mean = np.average(all_x, axis=0, weights=weight)
    spread = np.sqrt(np.average((all_x - mean) ** 2, axis=0, weights=weight)) + 1e-6
    model = LogisticRegression(C=C, solver="newton-cholesky")
    model.fit((all_x - mean) / spread, y, sample_weight=weight)
    w = model.coef_[0] / spread
    return Logistic(tuple(w.tolist()), float(model.intercept_[0] - w @ mean))


def _weights(patients: Sequence[str], lengths: Sequence[int]) -> Iterator[Float64]:
    """Weights of each stream's windows of one kind; their sum is 1,000."""
    of: dict[str, int] = {}
    for patient, n in zip(patients, lengths, strict=True):
        of[patient] = of.get(patient, 0) + n
    n_patients = sum(n > 0 for n in of.values())
    for patient, n in zip(patients, lengths, strict=True):
        yield np.full(n, 1000.0 / (n_patients * of[patient]) if n else 0.0)


@dataclass(slots=True)
class _Listener:
    """A floor that keeps what it would have to judge."""

    newest: list[Float64] = field(default_factory=list)
    n_memory: int = 0

    def judge(
        self,
        window: Float64,
        leads: NDArray[np.int64],
        memory: Float32,
    ) -> Judgement:
        self.newest.append(features(window))
        return Judgement(0.0, np.zeros(len(leads)), memory)


def _judged(hops: Iterator[EegHop]) -> Iterator[tuple[float, Float64]]:
    """When each window ends, s, and its features."""
    listener = _Listener()
    model = FloorModel(listener)
    state = np.zeros((1, model.n_state), np.float32)
    for hop in hops:
        inputs = {name: value[None] for name, value in hop.inputs().items()}
        state = model.run({**inputs, "state": state})["next_state"]
        for window in listener.newest:
            yield hop.end / EEG_FS_HZ, window
        listener.newest.clear()


def _spread(windows: Sequence[Float64]) -> Float32:
    n = len(windows)
    if not n:
        return np.empty((0, N_FEATURES), np.float32)
    kept = np.unique(np.linspace(0, n - 1, min(n, MOST)).round().astype(int))
    return np.stack([windows[place] for place in kept]).astype(np.float32)
