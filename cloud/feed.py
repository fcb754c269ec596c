"""The feed's shell: it owns the clock, the connection, the history's thread and the readers.

The parts know nothing of each other: messages go from the subscriber into the pure ward state
and the strips; what these return goes to every reader's mailbox.
"""

import asyncio
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from cloud import inbound
from cloud.config import FeedSettings
from cloud.history import History
from cloud.inbound import ActiveAlarms, StreamEvents
from cloud.mailbox import Hub, Update
from cloud.pieces import Piece
from cloud.state import Link, WardState
from cloud.subscriber import Subscriber
from cloud.waveform import Waveforms
from vitalwire import messages, topics
from vitalwire.contracts import AlarmEvent, Chunk, Command, CommandAction, Receipt, Vitals
from vitalwire.errors import UnavailableError, WireError
from vitalwire.topics import Leaf

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
HISTORY_RETRY_S: Final = 2.0
MAX_UNWRITTEN: Final = 10_000
PRUNE_EVERY_S: Final = 3600.0
DAY_NS: Final = 86_400 * 10**9

Clock = Callable[[], int]


class Feed:
    """Everything behind the API, in one event loop."""

    def __init__(self, settings: FeedSettings, clock_ns: Clock = time.time_ns) -> None:
        self.settings = settings
        self.now_ns = clock_ns
        self.history = History(settings.database)
        self.ward = WardState(settings.site, settings.max_devices, settings.command_timeout_s)
        self.waveforms = Waveforms()
        self.updates: Hub[Update] = Hub()
        self.waves: Hub[Piece] = Hub()
        self.unreadable: Counter[str] = Counter()
        self.subscriber = Subscriber(
            settings.broker, settings.site, settings.max_queued, self.receive, self._link
        )
        self._unwritten: deque[tuple[AlarmEvent, int] | Receipt] = deque()
        self._to_write = asyncio.Event()

    async def run(self) -> None:
        """Read, tick and write, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.subscriber.run(), name="feed-subscriber")
                tasks.create_task(self._ticks(), name="feed-ticks")
                tasks.create_task(self._write_history(), name="feed-history")
        finally:
            self.close()
            self._write_the_rest()

    def close(self) -> None:
        """End all readers' streams."""
        self.updates.close()
        self.waves.close()

    def receive(self, topic: str, payload: bytes) -> None:
        """Take one message from the broker; what cannot be read is counted and dropped."""
        try:
            message = inbound.read(topic, payload)
        except WireError as error:
            self._count_unreadable(topic, error)
            return
        now_ns = self.now_ns()
        if isinstance(message, Chunk):
            self.waves.send(self.waveforms.push(message, now_ns))
            return
        if isinstance(message, StreamEvents):
            self.waves.send(self.waveforms.push_events(message))
        elif isinstance(message, Vitals):
            self.waves.send(self.waveforms.push_vitals(message))
        elif isinstance(message, AlarmEvent | ActiveAlarms):
            self.waves.send(self.waveforms.push_alarms(message))
        self.updates.send(self.ward.push(message, now_ns))
        if isinstance(message, AlarmEvent):
            self._remember((message, now_ns))
        elif isinstance(message, ActiveAlarms):
            for alarm in message.alarms:
                self._remember((alarm, now_ns))
        elif isinstance(message, Receipt):
            self._remember(message)

    async def ask(
        self, alarm_id: str, action: CommandAction, by: str, snooze_s: float | None
    ) -> str:
        """Send a command to the gateway; returns its id, its receipt comes as an update.

        Raises
        ------
        RefusedError
            The alarm cannot be acted on now.
        """
        now_ns = self.now_ns()
        command, updates = self.ward.ask(
            uuid.uuid4().hex, alarm_id, action, by, snooze_s, now_ns
        )
        self.updates.send(updates)
        await self._write_command(command, now_ns)
        topic = topics.device_topic(self.settings.site, command.device, Leaf.COMMAND)
        try:
            await self.subscriber.publish(
                topic, messages.dump(command), self.settings.command_timeout_s
            )
        except UnavailableError as error:
            self.updates.send(self.ward.not_sent(command, str(error)))
        return command.command_id

    def health(self) -> dict[str, object]:
        """For a probe and for whoever looks for what was dropped."""
        return {
            "ok": self.ward.link.connected and not self._unwritten,
            "broker_connected": self.ward.link.connected,
            "broker_error": self.ward.link.error,
            "devices": len(self.ward.devices),
            "open_alarms": sum(1 for _ in self.ward.open_alarms()),
            "readers": len(self.updates),
            "history_unwritten": len(self._unwritten),
            "counts": dict(self.subscriber.counts + self.ward.counts),
            "unreadable": dict(self.unreadable),
        }

    def _count_unreadable(self, topic: str, error: WireError) -> None:
        self.unreadable[error.reason.value] += 1
        log.warning("dropped a message on %.160s: %s", topic, error)
        if topic.endswith(("/alarm", "/alarms/active")):
            # An alarm nobody sees is the worst that can happen here: say so on the page.
            self.unreadable["alarm"] += 1
            text = f"{self.unreadable['alarm']} alarm message(s) could not be read"
            self._notice("unreadable", f"{text}: look at the gateway")

    def _link(self, connected: bool, error: str) -> None:
        if (connected, error) != (self.ward.link.connected, self.ward.link.error):
            since_ns = self.ward.link.since_ns
            if connected != self.ward.link.connected or not since_ns:
                since_ns = self.now_ns()
            self.updates.send(self.ward.set_link(Link(connected, since_ns, error)))

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.updates.send(self.ward.tick(self.now_ns()))
            lost = self.subscriber.counts["inbox_urgent"]
            text = f"the feed was overrun and lost {lost} message(s)" if lost else ""
            self._notice("overrun", text)

    def _remember(self, item: tuple[AlarmEvent, int] | Receipt) -> None:
        if len(self._unwritten) >= MAX_UNWRITTEN:
            self._unwritten.popleft()
            self.ward.counts["history_dropped"] += 1
        self._unwritten.append(item)
        self._to_write.set()

    async def _write_command(self, command: Command, now_ns: int) -> None:
        try:
            await asyncio.to_thread(self.history.add_command, command, now_ns)
        except UnavailableError as error:
            self._notice("history", str(error))

    async def _write_history(self) -> None:
        pruned_at = float("-inf")
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            batch = list(self._unwritten)
            try:
                await asyncio.to_thread(self._write, batch)
                if time.monotonic() - pruned_at > PRUNE_EVERY_S:
                    pruned_at = time.monotonic()
                    before_ns = self.now_ns() - self.settings.history_days * DAY_NS
                    await asyncio.to_thread(self.history.prune, before_ns)
            except UnavailableError as error:
                log.warning("%s", error)
                self._notice("history", "alarm history is not being recorded")
                await asyncio.sleep(HISTORY_RETRY_S)
                self._to_write.set()
                continue
            for item in batch:
                if self._unwritten and self._unwritten[0] is item:
                    self._unwritten.popleft()
            self._notice("history", "")

    def _write(self, batch: list[tuple[AlarmEvent, int] | Receipt]) -> None:
        self.history.add([item for item in batch if isinstance(item, tuple)])
        for item in batch:
            if isinstance(item, Receipt):
                self.history.answer(item)

    def _write_the_rest(self) -> None:
        try:
            self._write(list(self._unwritten))
        except UnavailableError as error:
            log.warning("%d history entries lost: %s", len(self._unwritten), error)
        self.history.close()

    def _notice(self, name: str, text: str) -> None:
        self.updates.send(self.ward.set_notice(name, text))
