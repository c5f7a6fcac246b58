"""What anyone may ask of a listed market: books, trades, candles and tickers, and how late it is there. The spot and
the perpetual exchange share it."""

from collections.abc import Mapping

from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.listing import Listing
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.series import Rows
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker


class MarketData:
    """Symbols are named as the venue spells them (`BTCUSDT`); queries raise `Refusal` (UNKNOWN_SYMBOL)."""

    def __init__(self, listings: Mapping[str, Listing], start_ns: int) -> None:
        self._listings = listings
        self._now_ns = start_ns
        self._symbols = {name: listing.spec for name, listing in listings.items()}

    @property
    def symbols(self) -> Mapping[str, SymbolSpec]:
        return self._symbols

    @property
    def now_ns(self) -> int:
        """The latest time seen."""
        return self._now_ns

    def halt(self, symbol: str, *, is_halted: bool = True) -> None:
        """Let nothing trade in a symbol, or let it trade again: markets leave it alone. Orders are still taken."""
        self._listing(symbol).is_halted = is_halted

    def is_halted(self, symbol: str) -> bool:
        return self._listing(symbol).is_halted

    def best(self, symbol: str) -> Best:
        return self._listing(symbol).best()

    def depth(self, symbol: str, limit: int) -> Depth:
        """At most `limit` levels a side."""
        return self._listing(symbol).depth(limit)

    def recent_trades(self, symbol: str, limit: int, *, from_id: int | None = None) -> list[Trade]:
        """The last `limit` public trades kept, or the first `limit` from `from_id` on; oldest first."""
        return self._listing(symbol).tape.recent(limit, from_id)

    def aggregate_trades(self, symbol: str, limit: int, *, from_id: int | None = None) -> list[AggregateTrade]:
        """As `recent_trades`, with trades of one taker at one price joined; `from_id` is an aggregate id."""
        return self._listing(symbol).tape.aggregates(limit, from_id)

    def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Candle]:
        """Candles that open within [start_ms, end_ms], oldest first, the forming one included.

        At most `limit`: the oldest from `start_ms` if that is given, else the newest. Closed ones bear no trade ids.
        """
        return self._listing(symbol).candles.select(interval, start_ms, end_ms, limit)

    def forming_candle(self, symbol: str, interval: Interval) -> Candle:
        """The candle that is being built; prices are 0 while the symbol has none."""
        return self._listing(symbol).candles.forming(interval)

    def candle_rows(self, symbol: str) -> Mapping[Interval, Rows]:
        """All closed candles that are kept, by interval, oldest first."""
        return self._listing(symbol).candles.closed_rows()

    def average_price(self, symbol: str) -> int:
        """Volume-weighted price of some five minutes in ticks; the last price when nothing traded, 0: none ever."""
        return self._listing(symbol).average_price()

    def last_price(self, symbol: str) -> int:
        """Ticks; 0: nothing has ever traded."""
        return self._listing(symbol).last_price

    def ticker_24h(self, symbol: str) -> Ticker:
        return self._listing(symbol).day.ticker()

    def close_due(self, now_ns: int) -> None:
        """Close all candles that end by `now_ns`, traded in or not; `take_events` of the exchange has the events. A
        market does this as part of `advance`."""
        now_ns = self._move_clock(now_ns)
        for listing in self._listings.values():
            listing.close_candles(now_ns)

    def _move_clock(self, now_ns: int) -> int:
        self._now_ns = max(self._now_ns, now_ns)
        return self._now_ns

    def _listing(self, symbol: str) -> Listing:
        listing = self._listings.get(symbol)
        if listing is None:
            raise Refusal(RefusalKind.UNKNOWN_SYMBOL, symbol)
        return listing
