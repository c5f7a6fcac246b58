"""Options: bars, chains, snapshots, the latest quotes and trades."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter

import numpy as np

from core.simulation.engine.options.contracts import Contract, parse
from core.simulation.engine.options.quotes import no_bid
from core.simulation.engine.options.stock_options import Chain
from core.simulation.engine.underlyings.bars import Bars, no_bars
from core.simulation.server.alpaca import errors
from core.simulation.server.alpaca.bar_pages import bar_page
from core.simulation.server.alpaca.query import (
    OPTION,
    STOCK,
    Query,
    checked_symbol,
    decode_token,
    encode_token,
)
from core.simulation.server.alpaca.reply import Reply
from core.simulation.server.alpaca.shapes import (
    OptionGreeks,
    OptionQuote,
    OptionSnapshot,
    OptionTrade,
    time_as_text,
)
from core.simulation.server.alpaca.stock_endpoints import RECENT_S
from core.simulation.server.made_data import MadeData

_MOST_SYMBOLS = 100
_EXCHANGES = "ABCDEHIJMNOPQSTUXZ"
_LONGEST_AGE_S = 20_000.0
"""Of a contract's last trade, at most: it is not from before the day's opening."""


class OptionEndpoints:
    """As `StockEndpoints`. The feed without subscription is `indicative`."""

    def __init__(self, data: MadeData, *, is_delayed: bool) -> None:
        self._data = data
        self._is_delayed = is_delayed

    def bars(self, query: Query, now_s: float) -> Reply:
        symbols, timeframe = query.symbols(OPTION, at_most=_MOST_SYMBOLS), query.timeframe()
        newest_first = query.is_descending()
        start_s, end_s = query.moment("start"), query.moment("end", at_end=True)
        recent_s = now_s - RECENT_S
        if self._is_delayed and end_s is not None and end_s > recent_s:
            raise errors.no_opra()
        end_s = end_s if end_s is not None else recent_s if self._is_delayed else now_s
        if start_s is None:
            sessions = self._data.stocks.sessions
            start_s = float(sessions.midnight_s[sessions.day_at(now_s)])
        elif start_s > end_s:
            raise errors.AlpacaError(400, "end should not be before start")
        options = self._data.options
        today = options.today(now_s)

        def source(symbol: str, first_s: float, last_s: float, *, at_most: int) -> Bars:
            contract = parse(symbol)
            if contract is None or not options.listed.exists(contract, today):
                return no_bars()
            return options.bars(
                contract, timeframe, first_s, last_s, now_s=now_s, at_most=at_most, newest_first=newest_first
            )

        page = bar_page(
            source,
            symbols,
            start_s,
            end_s,
            limit=query.limit(1_000, 10_000),
            newest_first=newest_first,
            token=query.text("page_token"),
        )
        return Reply({"bars": page.bars, "next_page_token": page.next_page_token}, page.n_rows)

    def chain(self, underlying: str, query: Query, now_s: float) -> Reply:
        checked_symbol(underlying, STOCK)
        wanted = self._filter(query)
        self._check_feed(query)
        limit, after = query.limit(100, 1_000), self._after(query)
        if underlying not in self._data.stocks:
            return _snapshots({}, None)
        options = self._data.options
        listed = [each for each in options.listed.chain(underlying, options.today(now_s)) if wanted(each)]
        return self._page([each for each in listed if each.symbol > after], limit, now_s, query)

    def snapshots(self, query: Query, now_s: float) -> Reply:
        contracts = self._live(query, now_s)
        self._check_feed(query)
        limit, after = query.limit(100, 1_000), self._after(query)
        return self._page([each for each in contracts if each.symbol > after], limit, now_s, query)

    def latest_quotes(self, query: Query, now_s: float) -> Reply:
        self._check_feed(query)
        found = {each: row.latest_quote for each, row in self._rows(self._live(query, now_s), now_s).items()}
        return Reply({"quotes": found}, len(found))

    def latest_trades(self, query: Query, now_s: float) -> Reply:
        self._check_feed(query)
        rows = self._rows(self._live(query, now_s), now_s)
        found = {each: row.latest_trade for each, row in rows.items() if row.latest_trade is not None}
        return Reply({"trades": found}, len(found))

    def _page(self, contracts: Sequence[Contract], limit: int, now_s: float, query: Query) -> Reply:
        since_s = query.moment("updated_since")
        page, more = contracts[:limit], len(contracts) > limit
        if since_s is not None and self._data.options.quoted_s(now_s) < since_s:
            page, more = [], False
        return _snapshots(self._rows(page, now_s), encode_token(page[-1].symbol) if more else None)

    def _rows(self, contracts: Sequence[Contract], now_s: float) -> dict[str, OptionSnapshot]:
        """In the order given, by symbol. One stock's are together."""
        found: dict[str, OptionSnapshot] = {}
        for _, group in groupby(contracts, attrgetter("underlying")):
            chain = self._data.options.quotes(tuple(group), now_s)
            found |= dict(zip((each.symbol for each in chain.contracts), _as_snapshots(chain), strict=True))
        return found

    def _live(self, query: Query, now_s: float) -> list[Contract]:
        """Those asked for that are listed and have not expired."""
        today, listed = self._data.options.today(now_s), self._data.options.listed
        asked = [parse(symbol) for symbol in query.symbols(OPTION, at_most=_MOST_SYMBOLS)]
        return [each for each in asked if each is not None and each.expiry >= today and listed.exists(each, today)]

    def _check_feed(self, query: Query) -> None:
        feed = query.choice("feed", ("opra", "indicative"), "indicative" if self._is_delayed else "opra")
        if feed == "opra" and self._is_delayed:
            raise errors.no_opra()

    def _after(self, query: Query) -> str:
        parts = decode_token(query.text("page_token"), 1)
        return "" if parts is None else checked_symbol(parts[0], OPTION)

    def _filter(self, query: Query) -> Callable[[Contract], bool]:
        kind = query.choice("type", ("call", "put"), "")
        least, most = query.number("strike_price_gte"), query.number("strike_price_lte")
        exact, first, last = (query.day(f"expiration_date{suffix}") for suffix in ("", "_gte", "_lte"))
        root = query.text("root_symbol")

        def wanted(each: Contract) -> bool:
            return (
                (not kind or each.is_call == (kind == "call"))
                and (least is None or each.strike >= least)
                and (most is None or each.strike <= most)
                and _within(each.expiry, exact, first, last)
                and (root is None or root == each.underlying)
            )

        return wanted


