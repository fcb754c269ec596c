"""The tables of SzCORE's figures, over all patients and of each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.scoring.szcore_figures import FIGURES, LEAST_PATIENTS
from training.scoring.tables import Row, Table, number

WORDS: Final = (
    "Scored as SzCORE does. By event: any overlap counts, from 30 s before a seizure's onset "
    "to 60 s after its end; events less than 90 s apart are one, those over 5 min are cut. By "
    "second: at 1 Hz, without tolerance. SzCORE's own figure is the mean over patients, of "
    "those for whom it is defined. Intervals are of 95 %. Of pooled events they are exact, "
    "binomial and Poisson, as if events were independent; all others are by bootstrap over "
    f"patients, from {LEAST_PATIENTS} patients on, and of few patients too narrow. Where all "
    "patients are alike, the mean has the interval of the pooled events."
)
_FIGURE_HEADS: Final = ("sensitivity", "precision", "F1")
_EXAMPLES: Final = 6


def tables(report: Mapping[str, Any]) -> list[Table]:
    """What is overall of a report of `szcore_figures.summarise`."""
    return [_by_event(report), _by_second(report), _delays(report)]


def patient_table(report: Mapping[str, Any]) -> Table:
    """One line a patient."""
    heads = ("patient", "recordings", "hours", "seizures", "found", *_FIGURE_HEADS,
             "false alarms", "a day", "seconds: sensitivity", "precision", "F1",
             "delays s", "not alarmed")  # fmt: skip
    rows = []
    for name, one in report["per_patient"].items():
        events, samples, delay = one["events"], one["samples"], one["delay"]
        sensitivity, precision, f1, per_day = _figures(events)
        seconds = [number(samples[key]) for key in FIGURES[:3]]
        rows.append(
            [
                name, str(one["n_recordings"]), _hours(one["hours"]), str(events["reference"]),
                str(events["tp"]), sensitivity, precision, f1, str(events["fp"]), per_day,
                *seconds, _listed(delay["delays_s"]), _missed(delay),
            ]
        )  # fmt: skip
    return "By patient", heads, rows


def _by_event(report: Mapping[str, Any]) -> Table:
    heads = ("", "patients", "hours", "seizures", "found", "false alarms", *_FIGURE_HEADS,
             "false alarms a day")  # fmt: skip
    return "By event", heads, _overall(report, "events")


def _by_second(report: Mapping[str, Any]) -> Table:
    heads = ("", "patients", "hours", "seconds of seizure", "found", "false", *_FIGURE_HEADS,
             "false seconds a day")  # fmt: skip
    return "By second", heads, _overall(report, "samples")


def _overall(report: Mapping[str, Any], of: str) -> list[Row]:
    mean, pooled = report[of]["mean"], report[of]["pooled"]
    counts = [str(pooled[key]) for key in ("reference", "tp", "fp")]
    who = [str(report["n_patients"]), _hours(report["hours"])]
    defined = [str(mean[f"{key}_patients"]) for key in FIGURES]
    return [
        ["mean over patients", *who, "", "", "", *_figures(mean)],
        ["patients in that mean", "", "", "", "", "", *defined],
        ["pooled", *who, *counts, *_figures(pooled)],
    ]


def _delays(report: Mapping[str, Any]) -> Table:
    delay = report["delay"]
    heads = ("seizures timed", "with a delay", "alarmed before the onset", "not alarmed",
             "median s", "p95 s", "longest s", "seizures not timed")  # fmt: skip
    counts = [str(delay[key]) for key in ("n_timed", "n_delays", "n_before_onset", "n_missed")]
    seconds = [_seconds(delay[key]) for key in ("median_s", "p95_s", "max_s")]
    return "From onset to alarm", heads, [[*counts, *seconds, str(delay["n_untimed"])]]


def _figures(one: Mapping[str, Any]) -> list[str]:
    return [number(one[key], one[f"{key}_ci"]) for key in FIGURES]


def _missed(delay: Mapping[str, Any]) -> str:
    return f"{delay['n_missed']} of {delay['n_timed']}" if delay["n_timed"] else "-"


def _hours(value: float) -> str:
    return f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _listed(delays_s: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.1f}" for value in delays_s[:_EXAMPLES])
    more = len(delays_s) - _EXAMPLES
    return (shown or "-") + (f" and {more} more" if more > 0 else "")
