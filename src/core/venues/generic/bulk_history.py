"""Candles, mark prices, funding and trades of any exchange that ccxt knows, a page a call; no keys."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.errors import HistoryError, QueryRefused, RateLimited, SettingsError, UnknownSymbols
from core.domain.series import SeriesKind, SeriesName
from core.history.series import SCHEMAS, TIME
from core.ports.clock import TradingClock
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits
from core.settings.history import HistorySettings
from core.settings.venue import VenueSettings
from core.venues.budget.sharing import Ledgers, address_name
from core.venues.ccxt_import import exchange_class
from core.venues.failures import Failure
from core.venues.generic.exchange import rest_exchange, share_markets
from core.venues.guarded_calls import ThreadClient
from core.venues.history_calls import HistoryCalls, SharedPace, in_words
from core.venues.session import WiredSession

_PAGE_ROWS = 1_000
_METHODS = {
    SeriesKind.CANDLES: "fetchOHLCV",
    SeriesKind.MARK_CANDLES: "fetchMarkOHLCV",
    SeriesKind.FUNDING: "fetchFundingRateHistory",
    SeriesKind.TRADES: "fetchTrades",
}
_BACKWARDS = "before"
_QUIET_MS = 8 * 3_600_000
"""Between payments of funding; so long nobody trades at most."""
Row = tuple[int, Mapping[str, Any]]
"""(time in ms, columns)."""


@dataclass(frozen=True, slots=True)
class _Token:
    """Where a page begins."""

    at_ms: int
    after_id: str | None = None
    """Of trades: the last one of that moment that was on the page before."""
    is_backwards: bool = False
    """An exchange that hands out its newest rows whatever it is asked: its pages lead back in time, from `at_ms`."""
    is_first: bool = False

    @property
    def text(self) -> str:
        way = _BACKWARDS if self.is_backwards else "from"
        return f"{way} {self.at_ms} {self.after_id or ''}".rstrip()

    @classmethod
    def of(cls, query: HistoryQuery, text: str | None) -> "_Token":
        if text is None:
            return cls(query.start_ms, is_first=True)
        way, at_ms, *ids = text.split(" ", 2)
        return cls(int(at_ms), ids[0] if ids else None, way == _BACKWARDS)


class CcxtHistory:
    """A `HistorySource`. Raises `SettingsError` for a name that ccxt does not know."""

    def __init__(
        self, name: str, settings: HistorySettings, venue: VenueSettings, *, clock: TradingClock, ledgers: Ledgers
    ) -> None:
        """`venue`: how ccxt is told of its addresses (`venue.ccxt`)."""
        try:
            self._kind = exchange_class(name)
        except ModuleNotFoundError as error:
            raise SettingsError(f"history.source: {error}") from error
        self.name = name
        self._venue = venue.model_copy(update={"request_timeout_s": settings.request_timeout_s})
        self._clock = clock
        self._loading = threading.Lock()
        self._markets: Any = None
        self._local = threading.local()
        sample = rest_exchange(self._kind, self._venue, None, clock, None)
        per_min = settings.requests_per_min or 60_000 / max(float(sample.rateLimit), 1.0)
        self._abilities = HistoryAbilities(name, _kinds(sample), per_min, page_rows=_PAGE_ROWS)
        pace = SharedPace(per_min, 1, ledgers(address_name(name, "history")))
        self._calls = HistoryCalls(
            name, self._exchange, timeout_s=settings.request_timeout_s, pace=pace, judge=self._judge
        )

    @property
    def abilities(self) -> HistoryAbilities:
        return self._abilities

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage:
        begin = _Token.of(query, token)
        try:
            rows = self._calls.run(lambda client: self._rows(client, query, begin))
        except UnknownSymbols as error:
            raise UnknownSymbols(self.name, query.symbols) from error
        return _backward_page(query, begin, rows) if begin.is_backwards else _forward_page(query, begin, rows)

    def listing(self) -> Sequence[SeriesName] | None:
        return None

    def close(self) -> None:
        self._calls.close()

    def _rows(self, client: ThreadClient, query: HistoryQuery, begin: _Token) -> list[Row]:
        """Oldest first."""
        exchange = self._with_markets(client)
        since, params = (None, {"until": begin.at_ms - 1}) if begin.is_backwards else (begin.at_ms, {})
        symbol, limit = query.symbols[0], _PAGE_ROWS
        if query.kind is SeriesKind.TRADES:
            return sorted((_trade(row) for row in exchange.fetch_trades(symbol, since, limit, params)), key=_time)
        if query.kind is SeriesKind.FUNDING:
            found = exchange.fetch_funding_rate_history(symbol, since, limit, params)
            return sorted(((int(row["timestamp"]), {"rate": _number(row["fundingRate"])}) for row in found), key=_time)
        fetch = exchange.fetch_mark_ohlcv if query.kind is SeriesKind.MARK_CANDLES else exchange.fetch_ohlcv
        timeframe = query.timeframe.value if query.timeframe is not None else "1d"
        return sorted((_candle(row) for row in fetch(symbol, timeframe, since, limit, params)), key=_time)

    def _exchange(self, session: WiredSession) -> Any:
        return rest_exchange(self._kind, self._venue, None, self._clock, session)

    def _with_markets(self, client: ThreadClient) -> Any:
        """The thread's instance, knowing the markets, which one thread loads for all."""
        with self._loading:
            if self._markets is None:
                client.exchange.load_markets()
                self._markets = client.exchange
        if getattr(self._local, "knows", None) is not client.exchange:
            if client.exchange is not self._markets:
                share_markets(self._markets, client.exchange)
            self._local.knows = client.exchange
        return client.exchange

    def _judge(self, failure: Failure) -> HistoryError | None:
        """By ccxt's class where it has found one, else by the HTTP status."""
        if "BadSymbol" in failure.kinds:
            return UnknownSymbols(self.name, ())
        if "RateLimitExceeded" in failure.kinds or "DDoSProtection" in failure.kinds:
            return RateLimited(self.name, failure.description, failure.retry_after_s)
        if "NotSupported" in failure.kinds or "BadRequest" in failure.kinds:
            return QueryRefused(self.name, failure.description)
        return in_words(self.name, failure)


