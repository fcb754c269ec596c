"""The figures as Markdown tables, for a terminal and for `docs/results.md`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Row = Sequence[str]
Table = tuple[str, Row, Sequence[Row]]
"""Title, heads, rows."""

_SETS: Final = (
    ("all that were scored", None),
    ("DS2", "ds2"),
    ("DS2 without 202", "ds2_without_202"),
    ("DS1 (trained on)", "ds1"),
)


def markdown(table: Table) -> str:
    """One table, with its title above."""
    title, heads, rows = table
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return (f"**{title}**\n\n" if title else "") + "\n".join(lines)


def percent(value: float | None, interval: Sequence[float | None] = (None, None)) -> str:
    """A figure in percent with its interval."""
    if value is None:
        return "-"
    low, high = interval
    return f"{value:.2f}" + (
        "" if low is None or high is None else f" ({low:.1f} to {high:.1f})"
    )


def number(value: float | None, interval: Sequence[float | None] = (None, None)) -> str:
    """A figure that is no percentage, with its interval."""
    if value is None:
        return "-"
    low, high = interval
    return f"{value:.3f}" + (
        "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    )


def beat_tables(report: Mapping[str, Any]) -> list[Table]:
    """Everything of an `ecg-beat` report but the matrix and the records."""
    sets = [
        (title, report if key is None else report[key])
        for title, key in _SETS
        if key is None or report[key]["n_records"]
    ]
    tables = [_classes("The gateway's own beats, first lead", sets)]
    if annotated := report["annotated"]:
        rows = [("all that were scored", annotated), ("DS2", annotated["ds2"])]
        tables.append(
            _classes("Asked at the annotated beats", [r for r in rows if r[1]["n_records"]])
        )
    groups = [("by sex", report["by_sex"]), ("by age", report["by_age"])]
    for title, found in [*groups, ("other leads and noise", report["variants"])]:
        if found:
            tables.append(_classes(f"Figures {title}", list(found.items())))
    return [*tables, _silence(report["cannot_analyse"]), _calibration(report["calibration"])]


def rhythm_tables(report: Mapping[str, Any]) -> list[Table]:
    """Everything of an `ecg-rhythm` report but matrix and records."""
    tables: list[Table] = []
    if challenge := report.get("challenge2017"):
        tables.append(_challenge(challenge))
        tables.append(_calibration({"label of the record": challenge["calibration"]}))
    if shockable := report.get("shockable"):
        tables += [_shockable(shockable), _episodes(report["episodes"])]
        tables.append(_calibration(report["by_second"]))
    return tables


def record_table(report: Mapping[str, Any]) -> Table:
    """One line a record of an `ecg-beat` report."""
    heads = ("record", "QRS Se", "+P", "missed", "extra", "VEB Se", "+P", "SVEB Se", "+P",
             "shut down s")  # fmt: skip
    rows = []
    for name, row in report["per_record"].items():
        figures = [row[of].get(key) for of in ("VEB", "SVEB") for key in ("se", "ppv")]
        qrs = row["qrs"]
        rows.append(
            [
                f"{name} (paced)" if row["paced"] else name,
                *(percent(qrs[key]) for key in ("se", "ppv")),
                *(str(qrs[key]) for key in ("fn", "fp")),
                *(percent(figure) for figure in figures),
                f"{row['shutdown_s']:.0f}",
            ]
        )
    return "By record", heads, rows


def shockable_record_table(report: Mapping[str, Any]) -> Table:
    """One line a record with annotated rhythms."""
    heads = (
        "record",
        "episodes of 10 s or more",
        "found",
        "delays s",
        "false alarms",
        "an hour",
    )
    rows = [
        [name, str(row["n_episodes"]), str(row["hits"]), _listed(row["delays_s"]),
         str(len(row["false_s"])), number(row["false_per_hour"])]
        for name, row in report["shockable"]["rhythm_model"]["per_record"].items()
    ]  # fmt: skip
    return "By record", heads, rows


def matrix_table(report: Mapping[str, Any]) -> Table:
    """EC57's matrix, or the challenge's: rows the reference, columns the answer."""
    columns = report.get("columns") or report["classes"]
    names = report.get("rows") or report["classes"]
    rows = [
        [name, *(str(n) for n in counts)]
        for name, counts in zip(names, report["matrix"], strict=True)
    ]
    return "Reference (rows) against what was told", ("", *columns), rows


def _classes(title: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    heads = ("records", "n", "QRS Se", "QRS +P", "VEB Se", "VEB +P", "VEB F1", "SVEB Se",
             "SVEB +P", "SVEB F1")  # fmt: skip
    return title, heads, [
        [
            name,
            str(one["n_records"]),
            *(percent(one["qrs"][key], one["qrs"].get(f"{key}_ci", (None, None)))
              for key in ("se", "ppv")),
            *(percent(one[of][key], one[of][f"{key}_ci"])
              for of in ("VEB", "SVEB") for key in ("se", "ppv", "f1")),
        ]
        for name, one in rows
    ]  # fmt: skip


def _silence(silence: Mapping[str, Any]) -> Table:
    would = silence["would_have"]
    lost = ", ".join(f"{n} {label}" for label, n in silence["beats_by_class"].items())
    heads = ("seconds", "% of the time", "beats in it, missed", "its detector would have found",
             "missed", "invented")  # fmt: skip
    row = [f"{silence['seconds']:.0f}", percent(silence["share_percent"]), lost,
           str(would["tp"]), str(would["fn"]), str(would["fp"])]  # fmt: skip
    return 'Time in which it said "cannot analyse"', heads, [row]


def _calibration(parts: Mapping[str, Any]) -> Table:
    rows = [
        [name, str(one["n"]), number(one["ece"]), number(one["brier"])]
        for name, one in parts.items()
    ]
    return "Calibration", ("probability of", "cases", "ECE", "Brier"), rows


def _challenge(challenge: Mapping[str, Any]) -> Table:
    rows = [
        [name, number(challenge["f1"][name], challenge["f1_ci"][name])]
        for name in challenge["classes"]
    ]
    mean = number(challenge["f1_mean_NAO"], challenge["f1_mean_NAO_ci"])
    title = f"CinC Challenge 2017, {challenge['n_records']} records"
    return title, ("class", "F1"), [*rows, ["mean of N, A, O", mean]]


def _shockable(shockable: Mapping[str, Any]) -> Table:
    heads = ("records", "n", "episodes", "Se, mean over records", "Se by episode",
             "Se by duration", "+P by duration", "delay p50 s", "p95 s", "false alarms an hour",
             "starts outside an hour")  # fmt: skip
    rows = [
        ("rhythm model", shockable["rhythm_model"]),
        ("with the rule on V beats", shockable["with_beat_rule"]),
        ("rhythm model, breaks up to 2 s joined", shockable["short_breaks_joined"]),
        *((f"rhythm model, {name}", one) for name, one in shockable["by_set"].items()),
    ]
    return "Shockable rhythm", heads, [
        [
            name, f"{one['n_records_with_episodes']} of {one['n_records']}",
            str(one["n_episodes"]), percent(one["se"], one["se_ci"]),
            percent(one["se_gross"], one["se_gross_ci"]),
            percent(one["se_duration"], one["se_duration_ci"]),
            percent(one["ppv_duration"], one["ppv_duration_ci"]),
            _seconds(one["delay_p50_s"]), _seconds(one["delay_p95_s"]),
            number(one["false_per_hour"], one["false_per_hour_ci"]),
            number(one["starts_outside_per_hour"]),
        ]
        for name, one in rows
    ]  # fmt: skip


def _episodes(episodes: Mapping[str, Any]) -> Table:
    titles = {
        "af": "fibrillation, flutter left out",
        "flutter": "flutter, fibrillation left out",
        "af_or_flutter": "either",
    }
    heads = ("episodes", "annotated", "told", "Se by episode", "+P", "Se by duration", "+P")
    return "Atrial fibrillation (from minute 5)", heads, [
        [
            titles[name], str(one["episodes"]), str(one["told"]),
            *(percent(one[key], one[f"{key}_ci"])
              for key in ("se_episode", "ppv_episode", "se_duration", "ppv_duration")),
        ]
        for name, one in episodes.items()
    ]  # fmt: skip


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _listed(values: Sequence[float], most: int = 6) -> str:
    shown = ", ".join(f"{value:.1f}" for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
