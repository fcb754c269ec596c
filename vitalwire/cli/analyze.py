"""`vitalwire analyze`: the gateway's pipeline over a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from vitalwire.cli.options import AsJson

_SHOWN: Final = 3  # leads in a line


def command(
    record: Annotated[
        Path,
        typer.Argument(help="WFDB record, EDF+, BDF or CSV file, or a chunk log's folder."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    site: Annotated[str | None, typer.Option(help="Of a chunk log with several sites.")] = None,
    leads: Annotated[
        str | None,
        typer.Option(help="Which leads, as 1-2 or MLII,V1; of an ECG the first is analysed."),
    ] = None,
    lead_state: Annotated[
        str, typer.Option(help="known: a flat line is the heart's; unknown: nobody can tell.")
    ] = "unknown",
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="Run this bundle, not the shipped one of its task; may be repeated."),
    ] = None,
    classify: Annotated[bool, typer.Option(help="Ask the models at all.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run the gateway's pipeline over a recording, and write what it finds.

    Writes RECORD.vw (WFDB annotator: beats, rhythm changes, seizures), RECORD_events.tsv
    (alarms and episodes) and RECORD.jsonl (everything, a line each: quality and vitals too).
    Of a chunk log, one set a stream.

    Example: vitalwire analyze 208 --out results
    """
    from edge.models import NOTHING
    from vitalwire.cli import analysis
    from vitalwire.cli.models import chosen_models
    from vitalwire.cli.output import print_json
    from vitalwire.contracts import Signal
    from vitalwire.errors import InputError
    from vitalwire.recordings.leads import parse_leads

    if lead_state not in ("known", "unknown"):
        raise InputError(f"--lead-state must be known or unknown, got {lead_state!r}")
    results = analysis.analyze_path(
        record,
        site=site,
        leads=parse_leads(leads) if leads else None,
        lead_state_known=lead_state == "known",
        load_models=lambda: chosen_models(bundle) if classify else NOTHING,
    )
    for result in results:
        paths = result.write(out)
        summary = result.summary()
        if not result.analysed:
            found = f"recorded at {result.fs:g} Hz and not analysed"
        elif result.signal is Signal.EEG:
            found = _counted(len(summary["episodes"]), "seizure")
        else:
            rhythm = f", rhythm {summary['rhythm_label']}" if summary["rhythm_label"] else ""
            found = f"{_counted(summary['beats'], 'beat')}{rhythm}"
        typer.echo(
            f"{result.name}: {summary['signal_s']:.1f} s, {found}, "
            f"{_counted(len(summary['alarms']), 'alarm')}{_not_good(summary['not_good_s'])} -> "
            f"{', '.join(path.name for path in paths)}",
            err=as_json,
        )
    if as_json:
        summaries = [result.summary() for result in results]
        print_json(summaries[0] if len(summaries) == 1 else {"streams": summaries})


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _not_good(leads: Mapping[str, Mapping[str, float]]) -> str:
    """The leads that were poor, flat or off, the worst first."""
    seconds = {lead: sum(its.values()) for lead, its in leads.items()}
    worst = sorted(seconds, key=lambda lead: -seconds[lead])
    shown = ", ".join(
        f"{lead} {' and '.join(leads[lead])} for {seconds[lead]:.1f} s"
        for lead in worst[:_SHOWN]
    )
    more = f" and {len(worst) - _SHOWN} more" if len(worst) > _SHOWN else ""
    return f", not good: {shown}{more}" if worst else ""
