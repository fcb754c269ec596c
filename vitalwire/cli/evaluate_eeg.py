"""`vitalwire evaluate eeg-seizure`: the gateway's alarms of seizures, scored by SzCORE."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitalwire.cli.evaluate_models import (
    Bundle,
    Precision,
    Report,
    Runtime,
    warn,
    words,
)
from vitalwire.cli.options import AsJson, Results
from vitalwire.errors import InputError

if TYPE_CHECKING:
    from training.scoring.eeg_listeners import Listener

_MODEL_FREE = "line-length"


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
        str | None, typer.Option(help="line-length or logistic, in place of a model.")
    ] = None,
    model_free: Annotated[
        bool, typer.Option("--model-free", help=f"The same as --floor {_MODEL_FREE}.")
    ] = False,
    leads: Annotated[
        str, typer.Option(help="How many leads, as 1,2,4,all; the report is of the last.")
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
    from training.scoring.eeg_listeners import guessed
    from training.scoring.evaluate_eeg import evaluate_eeg
    from vitalwire.cli.output import print_json, progress

    main, section, asked = _chosen(bundle, folds, floor, model_free, runtime, precision)
    listeners = [main, *(guessed(one, runtime, precision) for one in against or ())]
    figures = evaluate_eeg(data, listeners, leads=_numbers(leads), track=progress)
    for note in figures["notes"]:
        typer.echo(f"vitalwire: {note}", err=True)
    warn(figures["skipped"])
    typer.echo(eeg_report.text(figures), err=as_json)
    if report is not None:
        eeg_report.write_page(report, figures)
        typer.echo(f"wrote {report}", err=True)
    if results:
        beside = [("--against", Path(one).name) for one in against or ()]
        more = words(("--leads", leads if leads != "all" else None), *beside)
        eeg_report.write_results(figures, section, f"{asked} {more}".strip())
    if as_json:
        print_json(figures)


def _chosen(
    bundle: Path | None,
    folds: Path | None,
    floor: str | None,
    model_free: bool,
    runtime: str,
    precision: str,
) -> "tuple[Listener, str, str]":
    """Who is scored, the section of the results, and the options as they stand in it."""
    from training.scoring import eeg_listeners

    given = {"--bundle": bundle, "--folds": folds, "--floor": floor, "--model-free": model_free}
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise InputError(f"expected one of {', '.join(given)}, got {' and '.join(named)}")
    if folds is not None:
        by_folds = eeg_listeners.by_folds(folds, runtime, precision)
        return by_folds, "eeg-seizure-folds", "--folds RUN"
    floor = _MODEL_FREE if model_free else floor
    if floor is not None:
        return eeg_listeners.floor(floor), f"eeg-seizure-{floor}", f"--floor {floor}"
    asked = "--bundle BUNDLE" if bundle else ""
    return eeg_listeners.one_bundle(bundle, runtime, precision), "eeg-seizure", asked


def _numbers(leads: str) -> list[int | None]:
    """How many leads each run hears; None: all."""
    numbers: list[int | None] = []
    for word in leads.split(","):
        if word.strip() == "all":
            numbers.append(None)
        elif word.strip().isdigit() and 1 <= int(word) <= 32:
            numbers.append(int(word))
        else:
            raise InputError(f"--leads: expected numbers from 1 to 32 or all, got {word!r}")
    return numbers
