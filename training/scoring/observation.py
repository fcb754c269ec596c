"""What the gateway said of one record, in plain arrays that go from process to process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.lead_states import LeadStates
from edge.rhythm_label import RHYTHMS
from training.ec57 import Span as SampleSpan
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    Beat,
    Episode,
    Event,
    Probabilities,
    Quality,
    SignalState,
)

_SHUT_DOWN: Final = frozenset({SignalState.POOR, SignalState.LEAD_OFF})


@dataclass(frozen=True, slots=True)
class Stretch:
    """When something was so: an alarm's condition, an episode. s from the record's start."""

    kind: str
    start_s: float  # of an alarm: when it was told
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One record as the gateway saw it."""

    fs: float
    n_samples: int
    beats: NDArray[np.int64]  # (n_beats,) samples, strictly ascending
    labels: NDArray[np.str_]  # (n_beats,) N S V F Q
    certainty: NDArray[np.float64]  # (n_beats,) probability of the label, NaN: none was given
    shutdown: tuple[SampleSpan, ...]  # "cannot analyse"
    alarms: tuple[Stretch, ...]  # every start of a condition, also while it was latched
    episodes: tuple[Stretch, ...]
    told_s: NDArray[np.float64]  # (n_told,) time of the probabilities
    told: NDArray[np.float32]  # (n_told, 5) in the order of `Rhythm`
    blank: bool = False  # no lead ever gave a signal
    held_back: NDArray[np.int64] | None = None  # beats it would have told in `shutdown`
    asked: NDArray[np.str_] | None = None  # classes at the annotated beats, if asked for

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs

    def alarmed(self, kinds: frozenset[AlarmKind]) -> list[tuple[float, float]]:
        """Stretches with an alarm of these kinds."""
        return [(one.start_s, one.end_s) for one in self.alarms if one.kind in kinds]


def observe(
    events: Sequence[Event], *, fs: float, n_samples: int, start_ns: int
) -> Observation:
    """Gather a record's events.

    Parameters
    ----------
    events : of one device with one ECG stream that starts with the record
    start_ns : UTC of the record's first sample
    """
    by_sample = {event.sample: event for event in events if isinstance(event, Beat)}
    beats = [by_sample[sample] for sample in sorted(by_sample)]
    told = [one for one in events if isinstance(one, Probabilities) and one.labels == RHYTHMS]
    return Observation(
        fs=fs,
        n_samples=n_samples,
        beats=np.array([beat.sample for beat in beats], np.int64),
        labels=np.array([beat.label.value for beat in beats], np.str_),
        certainty=np.array(
            [np.nan if beat.probability is None else beat.probability for beat in beats],
            np.float64,
        ),
        shutdown=_shutdown(events, n_samples),
        alarms=_alarms(events, start_ns, n_samples / fs),
        episodes=_episodes(events, fs, n_samples),
        told_s=np.array([one.sample / fs for one in told], np.float64),
        told=np.array([one.values for one in told], np.float32).reshape(-1, len(RHYTHMS)),
        blank=LeadStates(events).blank,
    )


def _shutdown(events: Sequence[Event], n_samples: int) -> tuple[SampleSpan, ...]:
    states = [event for event in events if isinstance(event, Quality)]
    lasts = [*(state.first_sample - 1 for state in states[1:]), n_samples - 1][: len(states)]
    return tuple(
        (state.first_sample, last)
        for state, last in zip(states, lasts, strict=True)
        if state.state in _SHUT_DOWN
    )


def _alarms(events: Sequence[Event], start_ns: int, duration_s: float) -> tuple[Stretch, ...]:
    """Each time that an alarm's condition began to be told, until it was over."""
    since: dict[str, tuple[str, float]] = {}
    stretches = []
    for event in events:
        if not isinstance(event, AlarmEvent):
            continue
        if event.active and event.alarm_id not in since:
            since[event.alarm_id] = (event.kind.value, (event.time_ns - start_ns) / 1e9)
        elif not event.active and event.alarm_id in since:
            kind, start_s = since.pop(event.alarm_id)
            over_ns = event.ended_ns or event.time_ns
            stretches.append(Stretch(kind, start_s, max((over_ns - start_ns) / 1e9, start_s)))
    stretches += [Stretch(kind, start, duration_s) for kind, start in since.values()]
    return tuple(sorted(stretches, key=lambda one: (one.start_s, one.kind)))


def _episodes(events: Sequence[Event], fs: float, n_samples: int) -> tuple[Stretch, ...]:
    """Episodes; one of which no end was told lasts to the record's end."""
    open_at: dict[str, int] = {}
    spans: list[tuple[str, int, int]] = []
    for event in events:
        if not isinstance(event, Episode):
            continue
        if event.end_sample is None:
            open_at[event.kind] = event.onset_sample
        else:
            open_at.pop(event.kind, None)
            spans.append((event.kind, event.onset_sample, event.end_sample))
    spans += [(kind, onset, n_samples) for kind, onset in open_at.items()]
    return tuple(
        Stretch(kind, onset / fs, max(end, onset) / fs)
        for kind, onset, end in sorted(spans, key=lambda span: span[1])
    )
