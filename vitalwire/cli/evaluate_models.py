"""`vitalwire evaluate ecg-beat`, `ecg-rhythm`, `eeg-seizure`: models scored in the gateway."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vitalwire.errors import InputError

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
Results = Annotated[
    bool, typer.Option("--results", help="Write the figures to docs/results.md.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One object on the last line.")]
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
    asked = _words(("--records", records), ("--second-lead", second_lead), ("--snr", snr))
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
    asked = _words(("--records", records))
    _tell("ecg-rhythm", figures, report, asked if results else None, as_json)


def eeg_seizure(
    data: Annotated[
        Path,
        typer.Option(
            envvar="VITALWIRE_DATA", help="Folder of EEG with seizures, or one that holds some."
        ),
    ],
    bundle: Bundle = None,
    folds: Annotated[
        Path | None,
        typer.Option(
            help="Folder with folds.json: for each person a bundle that never saw them."
        ),
    ] = None,
    floor: Annotated[
        str | None,
        typer.Option(help="line-length or logistic, in place of a model."),
    ] = None,
    model_free: Annotated[
        bool, typer.Option("--model-free", help="The same as --floor line-length.")
    ] = False,
    leads: Annotated[
        str,
        typer.Option(help="How many leads, as 1,2,4,all; the report is of the last."),
    ] = "all",
    against: Annotated[
        list[str] | None,
        typer.Option(help="A floor, a bundle or a folder of folds to put beside; repeatable."),
    ] = None,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    report: Report = None,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Seizures by SzCORE: the gateway's own alarms, by event and second; false alarms apart.

    Example: vitalwire evaluate eeg-seizure --data data --folds runs/seizure --report eeg.html
    """
    from training.scoring import eeg_report
    from training.scoring.eeg_listeners import listener
    from training.scoring.evaluate_eeg import evaluate_eeg
    from vitalwire.cli.output import print_json, progress

    given = {"--bundle": bundle, "--folds": folds, "--floor": floor, "--model-free": model_free}
    chosen = _only_one(given)
    numbers = _numbers_of_leads(leads)
    listeners = [listener(one, runtime, precision) for one in (chosen, *(against or ()))]
    figures = evaluate_eeg(data, listeners, leads=numbers, track=progress)
    for note in figures["notes"]:
        typer.echo(f"vitalwire: {note}", err=True)
    _warn(figures["skipped"])
    typer.echo(eeg_report.text(figures), err=as_json)
    if report is not None:
        eeg_report.write_page(report, figures)
        typer.echo(f"wrote {report}", err=True)
    if results:
        eeg_report.write_results(
            figures,
            "eeg-seizure"
            + ("-folds" if folds else f"-{chosen}" if not bundle and chosen else ""),
            _words(
                ("--folds", "RUN" if folds else None),
                ("--bundle", "BUNDLE" if bundle else None),
                ("--floor", None if folds or bundle else str(chosen or "")),
                ("--leads", leads if leads != "all" else None),
                *(("--against", Path(one).name) for one in against or ()),
            ),
        )
    if as_json:
        print_json(figures)


def _words(*options: tuple[str, str | bool | None]) -> str:
    """The options that were given, as they were typed."""
    return " ".join(
        name if value is True else f"{name} {value}" for name, value in options if value
    )


def _only_one(given: dict[str, str | Path | bool | None]) -> str | Path | None:
    """What is to be scored: a floor by name, or a folder; None: what is shipped."""
    named = {name: value for name, value in given.items() if value}
    if len(named) > 1:
        raise InputError(f"expected one of {', '.join(given)}, got {' and '.join(named)}")
    value = next(iter(named.values()), None)
    return "line-length" if value is True else value or None


def _numbers_of_leads(text: str) -> list[int | None]:
    numbers: list[int | None] = []
    for word in text.split(","):
        if word.strip() == "all":
            numbers.append(None)
        elif word.strip().isdigit() and 1 <= int(word) <= 32:
            numbers.append(int(word))
        else:
            raise InputError(f"--leads: expected numbers from 1 to 32 or all, got {word!r}")
    return numbers


def _tell(
    task: str, figures: dict[str, Any], page: Path | None, asked: str | None, as_json: bool
) -> None:
    from training.scoring import telling
    from training.scoring.page import write_page
    from vitalwire.cli.output import print_json

    _warn(figures["skipped"])
    typer.echo(telling.text(task, figures), err=as_json)
    telling.log_look(task, figures)
    if page is not None:
        write_page(page, figures)
        typer.echo(f"wrote {page}", err=True)
    if asked is not None:
        telling.write_results(task, figures, asked)
    if as_json:
        print_json(figures)


def _warn(skipped: Sequence[dict[str, str]]) -> None:
    for one in skipped:
        said = one["why"] if one["record"] in one["why"] else f"{one['record']}: {one['why']}"
        typer.echo(f"vitalwire: not scored: {said}", err=True)
