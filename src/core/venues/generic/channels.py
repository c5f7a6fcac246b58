"""What is watched, by which of ccxt.pro's methods, and how what it has gathered is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from core.domain.candles import SeriesKey, Timeframe
from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent
from core.ports.venue import StreamSubscriptions
from core.venues.generic.feeds import BookFollower, BuiltCandles, CandleFollower, QuoteFollower, TradeFollower

log = structlog.get_logger()

MOST_TOGETHER = 20
"""Instruments in one call: each of its wake-ups looks at all of them."""
TRADE_GRACE_S = 1.0
"""A candle that is built from trades is closed so long (real time) after its end, or by the first trade of the next."""


@dataclass(frozen=True, slots=True)
class Method:
    """One of ccxt.pro's, which fills `cache` of its instance."""

    many: str | None
    """Takes a list of symbols; `None`: there is none that does."""
    one: str
    cache: str


@dataclass(frozen=True, slots=True)
class Group:
    """Instruments that are watched by one call after the other."""

    channel: str
    """`trades`, `quotes`, `books` or `candles 1m`."""
    method: Method
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: Timeframe | None = None

    def halves(self) -> tuple["Group", ...]:
        middle = len(self.instrument_ids) // 2
        parts = (self.instrument_ids[:middle], self.instrument_ids[middle:])
        return tuple(Group(self.channel, self.method, part, self.timeframe) for part in parts if part)

    async def watch(self, exchange: Any) -> None:
        """Returns when something came for one of them; the instance's cache has it. Raises what ccxt does."""
        symbols = list(self.instrument_ids)
        if self.method.many is None or len(symbols) == 1:
            extra = () if self.timeframe is None else (self.timeframe.value,)
            alone = [symbols] if self.method.one == self.method.many else symbols
            await getattr(exchange, self.method.one)(*alone, *extra)
        elif self.timeframe is not None:
            await getattr(exchange, self.method.many)([[each, self.timeframe.value] for each in symbols])
        else:
            await getattr(exchange, self.method.many)(symbols)


_TRADES = (Method("watch_trades_for_symbols", "watch_trades", "trades"),)
_CANDLES = (Method("watch_ohlcv_for_symbols", "watch_ohlcv", "ohlcvs"),)
_BOOKS = (Method("watch_order_book_for_symbols", "watch_order_book", "orderbooks"),)
_QUOTES = (
    Method("watch_bids_asks", "watch_bids_asks", "bidsasks"),
    *_BOOKS,
    Method("watch_tickers", "watch_ticker", "tickers"),
)
"""The exchange's own best bid and ask first; a ticker last, which some send only when there was a trade."""


def groups_of(subscriptions: StreamSubscriptions, exchange: Any) -> tuple[Group, ...]:
    """Who is watched with whom. Raises `SettingsError` where the exchange streams nothing that would do; trades that
    only paper orders would be filled by may be missing, and that is logged."""
    has = exchange.has
    trades = dict.fromkeys(subscriptions.trades)
    groups: list[Group] = []
    candles = _first(_CANDLES, has)
    for timeframe, ids in _by_timeframe(subscriptions.candles).items():
        if candles is not None:
            groups += _grouped(f"candles {timeframe.value}", candles, ids, timeframe)
        else:
            trades.update(dict.fromkeys(ids))
    for channel, methods, ids in (
        ("quotes", _QUOTES, subscriptions.quotes),
        ("trades", _TRADES, tuple(trades)),
        ("books", _BOOKS, subscriptions.books),
    ):
        method = _first(methods, has)
        if ids and method is None and channel == "trades" and candles is not None:
            log.warning("no_stream_of_trades", venue=exchange.id, hint="resting paper orders fill by quotes only")
        elif ids and method is None:
            raise SettingsError(f"venue.name: ccxt has no stream of {channel} for {exchange.id}")
        if method is not None:
            groups += _grouped(channel, method, tuple(ids), None)
    return tuple(groups)


def next_best_quotes(method: Method, has: Mapping[str, Any]) -> Method | None:
    """Where a stream of quotes turns out not to carry them."""
    later = _QUOTES[_QUOTES.index(_like(method)) + 1 :]
    return _first(later, has)


