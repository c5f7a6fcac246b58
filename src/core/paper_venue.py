"""Paper trading on another venue's market: its streams and its REST for the market, the embedded venue for orders.

To everything above it looks like one venue; what it takes is composed here.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import structlog

from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import MarketEvent
from core.embedded_venue import embedded_keys, embedded_settings
from core.ports.clock import MonotonicClock
from core.ports.venue import MarketStreams
from core.runtime.synced_clock import SyncedClock
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.simulation.server.child import EmbeddedVenue
from core.simulation.server.forwarding import MarketForwarder
from core.simulation.server.listing import ForwardedListing
from core.simulation.server.probe import RunningVenue
from core.venues.adapter import EMBEDDED, VenueAdapter, build_adapter

log = structlog.get_logger()


def takes_anothers_market(settings: Settings) -> bool:
    """Whether orders go to the embedded venue while the market comes from another."""
    return settings.trading.mode == "paper" and settings.venue.name != EMBEDDED


def orders_venue(settings: Settings) -> str | None:
    """The name of the venue that gets the orders; `None`: nobody does."""
    if settings.trading.mode == "observe":
        return None
    return EMBEDDED if takes_anothers_market(settings) else settings.venue.name


def without_keys(venue: VenueSettings) -> VenueSettings:
    """Public data needs none, and what is not there is not sent by mistake."""
    return venue.model_copy(update={"api_key": None, "secret": None})


class PaperVenue:
    """Run `embedded` and `forwarder`; once the former is ready, `adapter` makes one venue of both.

    The embedded venue lists what the other lists of the traded symbols, and its time is the other's: `market_clock`
    says when it starts and how fast it runs.
    """

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[InstrumentId, Instrument],
        market_clock: SyncedClock,
        monotonic: MonotonicClock,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._market_clock = market_clock
        self._monotonic = monotonic
        self.clock = SyncedClock(monotonic)
        """The embedded venue's; to be sampled."""
        symbols = [InstrumentId(symbol) for symbol in settings.trading.symbols]
        self.embedded = EmbeddedVenue(
            settings.simulation.model_copy(update={"market": "forwarded", "speed": market_clock.speed}),
            symbols,
            settings.storage.data_dir,
            accounts=[embedded_keys(without_keys(settings.venue))],
            on_line=lambda line: log.debug("venue", line=line),
            listing=lambda: self._listing(symbols),
        )
        self.forwarder = MarketForwarder(self.embedded.ready, venue_time_ns=self._orders_time_ns)

    def venue(self, found: RunningVenue) -> VenueSettings:
        """The settings that lead to the account."""
        return embedded_settings(without_keys(self._settings.venue), found.url, found.ws_url)

    def adapter(self, market: VenueAdapter, found: RunningVenue, on_clock_refused: Callable[[], None]) -> VenueAdapter:
        """The market of `market`, orders to the embedded venue."""
        orders = build_adapter(
            self.venue(found),
            self.clock,
            self._monotonic,
            kind=self._settings.trading.kind,
            on_clock_refused=on_clock_refused,
        )
        return replace(
            orders,
            market=market.market,
            streams=lambda subscriptions: ForwardedStreams(
                market.streams(replace(subscriptions, trades=subscriptions.quotes)), self.forwarder.offer
            ),
            on_quote=self.forwarder.offer,
            limits=market.limits,
        )

    def _orders_time_ns(self, market_ns: int) -> int:
        """The embedded venue's time at that moment: the two drift apart where one of them restarts or is corrected."""
        return market_ns + self.clock.now_ns() - self._market_clock.now_ns()

    def _listing(self, symbols: Sequence[InstrumentId]) -> ForwardedListing:
        return ForwardedListing(
            source=_source(self._settings.venue),
            instruments=tuple(self._instruments[symbol] for symbol in symbols),
            monotonic_ns=self._monotonic.now_ns(),
            venue_ns=self._market_clock.now_ns(),
        )


def _source(venue: VenueSettings) -> str:
    """Whose market it is: the same exchange at other addresses is another market."""
    if venue.base_url is not None:
        return f"{venue.name}-{urlsplit(venue.base_url).netloc}"
    if urls := venue.ccxt.get("urls"):
        return f"{venue.name}-{hashlib.sha256(json.dumps(urls, sort_keys=True).encode()).hexdigest()[:8]}"
    return venue.name


class ForwardedStreams:
    """Streams whose every event is told twice: to `also`, then to whoever runs them. The contract is that of
    `core.ports.venue.MarketStreams`."""

    def __init__(self, streams: MarketStreams, also: Callable[[MarketEvent], None]) -> None:
        self._streams = streams
        self._also = also

    @property
    def shards(self) -> tuple[tuple[InstrumentId, ...], ...]:
        return self._streams.shards

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        also = self._also

        def tell(event: MarketEvent) -> None:
            also(event)
            publish(event)

        await self._streams.run(tell)

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        await self._streams.resubscribe(instrument_ids)

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        await self._streams.reconnect(instrument_ids)
