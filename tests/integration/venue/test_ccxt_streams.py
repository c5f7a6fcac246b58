"""ccxt.pro, as its users run it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest

from tests.integration.venue.clients import ccxt_options, until_subscribed
from tests.venues import VenueProcess

BTC = "BTC/USDT"


@pytest.fixture
async def exchange(venue: VenueProcess) -> AsyncIterator[ccxt.pro.binance]:
    exchange = ccxt.pro.binance(ccxt_options(venue, venue.register()))
    await exchange.load_markets()
    yield exchange
    await exchange.close()


async def within(awaitable: Any, timeout_s: float = 20.0) -> Any:
    return await asyncio.wait_for(awaitable, timeout_s)


async def test_market_streams(exchange: ccxt.pro.binance) -> None:
    candles, trades, ticker, quotes = await within(
        asyncio.gather(
            exchange.watch_ohlcv(BTC, "1m"),
            exchange.watch_trades(BTC),
            exchange.watch_ticker(BTC),
            exchange.watch_bids_asks([BTC]),
        )
    )
    assert candles[-1][4] > 0
    assert trades[-1]["price"] > 0
    assert ticker["last"] > 0
    assert quotes[BTC]["bid"] < quotes[BTC]["ask"]


async def test_the_book_follows_without_gaps(exchange: ccxt.pro.binance) -> None:
    nonces = []
    for _ in range(10):
        book = await within(exchange.watch_order_book(BTC))
        assert book["bids"][0][0] < book["asks"][0][0]
        nonces.append(book["nonce"])
    assert nonces == sorted(nonces)
    assert nonces[-1] > nonces[0]


async def test_private_streams_tell_of_orders_fills_and_balances(exchange: ccxt.pro.binance) -> None:
    watched = [
        asyncio.create_task(watch())
        for watch in (exchange.watch_orders, exchange.watch_my_trades, exchange.watch_balance)
    ]
    await within(until_subscribed(exchange))
    order = await exchange.create_order(BTC, "market", "buy", 0.01)
    orders, trades, balance = await within(asyncio.gather(*watched))
    assert orders[-1]["id"] == order["id"]
    assert trades[-1]["order"] == order["id"]
    assert balance["BTC"]["free"] > 0


async def test_trading_over_the_socket(exchange: ccxt.pro.binance) -> None:
    book = await exchange.fetch_order_book(BTC, 5)
    order = await within(exchange.create_order_ws(BTC, "limit", "buy", 0.01, book["bids"][0][0] * 0.9))
    assert [each["id"] for each in await within(exchange.fetch_open_orders_ws(BTC))] == [order["id"]]
    cancelled = await within(exchange.cancel_order_ws(order["id"], BTC))
    assert cancelled["status"] == "canceled"
    assert (await within(exchange.fetch_order_ws(order["id"], BTC)))["status"] == "canceled"
    balances = (await within(exchange.fetch_balance_ws()))["info"]["balances"]
    assert {row["asset"]: row["free"] for row in balances}["USDT"] == "100000.00000000"
    assert len(await within(exchange.fetch_ohlcv_ws(BTC, "1m"))) > 100
    with pytest.raises(ccxt.InsufficientFunds):
        await within(exchange.create_order_ws(BTC, "market", "buy", 50))