class Followers:
    """Reads the caches of one ccxt.pro instance, and tells what is new in them."""

    def __init__(
        self, subscriptions: StreamSubscriptions, *, since_ms: int, builds_candles: bool, clock_speed: float = 1.0
    ) -> None:
        """`since_ms`: trades before that (the venue's time, which runs `clock_speed` times as fast as ours) are none of
        ours."""
        self._wanted_trades = frozenset(subscriptions.trades)
        self._since_ms = since_ms
        self._trades: dict[InstrumentId, TradeFollower] = {}
        self._quotes = {each: QuoteFollower(each) for each in subscriptions.quotes}
        self._books = {each: BookFollower(each) for each in subscriptions.books}
        self._candles = {key: CandleFollower(key.instrument_id, key.timeframe) for key in subscriptions.candles}
        self._built: dict[InstrumentId, list[BuiltCandles]] = {}
        for key in subscriptions.candles if builds_candles else ():
            built = BuiltCandles(key.instrument_id, key.timeframe, int(TRADE_GRACE_S * 1_000 * clock_speed))
            self._built.setdefault(key.instrument_id, []).append(built)

    def read(
        self, group: Group, instrument_id: InstrumentId, exchange: Any, now_ns: int, received_ns: int
    ) -> Sequence[MarketEvent]:
        """What is new of that instrument. Raises ValueError (`CrossedBook` among them), KeyError or TypeError for what
        cannot be read."""
        cached = getattr(exchange, group.method.cache).get(instrument_id)
        if group.channel == "trades":
            return self._read_trades(instrument_id, cached or (), now_ns, received_ns)
        if cached is None:
            return ()
        if group.timeframe is not None:
            rows = cached.get(group.timeframe.value)
            follower = self._candles[SeriesKey(instrument_id, group.timeframe)]
            return () if not rows else follower.take(rows, now_ns, received_ns)
        if group.channel == "books":
            return self._books[instrument_id].take(cached, now_ns, received_ns)
        if group.method.cache == "orderbooks":
            return self._quotes[instrument_id].of_book(cached, received_ns)
        return self._quotes[instrument_id].of_ticker(cached, received_ns)

    def interrupted(self, group: Group) -> None:
        """What comes next does not continue what was."""
        for each in group.instrument_ids:
            if group.channel == "trades":
                for built in self._built.get(each, ()):
                    built.interrupted()
            elif group.timeframe is not None:
                self._candles[SeriesKey(each, group.timeframe)].interrupted()
            elif group.channel == "quotes":
                self._quotes[each].interrupted()

    def _read_trades(
        self, instrument_id: InstrumentId, rows: Sequence[Any], now_ns: int, received_ns: int
    ) -> Sequence[MarketEvent]:
        follower = self._trades.get(instrument_id)
        if follower is None:
            follower = self._trades[instrument_id] = TradeFollower(instrument_id, self._since_ms)
        trades = follower.take(rows, received_ns) if rows else []
        events: list[MarketEvent] = [*trades] if instrument_id in self._wanted_trades else []
        for built in self._built.get(instrument_id, ()):
            events += built.take(trades, now_ns // 1_000_000, received_ns)
        return events


def _first(methods: Sequence[Method], has: Mapping[str, Any]) -> Method | None:
    """The first that the exchange has, without `many` where it has only the other."""
    for method in methods:
        many = method.many if method.many is not None and has.get(_camel(method.many)) else None
        if has.get(_camel(method.one)) is True:  # "emulated": by REST, again and again
            return Method(many, method.one, method.cache)
    return None


def _like(method: Method) -> Method:
    return next(each for each in _QUOTES if each.one == method.one)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join("OHLCV" if part == "ohlcv" else part.capitalize() for part in rest)


def _by_timeframe(keys: Sequence[SeriesKey]) -> dict[Timeframe, tuple[InstrumentId, ...]]:
    found: dict[Timeframe, list[InstrumentId]] = {}
    for key in keys:
        found.setdefault(key.timeframe, []).append(key.instrument_id)
    return {timeframe: tuple(ids) for timeframe, ids in found.items()}


def _grouped(channel: str, method: Method, ids: Sequence[InstrumentId], timeframe: Timeframe | None) -> Iterator[Group]:
    size = 1 if method.many is None else MOST_TOGETHER
    for first in range(0, len(ids), size):
        yield Group(channel, method, tuple(ids[first : first + size]), timeframe)
