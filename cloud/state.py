"""The ward as the broker's messages tell it. Pure: messages and time in, updates out.

Nothing is guessed. A device is silent because its gateway raised that alarm; an alarm is
acknowledged because its gateway says so.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cloud.commands import Asked, Commands, Progress
from cloud.device import Device, device_view
from cloud.inbound import ActiveAlarms, Info, Service, Status, StreamEvents, WardMessage
from cloud.mailbox import Update
from cloud.views import View, alarm_view, is_open
from vitalwire.contracts import (
    AlarmEvent,
    Command,
    CommandAction,
    Receipt,
    Vitals,
)

MAX_SERVICES = 100
MAX_CLOSED = 1000


class RefusedError(Exception):
    """A command that cannot be sent; the message is for the person who asked."""

    def __init__(self, message: str, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Link:
    """The feed's own connection to the broker."""

    connected: bool = False
    since_ns: int = 0
    error: str = "not connected yet"


class WardState:
    """All devices of a site."""

    def __init__(self, site: str, max_devices: int, command_timeout_s: float) -> None:
        self.site = site
        self.link = Link()
        self.counts: Counter[str] = Counter()
        self.devices: dict[str, Device] = {}
        self._max_devices = max_devices
        self._commands = Commands(command_timeout_s)
        self._services: dict[tuple[str, str], tuple[Service, int]] = {}
        self._notices: dict[str, str] = {}
        self._closed: dict[str, int] = {}  # last revision of alarms that are over

    def push(self, message: WardMessage, now_ns: int) -> list[Update]:
        """Take one message in."""
        if isinstance(message, Service):
            return self._push_service(message, now_ns)
        if isinstance(message, ActiveAlarms) and not self._concerns(message):
            return []
        device = self._device(message.device)
        if device is None:
            return []
        match message:
            case AlarmEvent():
                return self._push_alarm(device, message)
            case ActiveAlarms():
                return self._push_active(device, message)
            case Receipt():
                return self._alarm_updates(self._commands.answer(message))
            case Vitals():
                device.vitals[message.signal] = (message, now_ns)
            case Status():
                device.status = message.status
            case Info():
                device.infos[message.signal] = message.info
            case StreamEvents():
                if not device.take(message, now_ns):
                    return []
        return [self._device_update(device)]

    def tick(self, now_ns: int) -> list[Update]:
        """Commands that nobody answered."""
        late = list(self._commands.tick(now_ns))
        return [update for alarm_id in late for update in self._alarm_updates(alarm_id)]

    def set_link(self, link: Link) -> list[Update]:
        self.link = link
        return [self._link_update()]

    def set_notice(self, name: str, text: str) -> list[Update]:
        """Something of the feed itself that a reader must know; empty text takes it back."""
        if self._notices.get(name, "") == text:
            return []
        self._notices[name] = text
        return [self._link_update()]

    def ask(
        self, command_id: str, alarm_id: str, action: CommandAction, by: str,
        snooze_s: float | None, now_ns: int,
    ) -> tuple[Command, list[Update]]:  # fmt: skip
        """Make a command for an open alarm.

        Raises
        ------
        RefusedError
            No such open alarm, it is acknowledged already, or somebody has just asked.
        """
        found = self._find(alarm_id)
        if found is None:
            raise RefusedError("no open alarm of this id", unknown=True)
        device, event = found
        asked = self._commands.get(alarm_id)
        if asked and asked.progress is Progress.PENDING:
            raise RefusedError(f"pending already, asked by {asked.command.by}")
        if event.acknowledged and action is CommandAction.ACKNOWLEDGE:
            raise RefusedError(f"acknowledged already, by {event.acknowledged_by or 'unknown'}")
        if not self.link.connected:
            raise RefusedError("no connection to the broker: the gateway cannot be reached")
        command = Command(
            command_id, device.name, action, by, alarm_id=alarm_id, snooze_s=snooze_s
        )
        self._commands.ask(command, alarm_id, now_ns)
        return command, self._alarm_updates(alarm_id)

    def not_sent(self, command: Command, reason: str) -> list[Update]:
        return self._alarm_updates(self._commands.failed(command.command_id, reason))

    def asked(self, alarm_id: str) -> Asked | None:
        return self._commands.get(alarm_id)

    def snapshot(self) -> list[Update]:
        """Everything, for a reader who has just come."""
        updates = [self._link_update()]
        for device in self.devices.values():
            updates.append(self._device_update(device))
            updates += [self._alarm_update(event) for event in device.alarms.values()]
        return updates

    def open_alarms(self) -> Iterator[tuple[Device, AlarmEvent]]:
        for device in self.devices.values():
            for event in device.alarms.values():
                yield device, event

    def _device(self, name: str) -> Device | None:
        device = self.devices.get(name)
        if device is None:
            if len(self.devices) >= self._max_devices:
                self.counts["devices_over_limit"] += 1
                return None
            device = self.devices[name] = Device(name)
            device.patient = self._patient(name)
        return device

    def _patient(self, device: str) -> str | None:
        for service, _ in self._services.values():
            if device in service.patients:
                return service.patients[device]
        return None

    def _push_service(self, service: Service, now_ns: int) -> list[Update]:
        key = (service.kind, service.name)
        if key not in self._services and len(self._services) >= MAX_SERVICES:
            self.counts["services_over_limit"] += 1
            return []
        self._services[key] = (service, now_ns)
        updates = [self._link_update()]
        for device in self.devices.values():
            device.patient = service.patients.get(device.name, device.patient)
            updates.append(self._device_update(device))
        return updates

    def _push_alarm(self, device: Device, event: AlarmEvent) -> list[Update]:
        if not self._take(device, event):
            return []
        # The alarm's update first: a reader must not see a card recover before its alarm ends.
        return [self._alarm_update(event), self._device_update(device)]

    def _concerns(self, active: ActiveAlarms) -> bool:
        """An empty list of somebody unknown is no news, and no device."""
        return bool(active.alarms) or active.device in self.devices

    def _push_active(self, device: Device, active: ActiveAlarms) -> list[Update]:
        """The gateway's whole list: what is not in it ended while the feed was away."""
        updates = []
        listed = {event.alarm_id for event in active.alarms}
        for alarm_id in [known for known in device.alarms if known not in listed]:
            self._commands.forget(alarm_id)
            gone = device.alarms.pop(alarm_id)
            self._close(gone)
            updates.append(self._alarm_update(gone, closed=True))
        for event in active.alarms:
            if self._take(device, event):
                updates.append(self._alarm_update(event))
        return [*updates, self._device_update(device)]

    def _take(self, device: Device, event: AlarmEvent) -> bool:
        known = device.alarms.get(event.alarm_id)
        # The list comes straight, an alarm's messages through the gateway's outbox: one that
        # is closed here must not open again for a message that was under way.
        last = known.revision if known else self._closed.get(event.alarm_id, -1)
        if last >= event.revision:
            return False
        if is_open(event):
            device.alarms[event.alarm_id] = event
            self._commands.observe(event.alarm_id, event.acknowledged, event.snoozed_until_ns)
        else:
            device.alarms.pop(event.alarm_id, None)
            self._commands.forget(event.alarm_id)
            self._close(event)
        device.patient = event.patient or device.patient
        return True

    def _close(self, event: AlarmEvent) -> None:
        self._closed[event.alarm_id] = event.revision
        if len(self._closed) > MAX_CLOSED:
            del self._closed[next(iter(self._closed))]

    def _find(self, alarm_id: str) -> tuple[Device, AlarmEvent] | None:
        return next(
            ((d, e) for d, e in self.open_alarms() if e.alarm_id == alarm_id),
            None,
        )

    def _alarm_updates(self, alarm_id: str | None) -> list[Update]:
        found = self._find(alarm_id) if alarm_id else None
        return [self._alarm_update(found[1])] if found else []

    def _alarm_update(self, event: AlarmEvent, closed: bool = False) -> Update:
        asked = self._commands.get(event.alarm_id)
        view = alarm_view(event, asked)
        if closed:
            view["open"] = False
        return Update("alarm", event.alarm_id, view)

    def _device_update(self, device: Device) -> Update:
        name = device.status.bridge if device.status else None
        bridge = self._services.get(("bridge", name or ""))
        bridge_gone = bridge is not None and not bridge[0].online
        is_gateway = ("gateway", device.name) in self._services
        return Update("device", device.name, device_view(device, is_gateway, bridge_gone))

    def _link_update(self) -> Update:
        services = [
            {"kind": kind, "name": name, "online": service.online, "version": service.version,
             "since_ms": since_ns // 1_000_000}
            for (kind, name), (service, since_ns) in sorted(self._services.items())
        ]  # fmt: skip
        view: View = {
            "site": self.site,
            "connected": self.link.connected,
            "since_ms": self.link.since_ns // 1_000_000,
            "error": self.link.error,
            "services": services,
            "notices": [text for text in self._notices.values() if text],
        }
        return Update("link", self.site, view)
