"""ccxt, as its users run it, over REST."""

from collections.abc import Iterator

import ccxt
import pytest

from tests.integration.venue.clients import ccxt_options
from tests.venues import VenueProcess

BTC = "BTC/USDT"


@pytest.fixture
def exchange(venue: VenueProcess) -> Iterator[ccxt.binance]:
    exchange = ccxt.binance(ccxt_options(venue, venue.register()))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.fixture
def bid(exchange: ccxt.binance) -> float:
    return float(exchange.fetch_order_book(BTC, 5)["bids"][0][0])


def test_markets_with_their_limits(exchange: ccxt.binance) -> None:
    market = exchange.market(BTC)
    assert (market["spot"], market["active"], market["base"], market["quote"]) == (True, True, "BTC", "USDT")
    assert market["precision"]["price"] == 0.01
    assert market["limits"]["cost"]["min"] > 0
    assert exchange.currencies["BTC"]["active"]
    assert exchange.fetch_status()["status"] == "ok"
    assert exchange.fetch_trading_fees()[BTC]["taker"] == 0.001


def test_candles(exchange: ccxt.binance) -> None:
    candles = exchange.fetch_ohlcv(BTC, "1m", limit=500)
    assert len(candles) == 500
    opens = [candle[0] for candle in candles]
    assert opens == list(range(opens[0], opens[0] + 500 * 60_000, 60_000))
    assert all(low <= min(first, last) and high >= max(first, last) for _, first, high, low, last, _ in candles)
    since = exchange.fetch_ohlcv(BTC, "1m", since=opens[100], limit=3)
    assert [candle[0] for candle in since] == opens[100:103]


@pytest.mark.parametrize("timeframe", ["5m", "1h"])
def test_longer_candles_are_made_of_the_minutes(exchange: ccxt.binance, timeframe: str) -> None:
    length_ms = exchange.parse_timeframe(timeframe) * 1_000
    candles = exchange.fetch_ohlcv(BTC, timeframe, limit=3)
    opens = [candle[0] for candle in candles]
    assert opens == [opens[0], opens[0] + length_ms, opens[0] + 2 * length_ms]
    for open_ms, first, high, low, last, volume in candles[:-1]:
        minutes = exchange.fetch_ohlcv(BTC, "1m", since=open_ms, limit=length_ms // 60_000)
        assert (minutes[0][1], minutes[-1][4]) == (first, last)
        assert (max(minute[2] for minute in minutes), min(minute[3] for minute in minutes)) == (high, low)
        assert sum(minute[5] for minute in minutes) == pytest.approx(volume)


def test_book_trades_and_tickers(exchange: ccxt.binance) -> None:
    book = exchange.fetch_order_book(BTC, 1_000)
    assert len(book["bids"]) >= 50 and len(book["asks"]) >= 50
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["bids"] == sorted(book["bids"], reverse=True)
    trades = exchange.fetch_trades(BTC)
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    ticker = exchange.fetch_ticker(BTC)
    assert ticker["low"] <= ticker["open"] <= ticker["high"]
    assert ticker["bid"] < ticker["ask"]
    assert set(exchange.fetch_tickers()) == {BTC, "ETH/USDT", "SOL/USDT"}
    assert exchange.fetch_bids_asks([BTC])[BTC]["bid"] > 0
    assert exchange.fetch_last_prices([BTC])[BTC]["price"] > 0


def test_a_market_order_fills_at_once_and_pays_its_fee(exchange: ccxt.binance) -> None:
    order = exchange.create_order(BTC, "market", "buy", 0.01)
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["fees"] == [{"currency": "BTC", "cost": 0.00001}]
    balance = exchange.fetch_balance()
    assert balance["BTC"]["free"] == pytest.approx(0.00999)
    assert balance["USDT"]["total"] == pytest.approx(100_000 - order["cost"])
    trades = exchange.fetch_my_trades(BTC)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    assert {trade["order"] for trade in trades} == {order["id"]}


def test_a_limit_order_rests_locks_and_is_cancelled(exchange: ccxt.binance, bid: float) -> None:
    order = exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "mine-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "mine-1")
    assert exchange.fetch_balance()["USDT"]["used"] == pytest.approx(order["price"] * 0.01)
    assert [each["id"] for each in exchange.fetch_open_orders(BTC)] == [order["id"]]
    by_client_id = exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert by_client_id["id"] == order["id"]
    assert exchange.cancel_order(order["id"], BTC)["status"] == "canceled"
    assert exchange.fetch_order(order["id"], BTC)["status"] == "canceled"
    assert exchange.fetch_balance()["USDT"]["used"] == 0
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(order["id"], BTC)


def test_post_only_and_stops(exchange: ccxt.binance, bid: float) -> None:
    resting = exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"postOnly": True})
    assert resting["postOnly"] and resting["status"] == "open"
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        exchange.create_order(BTC, "limit", "buy", 0.01, bid * 1.01, {"postOnly": True})
    exchange.create_order(BTC, "market", "buy", 0.03)
    stop = exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": bid * 0.9})
    assert (stop["status"], stop["stopPrice"] < bid) == ("open", True)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": bid * 1.1})
    stop_limit = exchange.create_order(BTC, "limit", "sell", 0.01, bid * 0.89, {"stopLossPrice": bid * 0.9})
    assert {each["id"] for each in exchange.cancel_all_orders(BTC)} == {resting["id"], stop["id"], stop_limit["id"]}
    assert exchange.fetch_open_orders(BTC) == []
    assert len(exchange.fetch_orders(BTC)) == 4


