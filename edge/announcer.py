"""What the gateway says to the broker, and that nothing is said before it is safe.

An alarm is fsynced first; then its device's retained list of open alarms, and the courier,
which carries it to every sink. What a screen shows live goes out at once and may be lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from edge.config import EdgeSettings
from edge.delivery.courier import Courier
from edge.delivery.entries import Entry
from edge.delivery.render import live, render
from edge.ledger import Ledger
from edge.mqtt import MqttLink
from vitalwire import messages, topics
from vitalwire.contracts import AlarmEvent, Event, Receipt
from vitalwire.errors import UnavailableError
from vitalwire.topics import Leaf

log = logging.getLogger(__name__)

_RETRY_S: Final = 1.0

OpenAlarms = Callable[[str], Sequence[AlarmEvent]]
"""The open alarms of a device, or of the gateway by its name."""


class Announcer:
    """Tells events, in the order in which they came about.

    Parameters
    ----------
    settings : EdgeSettings
    link : MqttLink
    ledger : Ledger
    courier : Courier
    open_alarms : OpenAlarms
    """

    def __init__(
        self,
        settings: EdgeSettings,
        link: MqttLink,
        ledger: Ledger,
        courier: Courier,
        open_alarms: OpenAlarms,
    ) -> None:
        self._settings, self._link = settings, link
        self._ledger, self._courier = ledger, courier
        self._open_alarms = open_alarms
        self._unsaid: list[Entry] = []  # of the gateway itself, refused by the disk
        self._telling = asyncio.Lock()

    async def tell(self, events: Sequence[Event]) -> None:
        """Alarms first, and only when they are safe; then what a screen shows live."""
        urgent = [event for event in events if isinstance(event, AlarmEvent | Receipt)]
        if urgent:
            entries = [render(event, self._settings.site, None) for event in urgent]
            alarms = [event.device for event in urgent if isinstance(event, AlarmEvent)]
            # As of now: what another task finds meanwhile is not safe yet.
            active = {device: self._open_alarms(device) for device in alarms}
            async with self._telling:
                await self._insist(partial(self._ledger.put_alarms, entries))
                for device, still_open in active.items():
                    self._publish_active(device, still_open)
            self._courier.wake()
        for message in live(events, self._settings.site):
            self._link.send(message.topic, message.payload)

    async def tell_of_gateway(self, events: Sequence[AlarmEvent | Receipt]) -> None:
        """Alarms of the gateway itself. It is often the disk that they are about.

        To be called with nothing now and then too: what the disk refused is put again.
        """
        self._unsaid += [render(event, self._settings.site, None) for event in events]
        if not self._unsaid:
            return
        batch = list(self._unsaid)
        try:
            await self._ledger.put_alarms(batch)
            self._unsaid = [entry for entry in self._unsaid if entry not in batch]
        except UnavailableError:  # said at least, and put again with the next
            for entry in batch[-len(events) :] if events else []:
                self._link.send(entry.topic or "", entry.payload or b"")
        if events:
            self._courier.wake()
            self.publish_open_alarms(self._settings.gateway)

    def publish_open_alarms(self, device: str) -> None:
        """Say which alarms of a device, or of the gateway by its name, are open now."""
        self._publish_active(device, self._open_alarms(device))

    def _publish_active(self, device: str, alarms: Sequence[AlarmEvent]) -> None:
        payload = b"[" + b",".join(messages.dump(alarm) for alarm in alarms) + b"]"
        topic = topics.device_topic(self._settings.site, device, Leaf.ALARMS_ACTIVE)
        self._link.send_retained(topic, payload)

    async def _insist(self, put: Callable[[], Awaitable[None]]) -> None:
        """An alarm waits for the disk, however long; everything behind it waits too."""
        while True:
            try:
                await put()
                return
            except UnavailableError as error:
                log.error("an alarm waits for the disk", extra={"error": str(error)})
                await asyncio.sleep(_RETRY_S)
