"""`vitalwire log`: look into the gateway's chunk log, and export recordings from it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitalwire.cli.output import print_json, progress
from vitalwire.contracts import Signal
from vitalwire.errors import InputError

if TYPE_CHECKING:
    from edge.chunklog.survey import Selection

app = typer.Typer(
    help="Look into the gateway's chunk log; export it.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Kind(StrEnum):
    """The kinds of records."""

    MESSAGE = "message"
    TICK = "tick"
    RESUMED = "resumed"
    ASSIGNMENTS = "assignments"


class OutFormat(StrEnum):
    WFDB = "wfdb"
    EDF = "edf"


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The log, or the data folder.")]
Device = Annotated[str | None, typer.Option(help="Only of this device.")]
OneSignal = Annotated[Signal | None, typer.Option("--signal", help="Only of this signal.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Arrived at this time (ISO, UTC) or later."),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Arrived before this time (ISO, UTC)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def show(
    folder: Folder,
    device: Device = None,
    signal: OneSignal = None,
    kind: Annotated[Kind | None, typer.Option(help="Only records of this kind.")] = None,
    from_time: From = None,
    to_time: To = None,
    records: Annotated[
        bool, typer.Option("--records", help="List single records, without samples.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="List at most so many.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a chunk log holds, stream by stream. A gateway may be writing to it.

    Example: vitalwire log show /var/lib/vitalwire --device wrist-7 --from 2026-03-01
    """
    from itertools import islice

    from edge.chunklog.reader import open_reader
    from edge.chunklog.records import RecordKind
    from edge.chunklog.survey import Selection, entries, survey
    from vitalwire.cli import log_report as report

    selection = Selection(
        device, signal, RecordKind[kind.name] if kind else None,
        _time(from_time, "--from"), _time(to_time, "--to"),
    )  # fmt: skip
    reader = open_reader(folder)
    if records:
        listed = islice(entries(reader, selection), limit)
        if as_json:
            print_json({"records": [report.record_fields(entry) for entry in listed]})
        else:
            for entry in listed:
                typer.echo(report.record_line(entry))
        return
    found = survey(reader, selection)
    if not found.streams and (device or signal):
        raise InputError(f"{folder} holds no chunks of {_wanted(selection)}")
    if as_json:
        print_json(report.survey_fields(reader, found, limit))
    else:
        for line in report.survey_lines(reader, found, limit):
            typer.echo(line)


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the recordings go.")],
    form: Annotated[OutFormat, typer.Option("--format", help="WFDB or EDF+.")] = OutFormat.WFDB,
    device: Device = None,
    signal: OneSignal = None,
    from_time: From = None,
    to_time: To = None,
    annotations: Annotated[
        Path | None,
        typer.Option(metavar="EVENTS", help="Events as JSON lines, to annotate with."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the streams in a chunk log as recordings, one for each boot of a sender.

    Each has a .json beside it that says where it came from, with its gaps and checksums.

    Example: vitalwire log export /var/lib/vitalwire --out recorded --format edf
    """
    from edge.chunklog import export as exporting
    from edge.chunklog.index import index_log
    from edge.chunklog.layout import lay_out
    from edge.chunklog.marks import read_marks
    from edge.chunklog.reader import find_log, open_reader
    from edge.chunklog.survey import Selection

    selection = Selection(
        device, signal, None, _time(from_time, "--from"), _time(to_time, "--to")
    )
    log = find_log(folder)
    marks = read_marks(annotations) if annotations else []
    parts = lay_out(index_log(open_reader(log), selection))
    if not parts:
        raise InputError(f"{folder} holds no chunks of {_wanted(selection)}: nothing to export")
    with progress("writing recordings", len(parts)) as advance:
        written = exporting.export(
            log, parts, out, exporting.FileFormat(form.value), marks, lambda _: advance(1)
        )
    if as_json:
        print_json({"out": str(out), "format": form.value, "records": written})
        return
    for sidecar in written:
        missing = sum(n for _, n in sidecar["gaps"])
        typer.echo(
            f"{out / sidecar['record']}: {sidecar['n_samples'] / sidecar['fs_hz']:.1f} s, "
            f"{len(sidecar['gaps'])} gaps ({missing / sidecar['fs_hz']:.1f} s)"
        )


def _time(text: str | None, option: str) -> int | None:
    """An ISO date or time as UTC nanoseconds; without an offset it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} expects an ISO time such as 2026-03-01T12:00:00, got {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 10**9 + elapsed.microseconds * 1000


def _wanted(selection: Selection) -> str:
    """What was asked for, in words."""
    of = [
        f"device {selection.device}" if selection.device else "any device",
        f"signal {selection.signal.value}" if selection.signal else "",
        "in that time" if selection.from_ns or selection.to_ns else "",
    ]
    return ", ".join(word for word in of if word)
