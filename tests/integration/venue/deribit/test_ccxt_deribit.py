"""ccxt's deribit, as its users run it, with nothing changed but the addresses."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.pro
import pytest

from core.cli import simulate
from tests.venues import VenueProcess

PERPETUAL = "BTC/USD:BTC"


def urls(venue: VenueProcess) -> dict[str, Any]:
    return {**simulate.deribit_options(venue.url, venue.ws_url), "enableRateLimit": False}


@pytest.fixture(scope="module")
def exchange(venue: VenueProcess) -> Iterator[ccxt.deribit]:
    exchange = ccxt.deribit(urls(venue))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.fixture(scope="module")
def option(exchange: ccxt.deribit) -> str:
    """The one with most open contracts."""
    chain = exchange.fetch_option_chain("BTC")
    return max(chain, key=lambda symbol: chain[symbol]["openInterest"])


def test_markets(exchange: ccxt.deribit) -> None:
    kinds = {market["type"] for market in exchange.markets.values()}
    assert kinds == {"swap", "future", "option"}
    assert exchange.market(PERPETUAL)["precision"]["price"] == 0.5
    assert set(exchange.fetch_currencies()) == {"BTC", "ETH"}
    assert exchange.fetch_status()["status"] == "ok"
    assert exchange.fetch_time() > 0


def test_a_chain_with_greeks(exchange: ccxt.deribit, option: str) -> None:
    chain = exchange.fetch_option_chain("BTC")
    assert len(chain) > 400
    assert 10 < float(chain[option]["info"]["mark_iv"]) < 200
    greeks = exchange.fetch_greeks(option)
    assert 0 < abs(greeks["delta"]) < 1
    assert greeks["gamma"] >= 0
    assert greeks["vega"] > 0
    assert greeks["bidImpliedVolatility"] <= greeks["markImpliedVolatility"] <= greeks["askImpliedVolatility"]
    assert exchange.fetch_option(option)["info"]["instrument_name"] == exchange.market(option)["id"]


@pytest.mark.parametrize("timeframe", ["1m", "1h", "1d"])
def test_candles(exchange: ccxt.deribit, option: str, timeframe: str) -> None:
    length_ms = exchange.parse_timeframe(timeframe) * 1_000
    for symbol in (PERPETUAL, option):
        candles = exchange.fetch_ohlcv(symbol, timeframe, limit=24)
        times = [row[0] for row in candles]
        assert candles
        assert all(then - now == length_ms for now, then in itertools.pairwise(times))
        assert all(low <= min(first, last) <= max(first, last) <= high for _, first, high, low, last, _ in candles)


def test_books_tickers_and_trades(exchange: ccxt.deribit, option: str) -> None:
    for symbol in (PERPETUAL, option):
        book = exchange.fetch_order_book(symbol, 5)
        assert book["bids"][0][0] < book["asks"][0][0]
        trades = exchange.fetch_trades(symbol, limit=5)
        assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
        ticker = exchange.fetch_ticker(symbol)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert len(exchange.fetch_tickers(params={"code": "ETH"})) > 400
    assert len(exchange.fetch_funding_rate_history(PERPETUAL)) > 700
    assert abs(exchange.fetch_funding_rate(PERPETUAL)["fundingRate"]) < 0.01
    assert exchange.fetch_volatility_history("BTC")


def test_what_there_is_not(exchange: ccxt.deribit, venue: VenueProcess) -> None:
    with pytest.raises(ccxt.ExchangeError, match="not_found"):
        exchange.publicGetTicker({"instrument_name": "BTC-25DEC26-1-C"})
    with pytest.raises(ccxt.BaseError, match="Invalid params"):
        exchange.publicGetTicker({"instrument_name": "what"})
    trader = ccxt.deribit({**urls(venue), "apiKey": "paper", "secret": "paper"})
    with pytest.raises(ccxt.AuthenticationError, match="unauthorized"):
        trader.fetch_balance()
    trader.session.close()


@pytest.mark.slow
async def test_streams(venue: VenueProcess, option: str) -> None:
    exchange = ccxt.pro.deribit(urls(venue))
    try:
        async with asyncio.timeout(120):
            await exchange.load_markets()
            for symbol in (PERPETUAL, option):
                ticker = await exchange.watch_ticker(symbol)
                assert ticker["bid"] < ticker["ask"]
                for _ in range(3):
                    book = await exchange.watch_order_book(symbol)
                    assert book["bids"][0][0] < book["asks"][0][0]
            assert (await exchange.watch_ohlcv(PERPETUAL, "1m"))[-1][4] > 0
            assert (await exchange.watch_trades(PERPETUAL))[-1]["price"] > 0
            quotes = await exchange.watch_bids_asks([PERPETUAL])
            assert quotes[PERPETUAL]["bid"] < quotes[PERPETUAL]["ask"]
    finally:
        await exchange.close()
