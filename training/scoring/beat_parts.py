"""What stands beside a beat classifier's main figures: groups, silence, calibration, errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.ec57 import compare, count_qrs, select_spans
from training.scoring import calibration
from training.scoring.beat_score import BeatCounts, summarise
from training.scoring.intervals import known
from training.scoring.observation import Observation
from training.scoring.reference import BeatReference

N_WORST: Final = 12
_WORST_A_RECORD: Final = 2
_SHOWN_S: Final = 8.0  # around an error
_CLASSED: Final = ("N", "S", "V", "F")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One record: what was expected, what was told, and the count."""

    reference: BeatReference
    path: Path
    counts: BeatCounts
    seen: Observation


def grouped(
    scored: Mapping[str, Scored], group_of: Callable[[Scored], str]
) -> dict[str, dict[str, Any]]:
    """Figures by a property of the people; who is of no group is left out."""
    groups: dict[str, dict[str, BeatCounts]] = {}
    for name, one in scored.items():
        if group := group_of(one):
            groups.setdefault(group, {})[name] = one.counts
    return {group: summarise(groups[group]) for group in sorted(groups)}


def cannot_analyse(scored: Mapping[str, Scored]) -> dict[str, Any]:
    """How much time the gateway declined, and what it would have got wrong in it.

    The beats there count as missed in every figure. What it would have told is its detector's
    word in the same stretches, unclassified.
    """
    missed = dict.fromkeys(_CLASSED, 0)
    would = {"tp": 0, "fn": 0, "fp": 0}
    shutdown_s = test_s = 0.0
    for one in scored.values():
        shutdown_s += one.counts.qrs.shutdown_s
        test_s += max(one.reference.duration_s - 300.0, 0.0)
        pairs = one.counts.pairs
        for label in pairs.ref_class[pairs.test_class == "X"]:
            missed[str(label)] = missed.get(str(label), 0) + 1
        counts = _would_have(one)
        would = {
            "tp": would["tp"] + counts[0],
            "fn": would["fn"] + counts[1],
            "fp": would["fp"] + counts[2],
        }
    return {
        "seconds": round(shutdown_s, 1),
        "share_percent": known(100 * shutdown_s / test_s if test_s else np.nan),
        "beats_by_class": missed,
        "would_have": {
            **would,
            "se": _ratio(would["tp"], would["fn"]),
            "ppv": _ratio(would["tp"], would["fp"]),
        },
    }


def calibrations(scored: Mapping[str, Scored]) -> dict[str, Any]:
    """Reliability of the probability told with each beat, all of them and by told class."""
    certainty, label, truth = _matched(scored)
    correct = label == truth
    parts = {"all": np.ones(len(label), np.bool_), "V": label == "V", "S": label == "S"}
    return {
        name: calibration.summarise(certainty[kept], correct[kept])
        for name, kept in parts.items()
        if bool(kept.any())
    }


def worst_errors(scored: Mapping[str, Scored]) -> list[dict[str, Any]]:
    """The errors in S and V that the gateway was surest of; a few of each record."""
    found: list[dict[str, Any]] = []
    for name, one in scored.items():
        if one.counts.paced:
            continue
        found += _errors(name, one)
    return sorted(found, key=lambda error: -(error["certainty"] or 0.0))[:N_WORST]


def _errors(name: str, one: Scored) -> list[dict[str, Any]]:
    pairs = one.counts.pairs
    certainty = _certainty_at(one.seen, pairs.test)
    # A ventricular beat called a fusion, or a fusion called either, is no grave error.
    wrong = (
        (pairs.ref_class != pairs.test_class)
        & (np.isin(pairs.ref_class, ("S", "V")) | np.isin(pairs.test_class, ("S", "V")))
        & ~np.isin(pairs.ref_class, ("F", "Q"))
        & ~np.isin(pairs.test_class, ("F", "X"))
    )
    surest = sorted(np.flatnonzero(wrong), key=lambda i: -np.nan_to_num(certainty[i]))
    return [
        {
            "record": name,
            "path": str(one.path),
            "at_s": round(max(int(pairs.ref[i]), int(pairs.test[i])) / one.reference.fs, 3),
            "reference": str(pairs.ref_class[i]),
            "told": str(pairs.test_class[i]),
            "certainty": known(float(certainty[i])),
            "beats": _around(one, certainty, int(i)),
        }
        for i in surest[:_WORST_A_RECORD]
    ]


def _around(
    one: Scored, certainty: NDArray[np.float64], place: int
) -> list[tuple[float, str, str, float | None]]:
    """Time, annotated class, told class and its probability of the beats near one."""
    pairs, fs = one.counts.pairs, one.reference.fs
    at = np.maximum(pairs.ref, pairs.test)
    near = np.flatnonzero(np.abs(at - at[place]) <= _SHOWN_S / 2 * fs)
    return [
        (
            round(float(at[i]) / fs, 3),
            str(pairs.ref_class[i]),
            str(pairs.test_class[i]),
            known(float(certainty[i]), 2),
        )
        for i in near
    ]


def _matched(
    scored: Mapping[str, Scored],
) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """Certainty, told class and true class of every beat that has all three."""
    parts: list[tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]] = []
    for one in scored.values():
        if one.counts.paced:
            continue
        pairs = one.counts.pairs
        certainty = _certainty_at(one.seen, pairs.test)
        kept = (pairs.ref >= 0) & np.isfinite(certainty) & np.isin(pairs.ref_class, _CLASSED)
        parts.append((certainty[kept], pairs.test_class[kept], pairs.ref_class[kept]))
    if not parts:
        return np.empty(0), np.empty(0, np.str_), np.empty(0, np.str_)
    certainties, labels, truths = zip(*parts, strict=True)
    return np.concatenate(certainties), np.concatenate(labels), np.concatenate(truths)


def _certainty_at(seen: Observation, samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Certainty of the beat told at each sample, NaN where there is none (-1)."""
    if not len(seen.beats):
        return np.full(len(samples), np.nan)
    at = np.clip(np.searchsorted(seen.beats, samples), 0, len(seen.beats) - 1)
    return np.where(seen.beats[at] == samples, seen.certainty[at], np.nan)


def _would_have(one: Scored) -> tuple[int, int, int]:
    """Found, missed and invented beats in the shutdown, had there been none."""
    seen = one.seen
    if not seen.shutdown or seen.held_back is None:
        return 0, 0, 0
    told = np.union1d(seen.beats, seen.held_back)
    pairs = compare(one.reference.beats, told, fs=one.reference.fs)
    counts = count_qrs(select_spans(pairs, seen.shutdown))
    return counts.tp, counts.fn, counts.fp


def _ratio(part: int, rest: int) -> float | None:
    return known(100 * part / (part + rest)) if part + rest else None
