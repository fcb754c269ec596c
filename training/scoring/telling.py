"""What an evaluation leaves behind: its tables, its section of the results, the look it was."""

from collections.abc import Mapping
from typing import Any, Final

from training.results import RESULTS, TEST_SET_LOG, log_test_set_look, write_section
from training.scoring.tables import (
    Table,
    beat_tables,
    markdown,
    matrix_table,
    record_table,
    rhythm_tables,
    shockable_record_table,
)

_BEAT_WORDS: Final = (
    "The gateway's own causal output on the first lead of each record, gross, EC57: match "
    "window 150 ms, from minute 5; beats in time that it declined to analyse count as missed; "
    "paced records stay out of the class figures. Percent; 95 % intervals by bootstrap over "
    "records."
)
_RHYTHM_WORDS: Final = (
    "The gateway's own causal output on the first lead. CinC 2017: one label a record, the "
    "test fifth alone. Shockable: VT, flutter and VF of 10 s or more, merged; an alarm is "
    "false when it starts more than 10 s from any such episode. 95 % intervals: bootstrap over "
    "records, exact binomial and Poisson for counts."
)

_SEEN: Final = (
    " The shockable figures here are of one model, and the shipped one has learned from vfdb: "
    "what they are worth stands in the section by folds."
)


def text(task: str, report: Mapping[str, Any]) -> str:
    """The tables, for a terminal."""
    return "\n\n".join(markdown(table) for table in _tables(task, report))


def write_results(task: str, report: Mapping[str, Any], asked: str = "") -> None:
    """Put the figures into `docs/results.md`, in a section of their own.

    Parameters
    ----------
    asked : options of the command, as they stand behind `--data`

    Raises
    ------
    InputError : there is no such page here
    """
    folds = bool(report.get("folds"))
    name = f"{task}-folds" if folds else task
    title = {
        "ecg-beat": "Beats (EC57)",
        "ecg-rhythm": "Rhythm",
        "ecg-rhythm-folds": "Shockable rhythm, each record by a model that never saw it",
    }[name]
    words = _BEAT_WORDS if task == "ecg-beat" else _RHYTHM_WORDS
    if task == "ecg-rhythm" and not folds:
        words += _SEEN
    extra = f"{' --shockable-folds FOLDS' if folds else ''}{f' {asked}' if asked else ''}"
    tables = [*_tables(task, report), *_record_tables(report)]
    models = "; ".join(f"`{one}`" for one in report["bundles"].values())
    write_section(
        RESULTS,
        name,
        f"## {title}\n\n`vitalwire evaluate {task} --data $VITALWIRE_DATA{extra} --results`\n\n"
        f"{words} Models: {models}.\n\n" + "\n\n".join(markdown(table) for table in tables),
    )


def log_look(task: str, report: Mapping[str, Any]) -> None:
    """Note that records of a test set were looked at, if they were."""
    models = "; ".join(report["bundles"].values())
    for figures in _looks(report):
        log_test_set_look(TEST_SET_LOG, f"{task}, {models}", figures)


def _tables(task: str, report: Mapping[str, Any]) -> list[Table]:
    if task == "ecg-beat":
        return [*beat_tables(report), matrix_table(report)]
    challenge = report.get("challenge2017")
    return [*rhythm_tables(report), *([matrix_table(challenge)] if challenge else [])]


def _record_tables(report: Mapping[str, Any]) -> list[Table]:
    if "per_record" in report:
        return [record_table(report)]
    return [shockable_record_table(report)] if "shockable" in report else []


def _looks(report: Mapping[str, Any]) -> list[str]:
    looks = []
    if "ds2" in report and report["ds2"]["n_records"]:
        ds2 = report["ds2"]
        figures = ", ".join(
            f"{name} Se {_known(ds2[name]['se'])} +P {_known(ds2[name]['ppv'])}"
            for name in ("VEB", "SVEB")
        )
        looks.append(f"DS2 ({ds2['n_records']}): {figures}")
    if challenge := report.get("challenge2017"):
        looks.append(
            f"CinC 2017 ({challenge['n_records']} records): mean F1 of N, A, O "
            f"{_known(challenge['f1_mean_NAO'], 3)}, A {_known(challenge['f1']['A'], 3)}"
        )
    if shockable := report.get("shockable"):
        model = shockable["rhythm_model"]
        unseen = "folds" if report["folds"] else "one model"
        looks.append(
            f"shockable, {unseen} ({model['n_records']} records): Se {_known(model['se'])}, "
            f"delay p95 {_known(model['delay_p95_s'], 1)} s, "
            f"{_known(model['false_per_hour'])} false alarms an hour"
        )
    return looks


def _known(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
