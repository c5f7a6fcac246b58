"""Waiting for a condition instead of sleeping."""

import asyncio
import inspect
from collections.abc import Callable


async def eventually(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    """Return as soon as `condition()`, awaited where it is a coroutine, is true; fail after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.001)