def _kinds(exchange: Any) -> dict[SeriesKind, KindTraits]:
    spelled = exchange.timeframes or {}
    timeframes = frozenset(each for each in Timeframe if each.value in spelled)
    bars = KindTraits(timeframes, revised_rows=2)
    plain = KindTraits()
    return {
        kind: plain if kind in (SeriesKind.FUNDING, SeriesKind.TRADES) else bars
        for kind, method in _METHODS.items()
        if exchange.has.get(method)
    }


def _forward_page(query: HistoryQuery, token: _Token, rows: Sequence[Row]) -> HistoryPage:
    fresh = _after(token, rows)
    if not fresh and rows:
        return HistoryPage({}, None)
    kept = [row for row in fresh if row[0] < query.end_ms]
    after: _Token | None = _next(query, token, fresh)
    if after is not None and after.at_ms >= query.end_ms:
        after = _before(query, fresh[0][0]) if token.is_first and fresh else None
    return HistoryPage(_tables(query, kept), after.text if after is not None else None)


def _before(query: HistoryQuery, first_ms: int) -> _Token | None:
    """The first page began at `first_ms` and was the last one, too: has the exchange listened to `since`, or are these
    its newest rows? If something may be missing, what was before is asked for; nothing is no more than a request."""
    quiet_ms = _QUIET_MS if query.timeframe is None else query.timeframe.ms
    if first_ms - query.start_ms <= quiet_ms and first_ms < query.end_ms:
        return None
    return _Token(min(first_ms, query.end_ms), is_backwards=True)


def _next(query: HistoryQuery, token: _Token, fresh: Sequence[Row]) -> _Token:
    if query.timeframe is not None:  # nothing in as many bars as a page holds: there may be some after them
        return _Token(fresh[-1][0] + query.timeframe.ms if fresh else token.at_ms + _PAGE_ROWS * query.timeframe.ms)
    if not fresh:
        return _Token(query.end_ms)
    last_ms, columns = fresh[-1]
    if query.kind is SeriesKind.TRADES and last_ms > token.at_ms:  # others of the same moment may be on the next page
        return _Token(last_ms, after_id=str(columns["trade_id"]))
    return _Token(last_ms + 1)


def _after(token: _Token, rows: Sequence[Row]) -> Sequence[Row]:
    fresh = [row for row in rows if row[0] >= token.at_ms]
    ids = [row[1].get("trade_id") for row in fresh]
    return fresh[ids.index(token.after_id) + 1 :] if token.after_id in ids and token.after_id is not None else fresh


def _backward_page(query: HistoryQuery, token: _Token, rows: Sequence[Row]) -> HistoryPage:
    older = [row for row in rows if row[0] < token.at_ms]
    first_ms = older[0][0] if older else query.start_ms
    after = _Token(first_ms, is_backwards=True).text if first_ms > query.start_ms else None
    return HistoryPage(_tables(query, [row for row in older if row[0] >= query.start_ms]), after)


def _tables(query: HistoryQuery, rows: Sequence[Row]) -> dict[str, pa.Table]:
    if not rows:
        return {}
    schema = SCHEMAS[query.kind]
    times = pa.array([time_ms for time_ms, _ in rows], pa.int64()).cast(TIME)
    columns = {name: [row.get(name) for _, row in rows] for name in schema.names[1:]}
    return {query.symbols[0]: pa.table({schema.names[0]: times, **columns}, schema=schema)}


def _candle(row: Sequence[Any]) -> Row:
    names = ("open", "high", "low", "close", "volume")
    return int(row[0]), {name: _number(value) for name, value in zip(names, row[1:6], strict=False)}


def _trade(row: Mapping[str, Any]) -> Row:
    return int(row["timestamp"]), {
        "trade_id": None if row.get("id") is None else str(row["id"]),
        "price": _number(row["price"]),
        "size": _number(row["amount"]),
        "side": row.get("side"),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _time(row: Row) -> int:
    return row[0]
