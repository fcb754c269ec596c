"""The daemon as a service: its log on standard error, its end by a signal."""

import asyncio
import logging
import os
import signal
from typing import Final

from edge.config import EdgeSettings
from edge.daemon import Daemon
from edge.models import load_models

_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class _Fields(logging.Formatter):
    """The constant message, and the fields beside it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(
            f"{key}={value!r}" for key, value in record.__dict__.items() if key not in _PLAIN
        )
        return f"{super().format(record)} {fields}".rstrip()


def configure_logging(verbose: bool) -> None:
    """Log to standard error; the journal adds the time."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Fields("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


async def serve(settings: EdgeSettings) -> None:
    """Run a daemon with the models of its settings until SIGTERM or SIGINT.

    Raises
    ------
    BundleError, InputError, UnavailableError
        See `load_models` and `Daemon`.
    """
    os.umask(0o027)  # what is recorded is not for every user of the machine
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Daemon(settings, load_models(settings)).run(stop)
