"""`vitalwire export`: a run becomes a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.options import AsJson


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    data: Annotated[
        Path,
        typer.Option(envvar="VITALWIRE_DATA", help="The recordings that it was trained on."),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The bundle's folder; RUN/bundle.")
    ] = None,
    ship: Annotated[
        bool,
        typer.Option(
            "--ship", help="Put it into edge/bundles and pin it: this checkout's own."
        ),
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Of the task's models; one more than the shipped one's."),
    ] = None,
    evaluated: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="JSON", help="Output of `evaluate --json`, for the card; repeatable."
        ),
    ] = None,
    keep_files: Annotated[
        bool,
        typer.Option(
            "--keep-files", help="Take the model files that are in DIR: a new card, fast."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the model's files for each runtime, hold each against its gates, write the bundle.

    A file that fails is left out, and the command says which gate it failed and by how much.

    Example: vitalwire export runs/beat --out bundles/ecg-beat
    """
    from training.export.from_run import Options, export_folder
    from vitalwire.cli.output import print_json

    def say(line: str) -> None:
        typer.echo(line, err=True)

    options = Options(version, tuple(evaluated or ()), keep_files, ship)
    made = export_folder(run, data, out, options, say)
    files = sorted(made.manifest.gates)
    if as_json:
        print_json(
            {
                "path": str(made.path), "task": made.manifest.task.value,
                "version": made.manifest.version, "digest": made.digest, "files": files,
                "gates": made.manifest.gates, "refused": dict(made.refused),
            }
        )  # fmt: skip
        return
    typer.echo(
        f"{made.path}: {made.manifest.task} {made.manifest.version} ({made.digest[:12]}) with "
        f"{', '.join(files)}"
    )
    for name, why in made.refused.items():
        typer.echo(f"left out: {name}: {why}")
