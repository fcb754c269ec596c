"""A thin asyncio adapter over paho-mqtt, for one thing aiomqtt lacks: the hand-made PUBACK.

paho's network loop runs in a thread of its own; deliveries cross into the event loop in
batches. A delivery is acknowledged when the caller says that it is safe, in the order of
receipt. The session is persistent: what was not acknowledged is delivered again.
"""

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vitalwire.errors import UnavailableError
from vitalwire.settings import BrokerSettings

log = logging.getLogger(__name__)

MAX_WAITING: Final = 100_000
"""Deliveries in memory; more are left to the broker, until the next connection."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came, and what is needed to acknowledge it."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    connection: int  # a PUBACK is worth something on the connection it came by only
    arrival_ns: int


@dataclass(frozen=True, slots=True)
class LastWill:
    topic: str
    payload: bytes


class MqttLink:
    """An MQTT 3.1.1 connection that is kept up, with manual acknowledgement.

    Used as an async context manager, which owns the network thread. Deliveries of QoS 1 stay
    unacknowledged until `ack`.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        subscriptions: Sequence[str],
        will: LastWill | None = None,
        on_connect: Callable[[], None] | None = None,
        clean: bool = False,
    ) -> None:
        self._broker = broker
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._on_connected = on_connect
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        self._configure(will)
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._connection = 0
        self._session_kept = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.refusal: str | None = None
        self.connects = 0
        self.discarded = 0

    def _configure(self, will: LastWill | None) -> None:
        client, broker = self._client, self._broker
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.max_inflight_messages_set(1000)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_subscribe = self._subscribed
        client.on_publish = self._puback
        if will:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        if broker.username:
            password = broker.password.get_secret_value() if broker.password else None
            client.username_pw_set(broker.username, password)
        if broker.ca_file or broker.cert_file:
            client.tls_set(
                ca_certs=str(broker.ca_file) if broker.ca_file else None,
                certfile=str(broker.cert_file) if broker.cert_file else None,
                keyfile=str(broker.key_file) if broker.key_file else None,
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        # connect_async: a broker that is away at the start is the same as one that goes away.
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        for future in self._published.values():
            future.cancel()
        self._published.clear()

    async def first_connection(self, timeout_s: float) -> None:
        """Wait until the broker accepted us once.

        Raises
        ------
        UnavailableError
            It refuses, or does not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        where = f"{self._broker.host}:{self._broker.port}"
        while not self.connects:
            if self.refusal:
                raise UnavailableError(
                    f"the broker at {where} refuses: {self.refusal}: check user, password, ACL"
                )
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"no broker answers at {where} within {timeout_s:g} s: "
                    "check [broker] host and port, or start it"
                )
            await asyncio.sleep(0.05)

    async def receive(self, limit: int) -> list[Delivery]:
        """Wait for deliveries, take at most `limit` of them, oldest first."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        count = min(limit, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge; the caller keeps the order of receipt."""
        if delivery.qos and delivery.connection == self._connection:
            self._client.ack(delivery.mid, delivery.qos)

    def send(self, topic: str, payload: bytes) -> None:
        """Send at QoS 0, for a screen: lost where nobody can take it now."""
        if self.connected:
            self._client.publish(topic, payload, qos=0)

    def send_retained(self, topic: str, payload: bytes) -> None:
        """Send what replaces itself at QoS 1; when not connected, it is said anew later."""
        if self.connected:
            self._client.publish(topic, payload, qos=1, retain=True)

    async def publish(
        self, topic: str, payload: bytes, qos: int = 1, retain: bool = False
    ) -> None:
        """Send, and wait for the broker's PUBACK.

        Across a reconnection paho sends it again itself, so the wait simply goes on.

        Raises
        ------
        UnavailableError
            Not connected now.
        """
        if not self.connected:
            raise UnavailableError(f"not connected to {self._broker.host}:{self._broker.port}")
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise UnavailableError(f"cannot publish to {topic}: {paho.error_string(info.rc)}")
        if qos == 0:
            return
        # The PUBACK is resolved in this loop, so it cannot come before the next await.
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._published[info.mid] = future
        try:
            await future
        finally:
            self._published.pop(info.mid, None)

    # --- in paho's thread -------------------------------------------------------------

    def _in_loop(self, call: Callable[..., None], *args: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    def _connected(
        self,
        client: paho.Client,
        _userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            log.warning("the broker refuses", extra={"reason": str(reason)})
            return
        self.refusal = None
        self._connection += 1
        self._session_kept = flags.session_present
        if self._subscriptions:
            # Always: a session that was made by a connection which broke before its SUBACK has
            # none. A subscription replaces itself, so this doubles nothing.
            client.subscribe(self._subscriptions)
        else:
            self._ready()

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.refusal = "it may not subscribe to its site's topics"
            log.error("the broker denies a subscription")
            return
        self._ready()

    def _ready(self) -> None:
        self.connects += 1
        log.info("connected to the broker", extra={"connects": self.connects})
        if self._on_connected:
            self._in_loop(self._on_connected)

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # Now, not at the next CONNACK: a PUBACK that is queued while paho connects again would
        # go out before CONNECT, and the broker would throw us out for it.
        self._connection += 1
        if reason.is_failure and not self._closing:
            log.warning("disconnected from the broker", extra={"reason": str(reason)})

    def _message(
        self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage
    ) -> None:
        if message.retain and self._session_kept:
            # A kept session was sent every change in its place; this is said out of turn.
            self._client.ack(message.mid, message.qos)
            return
        if len(self._waiting) >= MAX_WAITING:
            self.discarded += 1  # not acknowledged: the broker brings it at a reconnection
            return
        self._waiting.append(
            Delivery(
                message.topic,
                bytes(message.payload),
                message.qos,
                message.mid,
                self._connection,
                time.time_ns(),
            )
        )
        if len(self._waiting) == 1:
            self._in_loop(self._arrived.set)

    def _puback(
        self,
        _client: paho.Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._in_loop(self._resolve, mid)

    # --- back in the event loop -------------------------------------------------------

    def _resolve(self, mid: int) -> None:
        future = self._published.get(mid)
        if future is None:
            return
        if not future.done():
            future.set_result(None)
