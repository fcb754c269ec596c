"""`vitalwire evaluate ecg-beat` and `ecg-rhythm`: the models, scored in the gateway."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vitalwire.cli.options import AsJson, Results

Data = Annotated[
    Path,
    typer.Option(
        envvar="VITALWIRE_DATA", help="Folder of annotated records, or one that holds some."
    ),
]
Bundle = Annotated[
    Path | None, typer.Option(help="Folder of the bundle to score; by default the shipped one.")
]
Beside = Annotated[
    Path | None, typer.Option(help="Bundle of the other ECG task, in place of the shipped one.")
]
Report = Annotated[Path | None, typer.Option(help="Write a page, as report.html.")]
Runtime = Annotated[str, typer.Option(help="auto, litert or onnxruntime.")]
Precision = Annotated[str, typer.Option(help="auto, int8 or fp32.")]


def ecg_beat(
    data: Data,
    bundle: Bundle = None,
    records: Annotated[
        str | None, typer.Option(help="DS1, DS2, or names with commas; by default all.")
    ] = None,
    beside: Beside = None,
    second_lead: Annotated[
        bool, typer.Option("--second-lead", help="Also the second lead, as a run of its own.")
    ] = False,
    snr: Annotated[
        bool, typer.Option("--snr", help="Also with nstdb's ma and bw added, 24 to 0 dB.")
    ] = False,
    annotated: Annotated[
        bool,
        typer.Option(help="Also asked at the annotated beats, as papers do."),
    ] = True,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    report: Report = None,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Beats and their classes by EC57: the gateway's own output on the first lead.

    Example: vitalwire evaluate ecg-beat --data data/mitdb --records DS2 --report beats.html
    """
    from training.scoring.bundled import LoadBundles, Named
    from training.scoring.evaluate_beat import SNRS_DB, BeatOptions, evaluate_beat
    from training.splits import named_records
    from vitalwire.bundle import Task
    from vitalwire.cli.output import progress

    named = [Named(Task.ECG_BEAT, bundle)] if bundle else []
    named += [Named(Task.ECG_RHYTHM, beside)] if beside else []
    load = LoadBundles(Task.ECG_BEAT, tuple(named), runtime, precision)
    options = BeatOptions(second_lead, SNRS_DB if snr else (), annotated)
    names = named_records(records)
    figures = evaluate_beat(data, names, load, options=options, track=progress)
    asked = words(("--records", records), ("--second-lead", second_lead), ("--snr", snr))
    _tell("ecg-beat", figures, report, asked if results else None, as_json)


def ecg_rhythm(
    data: Data,
    bundle: Bundle = None,
    records: Annotated[
        str | None,
        typer.Option(
            help="all, DS2, or names with commas; by default those that were not learned from."
        ),
    ] = None,
    beside: Beside = None,
    shockable_folds: Annotated[
        Path | None,
        typer.Option(
            help="Folder with folds.json: for each record a bundle that never saw it."
        ),
    ] = None,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    report: Report = None,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Rhythm: CinC 2017 by F1, shockable episodes and their alarms, atrial fibrillation.

    Of CinC 2017 the test fifth alone is scored, of MIT-BIH the records of DS2: the others may
    have been learned from.

    Example: vitalwire evaluate ecg-rhythm --data data/challenge-2017 --json
    """
    from training.scoring.bundled import LoadBundles, Named, read_folds
    from training.scoring.evaluate_rhythm import ALL, evaluate_rhythm
    from training.splits import named_records
    from vitalwire.bundle import Task
    from vitalwire.cli.output import progress

    named = [Named(Task.ECG_RHYTHM, bundle)] if bundle else []
    named += [Named(Task.ECG_BEAT, beside)] if beside else []
    load = LoadBundles(Task.ECG_RHYTHM, tuple(named), runtime, precision)
    names = [ALL] if records == ALL else named_records(records)
    folds = None if shockable_folds is None else read_folds(shockable_folds, load)
    figures = evaluate_rhythm(data, names, load, folds=folds, track=progress)
    asked = words(("--records", records))
    _tell("ecg-rhythm", figures, report, asked if results else None, as_json)


def words(*options: tuple[str, str | bool | None]) -> str:
    """The options that were given, as they were typed."""
    return " ".join(
        name if value is True else f"{name} {value}" for name, value in options if value
    )


def _tell(
    task: str, figures: dict[str, Any], page: Path | None, asked: str | None, as_json: bool
) -> None:
    from training.scoring import telling
    from training.scoring.page import write_page
    from vitalwire.cli.output import print_json

    warn(figures["skipped"])
    typer.echo(telling.text(task, figures), err=as_json)
    telling.log_look(task, figures)
    if page is not None:
        write_page(page, figures)
        typer.echo(f"wrote {page}", err=True)
    if asked is not None:
        telling.write_results(task, figures, asked)
    if as_json:
        print_json(figures)


def warn(skipped: Sequence[dict[str, str]]) -> None:
    """Say what was not scored, a line each."""
    for one in skipped:
        said = one["why"] if one["record"] in one["why"] else f"{one['record']}: {one['why']}"
        typer.echo(f"vitalwire: not scored: {said}", err=True)
