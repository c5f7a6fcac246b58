"""ccxt, as its users run it, trades perpetuals over REST."""

from collections.abc import Iterator

import ccxt
import pytest

from tests.integration.venue.clients import ccxt_usdm_options
from tests.venues import VenueProcess

BTC = "BTC/USDT:USDT"
STOPS = {"trigger": True}


@pytest.fixture
def exchange(usdm_venue: VenueProcess) -> Iterator[ccxt.binance]:
    exchange = ccxt.binance(ccxt_usdm_options(usdm_venue, usdm_venue.register()))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.fixture
def bid(exchange: ccxt.binance) -> float:
    return float(exchange.fetch_order_book(BTC, 5)["bids"][0][0])


def below(exchange: ccxt.binance, price: float, share: float) -> float:
    return float(exchange.price_to_precision(BTC, price * share))


def test_spot_and_perpetuals_side_by_side(exchange: ccxt.binance) -> None:
    assert set(exchange.markets) == {"BTC/USDT", "SOL/USDT", BTC, "SOL/USDT:USDT"}
    market = exchange.market(BTC)
    assert (market["swap"], market["linear"], market["settle"], market["active"]) == (True, True, "USDT", True)
    assert market["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-8, "quote": 1e-8}
    assert market["limits"]["cost"]["min"] == 100


def test_market_data(exchange: ccxt.binance) -> None:
    candles = exchange.fetch_ohlcv(BTC, "1m", limit=1_000)
    assert len(candles) == 1_000
    opens = [candle[0] for candle in candles]
    assert opens == list(range(opens[0], opens[0] + 1_000 * 60_000, 60_000))
    book = exchange.fetch_order_book(BTC, 1_000)
    assert len(book["bids"]) >= 50 and len(book["asks"]) >= 50
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = exchange.fetch_ticker(BTC)
    assert ticker["low"] <= ticker["open"] <= ticker["high"]
    assert set(exchange.fetch_tickers([BTC, "SOL/USDT:USDT"])) == {BTC, "SOL/USDT:USDT"}
    assert exchange.fetch_bids_asks([BTC])[BTC]["bid"] > 0
    assert exchange.fetch_last_prices([BTC])[BTC]["price"] > 0
    trades = exchange.fetch_trades(BTC)
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    assert exchange.fetch_open_interest(BTC)["openInterestAmount"] >= 0


def test_funding(exchange: ccxt.binance) -> None:
    funding = exchange.fetch_funding_rate(BTC)
    assert funding["markPrice"] == pytest.approx(funding["indexPrice"], rel=0.01)
    assert abs(funding["fundingRate"]) <= 0.02
    assert funding["fundingTimestamp"] % (8 * 3_600_000) == 0
    assert exchange.fetch_funding_intervals([BTC])[BTC]["interval"] == "8h"
    assert exchange.fetch_funding_rate_history(BTC) == []
    assert exchange.fetch_funding_history(BTC) == []
    assert exchange.fetch_mark_prices([BTC])[BTC]["markPrice"] > 0


def test_candles_of_the_mark_price(exchange: ccxt.binance) -> None:
    marks, traded = (fetch(BTC, "1m", limit=50) for fetch in (exchange.fetch_mark_ohlcv, exchange.fetch_ohlcv))
    assert len(marks) == len(traded) == 50
    for mark, trade in zip(marks, traded, strict=True):
        assert mark[3] <= mark[1] <= mark[2] and mark[3] <= mark[4] <= mark[2]
        assert mark[4] == pytest.approx(trade[4], rel=0.02)
        assert mark[5] == 0


def test_a_position_is_opened_turned_over_and_closed(exchange: ccxt.binance) -> None:
    opened = exchange.create_order(BTC, "market", "buy", 0.05)
    assert (opened["status"], opened["filled"]) == ("closed", 0.05)
    [position] = exchange.fetch_positions([BTC])
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 0.05, "cross")
    assert position["entryPrice"] == pytest.approx(opened["average"])
    assert position["initialMargin"] == pytest.approx(position["notional"] / 20)
    exchange.create_order(BTC, "market", "sell", 0.08)
    [position] = exchange.fetch_positions([BTC])
    assert (position["side"], position["contracts"]) == ("short", 0.03)
    closed = exchange.create_order(BTC, "market", "buy", 0.05, None, {"reduceOnly": True})
    assert closed["filled"] == 0.03
    assert exchange.fetch_positions([BTC]) == []
    trades = exchange.fetch_my_trades(BTC)
    fees = sum(trade["fee"]["cost"] for trade in trades)
    profit = sum(float(trade["info"]["realizedPnl"]) for trade in trades)
    balance = exchange.fetch_balance({"type": "swap"})["USDT"]
    assert balance["total"] == balance["free"] == pytest.approx(100_000 - fees + profit)
    kinds = [entry["info"]["incomeType"] for entry in exchange.fetch_ledger("USDT", params={"type": "swap"})]
    assert {"TRANSFER", "COMMISSION", "REALIZED_PNL"} == set(kinds)


