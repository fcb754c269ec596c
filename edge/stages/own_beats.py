"""What a person's own beats have looked like, as the model was sure of them. Pure.

A network knows hearts, not this one. What is normal in one person looks ventricular in
another, so the last beats that the model was sure are N, and V, are remembered, and the odds of
V against N of each next beat move by which of them it is more like. Nobody has to label
anything; where one of the two has not been seen, nothing moves, and other classes never do.

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

_PART: Final = slice(N_BEFORE - 20, N_BEFORE + 40)  # 160 ms before the R peak to 320 ms after
_N_PART: Final = 60

Window = NDArray[np.float32]


class OwnBeats:
    """Beats and what the model says of them in, what it means in this person out.

    Parameters
    ----------
    labels : sequence of BeatClass
        Of the model's probabilities, in order.
    """

    def __init__(self, labels: Sequence[BeatClass]) -> None:
        self._classes = [
            labels.index(one) for one in (BeatClass.N, BeatClass.V) if one in labels
        ]
        self._own = [np.empty((0, _N_PART), np.float32) for _ in self._classes]

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
        (n_labels,) float32: V and N may have changed places, their sum and all else have not
        """
        part = beat[_PART]
        said = np.array(probability, np.float32)
        if len(self._own) == 2 and all(map(len, self._own)):
            normal, ventricular = self._classes
            like = [_likeness(part, own) for own in self._own]
            moved = float(np.clip(WEIGHT * (like[1] - like[0]), -MOST, MOST))
            both = float(said[normal]) + float(said[ventricular])
            odds = float(said[ventricular]) * np.exp(moved)
            share = odds / max(odds + float(said[normal]), 1e-12)
            said[ventricular], said[normal] = both * share, both * (1.0 - share)
        for i, label in enumerate(self._classes):
            if probability[label] > SURE:
                self._own[i] = np.concatenate([self._own[i], part[np.newaxis]])[-N_OWN:]
        return said

    def state(self) -> State:
        return {"own": [one.copy() for one in self._own]}

    def restore(self, state: State) -> None:
        self._own = [np.array(one, np.float32).reshape(-1, _N_PART) for one in state["own"]]


def _likeness(part: Window, own: Window) -> float:
    """1 for the same, about -0.4 for the opposite: the median over a class's beats."""
    off = np.square(own - part).sum(axis=1)
    power = np.square(own).sum(axis=1) + np.square(part).sum()
    return float(np.median(1.0 - np.sqrt(off / np.maximum(power, 1e-9))))
