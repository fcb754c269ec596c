"""A feed on a broker of its own, and a browser."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from cloud.config import FeedBrokerSettings, FeedSettings
from cloud.server import RunningFeed, running
from tests.cloud.fake_gateway import SITE
from tests.servers import Mosquitto

StartFeed = Callable[..., AbstractAsyncContextManager[RunningFeed]]


def settings_for(broker_port: int, folder: Path, **more: object) -> FeedSettings:
    """Settings of a feed that takes a free port."""
    values: dict[str, object] = {
        "site": SITE,
        "broker": FeedBrokerSettings(port=broker_port, client_id="feed-test"),
        "port": 0,
        "database": f"sqlite:///{folder / 'feed.db'}",
        **more,
    }
    return FeedSettings(**values)  # type: ignore[arg-type]


@pytest.fixture
def start_feed(own_mosquitto: Mosquitto, tmp_path: Path) -> StartFeed:
    """Starts a feed; keyword arguments are settings."""

    def start(**more: object) -> AbstractAsyncContextManager[RunningFeed]:
        return running(settings_for(own_mosquitto.port, tmp_path, **more))

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """Debian's Chromium, without a network: one for a module, for its start is slow.

    It lives in the module's event loop, and so must the tests: `pytest.mark.asyncio` says so.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium),
            headless=True,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--disable-sync",
            ],
        )  # fmt: skip
        yield browser
        await browser.close()
