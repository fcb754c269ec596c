"""`vitalwire edge`: the gateway daemon."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML, as deploy/edge.toml.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Instead of the file's.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the gateway: listen to wearables, detect, alarm, deliver. Ends on SIGTERM.

    Example: vitalwire edge --config /etc/vitalwire/edge.toml
    """
    import asyncio

    from edge.config import EdgeSettings
    from edge.service import configure_logging, serve

    settings = EdgeSettings.load(config, **({"data_dir": data_dir} if data_dir else {}))
    configure_logging(verbose)
    asyncio.run(serve(settings))
