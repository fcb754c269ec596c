"""What the seizure model says of an EEG: probabilities, episodes, the alarm."""

from collections.abc import Sequence
from typing import Any, Final

from edge.inference import Asking
from edge.pipeline.models import SEIZURE_MODEL, SeizureModel
from edge.pipeline.stream import StreamName, UtcOf
from edge.stages.eeg_hops import EegHop
from edge.stages.eeg_signal import EEG_FS_HZ, HOP_S, N_HOP
from edge.stages.episodes import EpisodeChange, Episodes, Hop
from edge.stages.items import Condition, State
from edge.stages.merged_episodes import MergedEpisodes
from edge.stages.reports import Now
from edge.stages.seizure import SeizureStage
from edge.stages.seizure_alarms import SeizureAlarms
from vitalwire.contracts import Brain, Episode, InferenceRequest, Probabilities, SignalState

_TOLD_HOPS: Final = round(1.0 / HOP_S)  # probabilities are told once a second


class EegInference:
    """Hops of an EEG in; probabilities, episodes and conditions out.

    Every hop with a lead that can be read is asked about. Only in a signal that can be
    analysed as a whole the answer is told, and counts for episodes and the alarm.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz.
    n_leads : int
    model : SeizureModel
    """

    def __init__(self, name: StreamName, fs: float, n_leads: int, model: SeizureModel) -> None:
        self._name, self._fs, self._n_leads, self._model = name, fs, n_leads, model
        self._seizure_at = model.labels.index(Brain.SEIZURE)
        self._stage = SeizureStage(model.n_state, n_leads)
        self._seizures = Episodes(model.rule, HOP_S)
        self._merged = MergedEpisodes(fs)
        self._alarms = SeizureAlarms(name.signal, name.stream_id, SEIZURE_MODEL)
        self._origin = 0
        self._newest: tuple[float, ...] = ()  # empty: nothing is known
        self._failed = False  # the last question had no answer

    def start(self, sample: int) -> None:
        """The stream, or what follows a gap, begins at this sample. Call `flush` before."""
        self._origin = sample
        self._stage = SeizureStage(self._model.n_state, self._n_leads)
        self._newest, self._failed = (), False
        self._alarms.reset(sample)

    def push(
        self, hops: Sequence[EegHop], state: SignalState, utc_of: UtcOf
    ) -> Asking[Probabilities | Episode]:
        """Take the hops that a frame has completed, and the state of the leads together."""
        told: list[Probabilities | Episode] = []
        for hop in hops:
            self._newest = ()
            if (inputs := self._stage.ask(hop)) is not None:
                request = InferenceRequest(SEIZURE_MODEL, self._name.device, inputs)
                answer = self._stage.answer((yield [request])[0])
                self._failed = answer is None
                if answer and state is SignalState.GOOD:
                    self._newest = answer.probability
                    self._alarms.add(answer.leads)
            told += self._probabilities(hop, utc_of)
            told += self._judge(hop, utc_of)
        return told

    def flush(self, utc_of: UtcOf) -> list[Episode]:
        """What is open ends where it was seen last, before a gap."""
        changes = self._merged.push(self._seizures.reset(), 0) + self._merged.flush()
        return [self._episode(change, utc_of) for change in changes]

    def conditions(
        self, now: Now, state: SignalState, n_read: tuple[int, int]
    ) -> list[Condition]:
        """What it means for the alarm, at the end of a frame; `n_read` leads of all."""
        newest = self._newest[self._seizure_at] if self._newest else None
        return self._alarms.push(now, self._seizures, newest, state, n_read, self._failed)

    def _probabilities(self, hop: EegHop, utc_of: UtcOf) -> list[Probabilities]:
        if not self._newest or hop.end // N_HOP % _TOLD_HOPS:
            return []
        self._alarms.trace(self._newest[self._seizure_at])
        sample = self._sample(hop.end)
        return [
            Probabilities(
                *self._name,
                sample=sample,
                time_ns=utc_of(sample),
                labels=tuple(label.value for label in self._model.labels),
                values=tuple(round(value, 6) for value in self._newest),
            )
        ]

    def _judge(self, hop: EegHop, utc_of: UtcOf) -> list[Episode]:
        start, end = self._sample(hop.end - N_HOP), self._sample(hop.end)
        if self._newest:
            changes = self._seizures.push(Hop(start, end, self._newest[self._seizure_at]))
        else:
            changes = self._seizures.hold()
        return [self._episode(one, utc_of) for one in self._merged.push(changes, end)]

    def _episode(self, change: EpisodeChange, utc_of: UtcOf) -> Episode:
        return Episode(
            *self._name,
            kind=Brain.SEIZURE.value,
            onset_sample=change.onset,
            end_sample=change.end,
            onset_ns=utc_of(change.onset),
            end_ns=None if change.end is None else utc_of(change.end),
            confidence=round(change.confidence, 3),
        )

    def _sample(self, position: int) -> int:
        """Of the stream, where the models' signal has come to `position`."""
        return self._origin + round(position * self._fs / EEG_FS_HZ)

    def _identity(self) -> list[Any]:
        """What must be the same for a saved state to mean anything to the model."""
        model = self._model
        return [model.digest, model.n_state, *(label.value for label in model.labels)]

    def state(self) -> State:
        return {
            "model": self._identity(),
            "stage": self._stage.state(),
            "seizures": self._seizures.state(),
            "merged": self._merged.state(),
            "alarms": self._alarms.state(),
            "origin": self._origin,
            "newest": list(self._newest),
            "failed": self._failed,
        }

    def fits(self, state: State | None) -> bool:
        """Whether `state` is of the same model; if not, begin anew by `start`."""
        return state is not None and bool(state["model"] == self._identity())

    def restore(self, state: State) -> None:
        self._stage.restore(state["stage"])
        self._seizures.restore(state["seizures"])
        self._merged.restore(state["merged"])
        self._alarms.restore(state["alarms"])
        self._origin = state["origin"]
        self._newest, self._failed = tuple(state["newest"]), state["failed"]
