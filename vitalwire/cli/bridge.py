"""`vitalwire bridge`: brings wearables, or recordings of them, to the broker."""

import asyncio
import dataclasses
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vitalwire.cli.output import print_json
from vitalwire.contracts import Epoch, Signal
from vitalwire.errors import InputError

if TYPE_CHECKING:
    from firmware_bridge.replay import ReplayOptions, ReplayReport
    from vitalwire.recordings import Recording

PASSWORD_VARIABLE: Final = "VITALWIRE_MQTT_PASSWORD"

app = typer.Typer(
    help="Bring wearables, or recordings of them, to the broker.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def _bridge() -> None:
    """Bring wearables, or recordings of them, to the broker."""


@app.command()
def replay(
    record: Annotated[
        Path | None,
        typer.Argument(help="WFDB record, .edf, .bdf or .csv; default: the demo's own."),
    ] = None,
    host: Annotated[str, typer.Option(help="Broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 1883,
    username: Annotated[
        str | None, typer.Option(help=f"Its password is read from ${PASSWORD_VARIABLE}.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="CA certificate: use TLS.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for a broker that is not there.")] = False,
    site: Annotated[str, typer.Option()] = "home",
    device: Annotated[str, typer.Option(help="Its name; a prefix with --devices.")] = "demo",
    devices: Annotated[int, typer.Option(min=1, help="Play as so many wearables.")] = 1,
    bridge: Annotated[str, typer.Option(help="This bridge's own name.")] = "replay",
    own_connection: Annotated[
        bool, typer.Option(help="A connection and a last will for each device.")
    ] = False,
    speed: Annotated[float, typer.Option(help="1: real time; 0: as fast as it goes.")] = 1.0,
    loop: Annotated[bool, typer.Option(help="Again and again; each pass is a boot.")] = False,
    signal_: Annotated[
        Signal | None, typer.Option("--signal", help="ecg or eeg; default: as the leads say.")
    ] = None,
    leads: Annotated[
        str | None, typer.Option(help="Labels or numbers: MLII,V1 or 1-8.")
    ] = None,
    fs: Annotated[float | None, typer.Option(help="Hz, of a CSV that does not say.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="V, mV, uV, nV if the file is silent.")
    ] = None,
    epoch: Annotated[Epoch, typer.Option(help="The device's clock: utc or boot.")] = Epoch.UTC,
    start_ns: Annotated[
        int | None, typer.Option(min=0, help="UTC of the first sample; default: now.")
    ] = None,
    chunk_s: Annotated[float, typer.Option(help="Length of a chunk.")] = 0.2,
    chunk_jitter: Annotated[
        float, typer.Option(min=0, max=1, help="How far a cut strays, in chunks.")
    ] = 0.0,
    lead_state: Annotated[
        str, typer.Option(help="known or unknown: can it tell whether a lead is on?")
    ] = "unknown",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="drop:p=0.01, gap:at=60,for=5, leadoff:at=20,for=10,lead=0 ..."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of faults and jitter.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Play a recording to the broker as one or many wearables.

    Example: vitalwire bridge replay mitdb/208 --devices 3 --fault gap:at=60,for=5
    """
    from firmware_bridge.fault_specs import parse_faults
    from firmware_bridge.publisher import Broker
    from firmware_bridge.replay import ReplayOptions

    if lead_state not in ("known", "unknown"):
        raise InputError(f"--lead-state: expected known or unknown, got {lead_state!r}")
    plan = parse_faults(fault or [], seed)
    options = ReplayOptions(
        recording=_open(record, signal_, leads, fs, unit),
        broker=Broker(host, port, username, os.environ.get(PASSWORD_VARIABLE), ca_file),
        site=site,
        device=device,
        devices=devices,
        bridge=bridge,
        own_connection=own_connection,
        speed=speed,
        loop=loop,
        epoch=epoch,
        start_ns=start_ns,
        chunk_s=chunk_s,
        chunk_jitter=chunk_jitter,
        lead_state_known=lead_state == "known",
        plan=plan,
        wait=wait,
    )
    report = asyncio.run(_play(options))
    if json_:
        print_json(dataclasses.asdict(report))


def _open(
    record: Path | None,
    wanted: Signal | None,
    leads: str | None,
    fs: float | None,
    unit: str | None,
) -> "Recording":
    from vitalwire.recordings import bundled_recording, open_recording
    from vitalwire.recordings.leads import parse_leads

    chosen = None if leads is None else parse_leads(leads)
    if record is None:
        bundled = bundled_recording()
        return bundled if chosen is None else bundled.select(chosen)
    return open_recording(record, signal=wanted, leads=chosen, fs=fs, unit=unit)


async def _play(options: "ReplayOptions") -> "ReplayReport":
    """Play with progress on standard error; end in order on SIGINT and SIGTERM."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from firmware_bridge.replay import replay as play

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.completed:.0f} s"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        total = None if options.loop else options.recording.duration_s
        task = progress.add_task("replay", total=total, text="connecting")

        def show(report: "ReplayReport") -> None:
            progress.update(task, completed=report.signal_s, text=_summary(report))

        report = await play(options, show, stop)
    console.print(_summary(report), highlight=False)
    return report


def _summary(report: "ReplayReport") -> str:
    text = (
        f"{report.record} ({', '.join(report.leads[:3])}{' ...' * (len(report.leads) > 3)}): "
        f"{report.chunks_sent} chunks sent, {report.acked} acknowledged"
    )
    if report.faults:
        text += ", faults: " + ", ".join(f"{k} {n}" for k, n in sorted(report.faults.items()))
    if report.reconnects:
        text += f", {report.reconnects} reconnections"
    return text
