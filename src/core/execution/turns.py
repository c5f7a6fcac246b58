"""One after the other within an instrument, side by side across instruments."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from core.domain.instruments import InstrumentId


class InstrumentTurns:
    """First come, first served. Several instruments are taken in one fixed order, so that nobody waits in a circle."""

    def __init__(self) -> None:
        self._locks: defaultdict[InstrumentId, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def take(self, instrument_ids: Iterable[InstrumentId]) -> AsyncIterator[None]:
        """Cancelling while waiting is safe."""
        async with AsyncExitStack() as stack:
            for instrument_id in sorted(set(instrument_ids)):
                await stack.enter_async_context(self._locks[instrument_id])
            yield
