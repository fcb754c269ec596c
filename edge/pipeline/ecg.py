"""What is made of an ECG: beats, rhythm, quality, vital signs, and the word on alarms."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge.inference import Asking
from edge.pipeline.ecg_inference import EcgInference
from edge.pipeline.models import EcgModels
from edge.pipeline.stream import Item, StreamName, UtcOf
from edge.stages.beat_chain import BeatChain
from edge.stages.beat_windows import LinkedBeat
from edge.stages.framing import FRAME_S
from edge.stages.items import Advance, Condition, Frame, Limits, State
from edge.stages.qrs import FS_MAX_HZ, FS_MIN_HZ, Detection, QrsDetector
from edge.stages.quality import FLAT_FRAMES, EcgLeadQuality
from edge.stages.rules import CardiacRules
from edge.stages.vitals import VitalsPoint, VitalsStage
from vitalwire.contracts import Quality, SignalState, Vitals

DECISION_DELAY_S: Final = 0.4
"""A beat that is not found by searching back is decided within this."""

BACK_S: Final = 5.0
"""So long the first lead must have been good before it is analysed again: to change leads
means to learn the beats anew."""

_UNREADABLE: Final = frozenset({SignalState.POOR, SignalState.LEAD_OFF})
_SILENT: Final = frozenset({SignalState.LEAD_OFF, SignalState.FLAT})
_REMEMBERED_FRAMES: Final = 50  # 10 s: longer than any beat's decision takes


SUPPORTED: Final = f"{FS_MIN_HZ:g} to {FS_MAX_HZ:g} Hz"


def supported(fs: float) -> bool:
    """Whether an ECG of this rate can be analysed; any other is only recorded."""
    return FS_MIN_HZ <= fs <= FS_MAX_HZ


class EcgAnalysis:
    """Frames of one ECG stream in; beats, rhythm, quality, vitals and conditions out.

    One lead is analysed: the first. While it is off or flat, another that is good stands in
    for it, until the first has been good again for `BACK_S`. Beats in a stretch that cannot be
    analysed are not told, and no interval reaches across one or from one lead to another.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz, see `supported`.
    n_leads : int
    limits : Limits
        Alarm limits of the patient.
    models : EcgModels
        What can be asked; without a beat model beats are Q (unclassified).
    """

    def __init__(
        self, name: StreamName, fs: float, n_leads: int, limits: Limits, models: EcgModels
    ) -> None:
        self._name, self._fs = name, fs
        self._lead = 0
        self._good_frames = 0  # in a row, of the first lead
        self._quality = [EcgLeadQuality(fs) for _ in range(n_leads)]
        self._told_states: list[SignalState | None] = [None] * n_leads
        self._past: deque[tuple[int, SignalState]] = deque(maxlen=_REMEMBERED_FRAMES)
        self._vitals = VitalsStage(fs)
        self._rules = CardiacRules(
            fs,
            name.signal,
            name.stream_id,
            limits,
            decision_delay_s=DECISION_DELAY_S,
            flat_after_s=FLAT_FRAMES * FRAME_S,
        )
        self._origin: int | None = None  # where the detector's count starts in the stream
        self._detector = QrsDetector(fs)
        self._chain = BeatChain(fs)
        self._inference = EcgInference(name, fs, limits, models)

    def push(self, frame: Frame, utc_of: UtcOf) -> Asking[Item]:
        """Take the next frame."""
        items: list[Item] = []
        states = [
            quality.push(frame.data[i], frame.missing[i], bool(frame.lead_off >> i & 1))
            for i, quality in enumerate(self._quality)
        ]
        items += self._quality_changes(frame, states, utc_of)
        if (better := self._better_lead(states)) is not None:
            items += yield from self._flush(utc_of)
            self._lead = better
            self._start(frame.first_sample)
            self._vitals.break_chain()
            self._rules.reset(frame.first_sample)
        if self._origin is None:
            self._start(frame.first_sample)
        state = states[self._lead]
        self._past.append((frame.end_sample, state))
        found = self._detector.push(frame.data[self._lead])
        items += yield from self._beats(found, frame, utc_of)
        items += self._conditions(found, states, frame, utc_of)
        items.append(Advance(utc_of(frame.end_sample)))
        return items

    def break_at(self, sample: int, utc_of: UtcOf) -> Asking[Item]:
        """Samples are missing up to `sample`: give what is pending, start anew there."""
        items = yield from self._flush(utc_of)
        self._origin = None
        self._past.clear()
        self._vitals.break_chain()
        self._rules.reset(sample)
        for quality in self._quality:
            quality.reset()
        return items

    def set_limits(self, limits: Limits) -> None:
        """The patient's alarm limits from now on."""
        self._rules.set_limits(limits)
        self._inference.set_limits(limits)

    # --- beats --------------------------------------------------------------------------

    def _start(self, sample: int) -> None:
        self._origin = sample
        self._detector = QrsDetector(self._fs)
        self._chain = BeatChain(self._fs)
        self._inference.start(sample)

    def _beats(self, found: Sequence[Detection], frame: Frame, utc_of: UtcOf) -> Asking[Item]:
        """Tell the beats, the rhythm, and the vital signs of this frame."""
        lead, state = frame.data[self._lead], self._past[-1][1]
        if state in _UNREADABLE:
            self._chain.add_unreadable(frame.first_sample)
        told = [one for one in found if self._readable(one)]
        items = yield from self._inference.push(frame, lead, self._linked(told), state, utc_of)
        beats = [(self._absolute(one), one.amplitude_mv) for one in told]
        points = self._vitals.push(frame.end_sample, beats, state)
        return [*items, *(self._vitals_event(point, utc_of) for point in points)]

    def _flush(self, utc_of: UtcOf) -> Asking[Item]:
        """What the detector and the models hold back, before they start anew."""
        if self._origin is None:
            return []
        told = [one for one in self._detector.flush() if self._readable(one)]
        return (yield from self._inference.flush(self._linked(told), utc_of))

    def _linked(self, beats: Sequence[Detection]) -> list[LinkedBeat]:
        return [LinkedBeat(one, self._chain.rr_s(self._absolute(one))) for one in beats]

    def _absolute(self, beat: Detection) -> int:
        assert self._origin is not None
        return self._origin + beat.sample

    def _readable(self, beat: Detection) -> bool:
        """Whether the frame that holds the R peak can be read, whenever it was decided."""
        sample = self._absolute(beat)
        held_by = next((state for end, state in self._past if sample < end), None)
        return held_by is not None and held_by not in _UNREADABLE

    # --- what goes beside the beats -----------------------------------------------------

    def _conditions(
        self,
        found: Sequence[Detection],
        states: Sequence[SignalState],
        frame: Frame,
        utc_of: UtcOf,
    ) -> list[Condition]:
        return self._rules.push(
            frame.end_sample,
            utc_of,
            [replace(one, sample=self._absolute(one)) for one in found],
            states[self._lead],
            frame.lead_state_known,
            frame.injected,
            other_lead_off=SignalState.LEAD_OFF in states,
            rhythm=self._inference.rhythm,
        )

    def _vitals_event(self, point: VitalsPoint, utc_of: UtcOf) -> Vitals:
        return Vitals(
            *self._name,
            sample=point.sample,
            time_ns=utc_of(point.sample),
            state=point.state,
            heart_rate_bpm=point.heart_rate_bpm,
            rr_s=point.rr_s,
            rmssd_ms=point.rmssd_ms,
            sdnn_ms=point.sdnn_ms,
            respiration_bpm=point.respiration_bpm,
            analysable=point.analysable,
        )

    def _quality_changes(
        self, frame: Frame, states: Sequence[SignalState], utc_of: UtcOf
    ) -> list[Item]:
        changes: list[Item] = []
        for lead, state in enumerate(states):
            if state is not self._told_states[lead]:
                self._told_states[lead] = state
                changes.append(
                    Quality(
                        *self._name,
                        lead=lead,
                        first_sample=frame.first_sample,
                        time_ns=utc_of(frame.first_sample),
                        state=state,
                    )
                )
        return changes

    def _better_lead(self, states: Sequence[SignalState]) -> int | None:
        """The lead to change to, if there is one."""
        self._good_frames = self._good_frames + 1 if states[0] is SignalState.GOOD else 0
        if self._lead and self._good_frames * FRAME_S >= BACK_S:
            return 0
        if states[self._lead] not in _SILENT:
            return None
        good = [lead for lead, state in enumerate(states) if state is SignalState.GOOD]
        return good[0] if good else None

    def state(self) -> State:
        return {
            "lead": self._lead,
            "good_frames": self._good_frames,
            "quality": [quality.state() for quality in self._quality],
            "told_states": [state and state.value for state in self._told_states],
            "past": [[end, state.value] for end, state in self._past],
            "vitals": self._vitals.state(),
            "rules": self._rules.state(),
            "origin": self._origin,
            "detector": self._detector.state(),
            "chain": self._chain.state(),
            "inference": self._inference.state(),
        }

    def restore(self, state: State) -> None:
        self._lead, self._good_frames = state["lead"], state["good_frames"]
        for quality, saved in zip(self._quality, state["quality"], strict=True):
            quality.restore(saved)
        self._told_states = [saved and SignalState(saved) for saved in state["told_states"]]
        self._past.extend((end, SignalState(saved)) for end, saved in state["past"])
        self._vitals.restore(state["vitals"])
        self._rules.restore(state["rules"])
        self._origin = state["origin"]
        self._detector.restore(state["detector"])
        self._chain.restore(state["chain"])
        if self._inference.fits(state["inference"]):
            self._inference.restore(state["inference"])
        elif self._origin is not None:  # other models: as behind a gap of no length
            self._origin = None
            self._vitals.break_chain()
            self._rules.reset(self._past[-1][0])
