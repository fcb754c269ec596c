"""A report as one HTML page that needs nothing else: no script, no file beside it."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from training.scoring import strips
from training.scoring.tables import (
    Table,
    beat_tables,
    matrix_table,
    record_table,
    rhythm_tables,
    shockable_record_table,
)
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --told: #b3261e; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
.first { border-left: 4px solid var(--told); background: var(--soft); padding: .5rem 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 1rem 0 .25rem; white-space: nowrap; }
td small { display: block; opacity: .75; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right;
  white-space: nowrap; }
thead th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.matrix td.hit { font-weight: 700; background: var(--soft); }
.figures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
.diagrams { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; min-width: 0; } figcaption { font-size: .875rem; }
svg { width: 100%; height: 8rem; background: #fff8; border: 1px solid var(--line); }
.labels { position: relative; height: 3.2rem; font-size: .75rem; line-height: 1.3; }
.labels span { position: absolute; transform: translateX(-50%); text-align: center; }
.labels b { display: block; height: 1rem; }
.labels i { display: block; font-style: normal; font-size: .625rem; opacity: .75; }
.labels .wrong b { color: var(--told); }
svg.reliability { width: 15rem; height: 15rem; }
svg.eeg { height: 14rem; }
svg text { font-size: 10px; fill: currentColor; }
polyline { fill: none; stroke: currentColor; stroke-width: 1.2;
  vector-effect: non-scaling-stroke; }
line.grid { stroke: #e5737344; vector-effect: non-scaling-stroke; }
line.mark { stroke: var(--told); stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
line.ideal { stroke: currentColor; stroke-dasharray: 3 3; opacity: .5; }
line.bar { stroke: currentColor; } circle { fill: var(--told); }
@media (prefers-color-scheme: dark) { svg { background: #fff1; } :root { --told: #f2b8b5; } }
"""

_BEATS: Final = (
    "Scored is the gateway's own causal output on one lead: EC57, match window 150 ms, from "
    "minute 5, gross. Beats in time that it declined to analyse count as missed. Paced records "
    "stay out of the class figures."
)
_BEATS_UNKNOWN: Final = (
    "It cannot say how the gateway does on people, leads and wearables other than these. "
    "Records that the models learned from (DS1) are no test of them: read DS2. Intervals are "
    "by bootstrap over records; few records make them wide."
)
_BEAT_MARKS: Final = (
    "Above each beat its annotated class, below that in red what was told where it differs (O: "
    "no beat, X: declined), and the probability of what was told."
)
_ALARM_MARKS: Final = (
    "The line is the episode's annotated onset, or the alarm's start; the probability is the "
    "highest that was told for a shockable rhythm around it."
)
_LABELS: Final = "One label a record, from the probabilities that were streamed. "
_LEFT_OUT: Final = (
    "{} records that the models may have learned from are left out. Nobody knows whose the "
    "records are: one person may be on both sides."
)
_LEFT_IN: Final = "Among the records may be some that the models learned from."
_EPISODES: Final = (
    "Shockable episodes are VT, flutter and VF of 10 s or more; records are scored {}. Few "
    "people, few episodes: the figures cannot say how it does on others, and hours without a "
    "false alarm do not mean that there are none."
)
_UNSEEN: Final = "by the model of the fold that had not seen them"
_MAYBE_SEEN: Final = "by one model: where it learned from these records, that is no test of it"


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the page of a report of `evaluate_beat` or `evaluate_rhythm`.

    Raises
    ------
    InputError : the file cannot be written
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name the page, as report.html")
    with staged(path.parent, [path.name]) as work:
        (work / path.name).write_text(render(report), encoding="utf-8")


def render(report: Mapping[str, Any]) -> str:
    """The whole page."""
    beat = "VEB" in report
    title = "Beats: what the gateway told" if beat else "Rhythm: what the gateway told"
    body = _beat(report) if beat else _rhythm(report)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
        f'<div class="first">{_first(report, beat)}</div>{body}{skipped_html(report)}'
        "</body></html>\n"
    )


