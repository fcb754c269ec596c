"""SzCORE's scores of seizures, by event and second by second (Dan et al. 2024). Pure.

The counting is `timescoring`'s, of SzCORE's own authors: a few hundred lines that need numpy
alone and are the definition, so they are called and not written again; checks of the input and
sums over recordings are what they lack.

- By event: events less than 90 s apart are one, longer ones than 5 min are cut; a seizure is
  hit by any overlap, from 30 s before its onset to 60 s after its end; an alarm that overlaps
  no seizure that was hit, with these tolerances, is false.
- By sample: seconds (1 Hz), without tolerance; a false alarm is a false second.

There is no specificity and no accuracy: time without a seizure makes both look good.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring, SampleScoring

from training.scoring.onset_delay import Onsets, find_onsets
from training.scoring.spans import Span, clipped
from vitalwire.errors import InputError

BEFORE_S: Final = 30.0
AFTER_S: Final = 60.0
MERGE_S: Final = 90.0
LONGEST_S: Final = 300.0
SAMPLE_HZ: Final = 1
LEAST_S: Final = 1.0  # of a recording: one second to score
# timescoring's grid of events: one shorter than a step may hit nothing and count as false.
_EVENT_HZ: Final = 10
_PARAMETERS: Final = EventScoring.Parameters(
    toleranceStart=BEFORE_S,
    toleranceEnd=AFTER_S,
    minOverlap=0.0,
    maxEventDuration=LONGEST_S,
    minDurationBetweenEvents=MERGE_S,
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording with its annotated seizures and the alarms. Events in s from its start."""

    patient: str
    name: str
    duration_s: float
    reference: Sequence[Span]  # onset and end of each seizure
    hypothesis: Sequence[
        Span
    ]  # from when an alarm was told, no onset refined later, to its end
    unbroken: bool = False  # runs across the onsets as it was recorded: delays mean something


@dataclass(frozen=True, slots=True)
class Counts:
    """Of events, or of seconds; those of several recordings add up."""

    reference: int
    tp: int  # of the reference's
    fp: int
    exposure_s: float

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.reference + other.reference,
            self.tp + other.tp,
            self.fp + other.fp,
            self.exposure_s + other.exposure_s,
        )

    @property
    def fn(self) -> int:
        return self.reference - self.tp

    @property
    def days(self) -> float:
        return self.exposure_s / 3600 / 24

    @property
    def sensitivity(self) -> float:
        """0..1; NaN without a seizure."""
        return _share(self.tp, self.reference)

    @property
    def precision(self) -> float:
        """0..1; NaN where nothing was told."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float:
        """0..1; NaN without a seizure and without a false alarm."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def false_per_day(self) -> float:
        """False alarms, or false seconds, in a day of recording."""
        return _share(self.fp, self.days)


NOTHING: Final = Counts(0, 0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class RecordingScore:
    """One recording scored."""

    patient: str
    name: str
    events: Counts
    samples: Counts
    onsets: Onsets


def score_recording(recording: Recording) -> RecordingScore:
    """Compare a recording's alarms with its seizures.

    Events may come in any order and overlap; overlapping ones are one, and what lies outside
    of the recording is cut off.

    Raises
    ------
    InputError : a recording under 1 s, an event without length or outside of the recording
    """
    _check(recording)
    reference = clipped(recording.reference, 0.0, recording.duration_s)
    hypothesis = clipped(recording.hypothesis, 0.0, recording.duration_s)
    n_samples = round(recording.duration_s * _EVENT_HZ)
    expected = Annotation(list(reference), _EVENT_HZ, n_samples)
    told = Annotation(list(hypothesis), _EVENT_HZ, n_samples)
    return RecordingScore(
        patient=recording.patient,
        name=recording.name,
        events=_counts(EventScoring(expected, told, _PARAMETERS)),
        samples=_counts(SampleScoring(expected, told, SAMPLE_HZ)),
        onsets=find_onsets(
            reference,
            hypothesis,
            merge_s=MERGE_S,
            before_s=BEFORE_S,
            after_s=AFTER_S,
            unbroken=recording.unbroken,
        ),
    )


def total(counts: Iterable[Counts]) -> Counts:
    """Those of several recordings as if they were one."""
    return sum(counts, NOTHING)


def _counts(score: EventScoring | SampleScoring) -> Counts:
    return Counts(
        reference=int(score.refTrue),
        tp=int(score.tp),
        fp=int(score.fp),
        exposure_s=score.numSamples / score.fs,
    )


def _check(recording: Recording) -> None:
    where = f"patient {recording.patient}, recording {recording.name}"
    duration_s = recording.duration_s
    if not (math.isfinite(duration_s) and duration_s >= LEAST_S):
        raise InputError(
            f"{where}: expected a duration of {LEAST_S:g} s or more, got {duration_s:g} s"
        )
    for what, events in (("seizure", recording.reference), ("alarm", recording.hypothesis)):
        for onset_s, end_s in events:
            finite = math.isfinite(onset_s) and math.isfinite(end_s)
            if not (finite and max(onset_s, 0.0) < min(end_s, duration_s)):
                raise InputError(
                    f"{where}: expected each {what} to have an onset before its end, within "
                    f"{duration_s:g} s, got {onset_s} to {end_s} s: is it of this recording, "
                    "in seconds from its start?"
                )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
