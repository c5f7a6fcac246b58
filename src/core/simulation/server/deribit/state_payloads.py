"""Tickers, books and summaries: what an instrument is like at a moment."""

from collections.abc import Sequence

from core.simulation.engine.coins.derivatives import FutureMark, Marks
from core.simulation.engine.coins.instruments import Instrument
from core.simulation.engine.coins.trades import Trades
from core.simulation.server.deribit.books import Book, book_of
from core.simulation.server.deribit.funding import hourly_rate
from core.simulation.server.deribit.market import CoinMarket

_OPEN_INTEREST = {"BTC": 1_100_000_000.0, "ETH": 480_000_000.0}
_PRICE_BAND = 0.015


def ticker(market: CoinMarket, instrument: Instrument, now_ms: int) -> tuple[dict[str, object], Book]:
    """The payload of `ticker`, and the book that its quotes are the top of. Of one that trades now."""
    now_s = now_ms / 1_000
    if instrument.is_option:
        return _option_ticker(market, instrument, market.derivatives.options([instrument], now_s), 0, now_ms)
    return _future_ticker(market, instrument, market.derivatives.future(instrument, now_s), now_ms)


def summaries(market: CoinMarket, instruments: Sequence[Instrument], now_ms: int) -> list[dict[str, object]]:
    """What `get_book_summary_by_currency` tells of instruments of one coin that trade now."""
    now_s = now_ms / 1_000
    options = [each for each in instruments if each.is_option]
    marks = market.derivatives.options(options, now_s) if options else None
    rows = {each.name: row for row, each in enumerate(options)}
    found = []
    for each in instruments:
        if marks is not None and each.is_option:
            found.append(_option_summary(each, marks, rows[each.name], now_ms))
        else:
            found.append(_future_summary(market, each, market.derivatives.future(each, now_s), now_ms))
    return found


def _option_ticker(
    market: CoinMarket, instrument: Instrument, marks: Marks, row: int, now_ms: int
) -> tuple[dict[str, object], Book]:
    bid, ask, mark = float(marks.bid[row]), float(marks.ask[row]), float(marks.mark[row])
    book = book_of(instrument, bid, ask, now_ms / 1_000)
    forward, vega = float(marks.forward[row]), float(marks.greeks.vega[row])
    volatility = 100 * float(marks.volatility[row])
    trades = market.last_day(instrument, now_ms)
    greeks = marks.greeks
    return {
        **_shared(instrument, trades, marks.index, now_ms),
        "underlying_price": round(forward, 4),
        "underlying_index": underlying_index(instrument),
        "settlement_price": round(mark, 6),
        "open_interest": float(marks.open_interest[row]),
        "min_price": max(0.0001, round(mark - _PRICE_BAND, 4)),
        "max_price": round(mark + _PRICE_BAND, 4),
        "mark_price": round(mark, 6),
        "mark_iv": round(volatility, 2),
        "bid_iv": _implied(volatility, (bid - mark) * forward, vega) if bid else 0.0,
        "ask_iv": _implied(volatility, (ask - mark) * forward, vega),
        "interest_rate": 0.0,
        "greeks": {
            "vega": round(vega, 5),
            "theta": round(float(greeks.theta[row]), 5),
            "rho": round(float(greeks.rho[row]), 5),
            "gamma": round(float(greeks.gamma[row]), 5),
            "delta": round(float(greeks.delta[row]), 5),
        },
        **_top(book),
    }, book


