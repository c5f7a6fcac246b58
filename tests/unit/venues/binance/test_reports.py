"""Binance's words about orders, as facts; recorded payloads and strange ones."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from core.venues.binance.decode import (
    AccountAnswer,
    AccountPosition,
    ExecutionReport,
    OrderAnswer,
    SocketFrame,
    TradeAnswer,
)
from core.venues.binance.instruments import Symbols
from core.venues.binance.reports import (
    balances_changed,
    execution_report,
    held_balances,
    new_order_parameters,
    order_report,
    trade_fill,
)

BTC = InstrumentId("BTC/USDT")
FIXTURES = "nautilus/payloads/binance/test_data/spot"


def leg(order_type: OrderType, **changes: Any) -> OrderRequest:
    values: dict[str, Any] = {"instrument_id": BTC, "side": Side.BUY, "quantity": Decimal("0.00100000"), **changes}
    return OrderRequest(ClientOrderId("me-1"), Leg(order_type=order_type, **values))


def report(**changes: Any) -> dict[str, Any]:
    return {
        "e": "executionReport",
        "E": 1_700_000_000_001,
        "s": "BTCUSDT",
        "c": "me-1",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "1.00000000",
        "p": "10.00000000",
        "P": "0.00000000",
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": 77,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": 1_700_000_000_000,
        "t": -1,
        "m": False,
        "Z": "0.00000000",
        **changes,
    }


def pushed(**changes: Any) -> Any:
    return execution_report(msgspec.json.decode(json.dumps(report(**changes)), type=ExecutionReport), Symbols())


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (leg(OrderType.MARKET), {"type": "MARKET"}),
        (
            leg(OrderType.LIMIT, price=Decimal("1E+2"), time_in_force=TimeInForce.IOC),
            {"type": "LIMIT", "price": "100", "timeInForce": "IOC"},
        ),
        (leg(OrderType.LIMIT, price=Decimal("9.5")), {"type": "LIMIT", "price": "9.5", "timeInForce": "GTC"}),
        (leg(OrderType.LIMIT_MAKER, price=Decimal("9.5")), {"type": "LIMIT_MAKER", "price": "9.5"}),
        (leg(OrderType.STOP_LOSS, stop_price=Decimal("8")), {"type": "STOP_LOSS", "stopPrice": "8"}),
        (leg(OrderType.TAKE_PROFIT, stop_price=Decimal("1E-7")), {"type": "TAKE_PROFIT", "stopPrice": "0.0000001"}),
        (
            leg(OrderType.STOP_LOSS_LIMIT, price=Decimal("7.9"), stop_price=Decimal("8")),
            {"type": "STOP_LOSS_LIMIT", "price": "7.9", "stopPrice": "8", "timeInForce": "GTC"},
        ),
    ],
)
def test_an_order_is_written_with_what_its_type_takes_and_nothing_else(
    request_: OrderRequest, expected: dict[str, str]
) -> None:
    always = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "newClientOrderId": "me-1",
        "quantity": "0.00100000",
        "newOrderRespType": "FULL",
    }
    assert new_order_parameters(request_) == always | expected


@pytest.mark.parametrize("order_type", [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS])
def test_an_order_without_its_price_is_refused_before_it_is_sent(order_type: OrderType) -> None:
    with pytest.raises(ValueError, match="needs a"):
        new_order_parameters(leg(order_type))


def test_a_cancel_report_names_the_order_by_its_original_id() -> None:
    assert pushed(x="CANCELED", X="CANCELED", c="cancel-9", C="me-1").client_order_id == "me-1"
    assert pushed(x="CANCELED", X="CANCELED", c="me-1", C="").client_order_id == "me-1"
    assert pushed(x="CANCELED", X="CANCELED", c="me-1", C="null").client_order_id == "me-1"
    assert pushed(x="TRADE", X="FILLED", c="me-1", C="", t=5).client_order_id == "me-1"


def test_a_trade_report_carries_its_fill() -> None:
    seen = pushed(
        x="TRADE", X="PARTIALLY_FILLED", l="0.4", z="0.6", L="10.01", n="0.0004", N="BTC", t=5, m=True, Z="6.005"
    )
    assert (seen.status, seen.filled_quantity, seen.filled_notional) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal("0.6"),
        Decimal("6.005"),
    )
    (fill,) = seen.fills
    assert (fill.trade_id, fill.price, fill.quantity, fill.fee, fill.fee_asset, fill.is_maker) == (
        "5",
        Decimal("10.01"),
        Decimal("0.4"),
        Decimal("0.0004"),
        "BTC",
        True,
    )
    assert (fill.venue_order_id, fill.client_order_id, fill.side) == ("77", "me-1", Side.BUY)
    assert fill.event_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"X": "NEW"}, None),
        ({"X": "REJECTED", "x": "REJECTED", "r": "INSUFFICIENT_BALANCE"}, "INSUFFICIENT_BALANCE"),
        ({"X": "EXPIRED", "x": "EXPIRED", "eR": "INSUFFICIENT_LIQUIDITY"}, "INSUFFICIENT_LIQUIDITY"),
        ({"X": "EXPIRED", "x": "EXPIRED"}, None),
        ({"X": "EXPIRED_IN_MATCH", "x": "TRADE_PREVENTION", "r": "STP"}, "STP"),
    ],
)
def test_why_an_order_ended_is_passed_on(changes: dict[str, str], reason: str | None) -> None:
    assert pushed(**changes).reject_reason == reason


@pytest.mark.parametrize("changes", [{"S": "HODL"}, {"X": "MAYBE"}, {"o": "WISH"}, {"q": "NaN"}, {"z": "-1"}])
def test_words_that_binance_does_not_use_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        pushed(**changes)


@pytest.mark.parametrize(
    "word", ["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED", "EXPIRED", "PENDING_NEW"]
)
def test_every_documented_status_is_known(word: str) -> None:
    assert isinstance(pushed(X=word).status, OrderStatus)


def fixture(recorded_data: Path, name: str) -> bytes:
    return (recorded_data / FIXTURES / name).read_bytes()


def test_a_documented_new_order_answer_reads_with_its_fills(recorded_data: Path) -> None:
    body = fixture(recorded_data, "http_json/new_order_full_response.json")
    seen = order_report(msgspec.json.decode(body, type=OrderAnswer), BTC)
    raw = json.loads(body)
    assert seen.client_order_id == raw["clientOrderId"]
    assert [fill.trade_id for fill in seen.fills] == [str(fill["tradeId"]) for fill in raw["fills"]]
    assert sum((fill.quantity for fill in seen.fills), Decimal(0)) == seen.filled_quantity
    assert {fill.is_maker for fill in seen.fills} == {False}


@pytest.mark.parametrize("name", ["order_response", "cancel_order_response"])
def test_documented_order_answers_read(recorded_data: Path, name: str) -> None:
    body = fixture(recorded_data, f"http_json/{name}.json")
    seen = order_report(msgspec.json.decode(body, type=OrderAnswer), BTC)
    raw = json.loads(body)
    assert seen.client_order_id == raw.get("origClientOrderId", raw["clientOrderId"])
    assert seen.venue_order_id == str(raw["orderId"])


@pytest.mark.parametrize("name", ["open_orders_response", "all_orders_response"])
def test_documented_order_lists_read(recorded_data: Path, name: str) -> None:
    answers = msgspec.json.decode(fixture(recorded_data, f"http_json/{name}.json"), type=list[OrderAnswer])
    assert answers and all(order_report(answer, BTC).event_ns > 0 for answer in answers)


def test_documented_trades_and_balances_read(recorded_data: Path) -> None:
    trades = msgspec.json.decode(
        fixture(recorded_data, "http_json/account_trades_response.json"), type=list[TradeAnswer]
    )
    assert trades and all(trade_fill(trade, BTC).quantity > 0 for trade in trades)
    account = msgspec.json.decode(fixture(recorded_data, "http_json/account_response.json"), type=AccountAnswer)
    assert all(balance.total > 0 for balance in held_balances(account).values())


def test_documented_pushes_read(recorded_data: Path) -> None:
    folder = recorded_data / FIXTURES / "user_data_json"
    reports = positions = 0
    for path in sorted(folder.glob("*.json")):
        raw = json.loads(path.read_bytes())
        event = raw.get("event", raw)
        if "event" in raw:
            frame = msgspec.json.decode(path.read_bytes(), type=SocketFrame)
            assert json.loads(bytes(frame.event)) == event
        if event["e"] == "executionReport":
            seen = execution_report(msgspec.json.decode(json.dumps(event), type=ExecutionReport), Symbols())
            assert seen.fills == () or event["x"] == "TRADE"
            reports += 1
        elif event["e"] == "outboundAccountPosition":
            assert balances_changed(msgspec.json.decode(json.dumps(event), type=AccountPosition)).balances
            positions += 1
    assert (reports, positions) == (6, 2)


decimals = st.decimals(allow_nan=True, allow_infinity=True, places=8).map(str)


@given(
    st.fixed_dictionaries(
        {
            key: decimals if key in "qpPlzLZ" else st.one_of(st.none(), st.integers(), st.text(max_size=6))
            for key in ("q", "p", "P", "l", "z", "L", "Z", "S", "X", "x", "o")
        }
    )
)
def test_a_strange_report_is_read_or_refused_never_half_read(changes: dict[str, Any]) -> None:
    try:
        seen = pushed(**changes)
    except (msgspec.DecodeError, ValueError):
        return
    assert seen.quantity.is_finite() and seen.filled_quantity.is_finite()
