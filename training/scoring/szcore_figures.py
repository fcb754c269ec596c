"""SzCORE's figures by patient and overall, with intervals, for JSON. Pure.

Overall there are two. SzCORE's own is the mean over patients, each counted once, those for whom
a figure is not defined left out of it; *pooled* are the counts of all added up.

Intervals of pooled events are exact: binomial for shares, Poisson for alarms, so that none in
so many hours still allows some. They take events for independent. Intervals of means, and of
seconds, are by bootstrap over patients, where there are enough of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.scoring.intervals import (
    UNKNOWN,
    Bounds,
    binomial,
    bootstrap,
    bootstrap_mean,
    known,
    known_bounds,
    poisson_rate,
)
from training.scoring.onset_delay import Onsets
from training.scoring.szcore_score import Counts, RecordingScore, total
from vitalwire.errors import ContractError, InputError

# Of three patients the lowest alone is drawn three times in 1 draw of 27, more often than in
# the 2.5 % that an interval cuts off: it would be the range and no interval.
LEAST_PATIENTS: Final = 4

FIGURES: Final = ("sensitivity", "precision", "f1", "false_per_day")

_RATIOS: Final[Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "sensitivity": lambda s: s[:, 1] / s[:, 0],
    "precision": lambda s: s[:, 1] / (s[:, 1] + s[:, 2]),
    "f1": lambda s: 2 * s[:, 1] / (s[:, 0] + s[:, 1] + s[:, 2]),
    "false_per_day": lambda s: s[:, 2] / s[:, 3],
}
"""Of (n, 4) sums: reference, hits, false, days."""


def summarise(about: Sequence[str], scores: Sequence[RecordingScore]) -> dict[str, Any]:
    """The report: `events`, `samples` and `delay` overall and below `per_patient`.

    Shares are 0..1, false alarms a day, delays s; None where a figure is not defined.

    Parameters
    ----------
    about : the first lines of the report: what data it is, and what it cannot say

    Raises
    ------
    InputError : one recording twice
    ContractError : nothing is said about the data
    """
    if not any(line.strip() for line in about):
        raise ContractError("summarise: expected lines about the data, got none")
    _check_once(scores)
    patients = _by_patient(scores)
    events = {name: total(one.events for one in of) for name, of in patients.items()}
    samples = {name: total(one.samples for one in of) for name, of in patients.items()}
    return {
        "about": list(about),
        "n_patients": len(patients),
        "n_patients_with_seizures": sum(one.reference > 0 for one in events.values()),
        "n_recordings": len(scores),
        "hours": known(sum(one.exposure_s for one in events.values()) / 3600),
        "events": {
            "mean": _means(list(events.values()), exact=True),
            "pooled": _events(total(events.values())),
        },
        "samples": {
            "mean": _means(list(samples.values()), exact=False),
            "pooled": _pooled_samples(list(samples.values())),
        },
        "delay": _delay(scores),
        "per_patient": {
            name: {
                "n_recordings": len(of),
                "hours": known(events[name].exposure_s / 3600),
                "events": _events(events[name]),
                "samples": _counted(samples[name]),
                "delay": _delay(of),
            }
            for name, of in patients.items()
        },
    }


def _by_patient(scores: Sequence[RecordingScore]) -> dict[str, list[RecordingScore]]:
    patients: dict[str, list[RecordingScore]] = {}
    for score in sorted(scores, key=lambda one: (one.patient, one.name)):
        patients.setdefault(score.patient, []).append(score)
    return patients


def _check_once(scores: Sequence[RecordingScore]) -> None:
    seen: set[tuple[str, str]] = set()
    for score in scores:
        if (score.patient, score.name) in seen:
            raise InputError(
                f"patient {score.patient}, recording {score.name}: expected it once, got it "
                "twice: its seizures would count double"
            )
        seen.add((score.patient, score.name))


def _events(counts: Counts) -> dict[str, Any]:
    """Figures of counted events, with exact intervals."""
    return _counted(counts) | {
        f"{name}_ci": known_bounds(bounds) for name, bounds in _exact(counts).items()
    }


def _counted(counts: Counts) -> dict[str, Any]:
    return {
        "reference": counts.reference,
        "tp": counts.tp,
        "fn": counts.fn,
        "fp": counts.fp,
        **{name: known(getattr(counts, name)) for name in FIGURES},
    }


def _exact(counts: Counts) -> dict[str, Bounds]:
    # F1 = 2 s / (1 + s), s the share of hits among hits, misses and false alarms.
    low, high = binomial(counts.tp, counts.reference + counts.fp)
    return {
        "sensitivity": binomial(counts.tp, counts.reference),
        "precision": binomial(counts.tp, counts.tp + counts.fp),
        "f1": (2 * low / (1 + low), 2 * high / (1 + high)),
        "false_per_day": poisson_rate(counts.fp, counts.days),
    }


def _means(patients: Sequence[Counts], *, exact: bool) -> dict[str, Any]:
    """Means over patients; `exact`: the counts are of events, which may be independent."""
    report: dict[str, Any] = {}
    pooled = _exact(total(patients)) if exact else {}
    for name in FIGURES:
        values = np.array([getattr(one, name) for one in patients], np.float64)
        values = values[np.isfinite(values)]
        # Patients who are all alike leave a bootstrap no doubt. The pooled figure is then the
        # same as theirs, and its interval knows how few events that is.
        alike = len(values) > 0 and np.allclose(values, values[0], rtol=1e-9, atol=0.0)
        bounds = pooled.get(name, UNKNOWN) if alike else _if_several(values, bootstrap_mean)
        report |= {
            name: known(float(values.mean()) if len(values) else math.nan),
            f"{name}_ci": known_bounds(bounds),
            f"{name}_patients": len(values),
        }
    return report


def _pooled_samples(patients: Sequence[Counts]) -> dict[str, Any]:
    """Seconds of one seizure are no independent draws: patients are drawn."""
    table = np.array([(p.reference, p.tp, p.fp, p.days) for p in patients], np.float64)
    intervals = {
        f"{name}_ci": known_bounds(_if_several(table, partial(bootstrap, figure=ratio)))
        for name, ratio in _RATIOS.items()
    }
    return _counted(total(patients)) | intervals


def _if_several(
    table: NDArray[np.float64], interval: Callable[[NDArray[np.float64]], Bounds]
) -> Bounds:
    bounds = interval(table) if len(table) >= LEAST_PATIENTS else UNKNOWN
    return UNKNOWN if math.isclose(*bounds) else bounds


def _delay(scores: Sequence[RecordingScore]) -> dict[str, Any]:
    onsets = sum((one.onsets for one in scores), Onsets())
    delays = [one.delay_s for one in onsets.timed if one.delay_s is not None]
    missed = sum(not one.told for one in onsets.timed)
    return {
        "n_timed": len(onsets.timed),
        "n_delays": len(delays),
        "n_before_onset": len(onsets.timed) - len(delays) - missed,
        "n_missed": missed,
        "n_untimed": onsets.n_untimed,
        "median_s": known(float(np.median(delays)) if delays else math.nan, 3),
        "p95_s": known(float(np.percentile(delays, 95)) if delays else math.nan, 3),
        "max_s": known(max(delays, default=math.nan), 3),
        "delays_s": [round(one, 3) for one in delays],
    }
