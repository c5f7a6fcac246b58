"""Orders and trades as ccxt shapes them; half of the exchanges say little."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from core.venues.generic.reports import fill, held_balances, order_arguments, order_report

BTC = InstrumentId("BTC/USDT")


def request(order_type: OrderType = OrderType.LIMIT, **changes: Any) -> OrderRequest:
    values: dict[str, Any] = {"price": Decimal("60000.0"), "time_in_force": TimeInForce.GTC, **changes}
    return OrderRequest(ClientOrderId("mine"), Leg(BTC, Side.BUY, Decimal("0.0100"), order_type, **values))


def order(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": "77",
        "clientOrderId": "mine",
        "timestamp": 1_700_000_000_000,
        "status": "open",
        "side": "buy",
        "type": "limit",
        "amount": "0.01",
        "filled": "0",
        "price": "60000",
    }
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request(), ("limit", "60000.0", {"clientOrderId": "mine"})),
        (request(time_in_force=TimeInForce.IOC), ("limit", "60000.0", {"clientOrderId": "mine", "timeInForce": "IOC"})),
        (request(OrderType.LIMIT_MAKER), ("limit", "60000.0", {"clientOrderId": "mine", "postOnly": True})),
        (request(OrderType.MARKET, price=None), ("market", None, {"clientOrderId": "mine"})),
        (
            request(OrderType.STOP_LOSS, price=None, stop_price=Decimal("5E+4"), time_in_force=None),
            ("market", None, {"clientOrderId": "mine", "stopLossPrice": "50000"}),
        ),
        (
            request(OrderType.TAKE_PROFIT_LIMIT, stop_price=Decimal(70_000)),
            ("limit", "60000.0", {"clientOrderId": "mine", "takeProfitPrice": "70000"}),
        ),
    ],
)
def test_an_order_in_ccxts_words(asked: OrderRequest, expected: tuple[object, ...]) -> None:
    symbol, kind, side, amount, price, params = order_arguments(asked)
    assert (symbol, side, amount) == (BTC, "buy", "0.0100")
    assert (kind, price, params) == expected


def test_an_order_without_the_price_it_needs_is_none() -> None:
    with pytest.raises(ValueError, match="price"):
        order_arguments(request(price=None))
    with pytest.raises(ValueError, match="stop_price"):
        order_arguments(request(OrderType.STOP_LOSS))


@pytest.mark.parametrize(
    ("status", "filled", "expected"),
    [
        ("open", "0", OrderStatus.NEW),
        ("open", "0.004", OrderStatus.PARTIALLY_FILLED),
        (None, None, OrderStatus.NEW),
        ("closed", "0.01", OrderStatus.FILLED),
        ("closed", "0.004", OrderStatus.CANCELLED),
        ("canceled", "0.004", OrderStatus.CANCELLED),
        ("expired", "0", OrderStatus.EXPIRED),
        ("rejected", "0", OrderStatus.REJECTED),
        ("canceling", "0", OrderStatus.NEW),
    ],
)
def test_statuses(status: str | None, filled: str | None, expected: OrderStatus) -> None:
    assert order_report(order(status=status, filled=filled), BTC).status is expected


def test_an_answer_that_is_only_an_id_is_completed_by_what_was_asked_for() -> None:
    report = order_report({"id": "77"}, BTC, named=ClientOrderId("mine"), request=request(), now_ns=5)
    assert (report.client_order_id, report.venue_order_id, report.status) == ("mine", "77", OrderStatus.NEW)
    assert (report.side, report.order_type, report.quantity) == (Side.BUY, OrderType.LIMIT, Decimal("0.01"))
    assert (report.price, report.filled_quantity, report.event_ns) == (Decimal(60_000), 0, 5)


def test_somebody_elses_order_is_called_by_the_venues_id() -> None:
    assert order_report(order(clientOrderId=None), BTC).client_order_id == "77"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "market"}, OrderType.MARKET),
        ({"type": "limit", "postOnly": True}, OrderType.LIMIT_MAKER),
        ({"type": "market", "triggerPrice": "50000"}, OrderType.STOP_LOSS),
        ({"type": "stop_loss", "stopLossPrice": "50000"}, OrderType.STOP_LOSS),
        ({"type": "limit", "triggerPrice": "50000"}, OrderType.STOP_LOSS_LIMIT),
        ({"type": "market", "takeProfitPrice": "70000"}, OrderType.TAKE_PROFIT),
        ({"type": "take_profit_limit", "triggerPrice": "70000"}, OrderType.TAKE_PROFIT_LIMIT),
        ({"type": None}, OrderType.LIMIT),
    ],
)
def test_types(changes: dict[str, Any], expected: OrderType) -> None:
    assert order_report(order(**changes), BTC).order_type is expected


def test_fills_of_an_answer_are_taken_only_when_they_are_all() -> None:
    trades = [{"id": "1", "price": "60000", "amount": "0.004"}, {"id": "2", "price": "60001", "amount": "0.006"}]
    whole = order_report(order(status="closed", filled="0.01", trades=trades), BTC)
    assert [(each.trade_id, each.client_order_id, each.side) for each in whole.fills] == [
        ("1", "mine", Side.BUY),
        ("2", "mine", Side.BUY),
    ]
    assert order_report(order(status="closed", filled="0.01", trades=trades[:1]), BTC).fills == ()


def test_what_is_filled_is_worth_its_cost_or_its_average() -> None:
    assert order_report(order(filled="0.01", cost="599.9"), BTC).filled_notional == Decimal("599.9")
    assert order_report(order(filled="0.01", average="59990"), BTC).filled_notional == Decimal("599.90")


@pytest.mark.parametrize(
    ("trade", "fee"),
    [
        ({"fee": {"cost": "0.6", "currency": "USDT"}}, (Decimal("0.6"), "USDT")),
        ({"fees": [{"cost": "-0.1", "currency": "BNB"}, {"cost": "0.3", "currency": "BNB"}]}, (Decimal("0.2"), "BNB")),
        ({"fee": {"cost": None, "currency": None}}, (Decimal(0), "USDT")),
        ({}, (Decimal(0), "USDT")),
    ],
)
def test_fees(trade: dict[str, Any], fee: tuple[Decimal, str]) -> None:
    plain = {"id": "1", "order": "77", "side": "sell", "price": "60000", "amount": "0.01", "timestamp": 1}
    found = fill({**plain, **trade}, BTC)
    assert (found.fee, found.fee_asset, found.event_ns) == (*fee, 1_000_000)


def test_a_trade_without_an_id_has_the_same_name_each_time() -> None:
    row = {"order": "77", "side": "sell", "price": "60000", "amount": "0.01", "timestamp": 1}
    assert fill(row, BTC).trade_id == fill(row, BTC).trade_id


@pytest.mark.parametrize(
    "changes", [{"side": None}, {"id": None}, {"amount": "-1"}, {"filled": "nan"}, {"price": "a lot"}]
)
def test_what_cannot_be_read_raises(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        order_report(order(**changes), BTC)


def test_balances_are_completed() -> None:
    said = {
        "total": {"BTC": "1.5", "ETH": "0", "USDT": "10"},
        "BTC": {"free": "1", "used": "0.5"},
        "ETH": {"free": "0", "used": "0"},
        "USDT": {"free": "4"},
    }
    held = held_balances(said)
    assert {asset: (each.free, each.locked) for asset, each in held.items()} == {
        "BTC": (Decimal(1), Decimal("0.5")),
        "USDT": (Decimal(4), Decimal(6)),
    }
