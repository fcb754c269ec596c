"""Waiting for what happens elsewhere: by looking, with a deadline, never by a fixed sleep."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.02


async def until(holds: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait until `holds()` is true."""
    try:
        async with asyncio.timeout(timeout_s):
            while not holds():
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"never happened in {timeout_s:g} s: {what}") from None
