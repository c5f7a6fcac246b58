"""What injectors may lay hands on, and the seams at which they stand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.simulation.server.clock import VenueClock
from core.simulation.server.dispatcher import Faulty
from core.simulation.server.floor import TradingFloor
from core.simulation.server.gate import Gate
from core.simulation.server.limits import RequestLimits
from core.simulation.server.market_rules import MarketRules
from core.simulation.server.stream_hub import FrameFaults
from core.simulation.server.user_streams import EventFaults
from core.simulation.server.uvicorn_server import HttpServer


class PrivateStreams(Protocol):
    """Of one market."""

    faults: EventFaults | None

    def accounts(self) -> tuple[str, ...]:
        """Those that somebody listens to."""
        ...

    def terminate(self, account: str) -> None: ...


class FaultyFrames(Protocol):
    """What tells market frames that faults may come to."""

    faults: FrameFaults | None


@dataclass(frozen=True, slots=True)
class Hands:
    """Sequences have one entry a market."""

    clock: VenueClock
    gate: Gate
    floor: TradingFloor
    server: HttpServer
    dispatchers: Sequence[Faulty]
    hubs: Sequence[FaultyFrames]
    private_streams: Sequence[PrivateStreams]
    rules: Sequence[MarketRules]
    limits: Sequence[RequestLimits]
    accounts: Callable[[], Iterable[str]]
    """All that are registered."""
    identity: Mapping[str, str]
    """Headers by which tools know that this is a simulated venue."""
    chores: list[Callable[[], Awaitable[bool]]] = field(default_factory=list)
    """What the venue must await for a fault; one that is not done yet (false) is called again."""

    async def sleep(self, venue_ms: float) -> None:
        await asyncio.sleep(max(0.0, venue_ms) / 1_000 / self.clock.speed)
