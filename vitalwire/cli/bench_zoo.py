"""`vitalwire bench zoo`: the models of a task side by side."""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.options import AsJson, Results


def zoo(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Finished runs of one task.")
    ],
    limit: Annotated[
        int, typer.Option(min=1, help="Seconds that making one file may take.")
    ] = 180,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Parameters, arithmetic, bytes, time a call in each runtime and score of trained models.

    Every file of every model is made anew, which takes a minute a model. A file that is not
    made within the limit is left out, and the table says so. Give it an idle machine.

    Example: vitalwire bench zoo runs/zoo/cnn1d runs/zoo/tcn --results
    """
    from vitalwire.cli.one_thread import one_thread

    with one_thread():  # before numpy is imported
        from training import zoo_runs, zoo_table
        from vitalwire.cli.output import print_json

        def say(line: str) -> None:
            typer.echo(line, err=True)

        task, rows = zoo_runs.measure_runs(runs, limit, say)
    typer.echo(zoo_table.table(rows), err=as_json)
    if results:
        zoo_table.write(task, rows)
    if as_json:
        print_json({"task": task.value, "models": [row.fields() for row in rows]})
