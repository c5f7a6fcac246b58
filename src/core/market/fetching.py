"""REST where the stream is not enough: history at the start, candles behind a gap, quotes of a mute feed."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.errors import SymbolRefused
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, QuoteChanged
from core.market.fetch_breakers import FetchBreakers
from core.market.picture import MarketPicture
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import VenueRest
from core.runtime.clocks import NS_PER_MS

T = TypeVar("T")

_QUOTE_LEVELS = 5
_SNAPSHOT_LEVELS = 1_000


class MarketFetcher:
    """Blocking calls in the data lane, results into the picture. Each raises `VenueError` or `ComputeError`;
    cancelling is safe."""

    def __init__(
        self,
        rest: VenueRest,
        computer: AsyncFeatureComputer,
        market: MarketPicture,
        clock: TradingClock,
        monotonic: MonotonicClock,
        *,
        deadline_s: float,
        on_quote: Callable[[QuoteChanged], None] = lambda quote: None,
        on_unlisted: Callable[[], None] = lambda: None,
        breakers: FetchBreakers | None = None,
    ) -> None:
        """`deadline_s`: one call, queueing for a thread of the lane included. `on_quote` gets each quote fetched;
        `on_unlisted` is called after the venue has refused an instrument as such. `breakers` `None`: its own."""
        self._rest = rest
        self._computer = computer
        self._market = market
        self._clock = clock
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._on_quote = on_quote
        self._on_unlisted = on_unlisted
        self._breakers = breakers or FetchBreakers(1, monotonic)

    async def candles(self, key: SeriesKey, count: int) -> None:
        """The newest `count` closed candles of a series, or those it lacks where its ring has `count` already, and the
        one that forms. One request where one page holds them, else page after page, oldest first."""
        page = self._rest.capabilities.max_klines
        wanted = count + 2
        if wanted > page and self._market.candles.count(key) >= count:
            wanted = page
        if wanted <= page:
            candles = await self._ohlcv(key, None, wanted)
        else:
            candles = await self._pages(key, wanted, page)
        self._market.backfill(key, candles, self._now_ms())

    async def recent(self, instrument_id: InstrumentId, timeframe: Timeframe, count: int) -> list[Candle]:
        """The newest `count` candles, oldest first, the one that forms included. They are kept nowhere."""
        return await self._ohlcv(SeriesKey(instrument_id, timeframe), None, count)

    async def _pages(self, key: SeriesKey, wanted: int, page: int) -> list[Candle]:
        step_ms = key.timeframe.ms
        since_ms = key.timeframe.open_ms(self._now_ms()) - (wanted - 1) * step_ms
        found: list[Candle] = []
        while True:
            candles = await self._ohlcv(key, since_ms, page)
            found += candles
            if len(candles) < page:
                return found
            since_ms = candles[-1].open_ms + step_ms

    async def _ohlcv(self, key: SeriesKey, since_ms: int | None, limit: int) -> list[Candle]:
        try:
            return await self._ask("ohlcv", self._rest.ohlcv, key.instrument_id, key.timeframe, since_ms, limit)
        except SymbolRefused:
            self._on_unlisted()
            raise

    async def _order_book(self, instrument_id: InstrumentId, levels: int) -> BookChanged:
        return await self._ask("order_book", self._rest.order_book, instrument_id, levels)

    async def _ask(self, operation: str, fn: Callable[..., T], instrument_id: InstrumentId, *args: object) -> T:
        """In the data lane, where its breaker is closed."""
        request = partial(
            self._computer.run,
            fn,
            instrument_id,
            *args,
            kind=Kind.IO,
            lane="data",
            deadline_s=self._deadline_s,
            operation=operation,
        )
        return await self._breakers.ask(operation, instrument_id, request)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS

    async def book(self, instrument_id: InstrumentId) -> None:
        """A snapshot for an order book that is out of step with its stream."""
        try:
            snapshot = await self._order_book(instrument_id, _SNAPSHOT_LEVELS)
        except BaseException:  # one that was cancelled did not come either
            self._market.books.snapshot_failed(instrument_id, self._monotonic.now_ns())
            raise
        self._market.apply(snapshot)

    async def quote(self, instrument_id: InstrumentId) -> None:
        """Best bid and ask from the order book; an empty side leaves what is known."""
        book = await self._order_book(instrument_id, _QUOTE_LEVELS)
        if book.bids and book.asks:
            (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
            quote = QuoteChanged(
                instrument_id=instrument_id,
                bid=bid,
                bid_quantity=bid_quantity,
                ask=ask,
                ask_quantity=ask_quantity,
                sequence=book.last_sequence,
                event_ns=book.event_ns,
                received_ns=book.received_ns,
            )
            self._market.quotes.apply(quote)
            self._on_quote(quote)
