"""What a person's own beats have looked like, as the model was sure of them. Pure.

A network knows hearts, not this one. What is normal in one person looks ventricular in
another, so the last beats that the model was sure are N, S and V are remembered, and the odds
of V, and of S, against N of each next beat move by which of the two it is more like. Nobody has
to label anything; where one of the two has not been seen, nothing moves.

Patient-adaptive classification is from Hu, Palreddy and Tompkins 1997 (IEEE TBME 44:891) and,
without an expert, Llamedo and Martinez 2012 (IEEE TBME 59:2312). The numbers here were chosen
on held-out people of MIT-BIH's DS1; see ADR 17.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_windows import N_BEFORE
from edge.stages.items import State
from vitalwire.contracts import BeatClass

SURE: Final = 0.9  # of a beat's probability: then it is remembered
N_OWN: Final = 8  # of each class
WEIGHT: Final = 5.0  # what a likeness of 1 is worth, in log odds
MOST: Final = 3.0  # log odds that likeness may move

_PART: Final = slice(N_BEFORE - 35, N_BEFORE + 40)  # 280 ms before the R peak to 320 ms after
_N_PART: Final = _PART.stop - _PART.start
_NORMAL: Final = BeatClass.N
_ECTOPIC: Final = (BeatClass.V, BeatClass.S)

Window = NDArray[np.float32]


class OwnBeats:
    """Beats and what the model says of them in, what it means in this person out.

    Parameters
    ----------
    labels : sequence of BeatClass
        Of the model's probabilities, in order.
    """

    def __init__(self, labels: Sequence[BeatClass]) -> None:
        self._at = {one: labels.index(one) for one in (_NORMAL, *_ECTOPIC) if one in labels}
        self._own = {one: np.empty((0, _N_PART), np.float32) for one in self._at}

    def push(self, beat: Window, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next beat.

        Parameters
        ----------
        beat : (N_WINDOW,) float32
            On the scale of its template: the first channel of `BeatWindow.inputs["beat"]`.
        probability : (n_labels,)
            As the model said.

        Returns
        -------
        (n_labels,) float32: N may have given to V and S, or taken of them, their sum and all
        else have not changed
        """
        part = beat[_PART]
        told = np.array(probability, np.float32)
        like = {one: _likeness(part, own) for one, own in self._own.items() if len(own)}
        for ectopic in _ECTOPIC:
            if _NORMAL in like and ectopic in like:
                moved = WEIGHT * (like[ectopic] - like[_NORMAL])
                _shift(told, self._at[_NORMAL], self._at[ectopic], moved)
        for label, at in self._at.items():
            if probability[at] > SURE:
                self._own[label] = np.concatenate([self._own[label], part[np.newaxis]])[-N_OWN:]
        return told

    def state(self) -> State:
        return {"own": {label.value: own.copy() for label, own in self._own.items()}}

    def restore(self, state: State) -> None:
        saved = state["own"]
        for label in self._own:
            self._own[label] = np.array(saved[label.value], np.float32).reshape(-1, _N_PART)


def _likeness(part: Window, own: Window) -> float:
    """1 for the same, about -0.4 for the opposite: the median over a class's beats."""
    off = np.square(own - part).sum(axis=1)
    power = np.square(own).sum(axis=1) + np.square(part).sum()
    return float(np.median(1.0 - np.sqrt(off / np.maximum(power, 1e-9))))


def _shift(told: NDArray[np.float32], normal: int, ectopic: int, log_odds: float) -> None:
    """Move the odds of one class against another; their sum stays."""
    both = float(told[normal]) + float(told[ectopic])
    odds = float(told[ectopic]) * float(np.exp(np.clip(log_odds, -MOST, MOST)))
    share = odds / max(odds + float(told[normal]), 1e-12)
    told[ectopic], told[normal] = both * share, both * (1.0 - share)
