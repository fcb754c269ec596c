"""The parts of a rhythm report: whole records, shockable episodes, AF, calibration, errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.rhythm_label import RHYTHMS
from training.scoring import calibration, challenge_score, episode_score, shockable_score
from training.scoring.intervals import known
from training.scoring.observation import Observation
from training.scoring.reference import RhythmReference
from training.scoring.spans import Span, merged
from vitalwire.contracts import AlarmKind, Rhythm

RHYTHM_ALARM: Final = frozenset({AlarmKind.SHOCKABLE_RHYTHM})
BOTH_ALARMS: Final = RHYTHM_ALARM | {AlarmKind.VENTRICULAR_TACHYCARDIA}
BREAK_S: Final = 2.0
"""Annotators break an episode for a beat or two of another rhythm: told apart, and joined."""

N_WORST: Final = 12
_SHOWN_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A record with one label, and the gateway's."""

    name: str
    path: Path
    expected: str
    answered: str
    certainty: float  # probability of the answer
    scores: Mapping[str, float]
    duration_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A record with annotated rhythms, and what the gateway said of it."""

    set_name: str
    reference: RhythmReference
    path: Path
    seen: Observation


def challenge(labelled: Sequence[Labelled]) -> dict[str, Any]:
    """The challenge's score, calibration and the errors that the gateway was surest of."""
    certainty = np.array([one.certainty for one in labelled])
    correct = np.array([one.expected == one.answered for one in labelled], np.bool_)
    wrong = sorted(
        (one for one in labelled if one.expected != one.answered), key=lambda o: -o.certainty
    )
    return {
        **challenge_score.summarise(
            [one.expected for one in labelled], [one.answered for one in labelled]
        ),
        "calibration": calibration.summarise(certainty, correct),
        "worst": [
            {
                "record": one.name,
                "path": str(one.path),
                "at_s": 0.0,
                "length_s": min(one.duration_s, _SHOWN_S),
                "reference": one.expected,
                "told": one.answered,
                "certainty": known(one.certainty),
            }
            for one in wrong[:N_WORST]
        ],
    }


def shockable(heard: Sequence[Heard]) -> dict[str, Any]:
    """Both kinds of alarm over all records, the rhythm model's also by set."""
    sets = sorted({one.set_name for one in heard})
    scores = _scores(heard, RHYTHM_ALARM)
    joined = _scores(heard, RHYTHM_ALARM, join_s=BREAK_S)
    return {
        "rhythm_model": shockable_score.summarise([scores[id(one)] for one in heard]),
        "with_beat_rule": shockable_score.summarise(list(_scores(heard, BOTH_ALARMS).values())),
        "short_breaks_joined": shockable_score.summarise(list(joined.values())),
        "by_set": {
            name: shockable_score.summarise(
                [scores[id(one)] for one in heard if one.set_name == name]
            )
            for name in sets
        },
        "false_in_noise": sum(
            any(start <= at < end for start, end in one.reference.noise)
            for one in heard
            for at in scores[id(one)].false_s
        ),
        "worst": _worst(heard, scores),
    }


def af_episodes(heard: Sequence[Heard]) -> dict[str, Any]:
    """Fibrillation with flutter left out, flutter alone, and both as one."""
    told = {id(one): _told_af(one) for one in heard}

    def over(pick: str) -> dict[str, Any]:
        counts = {one.reference.name: _af_counts(one, told[id(one)], pick) for one in heard}
        return episode_score.summarise(counts)

    return {pick: over(pick) for pick in ("af", "flutter", "af_or_flutter")}


def by_second(heard: Sequence[Heard]) -> dict[str, Any]:
    """Whether the probabilities told each second mean what they say, where it is annotated."""
    report = {}
    for rhythm in (Rhythm.SHOCKABLE, Rhythm.AF):
        column = RHYTHMS.index(rhythm.value)
        p = [one.seen.told[:, column].astype(np.float64) for one in heard]
        truth = [
            _inside(
                one.seen.told_s,
                one.reference.shockable if rhythm is Rhythm.SHOCKABLE else one.reference.af,
            )
            for one in heard
        ]
        report[rhythm.value] = calibration.summarise(
            np.clip(np.concatenate(p), 0.0, 1.0), np.concatenate(truth)
        )
    return report


def _scores(
    heard: Sequence[Heard], kinds: frozenset[AlarmKind], *, join_s: float = 0.0
) -> dict[int, shockable_score.RecordScore]:
    return {
        id(one): shockable_score.score_record(
            one.reference.name,
            one.reference.duration_s,
            merged(one.reference.shockable, join_s),
            one.seen.alarmed(kinds),
        )
        for one in heard
    }


def _worst(
    heard: Sequence[Heard], scores: Mapping[int, shockable_score.RecordScore]
) -> list[dict[str, Any]]:
    """Missed episodes, the longest first, then false alarms, a few of each record."""
    missed, false = [], []
    for one in heard:
        score = scores[id(one)]
        lost = sorted(
            (outcome.span for outcome in score.episodes if not outcome.hit),
            key=lambda span: span[0] - span[1],
        )
        missed += [_error(one, start, "shockable", "nothing", end) for start, end in lost[:2]]
        false += [_error(one, at, "not shockable", "shockable") for at in score.false_s[:2]]
    missed.sort(key=lambda error: -error["lasts_s"])
    return (missed[: N_WORST // 2] + false)[:N_WORST]


def _error(
    one: Heard, at_s: float, reference: str, told: str, end_s: float | None = None
) -> dict[str, Any]:
    column = RHYTHMS.index(Rhythm.SHOCKABLE.value)
    near = np.abs(one.seen.told_s - at_s) <= _SHOWN_S / 2
    highest = float(one.seen.told[near, column].max()) if bool(near.any()) else np.nan
    return {
        "record": one.reference.name,
        "path": str(one.path),
        "at_s": round(at_s, 2),
        "length_s": _SHOWN_S,
        "lasts_s": round((end_s or at_s) - at_s, 1),
        "reference": reference,
        "told": told,
        "certainty": known(highest),
    }


def _told_af(one: Heard) -> list[Span]:
    return [(e.start_s, e.end_s) for e in one.seen.episodes if e.kind == Rhythm.AF.value]


def _af_counts(one: Heard, told: Sequence[Span], pick: str) -> episode_score.EpisodeCounts:
    af, flutter = one.reference.af, one.reference.flutter
    expected, neutral = {
        "af": (af, flutter),
        "flutter": (flutter, af),
        "af_or_flutter": ((*af, *flutter), ()),
    }[pick]
    return episode_score.score_record(one.reference.duration_s, expected, told, neutral=neutral)


def _inside(times_s: NDArray[np.float64], spans: Sequence[Span]) -> NDArray[np.bool_]:
    inside = np.zeros(len(times_s), np.bool_)
    for start, end in spans:
        inside |= (times_s >= start) & (times_s < end)
    return inside
