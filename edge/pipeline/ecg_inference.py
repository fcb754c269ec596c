"""What the models say of the lead that is analysed: its rhythm first, then its beats.

The beats' classifier is told the newest probability of atrial fibrillation, so the rhythm is
asked first in each frame. Both look at one and the same filtered signal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.inference import Asking
from edge.pipeline.beat_classes import BeatClasses
from edge.pipeline.models import EcgModels, RhythmModel
from edge.pipeline.rhythm_watch import RhythmWatch
from edge.pipeline.stream import Item, StreamName, UtcOf
from edge.stages.beat_windows import LinkedBeat
from edge.stages.items import Frame, Limits, State
from edge.stages.model_signal import ModelSignal
from edge.stages.reports import Now
from vitalwire.contracts import Rhythm, SignalState

_NOTHING = np.empty(0, np.float32)


class EcgInference:
    """Frames of the analysed lead and its beats in; classified beats, rhythm, conditions out.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz.
    limits : Limits
        Alarm limits of the patient.
    models : EcgModels
    """

    def __init__(self, name: StreamName, fs: float, limits: Limits, models: EcgModels) -> None:
        self._fs = fs
        self._asks = models.beat is not None or models.rhythm is not None
        self._identity = [models.beat is not None, *_identity(models.rhythm)]
        self._signal = ModelSignal(fs)
        self._beats = BeatClasses(name, fs, limits, models.beat)
        self._rhythm = RhythmWatch(name, fs, models.rhythm) if models.rhythm else None
        self._end = 0  # of the last frame
        self._state = SignalState.UNKNOWN  # in it
        self._injected_end = -1

    def set_limits(self, limits: Limits) -> None:
        """The patient's alarm limits from now on."""
        self._beats.set_limits(limits)

    def start(self, sample: int) -> None:
        """A lead, or what follows a gap, begins at this sample. Call `flush` before."""
        self._signal = ModelSignal(self._fs)
        self._end = sample
        self._state = SignalState.UNKNOWN
        self._injected_end = min(self._injected_end, sample)
        self._beats.start(sample)
        if self._rhythm:
            self._rhythm.start(sample)

    @property
    def rhythm(self) -> Rhythm | None:
        """The likeliest rhythm now; None where nothing is known."""
        newest = self._rhythm.newest if self._rhythm else {}
        return max(newest, key=lambda rhythm: newest[rhythm]) if newest else None

    def push(
        self,
        frame: Frame,
        lead: NDArray[np.float32],
        beats: Sequence[LinkedBeat],
        state: SignalState,
        utc_of: UtcOf,
    ) -> Asking[Item]:
        """Take the next frame.

        Parameters
        ----------
        frame : Frame
        lead : (n_samples,) float32, mV
            The analysed one.
        beats : sequence of LinkedBeat
            Found with this frame, counted from `start`.
        state : SignalState
            Of the lead.
        utc_of : callable
        """
        items: list[Item] = []
        self._end, self._state = frame.end_sample, state
        if frame.injected:
            self._injected_end = frame.end_sample
        now = Now(frame.first_sample, frame.end_sample, utc_of, self._injected_end)
        samples = self._signal.push(lead) if self._asks else _NOTHING
        if self._rhythm:
            items += yield from self._rhythm.push(samples, frame.end_sample, state, utc_of)
            items += self._rhythm.conditions(now, state)
        told = yield from self._beats.push(samples, beats, self._p_af(), utc_of)
        return [*items, *told, *self._beats.conditions(now, told, state)]

    def flush(self, beats: Sequence[LinkedBeat], utc_of: UtcOf) -> Asking[Item]:
        """What waits and what is open, before everything starts anew."""
        told = yield from self._beats.flush(beats, self._p_af(), utc_of)
        now = Now(self._end, self._end, utc_of, self._injected_end)
        episodes = self._rhythm.flush(utc_of) if self._rhythm else []
        return [*told, *self._beats.conditions(now, told, self._state), *episodes]

    def _p_af(self) -> float:
        return self._rhythm.newest.get(Rhythm.AF, 0.0) if self._rhythm else 0.0

    def state(self) -> State:
        return {
            "models": self._identity,
            "signal": self._signal.state(),
            "beats": self._beats.state(),
            "rhythm": self._rhythm.state() if self._rhythm else None,
            "end": self._end,
            "state": self._state.value,
            "injected_end": self._injected_end,
        }

    def fits(self, state: State) -> bool:
        """Whether `state` is of the same models; if not, begin anew by `start`."""
        return bool(state["models"] == self._identity)

    def restore(self, state: State) -> None:
        self._signal.restore(state["signal"])
        self._beats.restore(state["beats"])
        if self._rhythm:
            self._rhythm.restore(state["rhythm"])
        self._end = state["end"]
        self._state = SignalState(state["state"])
        self._injected_end = state["injected_end"]


def _identity(model: RhythmModel | None) -> list[str | int]:
    """What must be the same for the model's state to mean anything to it."""
    return (
        [model.digest, model.n_state, *(label.value for label in model.labels)] if model else []
    )
