"""Every order type of spot, as real clients ask for it, over REST and the WebSocket API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from core.ports.venue import Credentials
from tests.integration.venue.clients import ccxt_options
from tests.integration.venue.signed_requests import signed_form, signed_params
from tests.integration.venue.test_sockets import TIMEOUT_S, ask
from tests.venues import VenueProcess

BTC = "BTC/USDT"


@pytest.fixture
def account(venue: VenueProcess) -> Credentials:
    return venue.register(deposit={"USDT": "10000000", "BTC": "2"})


@pytest.fixture
def exchange(venue: VenueProcess, account: Credentials) -> Iterator[ccxt.binance]:
    exchange = ccxt.binance(ccxt_options(venue, account))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.fixture
def bid(exchange: ccxt.binance) -> float:
    return float(exchange.fetch_order_book(BTC, 5)["bids"][0][0])


@pytest.fixture
def api(venue: VenueProcess) -> Iterator[ClientConnection]:
    with connect(f"{venue.ws_url}/ws-api/v3") as connection:
        yield connection


@pytest.fixture
def events(venue: VenueProcess, account: Credentials) -> Iterator[ClientConnection]:
    """The account's private events."""
    with connect(f"{venue.ws_url}/ws-api/v3") as connection:
        assert ask(connection, "userDataStream.subscribe.signature", signed_params(account))["status"] == 200
        yield connection


