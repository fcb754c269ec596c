"""`vitalwire evaluate`: score what ships on annotated records."""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli import evaluate_eeg, evaluate_models
from vitalwire.cli.options import AsJson, Results

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Score the gateway's own output on annotated records."""


@app.command()
def qrs(
    data: Annotated[
        Path,
        typer.Option(
            envvar="VITALWIRE_DATA", help="Folder with mitdb records, or one that holds it."
        ),
    ],
    records: Annotated[
        str | None, typer.Option(help="DS1, DS2, or names with commas; by default all.")
    ] = None,
    stage: Annotated[
        bool, typer.Option("--stage", help="The bare QRS stage, not the whole pipeline.")
    ] = False,
    noise: Annotated[bool, typer.Option(help="Also with nstdb's muscle noise added.")] = True,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Beats by EC57: first lead, causal, 150 ms, from minute 5, shutdown counted as missed.

    Example: vitalwire evaluate qrs --data data/mitdb --records DS2 --json
    """
    from training import qrs_report
    from training.evaluate_qrs import (
        SNRS_DB,
        annotated_records,
        detect_with_stage,
        evaluate_qrs,
        find_records,
    )
    from training.pipeline_detect import detect_with_pipeline
    from training.splits import named_records
    from vitalwire.cli.output import print_json, progress

    names = named_records(records) or annotated_records(find_records(data))
    detect = detect_with_stage if stage else detect_with_pipeline
    with progress("scoring", len(names)) as advance:
        evaluation = evaluate_qrs(
            data,
            names,
            detect,
            snrs_db=SNRS_DB if noise else (),
            progress=lambda _: advance(1),
        )
    report = evaluation.as_json()
    typer.echo(qrs_report.table(report), err=as_json)
    qrs_report.log_look(report, "bare stage" if stage else "pipeline")
    if results:
        qrs_report.write(report)
    if as_json:
        print_json(report)


app.command("ecg-beat")(evaluate_models.ecg_beat)
app.command("ecg-rhythm")(evaluate_models.ecg_rhythm)
app.command("eeg-seizure")(evaluate_eeg.eeg_seizure)
