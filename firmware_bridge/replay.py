"""Plays a recording to the broker as one or many wearables."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from firmware_bridge.fault_specs import describe
from firmware_bridge.options import ReplayOptions, ReplayReport
from firmware_bridge.playback import Playback
from firmware_bridge.publisher import Broker, Message, Publisher
from firmware_bridge.timed import TimedChunk
from vitalwire import __version__, messages, topics
from vitalwire.contracts import DeviceInfo, DeviceStatus
from vitalwire.errors import UnavailableError, VitalwireError
from vitalwire.recordings import encode

__all__ = ["Broker", "ReplayOptions", "ReplayReport", "replay"]

_GOODBYE_S: Final = 5.0
_PROGRESS_S: Final = 0.1


OnProgress = Callable[[ReplayReport], None]


async def replay(
    options: ReplayOptions,
    on_progress: OnProgress | None = None,
    stop: asyncio.Event | None = None,
) -> ReplayReport:
    """Play a recording to its end, or until `stop` is set; then say goodbye.

    Raises
    ------
    UnavailableError
        No broker at the start (unless `wait`), or none that heard the goodbye.
    """
    started = time.monotonic()
    run = _Run(options, options.playback(time.time_ns()), started)
    stop = stop or asyncio.Event()
    async with run.publishers() as publishers:
        if await _unless(stop, _connected(publishers)):
            await run.serve(publishers, on_progress, stop)
        report = run.report(publishers, stopped=stop.is_set())
    if on_progress is not None:
        on_progress(report)
    return report


class _Run:
    """One replay: its counts and its connections."""

    def __init__(self, options: ReplayOptions, playback: Playback, started: float) -> None:
        self._options = options
        self._playback = playback
        self._started = started
        self._tally: Counter[str] = Counter()
        self._chunks = self._samples = self._injected = 0
        self._at_s = 0.0

    @asynccontextmanager
    async def publishers(self) -> AsyncIterator[dict[str, Publisher]]:
        """The publisher of each device, not yet connected."""
        options, names = self._options, self._playback.names
        async with AsyncExitStack() as stack:
            if options.own_connection:
                own = {name: self._publisher(name, self._status(name, False)) for name in names}
                for publisher in own.values():
                    await stack.enter_async_context(publisher)
                yield own
            else:
                shared = self._publisher(f"bridge-{options.bridge}", self._bridge_status(False))
                await stack.enter_async_context(shared)
                yield dict.fromkeys(names, shared)

    async def serve(
        self,
        publishers: dict[str, Publisher],
        on_progress: OnProgress | None,
        stop: asyncio.Event,
    ) -> None:
        """Say who is there, play, and say goodbye; `stop` cuts it short."""
        try:
            if await _unless(stop, self._play(publishers, on_progress)) and await _unless(
                stop, self._say_goodbye(publishers, "end of recording")
            ):
                return
        except VitalwireError:  # of the recording: whoever listens must not wait for more
            await self._leave(publishers, "recording broke off")
            raise
        await self._leave(publishers, "switched off")

    async def _leave(self, publishers: dict[str, Publisher], reason: str) -> None:
        """Say goodbye, but do not wait for long."""
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._say_goodbye(publishers, reason)
        except TimeoutError:
            waiting = sum(publisher.waiting for publisher in set(publishers.values()))
            raise UnavailableError(
                f"broker {self._options.broker} did not take the last {waiting} messages"
            ) from None

    async def _greet(self, publishers: dict[str, Publisher]) -> None:
        """Say who is there, and what their signals are."""
        options = self._options
        if not options.own_connection:
            await next(iter(publishers.values())).publish(self._bridge_status(True))
        recording = options.recording
        info = DeviceInfo(
            leads=recording.leads,
            fs=recording.fs,
            unit=recording.unit,
            interval_s=options.chunk_s,
            source=f"recording {recording.name}",
        )
        for name, publisher in publishers.items():
            topic = topics.signal_topic(options.site, name, recording.signal, topics.Leaf.INFO)
            await publisher.publish(Message(topic, messages.dump(info), retain=True))
            await publisher.publish(self._status(name, True))

    async def _play(
        self, publishers: dict[str, Publisher], on_progress: OnProgress | None
    ) -> None:
        await self._greet(publishers)
        speed, told, begin = self._options.speed, 0.0, time.monotonic()
        for timed in self._playback.timed_chunks(self._tally):
            if speed:
                await asyncio.sleep(max(0.0, begin + timed.at_s / speed - time.monotonic()))
            await self._send(publishers, timed)
            if on_progress is not None and time.monotonic() - told >= _PROGRESS_S:
                told = time.monotonic()
                on_progress(self.report(publishers, stopped=False))

    async def _send(self, publishers: dict[str, Publisher], timed: TimedChunk) -> None:
        chunk = timed.chunk
        topic = topics.signal_topic(
            self._options.site, chunk.device, chunk.signal, topics.Leaf.CHUNK
        )
        payload = encode(self._options.recording, chunk)
        await publishers[chunk.device].publish(Message(topic, payload))
        self._chunks += 1
        self._samples += chunk.n_samples
        self._injected += chunk.injected
        self._at_s = max(self._at_s, timed.at_s)

    async def _say_goodbye(self, publishers: dict[str, Publisher], reason: str) -> None:
        """Leave in order, and see every message acknowledged."""
        for name, publisher in publishers.items():
            await publisher.publish(self._status(name, False, reason))
        if not self._options.own_connection:
            shared = next(iter(publishers.values()))
            await shared.publish(self._bridge_status(False, reason))
        for publisher in set(publishers.values()):
            await publisher.flush()

    def report(self, publishers: dict[str, Publisher], *, stopped: bool) -> ReplayReport:
        """The counts as they are now."""
        connections = set(publishers.values())
        waiting = sum(publisher.waiting for publisher in connections)
        recording = self._options.recording
        return ReplayReport(
            record=recording.name,
            devices=len(publishers),
            leads=recording.leads,
            fs=recording.fs,
            signal_s=round(self._at_s, 3),
            chunks_sent=self._chunks,
            samples_sent=self._samples,
            acked=max(0, self._chunks - waiting),
            injected=self._injected,
            faults=dict(self._tally),
            reconnects=sum(publisher.reconnects for publisher in connections),
            start_ns=self._playback.start_ns,
            wall_s=round(time.monotonic() - self._started, 3),
            stopped=stopped,
        )

    def _publisher(self, name: str, will: Message) -> Publisher:
        options = self._options
        return Publisher(
            options.broker,
            f"vitalwire-{options.site}-{name}",
            will,
            window=options.window,
            wait=options.wait,
        )

    def _status(self, name: str, online: bool, reason: str = "") -> Message:
        options = self._options
        status = DeviceStatus(
            online=online,
            reason=reason,
            firmware=f"vitalwire-replay {__version__}",
            bridge=None if options.own_connection else options.bridge,
            injected=tuple(describe(fault) for fault in options.plan.faults),
        )
        topic = topics.device_topic(options.site, name, topics.Leaf.STATUS)
        return Message(topic, messages.dump(status), retain=True)

    def _bridge_status(self, online: bool, reason: str = "") -> Message:
        options = self._options
        status = DeviceStatus(
            online=online, reason=reason, firmware=f"vitalwire-replay {__version__}"
        )
        topic = topics.bridge_status(options.site, options.bridge)
        return Message(topic, messages.dump(status), retain=True)


async def _connected(publishers: dict[str, Publisher]) -> None:
    for publisher in set(publishers.values()):
        await publisher.connected()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do `work` to its end and return True, or give it up when `stop` is set."""
    task = asyncio.create_task(work, name="replay")
    watch = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.cancel()
        task.cancel()  # does nothing to one that is done
        await asyncio.wait({task})
    if task.cancelled():
        return False
    task.result()
    return True