def _future_ticker(
    market: CoinMarket, instrument: Instrument, mark: FutureMark, now_ms: int
) -> tuple[dict[str, object], Book]:
    book = book_of(instrument, mark.bid, mark.ask, now_ms / 1_000)
    trades = market.last_day(instrument, now_ms)
    found: dict[str, object] = {
        **_shared(instrument, trades, mark.index, now_ms),
        "settlement_price": mark.mark,
        "open_interest": _future_interest(instrument),
        "min_price": round(mark.mark * (1 - _PRICE_BAND), 1),
        "max_price": round(mark.mark * (1 + _PRICE_BAND), 1),
        "mark_price": mark.mark,
        **_top(book),
    }
    if instrument.expiry is None:
        rate = hourly_rate(market.derivatives.seed, instrument.coin, now_ms // 3_600_000)
        found |= {"current_funding": round(8 * rate, 8), "funding_8h": round(8 * rate, 8), "interest_value": rate * 100}
    return found, book


def _shared(instrument: Instrument, trades: Trades, index: float, now_ms: int) -> dict[str, object]:
    return {
        "timestamp": now_ms,
        "state": "open",
        "stats": _stats(instrument, trades),
        "instrument_name": instrument.name,
        "index_price": index,
        "estimated_delivery_price": index,
        "last_price": float(trades.price[-1]) if len(trades) else None,
    }


def _stats(instrument: Instrument, trades: Trades) -> dict[str, float | None]:
    """Of the last day."""
    if len(trades) == 0:
        return {"volume_usd": None, "volume": None, "price_change": None, "low": None, "high": None}
    amount = float(trades.amount.sum())
    coins = amount if instrument.is_option else float((trades.amount / trades.price).sum())
    usd = float((trades.amount * trades.price * trades.index).sum()) if instrument.is_option else amount
    stats: dict[str, float | None] = {
        "volume_usd": round(usd, 2),
        "volume": round(coins, 8),
        "price_change": round(100 * float(trades.price[-1] / trades.price[0] - 1), 4),
        "low": float(trades.price.min()),
        "high": float(trades.price.max()),
    }
    return stats if instrument.is_option else stats | {"volume_notional": round(usd, 2)}


def _top(book: Book) -> dict[str, float]:
    bid, bid_amount = book.bids[0] if book.bids else (0.0, 0.0)
    ask, ask_amount = book.asks[0]
    return {
        "best_bid_price": bid,
        "best_bid_amount": bid_amount,
        "best_ask_price": ask,
        "best_ask_amount": ask_amount,
    }


def _option_summary(instrument: Instrument, marks: Marks, row: int, now_ms: int) -> dict[str, object]:
    """Its volume stands for what the day's trades would add up to: a chain is too long to make them all."""
    bid, ask, mark = float(marks.bid[row]), float(marks.ask[row]), float(marks.mark[row])
    forward, jitter = float(marks.forward[row]), float(marks.jitter[row])
    volume = round(0.1 * int(marks.open_interest[row] * jitter), 1)
    last = (ask if jitter < 0.5 else bid) or None
    traded = last if volume > 0 else None
    return {
        **_shared_summary(instrument, marks.index, mark, bid or None, ask, now_ms),
        "mark_price": round(mark, 8),
        "mark_iv": round(100 * float(marks.volatility[row]), 2),
        "interest_rate": 0.0,
        "underlying_price": round(forward, 4),
        "underlying_index": underlying_index(instrument),
        "open_interest": float(marks.open_interest[row]),
        "quote_currency": instrument.coin,
        "volume": volume,
        "volume_usd": round(volume * mark * marks.index, 2),
        "last": traded,
        "low": traded,
        "high": traded,
        "price_change": None if traded is None else 0.0,
    }


def _future_summary(market: CoinMarket, instrument: Instrument, mark: FutureMark, now_ms: int) -> dict[str, object]:
    trades = market.last_day(instrument, now_ms)
    stats = _stats(instrument, trades)
    found: dict[str, object] = {
        **_shared_summary(instrument, mark.index, mark.mark, mark.bid, mark.ask, now_ms),
        "mark_price": mark.mark,
        "open_interest": _future_interest(instrument),
        "quote_currency": "USD",
        "last": float(trades.price[-1]) if len(trades) else None,
        **stats,
    }
    if instrument.expiry is None:
        rate = hourly_rate(market.derivatives.seed, instrument.coin, now_ms // 3_600_000)
        found |= {"current_funding": round(8 * rate, 8), "funding_8h": round(8 * rate, 8)}
    return found


def _shared_summary(  # noqa: PLR0917 - what both kinds know by other names
    instrument: Instrument, index: float, mark: float, bid: float | None, ask: float, now_ms: int
) -> dict[str, object]:
    return {
        "instrument_name": instrument.name,
        "base_currency": instrument.coin,
        "creation_timestamp": now_ms,
        "estimated_delivery_price": index,
        "mid_price": None if bid is None else round((bid + ask) / 2, 8),
        "bid_price": bid,
        "ask_price": ask,
    }


def underlying_index(instrument: Instrument) -> str:
    return Instrument(instrument.coin, instrument.expiry).name


def _future_interest(instrument: Instrument) -> float:
    return _OPEN_INTEREST[instrument.coin] * (1.0 if instrument.expiry is None else 0.1)


def _implied(volatility: float, distance_usd: float, vega: float) -> float:
    """Percent, of a price so far from the mark: to first order, where vega is all there is."""
    return round(max(0.0, volatility + distance_usd / max(vega, 1e-3)), 2) if vega > 1e-3 else 0.0
