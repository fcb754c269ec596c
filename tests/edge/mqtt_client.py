"""A plain MQTT client for tests of the daemon: hears everything of the site, and publishes."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import HOST, wait_until
from tests.system.gateway import SITE
from vitalwire import topics
from vitalwire.topics import Leaf


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    retained: bool

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class SiteClient:
    """Connected from its start to its end; keeps all that it hears, in order."""

    def __init__(self, port: int, device: str = "w1") -> None:
        self._device = device
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_subscribe = self._subscribed
        self._ready = threading.Event()
        self._port = port
        self.heard: list[Heard] = []

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        self._client.subscribe(f"{topics.ROOT}/{SITE}/#", qos=1)
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribed(self, *_: object) -> None:
        self._ready.set()

    def _hear(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, bytes(message.payload), message.retain))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1, and wait for the PUBACK."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def say(self, leaf: Leaf, **fields: object) -> None:
        """A device's JSON message."""
        topic = topics.device_topic(SITE, self._device, leaf)
        self.publish(topic, json.dumps(fields).encode(), retain=leaf is Leaf.STATUS)

    def of(self, leaf: Leaf, device: str | None = None) -> list[Any]:
        """The bodies of what was heard on one of the device's topics."""
        topic = topics.device_topic(SITE, device or self._device, leaf)
        return [one.body for one in list(self.heard) if one.topic == topic]

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        """Until it was heard."""
        wait_until(condition, f"{what}; heard {[one.topic for one in self.heard]}", timeout_s)

    def wait_for_alarm(self, kind: str, phase: str, device: str | None = None) -> Any:
        """The first message of that kind and phase."""

        def matching() -> list[Any]:
            alarms = self.of(Leaf.ALARM, device)
            return [one for one in alarms if (one["kind"], one["phase"]) == (kind, phase)]

        self.wait(lambda: bool(matching()), f"{kind} {phase}")
        return matching()[0]
