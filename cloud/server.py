"""Run the feed: by itself, or inside another program's event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address

import uvicorn

from cloud.api import make_app
from cloud.config import FeedSettings
from cloud.feed import Feed
from vitalwire.errors import InputError

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RunningFeed:
    """A feed that answers at `url` until its context ends."""

    def __init__(self, feed: Feed, url: str, work: asyncio.Task[None]) -> None:
        self.feed = feed
        self.url = url
        self._work = work

    async def wait(self, stop: asyncio.Event) -> None:
        """Until `stop` is set, or the feed fails."""
        stopping = asyncio.create_task(stop.wait(), name="feed-stop")
        try:
            await asyncio.wait({stopping, self._work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()


@contextlib.asynccontextmanager
async def running(settings: FeedSettings) -> AsyncIterator[RunningFeed]:
    """Serve while the context lasts. Port 0 takes a free one: read it from `url`.

    Raises
    ------
    InputError
        The address is taken or not ours, or the database cannot be opened.
    """
    sock = _bind(settings.host, settings.port)
    try:
        feed = await asyncio.to_thread(Feed, settings)
    except BaseException:
        sock.close()
        raise
    config = uvicorn.Config(
        make_app(feed), log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )  # fmt: skip
    server = _Server(config)
    work = asyncio.create_task(feed.run(), name="feed")
    http = asyncio.create_task(server.serve(sockets=[sock]), name="feed-http")
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield RunningFeed(feed, _url(sock), work)
    finally:
        feed.close()  # ends the readers' streams, for which uvicorn would wait
        server.should_exit = True
        await asyncio.wait([http])
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        sock.close()


async def serve(
    settings: FeedSettings,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until `stop` is set or the task is cancelled; `on_ready` is told the URL."""
    async with running(settings) as running_feed:
        if on_ready:
            on_ready(running_feed.url)
        await running_feed.wait(stop or asyncio.Event())


def _bind(host: str, port: int) -> socket.socket:
    if not _is_loopback(host):
        log.warning("the feed listens on %s: others on the network can reach it", host)
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = info[0]
        sock = socket.socket(family, kind)
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen()
    except OSError as error:
        sock.close()
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return sock


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{shown}:{port}/"
