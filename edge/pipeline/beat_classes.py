"""The class of each beat, and the alarms that follow from classes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.inference import Asking
from edge.pipeline.models import BEAT_MODEL, BeatModel
from edge.pipeline.stream import StreamName, UtcOf
from edge.stages.beat_windows import BeatWindow, BeatWindows, LinkedBeat
from edge.stages.items import Condition, Limits, State
from edge.stages.own_beats import OwnBeats
from edge.stages.reports import Now
from edge.stages.ventricular import VentricularRules
from vitalwire.contracts import Arrays, Beat, BeatClass, InferenceRequest, SignalState

AF_CERTAIN: Final = 0.9
"""Of P(AF): above it no beat is called S. Where the atria fibrillate, none of their beats is
premature; on held-out people of DS1 this takes away false S beats and hardly a true one."""

_EXPLAINED: Final = frozenset({BeatClass.S, BeatClass.V, BeatClass.F})


def label_of(
    model: BeatModel, probability: NDArray[np.float32], p_af: float = 0.0
) -> tuple[BeatClass, float]:
    """The class by the model's thresholds, see `BeatModel`, and its probability.

    Parameters
    ----------
    model : BeatModel
    probability : (n_labels,)
    p_af : probability of atrial fibrillation at this beat, see `AF_CERTAIN`
    """
    said = dict(zip(model.labels, (float(value) for value in probability), strict=True))
    best, times = BeatClass.N, 1.0
    for label, value in said.items():
        if label is BeatClass.N or (label is BeatClass.S and p_af > AF_CERTAIN):
            continue
        multiple = value / max(model.thresholds[label], 1e-9)
        if multiple > times or (multiple == times and best is BeatClass.N):
            best, times = label, multiple
    return best, round(said.get(best, 0.0), 4)


class BeatClasses:
    """Beats of one lead in; classified beats and conditions out, in the order of the beats.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz.
    limits : Limits
        Alarm limits of the patient.
    model : BeatModel, optional
        None: beats are told at once, as Q (unclassified).
    """

    def __init__(
        self, name: StreamName, fs: float, limits: Limits, model: BeatModel | None
    ) -> None:
        self._name, self._fs, self._model = name, fs, model
        self._rules = VentricularRules(fs, name.signal, name.stream_id, limits)
        self._origin = 0
        self._begin()

    def _begin(self) -> None:
        self._windows = BeatWindows(self._fs)
        self._own = OwnBeats(self._model.labels if self._model else ())

    def set_limits(self, limits: Limits) -> None:
        """The patient's alarm limits from now on."""
        self._rules.set_limits(limits)

    def start(self, sample: int) -> None:
        """A lead, or what follows a gap, begins at this sample."""
        self._origin = sample
        self._begin()
        self._rules.reset(sample)

    def push(
        self,
        samples: NDArray[np.float32],
        beats: Sequence[LinkedBeat],
        p_af: float,
        utc_of: UtcOf,
    ) -> Asking[Beat]:
        """Take the next samples at 125 Hz and the beats found with them.

        Parameters
        ----------
        samples : (n,) float32, mV
        beats : sequence of LinkedBeat
        p_af : float
            Probability of atrial fibrillation now; 0 where nobody knows.
        utc_of : callable
        """
        if self._model is None:
            return [self._beat(beat, utc_of) for beat in beats]
        return (yield from self._ask(self._windows.push(samples, beats, p_af), utc_of))

    def flush(self, beats: Sequence[LinkedBeat], p_af: float, utc_of: UtcOf) -> Asking[Beat]:
        """What waits, before everything starts anew."""
        if self._model is None:
            return [self._beat(beat, utc_of) for beat in beats]
        return (yield from self._ask(self._windows.flush(beats, p_af), utc_of))

    def conditions(
        self, now: Now, beats: Sequence[Beat], state: SignalState
    ) -> list[Condition]:
        """What the classified beats mean for the alarms."""
        return self._rules.push(now, beats, state) if self._model else []

    def _ask(self, ready: Sequence[BeatWindow], utc_of: UtcOf) -> Asking[Beat]:
        if not ready:
            return []
        device = self._name.device
        answers = yield [InferenceRequest(BEAT_MODEL, device, one.inputs) for one in ready]
        return [
            self._classified(one, answer, utc_of)
            for one, answer in zip(ready, answers, strict=True)
        ]

    def _classified(self, window: BeatWindow, answer: Arrays, utc_of: UtcOf) -> Beat:
        """A beat by the model's answer; Q where it gave none."""
        if self._model is None or not answer:
            return self._beat(window.beat, utc_of)
        said = answer["probability"]
        label, probability = label_of(
            self._model, self._own.push(window.inputs["beat"][0], said), window.p_af
        )
        shown: tuple[float, ...] = ()
        # It is of the class that the model itself holds for the likeliest, and of no other.
        is_models = self._model.labels[int(said.argmax())] is label
        if is_models and label in _EXPLAINED and "activation" in answer:
            shown = tuple(round(float(value), 2) for value in answer["activation"])
        return self._beat(window.beat, utc_of, label, probability, shown)

    def _beat(
        self,
        beat: LinkedBeat,
        utc_of: UtcOf,
        label: BeatClass = BeatClass.Q,
        probability: float | None = None,
        activation: tuple[float, ...] = (),
    ) -> Beat:
        sample = self._origin + beat.detection.sample
        return Beat(
            *self._name,
            sample=sample,
            time_ns=utc_of(sample),
            label=label,
            rr_s=beat.rr_s,
            amplitude_mv=beat.detection.amplitude_mv,
            probability=probability,
            activation=activation,
        )

    def state(self) -> State:
        return {
            "rules": self._rules.state(),
            "windows": self._windows.state(),
            "own": self._own.state(),
            "origin": self._origin,
        }

    def restore(self, state: State) -> None:
        self._rules.restore(state["rules"])
        self._windows.restore(state["windows"])
        self._own.restore(state["own"])
        self._origin = state["origin"]
