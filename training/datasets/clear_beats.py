"""Beats that nobody needs to annotate: told by rules that are almost never wrong.

In a short record whose rhythm is otherwise regular, a beat that comes early, looks like the
others and is followed by an interval of the usual length is supraventricular; one that comes
early, looks unlike them and is followed by a pause is ventricular; one on time that looks like
the others is normal. Every other beat stays without a label. So records that are labelled
"other" as a whole show ectopic beats of a hundred more hearts. Pure.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_context import CONTEXT, N_INTERVALS
from vitalwire.contracts import BeatClass

_REGULAR: Final = 0.06  # median step of the logarithm from interval to interval
_NO_AF: Final = 0.5
_LEAST_HISTORY: Final = 8 / N_INTERVALS  # beats, to know what is usual
_EARLY: Final = float(np.log(0.85))
_IMPOSSIBLE: Final = float(np.log(0.35))  # earlier than a heart can: a T wave was counted
_ON_TIME: Final = 0.08
_USUAL: Final = float(np.log(0.92))
_PAUSE: Final = float(np.log(1.05))
_ALIKE: Final = 0.95  # correlation of the QRS
_THE_SAME: Final = 0.97
_UNLIKE: Final = 0.5
_AMPLITUDE: Final = 0.25  # of the logarithm


def clear_classes(context: NDArray[np.float32]) -> dict[BeatClass, NDArray[np.bool_]]:
    """Which beats are clearly of which class.

    Parameters
    ----------
    context : (n, N_CONTEXT) float32

    Returns
    -------
    (n,) bool each for N, S and V; no beat is of two
    """
    of = {name: context[:, i] for i, name in enumerate(CONTEXT)}
    previous, following = of["previous_to_median"], of["next_to_median"]
    calm = (
        (of["irregularity"] < _REGULAR)
        & (of["p_af"] < _NO_AF)
        & (of["history"] >= _LEAST_HISTORY)
    )
    early = calm & (previous < _EARLY) & (previous > _IMPOSSIBLE) & (of["next_known"] > 0)
    alike = (of["qrs_similarity"] > _ALIKE) & (np.abs(of["amplitude"]) < _AMPLITUDE)
    on_time = calm & (np.abs(previous) < _ON_TIME)
    return {
        BeatClass.N: on_time & (of["qrs_similarity"] > _THE_SAME),
        BeatClass.S: early & alike & (following > _USUAL),
        BeatClass.V: early & (of["qrs_similarity"] < _UNLIKE) & (following > _PAUSE),
    }
