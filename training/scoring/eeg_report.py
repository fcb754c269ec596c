"""What an evaluation of seizures leaves behind: tables, a page, its section of the results."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from training.results import RESULTS, write_section
from training.scoring import eeg_strips
from training.scoring.page import STYLE, section_html, skipped_html, table_html
from training.scoring.szcore_tables import WORDS, patient_table, tables
from training.scoring.tables import Table, markdown, number
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

TITLE: Final = "Seizures: what the gateway told"
LEADS_WORDS: Final = (
    "Of fewer leads those over the temples are kept: T7-P7, then T8-P8, F7-T7 and F8-T8; "
    "against a reference T7, T8, P7 and P8."
)
PROBE_WORDS: Final = (
    "Seizures are of one recorder, most of the background of another. Recorder told: how often "
    "a linear probe on what a model's encoder pools, people held out, says rightly whether "
    "background is of people with seizures; 50 % is chance."
)
_NO_DEVICE: Final = "Not a medical device."
_MARKS: Final = (
    "As the model hears it, 0.5 to 45 Hz; a square is 1 s, lines are 150 uV apart. The mark is "
    "the annotated onset, or when the alarm was told; the probability is the highest that was "
    "told while it lasted."
)


def text(report: Mapping[str, Any]) -> str:
    """Everything in Markdown, the lines about the data first."""
    return "\n\n".join([*_words(report), *(markdown(table) for table in _tables(report))])


def render(report: Mapping[str, Any]) -> str:
    """The whole page."""
    first = "".join(f"<p>{escape(line)}</p>" for line in [*_words(report), _NO_DEVICE])
    body = "".join(table_html(table) for table in _tables(report))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE}</title><style>{STYLE}</style></head><body><h1>{TITLE}</h1>"
        f'<div class="first">{first}</div>{body}{_errors(report["worst"])}'
        f"{skipped_html(report)}{_notes(report['notes'])}</body></html>\n"
    )


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the page.

    Raises
    ------
    InputError : the file cannot be written
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name the page, as report.html")
    with staged(path.parent, [path.name]) as work:
        (work / path.name).write_text(render(report), encoding="utf-8")


def write_results(report: Mapping[str, Any], name: str, asked: str) -> None:
    """Put the figures into `docs/results.md`, in a section of their own.

    Parameters
    ----------
    name : of the section
    asked : options of the command, as they stand behind `--data`

    Raises
    ------
    InputError : there is no such page here
    """
    command = f"vitalwire evaluate eeg-seizure --data $VITALWIRE_DATA {asked}".strip()
    write_section(
        RESULTS,
        name,
        f"## Seizures (SzCORE): {report['detector']}\n\n`{command} --results`\n\n"
        + text(report),
    )


def compared_table(report: Mapping[str, Any]) -> Table:
    """A line for each detector and number of leads."""
    heads = ("detector", "leads", "recordings", "seizures found", "alarm began in it",
             "precision", "F1", "F1, mean over patients", "false alarms a day, mean",
             "delay p50 s", "p95 s", "alarms before onsets", "alarms without a seizure",
             "hours", "a day", "recorder told, %")  # fmt: skip
    rows = []
    for one in report["compared"]:
        mean, pooled = one["events"]["mean"], one["events"]["pooled"]
        lead_in, background = one["lead_in"], one["background"]
        rows.append(
            [
                one["detector"], "all" if one["leads"] is None else str(one["leads"]),
                str(one["n_recordings"]), f"{one['seizures.found']} of {one['seizures.n']}",
                str(one["seizures.alarm_began_in"]), number(pooled["precision"]),
                number(pooled["f1"], pooled["f1_ci"]), number(mean["f1"]),
                number(mean["false_per_day"]), _seconds(one["delay_p50_s"]),
                _seconds(one["delay_p95_s"]), f"{lead_in['alarms']} in {lead_in['n']}",
                str(background["alarms"]), f"{background['hours']:.2f}",
                number(background["per_day"], background["per_day_ci"]),
                _percent(one["device_probe"]),
            ]
        )  # fmt: skip
    return "Detectors and leads, events pooled", heads, rows


def apart_table(report: Mapping[str, Any]) -> Table:
    """Alarms that are false whatever SzCORE says."""
    heads = ("", "people", "with alarms", "time", "alarms", "an hour", "a day")
    lead_in, background = report["lead_in"], report["background"]
    rows = [
        [
            "recordings without a seizure", str(background["people"]),
            str(background["people_with_alarms"]), f"{background['hours']:.2f} h",
            str(background["alarms"]),
            number(background["per_hour"], background["per_hour_ci"]),
            number(background["per_day"], background["per_day_ci"]),
        ],
        [
            f"{lead_in['n']} pieces before an onset", "", f"{lead_in['with_alarms']} pieces",
            f"{lead_in['minutes']:.1f} min", str(lead_in["alarms"]), "-", "-",
        ],
    ]  # fmt: skip
    return "Alarms where there is no seizure", heads, rows


def _words(report: Mapping[str, Any]) -> list[str]:
    asked = any(one["leads"] is not None for one in report["compared"])
    models = f"Heard by {report['bundles']['eeg-seizure']}."
    several = len(report["compared"]) > 1
    probed = several and any(one["device_probe"] is not None for one in report["compared"])
    more = [*([LEADS_WORDS] if asked else []), *([PROBE_WORDS] if probed else [])]
    return [*report["about"], models, WORDS, *more]


def _tables(report: Mapping[str, Any]) -> list[Table]:
    several = len(report["compared"]) > 1
    return [
        *([compared_table(report)] if several else []),
        apart_table(report),
        *tables(report),
        patient_table(report),
    ]


def _errors(errors: Sequence[Mapping[str, Any]]) -> str:
    if not errors:
        return ""
    figures = "".join(eeg_strips.strip(error) for error in errors)
    inner = f'<p>{_MARKS}</p><div class="figures">{figures}</div>'
    return section_html("Seizures missed, and false alarms", inner)


def _notes(notes: Sequence[str]) -> str:
    lines = "".join(f"<li>{escape(one)}</li>" for one in notes)
    return section_html("Said by those who read the data", f"<ul>{lines}</ul>") if notes else ""


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
