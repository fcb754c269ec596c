"""`vitalwire demo`: bridge, broker, gateway, store and page in one process."""

from pathlib import Path
from typing import Annotated

import typer

from vitalwire.cli.options import AsJson


def command(
    record: Annotated[
        Path | None,
        typer.Option(
            help="WFDB record, EDF+, BDF or CSV; by default five minutes of MIT-BIH 208."
        ),
    ] = None,
    speed: Annotated[float, typer.Option(help="Times real time; 0: as fast as it can.")] = 1.0,
    headless: Annotated[
        bool, typer.Option("--headless", help="No page; ends with the recording.")
    ] = False,
    as_json: AsJson = False,
    port: Annotated[int, typer.Option(help="Of the page; 0: any that is free.")] = 8080,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser.")
    ] = False,
    lead_off: Annotated[
        bool, typer.Option(help="Take a lead off on purpose, to show an alarm.")
    ] = True,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the gateway's data in this folder.")
    ] = None,
) -> None:
    """Watch a real patient's ECG arrive, its beats, heart rate and alarms: all on this machine.

    Without --headless it goes on until Ctrl-C, and the recording starts over at its end.

    Example: vitalwire demo --headless --speed 0 --json
    """
    import asyncio

    from vitalwire.cli.demo_run import DemoOptions, run_demo
    from vitalwire.cli.output import print_json

    options = DemoOptions(
        record=record,
        speed=speed,
        headless=headless,
        port=port,
        open_page=open_page,
        lead_off=lead_off,
        keep=keep,
    )
    summary = asyncio.run(run_demo(options))
    if as_json:
        print_json(summary)
