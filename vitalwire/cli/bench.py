"""`vitalwire bench`: what things cost on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.bench_zoo import zoo
from vitalwire.cli.options import AsJson, Results

Bundles = Annotated[
    list[Path] | None,
    typer.Option(
        "--bundle", help="Measure this bundle, not the shipped one of its task; repeatable."
    ),
]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """What things cost on this machine."""


@app.command()
def models(
    bundle: Bundles = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, max=60, help="Time for each model, runtime and batch.")
    ] = 0.5,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """Time of a call of each model in each runtime that is installed, on one thread.

    And what one device costs for a second with both models, beside the time that this machine
    takes for as many bare multiplications and additions. All of it is CPU time.

    Example: vitalwire bench models --json
    """
    from vitalwire.cli.one_thread import one_thread

    with one_thread():  # before numpy is imported
        from vitalwire.cli import bench_models
        from vitalwire.cli.models import chosen_bundles
        from vitalwire.cli.output import print_json

        report = bench_models.measure(chosen_bundles(bundle), seconds)
    typer.echo(bench_models.table(report), err=as_json)
    if results:
        bench_models.write(report)
    if as_json:
        print_json(report)


@app.command()
def gateway(
    bundle: Bundles = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, max=60, help="Time for each stream.")
    ] = 2.0,
    results: Results = False,
    as_json: AsJson = False,
) -> None:
    """CPU time of the gateway's pipeline for a second of signal, from the wire to the events.

    An ECG of one lead, and a generated EEG of 18; without a model, with one that answers at
    once (what asking costs), and with those that ship.

    Example: vitalwire bench gateway --json
    """
    from vitalwire.cli.one_thread import one_thread

    with one_thread():  # before numpy is imported
        from vitalwire.cli import bench_gateway
        from vitalwire.cli.models import chosen_models
        from vitalwire.cli.output import print_json

        report = bench_gateway.measure(chosen_models(bundle), seconds)
    typer.echo(bench_gateway.table(report), err=as_json)
    if results:
        bench_gateway.write(report)
    if as_json:
        print_json(report)


app.command()(zoo)
