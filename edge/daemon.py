"""The gateway daemon: owns time, queues, retries and files around the pure pipeline.

The order that nothing may break: a message is appended to the chunk log and analysed; an
alarm is fsynced in the outbox before anything else hears of it; every 200 ms the log is
fsynced, then what came of it is committed to the outbox together with the log's offset, then
the messages are acknowledged, in the order of receipt. After a crash the daemon restores its
last snapshot, replays the log from there, and drops what the outbox already has.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from edge import systemd
from edge.announcer import Announcer
from edge.assignments import Assignments
from edge.chunklog.records import Record, RecordKind
from edge.config import EdgeSettings
from edge.delivery.courier import Courier
from edge.delivery.render import is_kept, render, render_gateway
from edge.gateway_alarms import GatewayAlarms
from edge.gateway_status import GatewayStatus, figures, look
from edge.intake import Intake
from edge.ledger import Ledger
from edge.model_health import ModelHealth
from edge.models import NOTHING, LoadedModels
from edge.mqtt import Delivery, LastWill, MqttLink
from edge.pipeline.gateway import Output, Pipeline, Refusal
from edge.rounds import batched, run_rounds
from edge.sinks import make_sinks
from edge.stages.items import State
from vitalwire import messages, topics
from vitalwire.contracts import AlarmEvent, Command, Event, Receipt
from vitalwire.errors import InputError, UnavailableError, VitalwireError
from vitalwire.topics import Leaf

log = logging.getLogger(__name__)

_BATCH: Final = 500  # records taken at once: bounds how long the event loop is busy
_RETRY_S: Final = 1.0
_GOODBYE_S: Final = 5.0


class Daemon:
    """One gateway in one process.

    Parameters
    ----------
    settings : EdgeSettings
    models : LoadedModels, optional
        What the pipeline asks; without any, beats are found and not classified.
    on_event : callable, optional
        Told of every event, in order, for whoever runs the daemon inside a program.

    Raises
    ------
    InputError, UnavailableError
        The data folder cannot be used.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        models: LoadedModels = NOTHING,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._settings = settings
        self._models = models
        self._health = ModelHealth()
        self._on_event = on_event
        self.pipeline = self._make_pipeline()
        self._intake = Intake(settings.site, settings.pipeline)
        self._gateway_alarms = GatewayAlarms(settings.site, settings.gateway)
        self._link = self._make_link()
        _make_folder(settings.data_dir)
        sinks = make_sinks(settings, self._link.publish)
        self.ledger = Ledger(settings, {sink.name: sink.lanes for sink in sinks})
        self.courier = Courier(self.ledger.outbox, sinks)
        self._announcer = Announcer(
            settings, self._link, self.ledger, self.courier, self._open_alarms
        )
        self._sinks = sinks
        self._started_ns = time.time_ns()
        self._reconnected = asyncio.Event()
        self.chunks = 0
        self._own_commands = topics.device_topic(settings.site, settings.gateway, Leaf.COMMAND)
        self._ordered: deque[tuple[Delivery, Command]] = deque()
        self._disk_short = ""
        self.ready = asyncio.Event()

    def _make_pipeline(self) -> Pipeline:
        return Pipeline(
            self._settings.site,
            ecg=self._models.ecg,
            eeg=self._models.eeg,
            max_devices=self._settings.pipeline.max_devices,
        )

    def _make_link(self) -> MqttLink:
        settings = self._settings
        topic = topics.gateway_status(settings.site, settings.gateway)
        return MqttLink(
            settings.broker,
            client_id=f"vitalwire-edge-{settings.site}-{settings.gateway}",
            subscriptions=topics.gateway_subscriptions(settings.site),
            will=LastWill(topic, b'{"online":false}'),
            on_connect=self._connected,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; then leave nothing half-done.

        Raises
        ------
        UnavailableError
            The broker refuses, or is not there at the start.
        """
        try:
            self._recover()
            async with self._link:
                if await self._connect(stop):
                    self.ready.set()
                    systemd.notify("READY=1")
                    await self._run_tasks(stop)
                    systemd.notify("STOPPING=1")
                    await self._say_goodbye()
        finally:
            for sink in self._sinks:
                sink.close()
            self.ledger.close()

    async def _connect(self, stop: asyncio.Event) -> bool:
        """Wait for the broker; False if `stop` came first."""
        connecting = asyncio.create_task(
            self._link.first_connection(self._settings.broker_timeout_s), name="edge-connect"
        )
        stopping = asyncio.create_task(stop.wait(), name="edge-stop")
        await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not connecting.done():
            connecting.cancel()
            return False
        connecting.result()
        return True

    async def _run_tasks(self, stop: asyncio.Event) -> None:
        settings = self._settings
        every: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            ("flush", settings.log.sync_interval_s, self._flush),
            ("snapshot", settings.log.snapshot_interval_s, self._snapshot),
            ("tick", settings.tick_s, self._tick),
            ("status", settings.status_interval_s, self._publish_status),
            ("disk", 5.0, self._make_room),
            ("assignments", 2.0, self._reread_assignments),
        ]
        if interval_s := systemd.watchdog_interval_s():
            every.append(("watchdog", interval_s, self._sign_of_life))
        tasks = [
            asyncio.create_task(self._receive(), name="edge-receive"),
            asyncio.create_task(self._greet(), name="edge-greet"),
            asyncio.create_task(self.courier.run(), name="edge-courier"),
            asyncio.create_task(stop.wait(), name="edge-stop"),
            *(
                asyncio.create_task(_repeat(interval_s, call), name=f"edge-{name}")
                for name, interval_s, call in every
            ),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()  # a task that ended by itself ended by an error

    # --- from the log -------------------------------------------------------------------

    def _recover(self) -> None:
        """Go on from the last snapshot: what the log holds behind it is analysed again."""
        state, records = self.ledger.recover()
        if state is not None:
            self._restore(state)
        count = 0
        for batch in batched(records, _BATCH):
            self._analyse(batch)
            count += len(batch)
        if records.evicted_bytes or records.damaged:
            log.error(
                "the log does not reach back to the snapshot, or is damaged: started cold",
                extra={"evicted": records.evicted_bytes, "damaged": records.damaged},
            )
        log.info("recovered", extra={"snapshot": state is not None, "replayed": count})

    def _restore(self, state: State) -> None:
        """Go on from a snapshot; one of another version must not keep the gateway down."""
        try:
            self.pipeline.restore(state["pipeline"])
            self._gateway_alarms.restore(state["gateway_alarms"])
        except (KeyError, TypeError, ValueError, IndexError, VitalwireError) as error:
            self.pipeline = self._make_pipeline()
            self._gateway_alarms = GatewayAlarms(self._settings.site, self._settings.gateway)
            log.error(
                "the snapshot cannot be used: started cold, open alarms are forgotten",
                extra={"error": repr(error)},
            )

    def _state(self) -> State:
        return {
            "pipeline": self.pipeline.state(),
            "gateway_alarms": self._gateway_alarms.state(),
        }

    # --- from the broker ----------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            deliveries = deque(await self._link.receive(_BATCH))
            while deliveries:
                # No await between the two: a snapshot must not see one without the other.
                batch = self._append(deliveries)
                await self._announcer.tell(self._analyse(batch))
                await self._obey()
                if deliveries:  # the disk is full: the rest stays unacknowledged meanwhile
                    await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(0)  # the other tasks' turn, in a long backlog too

    async def _obey(self) -> None:
        """Commands about the gateway's own alarms, which no record of the log is about."""
        while self._ordered:
            delivery, command = self._ordered.popleft()
            await self._tell_of_gateway(self._gateway_alarms.command(command, time.time_ns()))
            self.ledger.when_safe(partial(self._link.ack, delivery))

    def _append(self, deliveries: deque[Delivery]) -> list[tuple[int, Record]]:
        """Put what may enter into the log, as far as the disk takes it."""
        batch: list[tuple[int, Record]] = []
        while deliveries:
            delivery = deliveries[0]
            record = self._intake.admit(delivery.topic, delivery.payload, delivery.arrival_ns)
            if record is not None and record.topic == self._own_commands:
                self._ordered.append((delivery, messages.load(Command, record.payload)))
                deliveries.popleft()
                continue
            if record is not None:
                try:
                    batch.append((self.ledger.append(record), record))
                except UnavailableError as error:
                    log.error("cannot take messages", extra={"error": str(error)})
                    break
                self.chunks += record.topic.endswith("/chunk")
            self.ledger.when_safe(partial(self._link.ack, delivery))
            deliveries.popleft()
        return batch

    def _analyse(self, batch: Sequence[tuple[int, Record]]) -> list[Event]:
        """Run the pipeline over records that are in the log; keep what came of each."""
        told: list[Event] = []
        for offset, outputs in self._rounds(batch):
            entries = []
            for output in outputs:
                if isinstance(output, Refusal):
                    self._intake.refuse(output.topic, output.reason, output.message)
                else:
                    if is_kept(output.event):
                        site = self._settings.site
                        entries.append(render(output.event, site, output.patient))
                    told.append(output.event)
                    if self._on_event:
                        self._on_event(output.event)
            self.ledger.processed(offset, entries)
        return told

    def _rounds(
        self, batch: Sequence[tuple[int, Record]]
    ) -> list[tuple[int, list[Output | Refusal]]]:
        return run_rounds(self.pipeline, batch, self._models.models, self._health.told_of)

    # --- by the clock -------------------------------------------------------------------

    async def _flush(self) -> None:
        problem = ""
        try:
            if await self.ledger.flush():
                self.courier.wake()
        except UnavailableError as error:
            problem = str(error)
            log.error("cannot make the log safe, trying again", extra={"error": problem})
        if self.ledger.outbox.full:
            problem = "only undelivered alarms are left in the outbox, and it is full"
        problem = problem or self._disk_short
        now_ns, failed = time.time_ns(), {**self._models.problems, **self._health.problems()}
        await self._tell_of_gateway(
            [
                *self._gateway_alarms.disk(problem, now_ns),
                *self._gateway_alarms.models(failed, now_ns),
            ]
        )

    async def _make_room(self) -> None:
        self._disk_short = await self.ledger.make_room()

    async def _snapshot(self) -> None:
        try:
            await self.ledger.snapshot(self._state)
        except UnavailableError as error:
            log.error("no snapshot, the last one is kept", extra={"error": str(error)})

    async def _tick(self) -> None:
        """The pipeline's clock. Without a broker it stands: that silence is not a device's."""
        if self._link.connected:
            await self._note(Record(RecordKind.TICK, time.time_ns()))
        await self._tell_of_gateway(self._gateway_alarms.tick(time.time_ns()))

    async def _note(self, record: Record) -> None:
        try:
            offset = self.ledger.append(record)
        except UnavailableError as error:
            log.error("cannot write the log", extra={"error": str(error)})
            return
        await self._announcer.tell(self._analyse([(offset, record)]))

    async def _tell_of_gateway(self, events: Sequence[AlarmEvent | Receipt]) -> None:
        await self._announcer.tell_of_gateway(events)
        if events:  # no record of the log gives these alarms again: only a snapshot knows them
            await self._snapshot()

    async def _reread_assignments(self) -> None:
        path = self._settings.assignments
        if path is None:
            return
        try:
            text = await asyncio.to_thread(path.read_text)
            if text == self.pipeline.assignments_text:
                return
            Assignments.parse(text)
        except (OSError, UnicodeDecodeError, InputError) as error:
            self._intake.refuse("assignments", "bad_assignments", f"{path}: {error}")
            return
        await self._note(Record(RecordKind.ASSIGNMENTS, time.time_ns(), "", text.encode()))

    async def _sign_of_life(self) -> None:
        """A task that fails ends the daemon; the watchdog is for a loop that hangs."""
        systemd.notify("WATCHDOG=1")

    # --- to the broker ------------------------------------------------------------------

    def _connected(self) -> None:
        self.courier.wake("mqtt")
        self._reconnected.set()

    async def _greet(self) -> None:
        """At each connection: what is retained is said anew, and silence is forgiven."""
        while True:
            await self._reconnected.wait()
            self._reconnected.clear()
            await self._note(Record(RecordKind.RESUMED, time.time_ns()))
            await self._publish_status()
            for device in [*self.pipeline.devices, self._settings.gateway]:
                self._announcer.publish_open_alarms(device)

    def _open_alarms(self, device: str) -> Sequence[AlarmEvent]:
        own = device == self._settings.gateway
        return self._gateway_alarms.open() if own else self.pipeline.open_alarms(device)

    async def _publish_status(self) -> None:
        status = await self.status()
        topic = topics.gateway_status(self._settings.site, self._settings.gateway)
        self._link.send_retained(topic, messages.dump(status))
        point = render_gateway(
            self._settings.site, self._settings.gateway, figures(status), status.time_ns
        )
        try:
            await self.ledger.put_figures([point])
        except UnavailableError as error:
            log.error("no status point", extra={"error": str(error)})

    async def status(self) -> GatewayStatus:
        """The gateway as it is now."""
        devices = list(self.pipeline.devices)  # here: in a thread it would change meanwhile
        stats = self.ledger.log.stats()
        measure = partial(
            look,
            self._settings.data_dir,
            started_ns=self._started_ns,
            devices=len(devices),
            open_alarms=sum(len(self.pipeline.open_alarms(device)) for device in devices),
            chunks=self.chunks,
            refused=self._intake.refused.copy(),
            streams=self._stream_counts(),
            discarded=self._link.discarded,
            patients=self.pipeline.patients(),
            log_bytes=stats.file_bytes,
            evicted_bytes=stats.evicted.n_bytes,
            bundles=self._models.bundles,
        )
        return await asyncio.to_thread(lambda: measure(sinks=self.courier.status()))

    def _stream_counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for signals in self.pipeline.counters().values():
            for of_signal in signals.values():
                counts.update(of_signal)
        return +counts  # what never happened is left out

    async def _say_goodbye(self) -> None:
        """Everything safe, a snapshot, what can be delivered delivered, then offline."""
        await self._flush()
        await self._snapshot()
        self.courier.wake()
        await self._finish_delivery(_GOODBYE_S)
        topic = topics.gateway_status(self._settings.site, self._settings.gateway)
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._link.publish(topic, b'{"online":false}', retain=True)
        except (UnavailableError, TimeoutError):
            log.warning("no goodbye to the broker; its last will says it")

    async def _finish_delivery(self, timeout_s: float) -> None:
        task = asyncio.create_task(self.courier.run(), name="edge-last-courier")
        await self.courier.drained(timeout_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _repeat(interval_s: float, call: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await call()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot use {folder} for the gateway's data ({error.strerror}): set data_dir to a "
            "folder that this user can write to"
        ) from None
