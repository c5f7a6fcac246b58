"""ccxt.pro, as its users run it, watches perpetuals."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest

from tests.integration.venue.clients import ccxt_usdm_options
from tests.venues import VenueProcess

BTC, SPOT = "BTC/USDT:USDT", "BTC/USDT"


@pytest.fixture
async def exchange(usdm_venue: VenueProcess) -> AsyncIterator[ccxt.pro.binance]:
    exchange = ccxt.pro.binance(ccxt_usdm_options(usdm_venue, usdm_venue.register()))
    await exchange.load_markets()
    yield exchange
    await exchange.close()


async def within(awaitable: Any, timeout_s: float = 20.0) -> Any:
    return await asyncio.wait_for(awaitable, timeout_s)


async def test_market_streams_beside_those_of_spot(exchange: ccxt.pro.binance) -> None:
    candles, trades, ticker, quotes, mark, spot = await within(
        asyncio.gather(
            exchange.watch_ohlcv(BTC, "1m"),
            exchange.watch_trades(BTC),
            exchange.watch_ticker(BTC),
            exchange.watch_bids_asks([BTC]),
            exchange.watch_mark_price(BTC),
            exchange.watch_trades(SPOT),
        )
    )
    assert candles[-1][4] > 0
    assert (trades[-1]["symbol"], spot[-1]["symbol"]) == (BTC, SPOT)
    assert ticker["last"] > 0
    assert quotes[BTC]["bid"] < quotes[BTC]["ask"]
    assert mark["markPrice"] == pytest.approx(mark["indexPrice"], rel=0.01)


async def test_the_book_follows_without_gaps(exchange: ccxt.pro.binance) -> None:
    nonces = []
    for _ in range(10):
        book = await within(exchange.watch_order_book(BTC))
        assert book["bids"][0][0] < book["asks"][0][0]
        nonces.append(book["nonce"])
    assert nonces == sorted(nonces)
    assert nonces[-1] > nonces[0]


async def test_private_streams_tell_of_orders_fills_balances_and_positions(exchange: ccxt.pro.binance) -> None:
    calls = (
        exchange.watch_orders(BTC),
        exchange.watch_my_trades(BTC),
        exchange.watch_balance({"type": "swap"}),
    )
    watched = [asyncio.create_task(call) for call in calls]
    await within(until_connected(exchange))
    order = await exchange.create_order(BTC, "market", "buy", 0.01)
    orders, trades, balance = await within(asyncio.gather(*watched))
    assert orders[-1]["id"] == order["id"]
    assert trades[-1]["order"] == order["id"]
    assert balance["USDT"]["total"] == pytest.approx(100_000 - trades[-1]["fee"]["cost"])
    sold = asyncio.create_task(exchange.watch_positions([BTC]))
    await exchange.create_order(BTC, "market", "sell", 0.03)
    [position] = await within(sold)
    assert (position["side"], position["contracts"]) == ("short", 0.02)


async def test_conditional_orders_are_told_of(exchange: ccxt.pro.binance) -> None:
    first = asyncio.create_task(exchange.watch_orders(BTC))
    await within(until_connected(exchange))
    bid = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
    stop = await exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": bid * 0.9 // 1})
    orders = await within(first)
    assert orders[-1]["id"] == stop["id"]
    assert orders[-1]["triggerPrice"] == bid * 0.9 // 1


async def test_trading_over_the_socket(exchange: ccxt.pro.binance) -> None:
    bid = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
    price = float(exchange.price_to_precision(BTC, bid * 0.98))
    order = await within(exchange.create_order_ws(BTC, "limit", "buy", 0.01, price))
    assert order["status"] == "open"
    edited = await within(exchange.edit_order_ws(order["id"], BTC, "limit", "buy", 0.02, price))
    assert (edited["id"], edited["amount"]) == (order["id"], 0.02)
    assert (await within(exchange.cancel_order_ws(order["id"], BTC)))["status"] == "canceled"
    assert (await within(exchange.fetch_order_ws(order["id"], BTC)))["status"] == "canceled"
    await within(exchange.create_order_ws(BTC, "market", "sell", 0.01))
    [position] = await within(exchange.fetch_positions_ws([BTC]))
    assert (position["side"], position["contracts"]) == ("short", 0.01)
    exchange.options["fetchBalanceWs"] = {"type": "linear"}
    assert (await within(exchange.fetch_balance_ws()))["USDT"]["total"] > 99_000
    with pytest.raises(ccxt.OrderNotFound):
        await within(exchange.cancel_order_ws("987654321", BTC))


async def until_connected(exchange: ccxt.pro.binance) -> None:
    """A listen key stands in the address of the private connection: once that is open, events come."""
    while not any("listenKey" in url and client.connected.done() for url, client in exchange.clients.items()):
        await asyncio.sleep(0.01)
