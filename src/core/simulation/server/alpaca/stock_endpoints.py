"""Stocks: bars, and the latest of everything."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from core.simulation.engine.underlyings.bars import Bars, no_bars
from core.simulation.engine.underlyings.sessions import DAY_S, MINUTE_S
from core.simulation.engine.underlyings.timeframe import Timeframe, Unit
from core.simulation.server.alpaca import errors
from core.simulation.server.alpaca.bar_pages import BarPage, bar_page
from core.simulation.server.alpaca.query import STOCK, Query, checked_symbol
from core.simulation.server.alpaca.reply import Reply
from core.simulation.server.alpaca.shapes import (
    Bar,
    StockQuote,
    StockSnapshot,
    StockTrade,
    bars_as_rows,
    time_as_text,
)
from core.simulation.server.made_data import MadeData

RECENT_S = 15 * 60
_FEEDS = ("sip", "iex", "boats", "otc", "overnight", "delayed_sip")
_IEX_SHARE = 40
"""How much more trades everywhere than at IEX."""
_ADJUSTMENTS = ("raw", "split", "dividend", "spin-off", "all")
_MINUTE = Timeframe(1, Unit.MINUTE)
_DAY = Timeframe(1, Unit.DAY)
_SPREAD_BPS = 0.8
_EXCHANGES = "PQZKVNCJ"


class StockEndpoints:
    """`is_delayed`: the plan has no consolidated data of the last 15 minutes. Everything here runs in `MadeData`'s
    thread; `now_s` is the venue's time."""

    def __init__(self, data: MadeData, *, is_delayed: bool) -> None:
        self._data = data
        self._is_delayed = is_delayed

    def bars(self, query: Query, now_s: float) -> Reply:
        page = self._bar_page(query, query.symbols(STOCK), now_s)
        return Reply({"bars": page.bars, "next_page_token": page.next_page_token, "currency": "USD"}, page.n_rows)

    def bars_of_one(self, symbol: str, query: Query, now_s: float) -> Reply:
        page = self._bar_page(query, [checked_symbol(symbol, STOCK)], now_s)
        rows = page.bars.get(symbol, [])
        answer = {"bars": rows, "symbol": symbol, "next_page_token": page.next_page_token, "currency": "USD"}
        return Reply(answer, len(rows))

    def latest_bars(self, query: Query, now_s: float) -> Reply:
        return self._of_each(query, now_s, "bars", self._latest_bar)

    def latest_quotes(self, query: Query, now_s: float) -> Reply:
        return self._of_each(query, now_s, "quotes", self._quote)

    def latest_trades(self, query: Query, now_s: float) -> Reply:
        return self._of_each(query, now_s, "trades", self._trade)

    def snapshots(self, query: Query, now_s: float) -> Reply:
        symbols, at_s = self._asked(query, now_s)
        found = {symbol: self._snapshot(symbol, at_s) for symbol in symbols}
        return Reply(found, len(found))

    def latest_of_one(self, what: str, symbol: str, query: Query, now_s: float) -> Reply:
        """`what` is `bars`, `quotes`, `trades` or `snapshot`."""
        make: Callable[[str, float], object] = {
            "bars": self._latest_bar,
            "quotes": self._quote,
            "trades": self._trade,
            "snapshot": self._snapshot,
        }[what]
        checked_symbol(symbol, STOCK)
        at_s = self._latest_s(query, now_s)
        if symbol not in self._data.stocks:
            raise errors.AlpacaError(404, f"no data found for {symbol}")
        made = make(symbol, at_s)
        if isinstance(made, StockSnapshot):
            return Reply({"symbol": symbol, **made.as_json(), "currency": "USD"}, 1)
        return Reply({"symbol": symbol, what.removesuffix("s"): made, "currency": "USD"}, 1)

    def _bar_page(self, query: Query, symbols: list[str], now_s: float) -> BarPage:
        timeframe, newest_first = query.timeframe(), query.is_descending()
        adjustments = (query.text("adjustment") or "raw").lower().split(",")
        if not set(adjustments) <= set(_ADJUSTMENTS):
            raise errors.invalid("adjustment", query.text("adjustment") or "")
        feed = query.choice("feed", _FEEDS, "sip")
        start_s, end_s = self._span(query, now_s, feed)

        def source(symbol: str, first_s: float, last_s: float, *, at_most: int) -> Bars:
            if symbol not in self._data.stocks:
                return no_bars()
            spread = _IEX_SHARE if feed == "iex" else 1
            found = self._data.stocks.bars(
                symbol, timeframe, first_s, last_s, now_s=now_s, at_most=at_most * spread, newest_first=newest_first
            )
            return (_at_iex(found) if feed == "iex" else found).take(slice(0, at_most))

        return bar_page(
            source,
            symbols,
            start_s,
            end_s,
            limit=query.limit(1_000, 10_000),
            newest_first=newest_first,
            token=query.text("page_token"),
        )

    def _span(self, query: Query, now_s: float, feed: str) -> tuple[float, float]:
        start_s, end_s = query.moment("start"), query.moment("end", at_end=True)
        recent_s = now_s - RECENT_S
        is_held_back = self._is_delayed and feed in ("sip", "otc")
        if is_held_back and end_s is not None and end_s > recent_s:
            raise errors.recent_sip()
        if end_s is None:
            end_s = recent_s if self._is_delayed and feed != "iex" else now_s
        if start_s is None:
            start_s = self._today_s(now_s)
        elif start_s > end_s:
            raise errors.AlpacaError(400, "end should not be before start")
        return start_s, end_s

    def _today_s(self, now_s: float) -> float:
        sessions = self._data.stocks.sessions
        return float(sessions.midnight_s[sessions.day_at(now_s)])

    def _of_each(self, query: Query, now_s: float, key: str, make: Callable[[str, float], object]) -> Reply:
        symbols, at_s = self._asked(query, now_s)
        found = {symbol: row for symbol in symbols if (row := make(symbol, at_s)) is not None}
        return Reply({key: found, "currency": "USD"}, len(found))

    def _asked(self, query: Query, now_s: float) -> tuple[list[str], float]:
        """Symbols that are known, and the time of what they are told."""
        symbols, at_s = query.symbols(STOCK), self._latest_s(query, now_s)
        return [symbol for symbol in symbols if symbol in self._data.stocks], at_s

    def _latest_s(self, query: Query, now_s: float) -> float:
        feed = query.choice("feed", _FEEDS, "iex" if self._is_delayed else "sip")
        if feed == "sip" and self._is_delayed:
            raise errors.recent_sip()
        return now_s - RECENT_S if feed == "delayed_sip" else now_s

    def _snapshot(self, symbol: str, at_s: float) -> StockSnapshot:
        days = self._newest(symbol, _DAY, at_s, 2)
        return StockSnapshot(
            self._trade(symbol, at_s),
            self._quote(symbol, at_s),
            self._latest_bar(symbol, at_s),
            days[0] if days else None,
            days[1] if len(days) > 1 else None,
        )

    def _latest_bar(self, symbol: str, at_s: float) -> Bar | None:
        return next(iter(self._newest(symbol, _MINUTE, at_s, 1)), None)

    def _newest(self, symbol: str, timeframe: Timeframe, at_s: float, count: int) -> list[Bar]:
        bars = self._data.stocks.bars(
            symbol, timeframe, at_s - 12 * DAY_S, at_s, now_s=at_s, at_most=count, newest_first=True
        )
        return bars_as_rows(bars)

    def _quote(self, symbol: str, at_s: float) -> StockQuote:
        price, shown_s, words = self._moment(symbol, at_s)
        tick = self._data.stocks.underlying(symbol).tick
        half = max(tick / 2, price * _SPREAD_BPS * 1e-4 * (0.5 + words[0] / 256))
        bid, ask = np.floor((price - half) / tick) * tick, np.ceil((price + half) / tick) * tick
        sizes = [100 * (1 + int(9 * (word / 256) ** 3)) for word in words[1:3]]
        bid_at, ask_at = (_EXCHANGES[word % len(_EXCHANGES)] for word in words[3:5])
        tape = self._data.stocks.underlying(symbol).tape
        quote = (ask_at, round(float(ask), 4), sizes[0], bid_at, round(float(bid), 4), sizes[1])
        return StockQuote(time_as_text(shown_s), *quote, ("R",), tape)

    def _trade(self, symbol: str, at_s: float) -> StockTrade:
        price, shown_s, words = self._moment(symbol, at_s)
        underlying = self._data.stocks.underlying(symbol)
        traded = round(round(price / underlying.tick) * underlying.tick, 4)
        size = 1 + words[5] if words[6] < 128 else 100
        number = int(shown_s * 10) * 256 + words[7]
        exchange = _EXCHANGES[words[3] % len(_EXCHANGES)]
        return StockTrade(time_as_text(shown_s), exchange, traded, size, ("@",), number, underlying.tape)

    def _moment(self, symbol: str, at_s: float) -> tuple[float, float, bytes]:
        """Price and time of the last moment of trading, to the tenth of a second, and what chance says of it."""
        sessions = self._data.stocks.sessions
        day = sessions.day_at(at_s)
        last_s = sessions.slot_zero_s[day] + MINUTE_S * sessions.last_slots[day] - 0.1
        shown_s = min(np.floor(at_s * 10) / 10, float(last_s))
        words = blake2b(f"{symbol}/{shown_s:.1f}".encode(), digest_size=8).digest()
        return self._data.stocks.price(symbol, shown_s), shown_s, words


def _at_iex(bars: Bars) -> Bars:
    """What of it traded at one exchange alone: fewer shares, and some bars have none."""
    volume = np.floor(bars.volume / _IEX_SHARE)
    trades = np.maximum(1, bars.trades // _IEX_SHARE)
    columns = (bars.time_s, bars.open, bars.high, bars.low, bars.close, volume, trades, bars.vwap)
    return Bars(*columns).take(volume > 0)