def _first(report: Mapping[str, Any], beat: bool) -> str:
    """What was scored and what it cannot say: before any figure."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    models = "; ".join(f"{task}: {name}" for task, name in report["bundles"].items())
    lines = [
        f"{when}. Models: {models or 'none'}.",
        *([_BEATS, _BEATS_UNKNOWN] if beat else _rhythm_words(report)),
    ]
    lines.append("Not a medical device. Intervals are of 95 %.")
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _rhythm_words(report: Mapping[str, Any]) -> list[str]:
    lines = []
    if "challenge2017" in report:
        left_out = report["left_out_of_challenge2017"]
        lines.append(_LABELS + (_LEFT_OUT.format(left_out) if left_out else _LEFT_IN))
    if "shockable" in report:
        lines.append(_EPISODES.format(_UNSEEN if report["folds"] else _MAYBE_SEEN))
    return lines


def _beat(report: Mapping[str, Any]) -> str:
    parts = [section_html("", "".join(table_html(table) for table in beat_tables(report)))]
    parts.append(section_html("EC57 matrix", table_html(matrix_table(report), matrix=True)))
    parts.append(_diagrams({f"told {k}": one for k, one in report["calibration"].items()}))
    parts.append(_errors("Errors it was surest of", report["worst"], _BEAT_MARKS))
    return "".join([*parts, section_html("", table_html(record_table(report)))])


def _rhythm(report: Mapping[str, Any]) -> str:
    parts = [section_html("", "".join(table_html(table) for table in rhythm_tables(report)))]
    if challenge := report.get("challenge2017"):
        parts.append(
            section_html("Confusion matrix", table_html(matrix_table(challenge), matrix=True))
        )
        parts.append(_diagrams({"label of the record": challenge["calibration"]}))
        parts.append(_errors("Labels it was surest of, and wrong", challenge["worst"]))
    if shockable := report.get("shockable"):
        parts.append(_diagrams(report["by_second"], ", second by second"))
        parts.append(
            _errors("Episodes missed, and false alarms", shockable["worst"], _ALARM_MARKS)
        )
        parts.append(section_html("", table_html(shockable_record_table(report))))
    return "".join(parts)


def section_html(title: str, inner: str) -> str:
    return (f"<h2>{escape(title)}</h2>" if title else "") + inner


def table_html(table: Table, *, matrix: bool = False) -> str:
    title, heads, rows = table
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    lines = []
    for row in rows:
        cells = [
            f"<td{_hit(matrix and heads[at] == row[0])}>{_cell(cell)}</td>"
            for at, cell in enumerate(row)
            if at
        ]
        lines.append(f'<tr><th scope="row">{escape(row[0])}</th>{"".join(cells)}</tr>')
    kind = ' class="matrix"' if matrix else ""
    return (
        f'<div class="wide"><table{kind}><caption>{escape(title)}</caption><thead><tr>{head}'
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """A figure with its interval below it."""
    return re.sub(r"^(\S+) (\(.* to .*\))$", r"\1<small>\2</small>", escape(text))


def _hit(is_hit: bool) -> str:
    return ' class="hit"' if is_hit else ""


def _diagrams(parts: Mapping[str, Any], when: str = "") -> str:
    figures = "".join(
        f"<figure>{strips.reliability(one['bins'])}<figcaption>{escape(name)}: "
        f"{one['n']} cases, ECE {one['ece']:.3f}</figcaption></figure>"
        for name, one in parts.items()
        if one["n"]
    )
    inner = f'<div class="diagrams">{figures}</div>'
    return (
        section_html(f"Do the probabilities mean what they say{when}?", inner)
        if figures
        else ""
    )


def _errors(title: str, errors: Sequence[Mapping[str, Any]], note: str = "") -> str:
    if not errors:
        return ""
    figures = "".join(strips.strip(error) for error in errors)
    scale = f"<p>Squares of 0.2 s and 0.5 mV. {escape(note)}</p>"
    return section_html(title, f'{scale}<div class="figures">{figures}</div>')


def skipped_html(report: Mapping[str, Any]) -> str:
    if not report["skipped"]:
        return ""
    lines = "".join(
        f"<li>{escape(one['record'])}: {escape(one['why'])}</li>" for one in report["skipped"]
    )
    return section_html("Not scored", f"<ul>{lines}</ul>")
