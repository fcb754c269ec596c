"""`vitalwire feed`: serve the clinician's alert feed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloud.config import FeedSettings


def command(
    config: Annotated[
        Path | None, typer.Option(help="Settings; every default is in deploy/feed.toml.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes one.")] = None,
    broker: Annotated[
        str | None, typer.Option(help="Broker as HOST or HOST:PORT.", metavar="HOST[:PORT]")
    ] = None,
    site: Annotated[str | None, typer.Option(help="Site whose devices are shown.")] = None,
    database: Annotated[str | None, typer.Option(help="URL of the alarm history.")] = None,
) -> None:
    """Serve the alert feed until interrupted.

    Shows devices, live strips and alarms of one site; sends acknowledgements to its gateway.
    It is a distributed information system: it does not guarantee that an alarm is seen.

    Example: vitalwire feed --broker 127.0.0.1:1883 --site home --port 8080
    """
    import asyncio
    import logging

    from cloud.config import load_settings

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    given = {"host": host, "port": port, "site": site, "database": database}
    overrides: dict[str, object] = {k: v for k, v in given.items() if v is not None}
    if broker is not None:
        overrides["broker"] = _address(broker)
    asyncio.run(_run(load_settings(config, overrides)))


def _address(broker: str) -> dict[str, object]:
    from vitalwire.errors import InputError

    host, colon, port = broker.rpartition(":")
    if not colon:
        return {"host": broker}
    if not host or not port.isdigit():
        raise InputError(f"--broker expects HOST or HOST:PORT, got {broker!r}")
    return {"host": host.strip("[]"), "port": int(port)}


async def _run(settings: "FeedSettings") -> None:
    import asyncio
    import signal

    from cloud.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(
        settings, stop, lambda url: typer.echo(f"vitalwire feed: {url} (Ctrl-C to stop)")
    )
