"""The demo, composed of the very parts that are deployed."""

import asyncio
import logging
import signal
import sqlite3
import tempfile
import time
import webbrowser
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from cloud.config import FeedBrokerSettings, FeedSettings
from cloud.server import running
from edge.config import EdgeSettings, PipelineSettings
from edge.daemon import Daemon
from edge.models import shipped_models
from firmware_bridge.fault_specs import parse_faults
from firmware_bridge.publisher import Broker
from firmware_bridge.replay import ReplayOptions, ReplayReport, replay
from vitalwire import messages
from vitalwire.cli.embedded_broker import HOST, embedded_broker
from vitalwire.cli.output import progress
from vitalwire.contracts import AlarmEvent, AlarmPhase, Beat, Event, Vitals
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.opening import open_recording
from vitalwire.recordings.recording import Recording
from vitalwire.settings import BrokerSettings

SITE: Final = "demo"
_LEAD_OFF: Final = "leadoff:at=30,for=12,lead=0"
_SETTLE_S: Final = 30.0
_NO_LIMIT_S: Final = 1e9  # the demo's recording is no flood, however fast it is played


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for."""

    record: Path | None
    speed: float
    headless: bool
    port: int
    open_page: bool
    lead_off: bool
    keep: Path | None


@dataclass(slots=True)
class _Seen:
    """What the gateway told, counted."""

    beats: Counter[str] = field(default_factory=Counter)
    vitals: int = 0
    alarms: list[AlarmEvent] = field(default_factory=list)

    def push(self, event: Event) -> None:
        if isinstance(event, Beat):
            self.beats[event.label.value] += 1
        elif isinstance(event, Vitals):
            self.vitals += 1
        elif isinstance(event, AlarmEvent) and event.phase is AlarmPhase.START:
            self.alarms.append(event)
            injected = " (injected on purpose)" if event.evidence.get("injected") else ""
            typer.echo(
                f"alarm: {event.priority.value} {event.kind.value}: {event.message}{injected}",
                err=True,
            )


async def run_demo(options: DemoOptions) -> dict[str, Any]:
    """Play the recording through everything; what came of it, in numbers.

    Raises
    ------
    InputError, UnavailableError
        The recording cannot be read, or the page's port is taken.
    """
    logging.basicConfig(level=logging.WARNING)
    started = time.monotonic()
    recording = open_recording(options.record) if options.record else bundled_recording()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    seen = _Seen()
    folder = nullcontext(str(options.keep)) if options.keep else _temporary()
    with folder as name:
        data_dir = Path(name)
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(embedded_broker())
            daemon = await stack.enter_async_context(_gateway(data_dir, port, seen.push, stop))
            if not options.headless:
                await stack.enter_async_context(_page(options, data_dir, port))
            _say(recording, options)
            report = await _play(recording, options, port, stop)
            await _settle(daemon, report.chunks_sent, stop)
        stored = _stored_points(data_dir / "store.sqlite")
    return _summary(recording, report, daemon, seen, stored, time.monotonic() - started)


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vitalwire-demo-")


@asynccontextmanager
async def _gateway(
    data_dir: Path, port: int, on_event: Callable[[Event], None], ended: asyncio.Event
) -> AsyncIterator[Daemon]:
    settings = EdgeSettings(
        site=SITE,
        data_dir=data_dir,
        broker=BrokerSettings(host=HOST, port=port),
        pipeline=PipelineSettings(backlog_s=_NO_LIMIT_S),
    )
    daemon = Daemon(settings, shipped_models(), on_event)
    stop = asyncio.Event()
    running_daemon = asyncio.create_task(daemon.run(stop), name="demo-gateway")
    running_daemon.add_done_callback(lambda _: ended.set())  # by a fault: end the demo too
    ready = asyncio.create_task(daemon.ready.wait(), name="demo-gateway-ready")
    await asyncio.wait({running_daemon, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        if not running_daemon.done():
            yield daemon
    finally:
        stop.set()
        await running_daemon


@asynccontextmanager
async def _page(options: DemoOptions, data_dir: Path, port: int) -> AsyncIterator[None]:
    settings = FeedSettings(
        site=SITE,
        broker=FeedBrokerSettings(host=HOST, port=port),
        port=options.port,
        database=f"sqlite:///{data_dir / 'feed.sqlite'}",
    )
    async with running(settings) as feed:
        typer.echo(f"page: {feed.url}")
        typer.echo("Ctrl-C ends it.")
        if options.open_page:
            webbrowser.open(feed.url)
        yield


def _say(recording: Recording, options: DemoOptions) -> None:
    typer.echo(
        f"recording {recording.name}: {recording.duration_s:.0f} s of "
        f"{recording.signal.value}, {', '.join(recording.leads)} at {recording.fs:g} Hz",
        err=True,
    )
    if options.lead_off:
        typer.echo(f"a fault is injected on purpose: {_LEAD_OFF}", err=True)


async def _play(
    recording: Recording, options: DemoOptions, port: int, stop: asyncio.Event
) -> ReplayReport:
    plan = parse_faults([_LEAD_OFF] if options.lead_off else [])
    replay_options = ReplayOptions(
        recording=recording,
        broker=Broker(host=HOST, port=port),
        site=SITE,
        device=f"{recording.signal.value}-1",
        speed=options.speed,
        loop=not options.headless and options.speed == 1,
        plan=plan,
    )
    with progress("playing", recording.n_samples) as advance:
        played = 0

        def moved(report: ReplayReport) -> None:
            nonlocal played
            advance(report.samples_sent - played)
            played = report.samples_sent

        report = await replay(replay_options, moved, stop)
    if not options.headless:
        await stop.wait()  # the page stays
    return report


async def _settle(daemon: Daemon, chunks_sent: int, stop: asyncio.Event) -> None:
    """Until the gateway has taken everything that was sent."""
    deadline = time.monotonic() + _SETTLE_S
    while daemon.chunks < chunks_sent and time.monotonic() < deadline and not stop.is_set():
        await asyncio.sleep(0.02)


def _stored_points(store: Path) -> int:
    with closing(sqlite3.connect(store)) as database:
        count: int = database.execute("SELECT count(*) FROM points").fetchone()[0]
        return count


def _summary(
    recording: Recording,
    report: ReplayReport,
    daemon: Daemon,
    seen: _Seen,
    stored: int,
    wall_s: float,
) -> dict[str, Any]:
    return {
        "record": recording.name,
        "signal_s": report.signal_s,
        "chunks_sent": report.chunks_sent,
        "chunks_processed": daemon.chunks,
        "chunks_lost": report.chunks_sent - daemon.chunks,
        "beats": seen.beats.total(),
        "beats_by_class": dict(seen.beats),
        "alarms": [messages.plain(alarm) for alarm in seen.alarms],
        "vitals_points": seen.vitals,
        "stored_points": stored,
        "injected": report.faults,
        "wall_s": round(wall_s, 3),
    }
