"""Market streams of any exchange: `core.ports.venue.MarketStreams`, by ccxt.pro in a thread and loop of its own.

ccxt.pro decodes into dictionaries, starts tasks that nobody owns and does what an exchange's messages make it do. In a
loop of its own none of that can hold up the one that trades; what it makes of a message crosses over as a frozen event.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, StreamInterrupted
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import StreamSubscriptions
from core.settings.venue import VenueSettings
from core.venues.ccxt_import import pro_exchange_class
from core.venues.generic.channels import Followers, groups_of
from core.venues.generic.client import GenericClient
from core.venues.generic.exchange import share_markets, stream_exchange
from core.venues.generic.watcher import Watcher
from core.venues.own_loop import Handover, OwnLoop

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    messages: int
    """Events handed over."""
    malformed: int
    """Messages that could not be read, skipped."""
    refused: int
    reconnects: int
    lost: int
    """Events that were dropped because this side did not keep up."""


class RestOnlyStreams:
    """For an exchange that ccxt has no streams of: says so once, and whoever listens falls back to REST."""

    def __init__(
        self, settings: VenueSettings, subscriptions: StreamSubscriptions, monotonic_clock: MonotonicClock
    ) -> None:
        self._name = settings.name
        self._instrument_ids = instruments_in(subscriptions)
        self._now_ns = monotonic_clock.now_ns

    @property
    def shards(self) -> tuple[tuple[InstrumentId, ...], ...]:
        return (self._instrument_ids,) if self._instrument_ids else ()

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        """See `MarketStreams.run`."""
        log.warning("no_streams", venue=self._name, hint="candles and quotes come by REST, every few seconds")
        publish(StreamInterrupted(self._instrument_ids, "NO_STREAMS", self._now_ns()))
        await asyncio.Event().wait()

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Nothing."""

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Nothing."""


def instruments_in(subscriptions: StreamSubscriptions) -> tuple[InstrumentId, ...]:
    """Each once."""
    keys = [key.instrument_id for key in subscriptions.candles]
    return tuple(dict.fromkeys((*keys, *subscriptions.quotes, *subscriptions.trades, *subscriptions.books)))


class GenericMarketStreams:
    """All instruments are one shard: which connection carries which, only ccxt knows."""

    def __init__(
        self,
        settings: VenueSettings,
        subscriptions: StreamSubscriptions,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        client: GenericClient,
        *,
        chance: random.Random | None = None,
    ) -> None:
        """`client` has loaded the markets by the time `run` is called, or loads them then."""
        self._settings = settings
        self._subscriptions = subscriptions
        self._clock = trading_clock
        self._monotonic = monotonic_clock
        self._client = client
        self._chance = chance or random.Random()
        self._own_loop = OwnLoop(f"{settings.name} streams")
        self._watcher: Watcher | None = None
        self._messages = 0
        self._lost = 0
        self._instrument_ids = instruments_in(subscriptions)

    @property
    def shards(self) -> tuple[tuple[InstrumentId, ...], ...]:
        return (self._instrument_ids,) if self._instrument_ids else ()

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        """See `MarketStreams.run`. Raises `SettingsError` where ccxt has no streams of this exchange that would do."""

        def take(event: MarketEvent) -> None:
            self._messages += 1
            publish(event)

        def lost(count: int) -> None:
            self._lost += count
            log.warning("stream_events_dropped", venue=self._settings.name, count=count)
            publish(StreamInterrupted(self._instrument_ids, f"EVENTS_DROPPED n={count}", self._monotonic.now_ns()))

        handover = Handover(asyncio.get_running_loop(), take, on_lost=lost)
        await self._own_loop.run(lambda: self._watch(handover.put))
        await asyncio.Event().wait()  # with nothing to carry, too, run ends by cancellation only

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Nothing: what ccxt.pro does to leave a stream differs from exchange to exchange. The cure that follows, a new
        connection, works on all of them."""

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Drops all connections if they carry any of these."""
        watcher = self._watcher
        if watcher is not None and not set(self._instrument_ids).isdisjoint(instrument_ids):
            self._own_loop.soon(watcher.reconnect)

    def statistics(self) -> StreamStatistics:
        watcher = self._watcher
        counts = (0, 0, 0) if watcher is None else (watcher.malformed, watcher.refused, watcher.reconnects)
        return StreamStatistics(self._messages, *counts, lost=self._lost)

    async def _watch(self, emit: Callable[[MarketEvent], None]) -> None:
        """In the thread."""
        if not self._instrument_ids:
            return
        exchange = stream_exchange(pro_exchange_class(self._settings.name), self._settings, self._clock)
        share_markets(self._client.loaded or await asyncio.to_thread(self._client.load_markets), exchange)
        groups = groups_of(self._subscriptions, exchange)
        followers = Followers(
            self._subscriptions,
            since_ms=self._clock.now_ns() // 1_000_000,
            clock_speed=self._clock.speed,
            builds_candles=not any(group.timeframe is not None for group in groups),
        )
        self._watcher = Watcher(
            exchange,
            groups,
            followers,
            emit,
            clock=self._clock,
            monotonic=self._monotonic,
            chance=self._chance,
            stale_s=self._settings.stale_stream_s,
        )
        await self._watcher.run()
