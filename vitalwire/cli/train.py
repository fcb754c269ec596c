"""`vitalwire train`: learn a model from annotated recordings."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.options import AsJson


def command(
    task: Annotated[str, typer.Argument(help="ecg-beat, ecg-rhythm or eeg-seizure.")],
    out: Annotated[
        Path, typer.Option("--out", help="The run's folder: new, or with --resume.")
    ],
    data: Annotated[
        Path, typer.Option(envvar="VITALWIRE_DATA", help="Folder with annotated recordings.")
    ],
    model: Annotated[
        str | None, typer.Option(help="cnn1d, tcn, lstm, crnn or transformer.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML: what differs from the defaults.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything that is drawn.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How long.")] = None,
    leave: Annotated[
        str, typer.Option(help="Patients to hold out, with commas: never trained on.")
    ] = "",
    folds: Annotated[
        int, typer.Option(min=0, help="Train so many runs, each without other patients.")
    ] = 0,
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out", help="eeg-seizure: each person with seizures left out in turn."
        ),
    ] = False,
    zoo: Annotated[
        bool, typer.Option("--zoo", help="Train every model of the zoo, on the same records.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train on patients that are never tested on; what is not finished goes on by --resume.

    Example: vitalwire train ecg-beat --config training/configs/ecg-beat.toml --out runs/beat
    """
    from training import runs
    from training.loop import kept_epoch
    from vitalwire.bundle import Task
    from vitalwire.cli.output import print_json
    from vitalwire.errors import InputError

    def say(line: str) -> None:
        typer.echo(line, err=True)

    if task not in [one.value for one in runs.TRAINED]:
        known = ", ".join(runs.TRAINED)
        raise InputError(f"expected a task of {known}, got {task!r}")
    name = Task(task)
    said = shlex.join(["vitalwire", *sys.argv[1:]])
    left = [one.strip() for one in leave.split(",") if one.strip()]
    several = [bool(folds), leave_one_out, zoo]
    if any(several) and (resume or left or sum(several) > 1):
        raise InputError(
            "--folds, --leave-one-out and --zoo choose whom they leave out, and go on by "
            "themselves with what is there: expected one of them, and neither --leave nor "
            "--resume beside it"
        )
    if name is Task.EEG_SEIZURE and zoo:
        raise InputError("--zoo: expected ecg-beat or ecg-rhythm; use --model for eeg-seizure")
    if leave_one_out and name is not Task.EEG_SEIZURE:
        raise InputError(f"--leave-one-out: expected eeg-seizure, got {task}: see --folds")
    own = (config is not None, model is not None, seed is not None, epochs is not None)
    if resume and any(own):
        raise InputError(
            "--resume goes on as the run was begun: expected no --config, --model, --seed or "
            "--epochs beside it"
        )
    if resume:
        run = runs.resume(out, data, say, name)
    else:
        wanted = runs.changed(runs.read_config(name, config), model, seed, epochs)
        if folds or leave_one_out:
            from training.folds import ONE_OUT, train_folds

            n_folds = ONE_OUT if leave_one_out else folds
            report = train_folds(wanted, data, out, said, say, n_folds)
            typer.echo(report.text, err=as_json)
            if as_json:
                print_json(report.figures)
            return
        if zoo:
            from training.zoo import train_zoo

            scores = train_zoo(wanted, data, out, said, say)
            for one, score in scores.items():
                typer.echo(f"{one}: {score:.2f}", err=as_json)
            if as_json:
                print_json({"scores": scores})
            return
        run = runs.start(name, wanted, data, out, said, say, left)
    history = run.history()
    kept = history[kept_epoch(history, runs.config_of(run).loop)]
    typer.echo(f"finished: {run.path}, kept epoch {kept['epoch'] + 1}", err=as_json)
    if as_json:
        print_json({"run": str(run.path), "kept": kept, "facts": run.facts})
