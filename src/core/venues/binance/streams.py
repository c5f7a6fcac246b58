"""Binance's market streams: `core.ports.venue.MarketStreams`, sharded over connections. Spot's, unless told others."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent
from core.ports.clock import MonotonicClock
from core.ports.venue import StreamSubscriptions
from core.settings.venue import VenueSettings
from core.venues.binance.routes import Route, streams_of
from core.venues.binance.shard import Shard

ROOT = "wss://stream.binance.com:9443"

Streams = dict[InstrumentId, dict[str, Route]]
"""Names and routes, by instrument."""
Endpoints = Callable[[str | None, StreamSubscriptions], Mapping[str, Streams]]
"""(configured WebSocket root, what is wanted) to the addresses to dial, each with the streams that it carries."""


def spot_endpoints(ws_root: str | None, subscriptions: StreamSubscriptions) -> Mapping[str, Streams]:
    return {f"{(ws_root or ROOT).rstrip('/')}/stream": streams_of(subscriptions)}


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    connections: int
    """Wanted."""
    connected: int
    streams: int
    """Wanted."""
    acknowledged: int
    """Instruments all of whose streams the venue has acknowledged."""
    messages: int
    malformed: int
    """Frames that could not be read, skipped."""
    refused: int
    """Subscriptions that the venue refused."""
    reconnects: int


class BinanceMarketStreams:
    """All streams of an instrument that one address has travel on one connection, so a connection's instruments are
    siblings."""

    def __init__(
        self,
        settings: VenueSettings,
        subscriptions: StreamSubscriptions,
        monotonic_clock: MonotonicClock,
        *,
        chance: random.Random,
        endpoints: Endpoints = spot_endpoints,
        max_streams: int = 1_024,
    ) -> None:
        """`max_streams`: the venue's own limit of one connection."""
        most = min(max_streams, settings.max_streams_per_connection)
        self._shards = [
            Shard(url, streams, monotonic_clock, chance, stale_s=settings.stale_stream_s)
            for url, wanted in endpoints(settings.ws_base_url, subscriptions).items()
            for streams in split(wanted, most)
        ]

    @property
    def shards(self) -> tuple[tuple[InstrumentId, ...], ...]:
        return tuple(shard.instrument_ids for shard in self._shards)

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, shard in enumerate(self._shards):
                tasks.create_task(shard.run(publish), name=f"market stream {number}")
            await asyncio.Event().wait()  # with nothing to carry, too, run ends by cancellation only

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        for shard in self._shards:
            shard.resubscribe(instrument_ids)

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        for shard in self._shards:
            shard.reconnect(instrument_ids)

    def statistics(self) -> StreamStatistics:
        return StreamStatistics(
            connections=len(self._shards),
            connected=sum(shard.is_connected for shard in self._shards),
            streams=sum(shard.n_streams for shard in self._shards),
            acknowledged=sum(shard.n_acknowledged for shard in self._shards),
            messages=sum(shard.messages for shard in self._shards),
            malformed=sum(shard.malformed for shard in self._shards),
            refused=sum(shard.refused for shard in self._shards),
            reconnects=sum(shard.reconnects for shard in self._shards),
        )


def split(streams: Streams, max_streams: int) -> Iterator[Streams]:
    """Instruments in their order, as many a shard as fit; an instrument is never torn apart."""
    shard: Streams = {}
    size = 0
    for instrument_id, routes in streams.items():
        if shard and size + len(routes) > max_streams:
            yield shard
            shard, size = {}, 0
        shard[instrument_id] = routes
        size += len(routes)
    if shard:
        yield shard
