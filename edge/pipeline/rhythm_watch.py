"""The rhythm of one lead: probabilities, episodes, and the alarms that follow from them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.inference import Asking
from edge.pipeline.models import RHYTHM_MODEL, RhythmModel
from edge.pipeline.stream import StreamName, UtcOf
from edge.stages.episodes import EpisodeChange, Episodes, Hop
from edge.stages.items import Condition, State
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.reports import Now
from edge.stages.rhythm import RhythmStage
from edge.stages.rhythm_alarms import RhythmAlarms
from edge.stages.rhythm_hops import N_HOP
from edge.stages.rules import HEART_SEEN
from vitalwire.contracts import Episode, InferenceRequest, Probabilities, Rhythm, SignalState

_TOLD_HOPS: Final = 5  # probabilities are told once a second


class RhythmWatch:
    """The models' signal of one lead in; probabilities and episodes out, and conditions.

    Every hop is asked about, in a poor signal too, and its probabilities are told. To episodes
    and alarms only those count that lie in a signal that can be read.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz.
    model : RhythmModel
    """

    def __init__(self, name: StreamName, fs: float, model: RhythmModel) -> None:
        self._name, self._fs, self._model = name, fs, model
        self._stage = RhythmStage(model.n_state)
        self._episodes = {rhythm: Episodes(rule) for rhythm, rule in model.rules.items()}
        self._alarms = RhythmAlarms(name.signal, name.stream_id, RHYTHM_MODEL)
        self._origin = 0
        self._newest: tuple[float, ...] = ()  # empty: nothing is known
        self._failed = False  # the last question had no answer

    def start(self, sample: int) -> None:
        """A lead, or what follows a gap, begins at this sample. Call `flush` before."""
        self._origin = sample
        self._stage = RhythmStage(self._model.n_state)
        self._newest, self._failed = (), False
        for one in self._episodes.values():
            one.reset()
        self._alarms.reset(sample)

    @property
    def newest(self) -> dict[Rhythm, float]:
        """The last probabilities; empty where nothing is known."""
        if not self._newest:
            return {}
        return dict(zip(self._model.labels, self._newest, strict=True))

    def push(
        self, samples: NDArray[np.float32], end_sample: int, state: SignalState, utc_of: UtcOf
    ) -> Asking[Probabilities | Episode]:
        """Take the next samples at 125 Hz.

        Parameters
        ----------
        samples : (n,) float32, mV
        end_sample : int
            Of the frame that they come from.
        state : SignalState
            Of the lead in that frame.
        utc_of : callable
        """
        told: list[Probabilities | Episode] = []
        if state is SignalState.LEAD_OFF:
            told += self.flush(utc_of)
            self._newest = ()
            self._stage.lead_off(self._position(end_sample))
        self._stage.push(samples)
        while (inputs := self._stage.ask()) is not None:
            answers = yield [InferenceRequest(RHYTHM_MODEL, self._name.device, inputs)]
            self._newest = self._stage.answer(answers[0]) or ()
            self._failed = not self._newest
            told += self._probabilities(utc_of)
            told += self._judge(state in HEART_SEEN, utc_of)
        return told

    def flush(self, utc_of: UtcOf) -> list[Episode]:
        """What is open ends where it was seen last: before a gap, or with the lead off."""
        return [
            self._episode(rhythm, change, utc_of)
            for rhythm, one in self._episodes.items()
            for change in one.reset()
        ]

    def conditions(self, now: Now, state: SignalState) -> list[Condition]:
        """What the rhythm means for the alarms, at the end of a frame."""
        return self._alarms.push(now, self._episodes, self.newest, state, self._failed)

    def _probabilities(self, utc_of: UtcOf) -> list[Probabilities]:
        end = self._stage.end
        if not self._newest or end // N_HOP % _TOLD_HOPS:
            return []
        self._alarms.trace(self._model.labels, self._newest)
        sample = self._sample(end)
        return [
            Probabilities(
                *self._name,
                sample=sample,
                time_ns=utc_of(sample),
                labels=tuple(label.value for label in self._model.labels),
                values=tuple(round(value, 6) for value in self._newest),
            )
        ]

    def _judge(self, seen: bool, utc_of: UtcOf) -> list[Episode]:
        start, end = self._sample(self._stage.end - N_HOP), self._sample(self._stage.end)
        newest = self.newest
        told: list[Episode] = []
        for rhythm, one in self._episodes.items():
            if seen and newest:
                changes = one.push(Hop(start, end, newest[rhythm]))
            else:
                changes = one.hold()
            told += [self._episode(rhythm, change, utc_of) for change in changes]
        return told

    def _episode(self, rhythm: Rhythm, change: EpisodeChange, utc_of: UtcOf) -> Episode:
        return Episode(
            *self._name,
            kind=rhythm.value,
            onset_sample=change.onset,
            end_sample=change.end,
            onset_ns=utc_of(change.onset),
            end_ns=None if change.end is None else utc_of(change.end),
            confidence=round(change.confidence, 3),
        )

    def _sample(self, position: int) -> int:
        """Of the stream, where the models' signal has come to `position`."""
        return self._origin + round(position * self._fs / MODEL_FS_HZ)

    def _position(self, sample: int) -> int:
        return round((sample - self._origin) * MODEL_FS_HZ / self._fs)

    def state(self) -> State:
        return {
            "stage": self._stage.state(),
            "episodes": {rhythm.value: one.state() for rhythm, one in self._episodes.items()},
            "alarms": self._alarms.state(),
            "origin": self._origin,
            "newest": list(self._newest),
            "failed": self._failed,
        }

    def restore(self, state: State) -> None:
        self._stage.restore(state["stage"])
        for rhythm, one in self._episodes.items():
            one.restore(state["episodes"][rhythm.value])
        self._alarms.restore(state["alarms"])
        self._origin = state["origin"]
        self._newest, self._failed = tuple(state["newest"]), state["failed"]
