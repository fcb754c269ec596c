"""Whether the heart speaks for a seizure that the EEG shows. Pure.

Most seizures that spread quicken the heart, often before anything is seen (ictal tachycardia).
Where a patient wears both, a rise of the heart rate around the onset raises the confidence
that the seizure's alarm states, and the alarm says so. Nothing else follows: no alarm waits
for the other signal, none is raised, ended or made less urgent by it, and a heart that does not
quicken says nothing.

Law of this module: what it says depends on what was told up to a tick, not on the order in
which devices told it: so it is asked once a tick, when no device is at work.

- The rate before: the median from 120 to 30 s before the onset, of at least 30 s.
- The rate at it: what the heart reached for at least 5 s from 30 s before the onset to 60 s
  after it.
- A rise: by 20 %, the least that stimulators of the vagus nerve which listen to the heart go
  by, and by 15 a minute, more than a slow heart varies by.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from statistics import median
from typing import Final

from edge.stages.items import State
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Event,
    Evidence,
    Signal,
    Vitals,
)

BEFORE_S: Final = (-120.0, -30.0)
AROUND_S: Final = (-30.0, 60.0)
LEAST_BEFORE: Final = 30  # heart rates, one a second
LEAST_AROUND: Final = 5
RISE_SHARE: Final = 0.2
RISE_BPM: Final = 15.0

WEIGHT: Final = 0.5
"""Of the doubt that the EEG leaves, a quickened heart takes away so much. A convention, not a
probability: it was not fitted to anything."""

_KEPT_NS: Final = 300_000_000_000
_STEP: Final = 0.05  # it is said again when the confidence has moved so far ...
_STEP_BPM: Final = 10.0  # ... or the heart has risen so much more


@dataclass(frozen=True, slots=True)
class Support:
    """What the heart says for an alarm of a device."""

    device: str
    alarm_id: str
    evidence: Evidence


@dataclass(slots=True)
class _Seizure:
    wearer: str
    device: str
    onset_ns: int
    mean: float  # of the probability, as the alarm said it last
    said: float | None = None  # confidence, with the heart
    said_bpm: float = 0.0


class Fusion:
    """Events of all devices in; what one signal says for an alarm of the other out.

    A wearer is a patient, or a device that nobody is known to wear.
    """

    def __init__(self) -> None:
        self._with_eeg: set[str] = set()  # wearers; of nobody else a heart rate is kept
        self._hearts: dict[tuple[str, str], deque[tuple[int, float]]] = {}
        self._seizures: dict[str, _Seizure] = {}  # by alarm id

    def push(self, wearer: str, event: Event) -> None:
        """Take what a device of this wearer has told."""
        if isinstance(event, Vitals):
            self._vitals(wearer, event)
        elif isinstance(event, AlarmEvent) and event.kind is AlarmKind.SEIZURE:
            self._alarm(wearer, event)

    def tick(self, now_ns: int) -> list[Support]:
        """What is to be added to which alarm."""
        self._forget(now_ns - _KEPT_NS)
        told = []
        for alarm_id, seizure in self._seizures.items():
            rates = self._rise(seizure)
            if rates is None:
                continue
            confidence = 1.0 - (1.0 - seizure.mean) * (1.0 - WEIGHT)
            before, reached = rates
            if (
                seizure.said is not None
                and abs(confidence - seizure.said) < _STEP
                and reached - seizure.said_bpm < _STEP_BPM
            ):
                continue
            seizure.said, seizure.said_bpm = confidence, reached
            evidence: Evidence = {
                "confidence": round(confidence, 2),
                "rests_on": "EEG, heart rate",
                "heart_rate_before_bpm": round(before, 1),
                "heart_rate_bpm": round(reached, 1),
            }
            told.append(Support(seizure.device, alarm_id, evidence))
        return told

    def _vitals(self, wearer: str, vitals: Vitals) -> None:
        if vitals.signal is Signal.EEG:
            self._with_eeg.add(wearer)
        elif vitals.heart_rate_bpm is not None and wearer in self._with_eeg:
            rates = self._hearts.setdefault((wearer, vitals.device), deque())
            rates.append((vitals.time_ns, vitals.heart_rate_bpm))

    def _alarm(self, wearer: str, event: AlarmEvent) -> None:
        if event.phase is AlarmPhase.END:
            self._seizures.pop(event.alarm_id, None)
            return
        mean = event.evidence.get("mean")
        if not isinstance(mean, float):
            return
        if event.alarm_id in self._seizures:
            self._seizures[event.alarm_id].mean = mean
        else:
            self._seizures[event.alarm_id] = _Seizure(
                wearer, event.device, event.onset_ns, mean
            )

    def _rise(self, seizure: _Seizure) -> tuple[float, float] | None:
        """The rate before and the one reached, of the heart that rose most; None: none did."""
        rises = [
            rates
            for (wearer, _), heart in self._hearts.items()
            if wearer == seizure.wearer
            and (rates := _rates(heart, seizure.onset_ns)) is not None
            and rates[1] - rates[0] >= max(RISE_BPM, RISE_SHARE * rates[0])
        ]
        return max(rises, key=lambda rates: rates[1] - rates[0], default=None)

    def _forget(self, before_ns: int) -> None:
        for heart in self._hearts.values():
            while heart and heart[0][0] < before_ns:
                heart.popleft()
        self._hearts = {key: heart for key, heart in self._hearts.items() if heart}

    def state(self) -> State:
        return {
            "with_eeg": sorted(self._with_eeg),
            "hearts": [[*key, [list(one) for one in h]] for key, h in self._hearts.items()],
            "seizures": [[key, *astuple(one)] for key, one in self._seizures.items()],
        }

    def restore(self, state: State) -> None:
        self._with_eeg = set(state["with_eeg"])
        self._hearts = {
            (wearer, device): deque((at, bpm) for at, bpm in rates)
            for wearer, device, rates in state["hearts"]
        }
        self._seizures = {key: _Seizure(*fields) for key, *fields in state["seizures"]}


def _rates(heart: Iterable[tuple[int, float]], onset_ns: int) -> tuple[float, float] | None:
    """Heart rate before a seizure and what it reached; None where too little is known."""
    since = [((at_ns - onset_ns) / 1e9, bpm) for at_ns, bpm in heart]
    before = [bpm for at_s, bpm in since if BEFORE_S[0] <= at_s < BEFORE_S[1]]
    around = [bpm for at_s, bpm in since if AROUND_S[0] <= at_s <= AROUND_S[1]]
    if len(before) < LEAST_BEFORE or len(around) < LEAST_AROUND:
        return None
    return median(before), sorted(around)[-LEAST_AROUND]