def _within(expiry: date, exact: date | None, first: date | None, last: date | None) -> bool:
    return (
        (exact is None or expiry == exact) and (first is None or expiry >= first) and (last is None or expiry <= last)
    )


def _snapshots(rows: dict[str, OptionSnapshot], token: str | None) -> Reply:
    return Reply({"snapshots": rows, "next_page_token": token}, len(rows))


def _as_snapshots(chain: Chain) -> list[OptionSnapshot]:
    quotes, shown = chain.quotes, time_as_text(chain.time_s)
    greeks = zip(
        *(column.tolist() for column in _greek_columns(chain)),
        strict=True,
    )
    rows = zip(
        quotes.bid.tolist(),
        quotes.ask.tolist(),
        np.round(quotes.volatility, 6).tolist(),
        quotes.open_interest.tolist(),
        chain.jitter.tolist(),
        no_bid(quotes).tolist(),
        greeks,
        strict=True,
    )
    return [_snapshot(shown, chain.time_s, *row) for row in rows]


def _greek_columns(chain: Chain) -> list[np.ndarray]:
    greeks = chain.quotes.greeks
    return [np.round(each, 8) for each in (greeks.delta, greeks.gamma, greeks.rho, greeks.theta, greeks.vega)]


def _snapshot(  # noqa: PLR0917 - one row of columns
    shown: str,
    time_s: float,
    bid: float,
    ask: float,
    volatility: float,
    interest: float,
    jitter: float,
    is_unwanted: bool,
    greeks: tuple[float, ...],
) -> OptionSnapshot:
    at = int(jitter * 1e6)
    ask_at, bid_at = _EXCHANGES[at % len(_EXCHANGES)], _EXCHANGES[at // 7 % len(_EXCHANGES)]
    bid_size = 0 if is_unwanted else 1 + at % 211
    quote = OptionQuote(shown, ask_at, ask, 1 + at // 3 % 173, bid_at, bid, bid_size, "A")
    trade = None
    if interest >= 1:
        price = ask if jitter < 0.5 or is_unwanted else bid
        age_s = _LONGEST_AGE_S * jitter / (1 + interest / 50)
        trade = OptionTrade(time_as_text(time_s - age_s), ask_at, price, 1 + at % 10, "I")
    if is_unwanted:
        return OptionSnapshot(quote, trade)
    return OptionSnapshot(quote, trade, volatility, OptionGreeks(*greeks))
