"""The gateway's pipeline as a QRS detector that can be scored.

It is given one lead: how well it chooses between leads is not scored.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.offline import analyze, chunks_of, records_of
from edge.results import events_of
from training.ec57 import Span
from vitalwire.contracts import Beat, Quality, SignalState

_SHUT_DOWN = frozenset({SignalState.POOR, SignalState.LEAD_OFF})


def detect_with_pipeline(
    x_mv: NDArray[np.float32], fs: float
) -> tuple[NDArray[np.int64], Sequence[Span]]:
    """Beats that the gateway tells, and the spans in which it says "cannot analyse".

    Parameters
    ----------
    x_mv : (n_samples,) float32
        One lead, mV; NaN = missing.
    fs : float
        Hz.
    """
    events = events_of(analyze(records_of(chunks_of(x_mv[None, :], fs))))
    beats = sorted({event.sample for event in events if isinstance(event, Beat)})
    states = [event for event in events if isinstance(event, Quality)]
    return np.array(beats, np.int64), _spans(states, len(x_mv))


def _spans(states: Sequence[Quality], n_samples: int) -> list[Span]:
    lasts = [*(state.first_sample - 1 for state in states[1:]), n_samples - 1]
    return [
        (state.first_sample, last)
        for state, last in zip(states, lasts, strict=True)
        if state.state in _SHUT_DOWN
    ]