def test_orders_rest_change_and_go(exchange: ccxt.binance, bid: float) -> None:
    order = exchange.create_order(BTC, "limit", "buy", 0.01, below(exchange, bid, 0.98), {"clientOrderId": "mine-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "mine-1")
    margin = exchange.fetch_balance({"type": "swap"})["USDT"]["used"]
    assert margin == pytest.approx(order["price"] * 0.01 / 20)
    edited = exchange.edit_order(order["id"], BTC, "limit", "buy", 0.02, below(exchange, bid, 0.97))
    assert (edited["id"], edited["amount"], edited["price"]) == (order["id"], 0.02, below(exchange, bid, 0.97))
    assert [each["id"] for each in exchange.fetch_open_orders(BTC)] == [order["id"]]
    assert exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})["amount"] == 0.02
    assert exchange.fetch_open_order(order["id"], BTC)["status"] == "open"
    assert exchange.cancel_order(order["id"], BTC)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(order["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("987654321", BTC)
    batch = exchange.create_orders(
        [
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": below(exchange, bid, 0.97)},
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": below(exchange, bid, 0.96)},
        ]
    )
    assert len(exchange.cancel_orders([each["id"] for each in batch[:1]], BTC)) == 1
    exchange.cancel_all_orders(BTC)
    assert exchange.fetch_open_orders(BTC) == []
    assert [each["status"] for each in exchange.fetch_orders(BTC)] == ["canceled"] * 3


def test_stops_live_in_a_book_of_their_own(exchange: ccxt.binance, bid: float) -> None:
    exchange.create_order(BTC, "market", "buy", 0.05)
    stop = exchange.create_order(
        BTC, "market", "sell", 0.05, None, {"stopLossPrice": below(exchange, bid, 0.9), "clientOrderId": "stop-1"}
    )
    profit = exchange.create_order(
        BTC, "limit", "sell", 0.05, below(exchange, bid, 1.1), {"takeProfitPrice": below(exchange, bid, 1.1)}
    )
    trailing = exchange.create_trailing_percent_order(BTC, "market", "sell", 0.05, None, 1.0)
    assert [each["id"] for each in exchange.fetch_open_orders(BTC, params=STOPS)] == [
        each["id"] for each in (stop, profit, trailing)
    ]
    assert exchange.fetch_open_orders(BTC) == []
    assert exchange.fetch_order(stop["id"], BTC, STOPS)["triggerPrice"] == below(exchange, bid, 0.9)
    exchange.cancel_order(stop["id"], BTC, STOPS)
    exchange.cancel_all_orders(BTC, STOPS)
    statuses = [each["status"] for each in exchange.fetch_orders(BTC, params=STOPS)]
    assert statuses == ["canceled"] * 3
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(stop["id"], BTC, STOPS)


def test_leverage_margin_and_position_mode(exchange: ccxt.binance) -> None:
    assert exchange.set_leverage(10, BTC)["leverage"] == 10
    exchange.set_margin_mode("isolated", BTC)
    assert exchange.fetch_leverage(BTC)["longLeverage"] == 10
    assert exchange.fetch_margin_mode(BTC)["marginMode"] == "isolated"
    assert exchange.fetch_market_leverage_tiers(BTC)[0]["maxLeverage"] == 125
    assert exchange.fetch_trading_fee(BTC)["taker"] == 0.0005
    exchange.create_order(BTC, "market", "sell", 0.05)
    [position] = exchange.fetch_positions([BTC])
    assert (position["side"], position["marginMode"]) == ("short", "isolated")
    assert position["liquidationPrice"] > position["entryPrice"]
    exchange.add_margin(BTC, 50)
    [richer] = exchange.fetch_positions([BTC])
    assert float(richer["info"]["isolatedWallet"]) == pytest.approx(float(position["info"]["isolatedWallet"]) + 50)
    exchange.create_order(BTC, "market", "buy", 0.05)
    assert exchange.fetch_position_mode(BTC)["hedged"] is False
    exchange.set_position_mode(True, BTC)
    exchange.create_order(BTC, "market", "buy", 0.02, None, {"positionSide": "LONG"})
    exchange.create_order(BTC, "market", "sell", 0.03, None, {"positionSide": "SHORT"})
    sides = {position["side"]: position["contracts"] for position in exchange.fetch_positions([BTC])}
    assert sides == {"long": 0.02, "short": 0.03}


@pytest.mark.parametrize(
    ("code", "act"),
    [
        (-2019, lambda e, bid: e.create_order(BTC, "limit", "buy", 100, below(e, bid, 0.99))),
        (-2022, lambda e, bid: e.create_order(BTC, "limit", "buy", 0.01, below(e, bid, 0.99), {"reduceOnly": True})),
        (-2021, lambda e, bid: e.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": bid * 1.1 // 1})),
        (-4164, lambda e, bid: e.create_order(BTC, "limit", "buy", 0.001, below(e, bid, 0.99))),
        (-5022, lambda e, bid: e.create_order(BTC, "limit", "buy", 0.01, below(e, bid, 1.01), {"postOnly": True})),
        (-4028, lambda e, bid: e.set_leverage(125, "SOL/USDT:USDT")),
        (-4061, lambda e, bid: e.create_order(BTC, "market", "buy", 0.01, None, {"positionSide": "LONG"})),
        (-4016, lambda e, bid: e.create_order(BTC, "limit", "buy", 0.01, below(e, bid, 1.2))),
        (-4116, lambda e, bid: [_named(e, bid) for _ in range(2)]),
    ],
)
def test_refusals(exchange: ccxt.binance, bid: float, code: int, act) -> None:
    with pytest.raises(ccxt.ExchangeError, match=f'"code":{code}'):
        act(exchange, bid)


def _named(exchange: ccxt.binance, bid: float) -> None:
    exchange.create_order(BTC, "limit", "buy", 0.01, below(exchange, bid, 0.98), {"clientOrderId": "twice"})


def test_margin_type_that_is_set_already(exchange: ccxt.binance) -> None:
    with pytest.raises(ccxt.MarginModeAlreadySet):
        exchange.set_margin_mode("cross", BTC)


def test_the_ledger_agrees(usdm_venue: VenueProcess) -> None:
    credentials = usdm_venue.register()
    exchange = ccxt.binance(ccxt_usdm_options(usdm_venue, credentials))
    exchange.create_order(BTC, "market", "buy", 0.02)
    exchange.create_order(BTC, "market", "sell", 0.01)
    ledger = usdm_venue.ledger(credentials)
    assert ledger["orders"] == ledger["fills"] == []
    usdm = ledger["usdm"]
    assert [order["status"] for order in usdm["orders"]] == ["FILLED", "FILLED"]
    assert [position["positionAmt"] for position in usdm["positions"]] == ["0.010"]
    total = sum(float(entry["income"]) for entry in usdm["income"])
    assert float(usdm["wallets"]["USDT"]) == pytest.approx(total)
    account = exchange.fapiPrivateV3GetAccount()
    assert account["totalWalletBalance"] == usdm["wallets"]["USDT"]
    fills = [{key: str(value) for key, value in fill.items() if key != "clientOrderId"} for fill in usdm["fills"]]
    asked = [{key: str(value) for key, value in trade["info"].items()} for trade in exchange.fetch_my_trades(BTC)]
    assert fills == asked
    exchange.session.close()
