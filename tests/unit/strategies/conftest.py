"""One worker for the tests of a module, and rings for it to read."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.compute.computer import AsyncFeatureComputer
from core.settings.compute import ComputeSettings
from tests.unit.strategies.rings import KEYS, Rings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def computer() -> AsyncIterator[AsyncFeatureComputer]:
    preload = ("core.strategies.ring_worker", "core.strategies.evaluation")
    async with AsyncFeatureComputer(ComputeSettings(workers=1, worker_niceness=0), preload=preload) as running:
        yield running


@pytest.fixture
def rings() -> Rings:
    """Ten candles of each symbol, the last of which closed at 10, 20, 30 and 40."""
    rings = Rings()
    for number, key in enumerate(KEYS, start=1):
        rings.close(key, *(number * (n + 1.0) for n in range(10)))
    return rings