def test_the_venues_refusals_become_ccxts_classes(exchange: ccxt.binance, bid: float) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(BTC, "limit", "buy", 50, bid * 0.99)
    with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
        exchange.create_order(BTC, "limit", "buy", 10_000_000, bid)
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        exchange.create_order(BTC, "limit", "buy", 0.00001, bid)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("987654321", BTC)
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order"):
        for _ in range(2):
            exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "twice"})


def test_keys(venue: VenueProcess, exchange: ccxt.binance) -> None:
    assert exchange.privateGetAccount()["canTrade"] is True
    assert exchange.sapiGetAccountApiRestrictions()["enableSpotAndMarginTrading"] is True
    for secret, key in (("wrong", exchange.apiKey), ("the-secret", "nobody")):
        stranger = ccxt.binance({**ccxt_options(venue, venue.register()), "apiKey": key, "secret": secret})
        with pytest.raises(ccxt.AuthenticationError):
            stranger.fetch_balance()
        stranger.session.close()


def test_accounts_see_only_their_own(venue: VenueProcess, exchange: ccxt.binance, bid: float) -> None:
    order = exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9)
    other = ccxt.binance(ccxt_options(venue, venue.register(deposit={"USDT": "5"})))
    other.load_markets()
    assert other.fetch_balance()["total"]["USDT"] == 5
    assert other.fetch_open_orders(BTC) == []
    with pytest.raises(ccxt.OrderNotFound):
        other.fetch_order(order["id"], BTC)
    other.session.close()


def test_the_ledger_agrees(venue: VenueProcess) -> None:
    credentials = venue.register()
    exchange = ccxt.binance(ccxt_options(venue, credentials))
    exchange.create_order(BTC, "market", "buy", 0.01)
    exchange.create_order(BTC, "market", "sell", 0.005)
    ledger = venue.ledger(credentials)
    assert ledger["deposits"] == [{"asset": "USDT", "amount": "100000.00000000", "time": ledger["deposits"][0]["time"]}]
    assert [order["status"] for order in ledger["orders"]] == ["FILLED", "FILLED"]
    info = exchange.fetch_balance()["info"]["balances"]
    assert ledger["balances"] == {
        row["asset"]: {"free": row["free"], "locked": row["locked"]} for row in info if row["asset"] in ("BTC", "USDT")
    }
    fills = [{key: fill[key] for key in fill if key != "clientOrderId"} for fill in ledger["fills"]]
    assert fills == [trade["info"] | _numbers(trade["info"]) for trade in exchange.fetch_my_trades(BTC)]
    exchange.session.close()


def _numbers(info: dict) -> dict:
    """ccxt turns numbers of an answer into text; these are the venue's integers."""
    return {key: int(info[key]) for key in ("id", "orderId", "orderListId", "time")}
