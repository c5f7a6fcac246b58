"""Long work on the loop, some of it a turn: what hurries comes in between."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def in_turns(items: Iterable[T], at_a_time: int) -> AsyncIterator[T]:
    """The items in order; the loop turns once after each `at_a_time` of them. What changes meanwhile is the caller's to
    look after."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % at_a_time == 0:
            await asyncio.sleep(0)
