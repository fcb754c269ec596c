"""One MQTT connection that loses nothing: what has no PUBACK is sent again, in order.

A message leaves the queue with its PUBACK and not before. After a reconnection those without
one are sent again, byte for byte and before anything newer: the gateway drops by stream id and
sequence number what it has already. The queue is bounded: `publish` waits while it is full,
so whoever makes the chunks waits for the broker, and nothing is dropped here.

A session kept by the broker would not help: it holds what the broker owes a client, not what
a client owes the broker.
"""

import asyncio
import logging
import math
import random
import ssl
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiomqtt

from vitalwire.errors import InputError, UnavailableError

_LOG: Final = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 10.0
_KEEPALIVE_S: Final = 20
_CONNECT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None  # given: TLS

    def __post_init__(self) -> None:
        try:
            is_name = bool(self.host.encode("idna"))
        except UnicodeError:
            is_name = False
        if not is_name:  # the client would say it by its own inner errors
            raise InputError(f"broker: expected a host's name or address, got {self.host!r}")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """What is published, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Publisher:
    """Publishes in order over any number of connections; an async context manager.

    Parameters
    ----------
    client_id : str
        Unique at the broker.
    will : Message
        What the broker says when we are gone without a goodbye.
    window : int
        Messages that may wait for their PUBACK at once.
    wait : bool
        Wait for a broker that is not there at the start, for as long as it takes.

    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: Message,
        *,
        window: int = 256,
        wait: bool = False,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._window = window
        self._wait = wait
        self._tls = _tls(broker.ca_file)
        self._room = asyncio.Semaphore(window)
        self._unacked: dict[int, Message] = {}
        self._next = 0
        self._to_send: deque[int] = deque()
        self._news = asyncio.Event()
        self._all_acked = asyncio.Event()
        self._all_acked.set()
        self._retained: dict[str, Message] = {}
        self._closing = False
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = asyncio.TaskGroup()
        self._runner: asyncio.Task[None] | None = None
        self.acked = 0
        self.reconnects = 0

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._runner = self._tasks.create_task(self._run(), name=f"publisher {self._client_id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._news.set()
        if self._runner is not None and (error is not None or self._unacked):
            self._runner.cancel()
        # Without the body's error: a group would wrap it into one of its own.
        await self._tasks.__aexit__(None, None, None)

    async def connected(self) -> None:
        """Wait for the first connection.

        Raises
        ------
        UnavailableError
            Nobody answers, or the broker refuses us (unless `wait`).
        """
        await asyncio.shield(self._started)

    @property
    def waiting(self) -> int:
        """Messages without a PUBACK."""
        return len(self._unacked)

    async def publish(self, message: Message) -> None:
        """Take a message in; waits while `window` others have no PUBACK yet."""
        await self._room.acquire()
        key, self._next = self._next, self._next + 1
        self._unacked[key] = message
        if message.retain:
            self._retained[message.topic] = message
        self._to_send.append(key)
        self._all_acked.clear()
        self._news.set()

    async def flush(self) -> None:
        """Wait until every message has its PUBACK."""
        await self._all_acked.wait()

    async def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._closing:
            began = time.monotonic()
            failure: BaseException | None = None
            try:
                async with self._client() as client:
                    await self._serve(client)
            except* aiomqtt.MqttError as errors:
                failure = _first(errors)
            if failure is None or not self._again(failure):
                return
            if time.monotonic() - began > _LONGEST_WAIT_S:  # it had been a good connection
                wait_s = _FIRST_WAIT_S
            # Half of it by chance: a ward's bridges must not all come back at once.
            await asyncio.sleep(wait_s * (0.5 + random.random() / 2))
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _again(self, error: BaseException) -> bool:
        """Whether to try again; tells who waits in `__aenter__` if not."""
        if self._started.done():
            _LOG.warning("lost the broker", extra={"broker": str(self._broker), "error": error})
            return True
        if self._wait:
            _LOG.warning("no broker yet", extra={"broker": str(self._broker), "error": error})
            return True
        self._started.set_exception(
            UnavailableError(
                f"broker {self._broker} cannot be used ({error}): is it running, and are "
                "address, user and password right? --wait waits for it"
            )
        )
        return False

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Send over one connection until it breaks, or all is said."""
        if self._started.done():
            self.reconnects += 1
        self._to_send = deque(self._unacked)
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(_watch(client), name="watch the connection")
            # A broker that lost its store must hear again who is there.
            pending = {self._unacked[key].topic for key in self._to_send}
            for message in self._retained.values():
                if message.topic not in pending:
                    tasks.create_task(_send(client, message))
            if not self._started.done():
                self._started.set_result(None)
            while not (self._closing and not self._unacked):
                while self._to_send:
                    tasks.create_task(self._deliver(client, self._to_send.popleft()))
                self._news.clear()
                await self._news.wait()
            watch.cancel()

    async def _deliver(self, client: aiomqtt.Client, key: int) -> None:
        await _send(client, self._unacked[key])
        del self._unacked[key]
        self.acked += 1
        self._room.release()
        if not self._unacked:
            self._all_acked.set()
            self._news.set()

    def _client(self) -> aiomqtt.Client:
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            identifier=self._client_id,
            will=aiomqtt.Will(self._will.topic, self._will.payload, 1, self._will.retain),
            clean_session=True,
            timeout=_CONNECT_S,
            keepalive=_KEEPALIVE_S,
            max_inflight_messages=self._window,
            tls_context=self._tls,
        )
        client.pending_calls_threshold = self._window + len(self._retained)
        return client


async def _send(client: aiomqtt.Client, message: Message) -> None:
    await client.publish(
        message.topic, message.payload, qos=1, retain=message.retain, timeout=math.inf
    )


async def _watch(client: aiomqtt.Client) -> None:
    """Raise when the connection breaks: a publish that waits for its PUBACK does not."""
    async for _ in client.messages:
        pass


def _first(errors: BaseExceptionGroup[aiomqtt.MqttError]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tls(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise InputError(f"{ca_file}: not a certificate file ({error})") from error
