"""The smallest publisher that waits for its PUBACK, for the conformance suite."""

import asyncio

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.servers import HOST
from vitalwire.errors import UnavailableError


class PahoPublisher:
    """A connection that comes back by itself; what it had not confirmed is said to be lost.

    All state belongs to the event loop: paho calls back from its own thread while it holds
    a lock that `publish` takes, so a lock of ours around both would be a deadlock.
    """

    def __init__(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._connected = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async(HOST, port, keepalive=5)
        self._client.loop_start()

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if not self._connected:
            raise UnavailableError("no connection to the broker")
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting[self._client.publish(topic, payload, qos, retain).mid] = done
        await done

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, _c: Client, _u: object, _f: ConnectFlags, _r: ReasonCode, _p: Properties | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._up)

    def _on_disconnect(
        self, _c: Client, _u: object, _f: DisconnectFlags, _r: ReasonCode, _p: Properties | None
    ) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._down)

    def _on_publish(
        self, _c: Client, _u: object, mid: int, _r: ReasonCode, _p: Properties | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._confirmed, mid)

    def _up(self) -> None:
        self._connected = True

    def _down(self) -> None:
        self._connected = False
        lost, self._waiting = self._waiting, {}
        for future in lost.values():
            if not future.done():
                future.set_exception(UnavailableError("broken before the PUBACK"))

    def _confirmed(self, mid: int) -> None:
        future = self._waiting.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(None)
