"""The feed's one connection to the broker: it listens, it sends commands, it comes back.

After a break it is a new client that subscribes once. With a named client id the broker kept
the alarms of the meantime (QoS 1) and replaces, never doubles, the subscriptions.
"""

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable
from typing import cast

import aiomqtt

from cloud.config import FeedBrokerSettings
from cloud.inbound import subscriptions
from cloud.inbox import Inbox
from vitalwire.errors import UnavailableError

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
MAX_RETRY_S = 5.0
CONNECT_TIMEOUT_S = 5.0
YIELD_EVERY = 64  # messages, so that a backlog does not hold up the page


class Subscriber:
    """Reads the site's topics for ever.

    Parameters
    ----------
    on_message : called with topic and payload
    on_link : called with whether the broker is there and, if not, why
    """

    def __init__(
        self,
        settings: FeedBrokerSettings,
        site: str,
        max_queued: int,
        on_message: Callable[[str, bytes], None],
        on_link: Callable[[bool, str], None],
    ) -> None:
        self._settings = settings
        self._site = site
        self._max_queued = max_queued
        self._on_message = on_message
        self._on_link = on_link
        self._client: aiomqtt.Client | None = None
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Connect, listen, and after a loss do it again, until cancelled."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                async with self._connection() as client:
                    for topic, qos in subscriptions(self._site):
                        await client.subscribe(topic, qos=qos, timeout=CONNECT_TIMEOUT_S)
                    self._client = client
                    self.counts["connected"] += 1
                    self._on_link(True, "")
                    retry_s = FIRST_RETRY_S
                    await self._listen(client)
            except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                log.warning("broker %s: %s", self._address, error)
                self._on_link(False, f"broker {self._address}: {error}")
            finally:
                self._client = None
            # Jitter: all the feeds of a house must not come back in one instant.
            await asyncio.sleep(retry_s * random.uniform(0.7, 1.3))
            retry_s = min(2 * retry_s, MAX_RETRY_S)

    async def publish(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish at QoS 1 and wait for the broker's PUBACK.

        Raises
        ------
        UnavailableError
            No connection, or the broker did not take it in time.
        """
        if self._client is None:
            raise UnavailableError(f"no connection to broker {self._address}")
        try:
            await self._client.publish(topic, payload, qos=1, timeout=timeout_s)
        except aiomqtt.MqttError as error:
            raise UnavailableError(f"broker {self._address}: {error}") from error

    @property
    def _address(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload
            self._on_message(str(message.topic), payload if isinstance(payload, bytes) else b"")
            self.counts["messages"] += 1
            if self.counts["messages"] % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _connection(self) -> aiomqtt.Client:
        settings = self._settings
        password = settings.password.get_secret_value() if settings.password else None

        def inbox(maxsize: int = 0) -> Inbox:
            del maxsize
            return Inbox(self._max_queued, self.counts)

        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=password,
            identifier=settings.client_id or None,
            clean_session=not settings.client_id,
            timeout=CONNECT_TIMEOUT_S,
            keepalive=settings.keepalive_s,
            tls_context=_tls(settings),
            # aiomqtt asks for a class, and only calls it.
            queue_type=cast("type[asyncio.Queue[aiomqtt.Message]]", inbox),
        )


def _tls(settings: FeedBrokerSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