def next_event(connection: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(connection.recv(TIMEOUT_S)).get("event", {})
        if event.get("e") == kind:
            return event


def oco(bid: float, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.5",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": f"{bid * 1.04:.2f}",
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": f"{bid * 0.96:.2f}",
        "belowPrice": f"{bid * 0.95:.2f}",
        "belowTimeInForce": "GTC",
        **more,
    }


def refusal(answer: dict[str, Any]) -> int:
    assert 400 <= answer["status"] < 500
    code: int = answer["error"]["code"]
    return code


def test_the_flags_tell_the_truth(exchange: ccxt.binance) -> None:
    info = exchange.market(BTC)["info"]
    for flag in (
        "icebergAllowed",
        "ocoAllowed",
        "otoAllowed",
        "allowTrailingStop",
        "cancelReplaceAllowed",
        "amendAllowed",
    ):
        assert info[flag] is True
    assert info["defaultSelfTradePreventionMode"] in info["allowedSelfTradePreventionModes"]
    kinds = {each["filterType"] for each in info["filters"]}
    assert {"ICEBERG_PARTS", "MAX_NUM_ICEBERG_ORDERS", "TRAILING_DELTA", "MAX_NUM_ORDER_LISTS"} <= kinds


def test_an_iceberg_and_a_trailing_stop(exchange: ccxt.binance, bid: float) -> None:
    iceberg = exchange.create_order(BTC, "limit", "sell", 1, round(bid * 1.03, 2), {"icebergAmount": 0.25})
    assert iceberg["info"]["icebergQty"] == "0.25000000"
    asks = exchange.fetch_order_book(BTC, 5_000)["asks"]
    assert [lots for price, lots in asks if price == iceberg["price"]] == [0.25]
    trailing = exchange.create_order(
        BTC, "market", "sell", 0.5, None, {"trailingPercent": 1.5, "stopLossOrTakeProfit": "stopLoss"}
    )
    state = exchange.fetch_order(trailing["id"], BTC)["info"]
    assert (int(state["trailingDelta"]), state["type"], state["status"]) == (150, "STOP_LOSS", "NEW")
    assert int(state["trailingTime"]) > 0
    assert len(exchange.cancel_all_orders(BTC)) == 2


def test_editing_is_cancel_replace(exchange: ccxt.binance, bid: float) -> None:
    old = exchange.create_order(BTC, "limit", "sell", 0.5, round(bid * 1.03, 2))
    new = exchange.edit_order(old["id"], BTC, "limit", "sell", 0.4, round(bid * 1.04, 2))
    assert (new["amount"], new["status"]) == (0.4, "open")
    assert exchange.fetch_order(old["id"], BTC)["status"] == "canceled"
    assert exchange.fetch_order(new["id"], BTC)["id"] == new["id"]


@pytest.mark.parametrize(
    ("mode", "order_id", "price", "status", "code", "results"),
    [
        ("STOP_ON_FAILURE", "unknown", 1.04, 400, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "unknown", 1.04, 409, -2021, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", "unknown", 0.95, 400, -2022, ("FAILURE", "FAILURE")),
        ("STOP_ON_FAILURE", "mine", 0.95, 409, -2021, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", "mine", 1.04, 200, None, ("SUCCESS", "SUCCESS")),
    ],
)
def test_what_may_fail_in_cancel_replace(
    exchange: ccxt.binance,
    api: ClientConnection,
    account: Credentials,
    bid: float,
    mode: str,
    order_id: str,
    price: float,
    status: int,
    code: int | None,
    results: tuple[str, str],
) -> None:
    mine = exchange.create_order(BTC, "limit", "sell", 0.5, round(bid * 1.03, 2))["id"]
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT_MAKER",
        "quantity": "0.4",
        "price": f"{bid * price:.2f}",
        "cancelReplaceMode": mode,
        "cancelOrderId": mine if order_id == "mine" else "987654321",
        "newOrderRespType": "RESULT",
    }
    answer = ask(api, "order.cancelReplace", signed_params(account, **params))
    assert answer["status"] == status
    data = answer["result"] if code is None else answer["error"]["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == results
    if code is not None:
        assert answer["error"]["code"] == code
    for part, result in zip(("cancelResponse", "newOrderResponse"), results, strict=True):
        kind = {"SUCCESS": "orderId", "FAILURE": "code"}.get(result)
        assert data[part] is None if kind is None else kind in data[part]


def test_an_oco_over_rest(exchange: ccxt.binance, events: ClientConnection, bid: float) -> None:
    placed = exchange.privatePostOrderListOco(oco(bid, listClientOrderId="pair-1"))
    assert (placed["contingencyType"], placed["listStatusType"]) == ("OCO", "EXEC_STARTED")
    assert [report["status"] for report in placed["orderReports"]] == ["NEW", "NEW"]
    started = next_event(events, "listStatus")
    assert (started["g"], started["l"], started["C"]) == (int(placed["orderListId"]), "EXEC_STARTED", "pair-1")
    assert next_event(events, "executionReport")["g"] == started["g"]
    assert exchange.fetch_balance()["BTC"]["used"] == 0.5
    assert [each["orderListId"] for each in exchange.privateGetOpenOrderList()] == [placed["orderListId"]]
    assert exchange.privateGetOrderList({"origClientOrderId": "pair-1"})["orders"] == placed["orders"]
    cancelled = exchange.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": placed["orderListId"]})
    assert [report["status"] for report in cancelled["orderReports"]] == ["CANCELED", "CANCELED"]
    assert next_event(events, "listStatus")["L"] == "ALL_DONE"
    assert exchange.privateGetOpenOrderList() == []
    assert [each["listOrderStatus"] for each in exchange.privateGetAllOrderList()] == ["ALL_DONE"]


def test_the_legacy_oco_and_a_bracket(exchange: ccxt.binance, bid: float) -> None:
    legacy = exchange.privatePostOrderOco(
        {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.5",
            "price": f"{bid * 1.04:.2f}",
            "stopPrice": f"{bid * 0.96:.2f}",
        }
    )
    assert [report["type"] for report in legacy["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS"]
    bracket = exchange.privatePostOrderListOtoco(
        {
            "symbol": "BTCUSDT",
            "workingType": "LIMIT",
            "workingSide": "BUY",
            "workingPrice": f"{bid * 1.01:.2f}",
            "workingQuantity": "0.01",
            "workingTimeInForce": "GTC",
            "pendingSide": "SELL",
            "pendingQuantity": "0.009",
            "pendingAboveType": "LIMIT_MAKER",
            "pendingAbovePrice": f"{bid * 1.04:.2f}",
            "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": f"{bid * 0.96:.2f}",
        }
    )
    assert [report["status"] for report in bracket["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    statuses = [exchange.fetch_order(each["orderId"], BTC)["status"] for each in bracket["orders"]]
    assert statuses == ["closed", "open", "open"]
    trades = exchange.privateGetMyTrades({"symbol": "BTCUSDT", "orderId": bracket["orders"][0]["orderId"]})
    assert {trade["orderListId"] for trade in trades} == {bracket["orderListId"]}
    ended = exchange.privateDeleteOrder({"symbol": "BTCUSDT", "orderId": bracket["orders"][1]["orderId"]})
    assert (ended["orderListId"], ended["listStatusType"]) == (bracket["orderListId"], "ALL_DONE")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aboveType": "STOP_LOSS_LIMIT", "belowType": "LIMIT_MAKER"}, -1102),
        ({"belowPrice": None}, -1102),
        ({"belowStopPrice": None}, -1102),
        ({"aboveTimeInForce": "GTC"}, -1106),
        ({"aboveStopPrice": "50000"}, -1106),
        ({"belowTimeInForce": "IOC", "belowIcebergQty": "0.1"}, -1160),
        ({"aboveType": "LIMIT", "aboveTimeInForce": "GTC"}, -1158),
        ({"side": "BUY"}, -1165),
        ({"abovePrice": "1"}, -1013),
        ({"abovePrice": "59000.00"}, -2010),
        ({"quantity": "50"}, -2010),
        ({"belowTrailingDelta": "3"}, -1013),
        ({"aboveClientOrderId": "same", "belowClientOrderId": "same"}, -2010),
        ({"strange": "1"}, -1104),
    ],
)
def test_what_is_wrong_with_an_oco(
    api: ClientConnection, account: Credentials, bid: float, changes: dict[str, str | None], expected: int
) -> None:
    params = {name: value for name, value in oco(bid, **changes).items() if value is not None}
    assert refusal(ask(api, "orderList.place.oco", signed_params(account, **params))) == expected
    assert ask(api, "openOrders.status", signed_params(account, symbol="BTCUSDT"))["result"] == []


def test_amending_keeps_priority_and_is_remembered(
    exchange: ccxt.binance, api: ClientConnection, account: Credentials, events: ClientConnection, bid: float
) -> None:
    order = exchange.create_order(BTC, "limit", "sell", 0.5, round(bid * 1.03, 2), {"clientOrderId": "before"})
    params = {"symbol": "BTCUSDT", "orderId": order["id"], "newQty": "0.2", "newClientOrderId": "after"}

    def amend(**changes: Any) -> dict[str, Any]:
        return ask(api, "order.amend.keepPriority", signed_params(account, **{**params, **changes}))

    amended = amend()["result"]["amendedOrder"]
    assert (amended["qty"], amended["origClientOrderId"], amended["clientOrderId"]) == ("0.20000000", "before", "after")
    while (report := next_event(events, "executionReport"))["x"] != "REPLACED":
        assert report["x"] == "NEW"
    assert (report["c"], report["C"], report["q"]) == ("after", "before", "0.20000000")
    (kept,) = ask(api, "order.amendments", signed_params(account, symbol="BTCUSDT", orderId=order["id"]))["result"]
    assert (kept["origQty"], kept["newQty"]) == ("0.50000000", "0.20000000")
    assert refusal(amend(newQty="0.3")) == -2038
    assert refusal(amend(newQty="0.2")) == -2038
    assert refusal(amend(newQty="0.000001")) == -1013
    assert refusal(amend(orderId="987654321")) == -2011
    assert refusal(amend(origClientOrderId="another")) == -2039


def test_amending_over_rest(venue: VenueProcess, exchange: ccxt.binance, account: Credentials, bid: float) -> None:
    order = exchange.create_order(BTC, "limit", "sell", 0.5, round(bid * 1.03, 2))
    now_ms = httpx.get(f"{venue.url}/api/v3/time").json()["serverTime"]
    form = signed_form(account, {"symbol": "BTCUSDT", "orderId": order["id"], "newQty": "0.1", "timestamp": now_ms})
    answer = httpx.put(
        f"{venue.url}/api/v3/order/amend/keepPriority?{form}",
        headers={"X-MBX-APIKEY": account.api_key},
    )
    assert answer.json()["amendedOrder"]["qty"] == "0.10000000"
    assert exchange.fetch_order(order["id"], BTC)["amount"] == 0.1


def test_self_trade_prevention(exchange: ccxt.binance, events: ClientConnection) -> None:
    for _ in range(10):  # until the market leaves the resting order alone for a moment
        price, lots = exchange.fetch_order_book(BTC, 5)["asks"][0]
        own = exchange.create_order(BTC, "limit", "sell", 0.01, price)
        # It takes what stands before the resting order, and then meets it.
        mode = {"selfTradePrevention": "EXPIRE_BOTH"}
        taken = exchange.create_order(BTC, "limit", "buy", round(2 * lots + 1, 2), price, mode)
        if taken["info"]["status"] == "EXPIRED_IN_MATCH":
            break
        exchange.cancel_all_orders(BTC)
    (match,) = taken["info"]["preventedMatches"]
    found = exchange.privateGetMyPreventedMatches({"symbol": "BTCUSDT", "orderId": own["id"]})
    assert [each["preventedMatchId"] for each in found] == [match["preventedMatchId"]]
    assert exchange.fetch_order(own["id"], BTC)["info"]["status"] == "EXPIRED_IN_MATCH"
    while (report := next_event(events, "executionReport"))["x"] != "TRADE_PREVENTION":
        pass
    assert (report["X"], report["U"]) == ("EXPIRED_IN_MATCH", int(taken["id"]))
    assert (report["A"], report["v"]) == ("0.01000000", int(match["preventedMatchId"]))


def test_the_socket_api_speaks_of_lists_too(api: ClientConnection, account: Credentials, bid: float) -> None:
    placed = ask(api, "orderList.place.oco", signed_params(account, **oco(bid)))
    assert placed["status"] == 200
    counts = [row["count"] for row in placed["rateLimits"] if row["rateLimitType"] == "ORDERS"]
    assert counts == [2, 2], "an OCO counts as two orders"
    number = placed["result"]["orderListId"]
    assert ask(api, "orderList.status", signed_params(account, orderListId=number))["result"]["orderListId"] == number
    assert len(ask(api, "openOrderLists.status", signed_params(account))["result"]) == 1
    cancelled = ask(api, "orderList.cancel", signed_params(account, symbol="BTCUSDT", orderListId=number))
    assert cancelled["result"]["listStatusType"] == "ALL_DONE"
    again = ask(api, "orderList.cancel", signed_params(account, symbol="BTCUSDT", orderListId=number))
    assert (again["status"], again["error"]["code"]) == (400, -2011)


@pytest.mark.slow
def test_an_oco_and_a_half_shown_iceberg_survive_a_kill(tmp_path: Path) -> None:
    venue = VenueProcess(tmp_path, symbols=("BTC/USDT",), options=("--latency-ms", "0"))
    try:
        account = venue.register(deposit={"USDT": "1000000", "BTC": "2"})
        exchange = ccxt.binance(ccxt_options(venue, account))
        exchange.load_markets()
        book = exchange.fetch_order_book(BTC, 5)
        bid, ask_price = float(book["bids"][0][0]), float(book["asks"][0][0])
        pair = exchange.privatePostOrderListOco(oco(bid))
        trailing = exchange.create_order(
            BTC, "market", "sell", 0.1, None, {"trailingPercent": 15, "stopLossOrTakeProfit": "stopLoss"}
        )
        iceberg = exchange.create_order(BTC, "limit", "sell", 1, round(ask_price * 1.001, 2), {"icebergAmount": 0.2})
        before = {order["id"]: order["info"] for order in exchange.fetch_open_orders(BTC)}
        venue.kill()
        venue.start()
        after = {order["id"]: order["info"] for order in exchange.fetch_open_orders(BTC)}
        assert set(after) >= {*(str(each["orderId"]) for each in pair["orders"]), trailing["id"]}
        for order_id in after:
            assert after[order_id]["orderListId"] == before[order_id]["orderListId"]
        assert [each["orderListId"] for each in exchange.privateGetOpenOrderList()] == [pair["orderListId"]]
        if iceberg["id"] in after:
            assert after[iceberg["id"]]["icebergQty"] == "0.20000000"
        ledger = venue.ledger(account)
        assert int(pair["orderListId"]) in {order["orderListId"] for order in ledger["orders"]}
        exchange.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": pair["orderListId"]})
        for order in exchange.fetch_open_orders(BTC):
            exchange.cancel_order(order["id"], BTC)
        assert exchange.fetch_balance()["BTC"]["used"] == 0
        exchange.session.close()
        assert httpx.get(f"{venue.url}/api/v3/ping").status_code == 200
    finally:
        venue.stop()
