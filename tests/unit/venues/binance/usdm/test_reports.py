"""USD-M's words about orders, trades, positions and funding, as facts; recorded payloads and strange ones."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from core.venues.binance.instruments import Symbols
from core.venues.binance.usdm.decode import (
    AccountAnswer,
    AccountUpdate,
    AlgoAnswer,
    AlgoUpdate,
    IncomeAnswer,
    OrderAnswer,
    OrderTradeUpdate,
    PositionAnswer,
    TradeAnswer,
)
from core.venues.binance.usdm.reports import (
    algo_report,
    algo_update,
    funding_payment,
    held_balances,
    new_algo_parameters,
    new_order_parameters,
    order_report,
    order_update,
    positions_changed,
    trade_fill,
    venue_position,
    wallets_changed,
)

BTC = InstrumentId("BTC/USDT:USDT")
FIXTURES = "nautilus/payloads/binance/test_data/futures"


@pytest.fixture
def symbols() -> Symbols:
    known = Symbols()
    step = Decimal("0.001")
    known.learn(
        [
            Instrument(
                BTC, "BTCUSDT", InstrumentKind.PERPETUAL, "BTC", "USDT", "USDT", step, step, step, None, Decimal(100)
            )
        ]
    )
    return known


def request(order_type: OrderType, **changes: Any) -> OrderRequest:
    values: dict[str, Any] = {"instrument_id": BTC, "side": Side.SELL, "quantity": Decimal("0.010"), **changes}
    return OrderRequest(ClientOrderId("me-1"), Leg(order_type=order_type, **values))


def payload(recorded_data: Path, name: str, shape: Any) -> Any:
    return msgspec.json.decode((recorded_data / FIXTURES / name).read_bytes(), type=shape)


COMMON = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.010"}


@pytest.mark.parametrize(
    ("leg", "expected"),
    [
        ({"order_type": OrderType.MARKET, "reduce_only": True}, {"type": "MARKET", "reduceOnly": "true"}),
        (
            {"order_type": OrderType.LIMIT, "price": Decimal("9.5"), "time_in_force": TimeInForce.IOC},
            {"type": "LIMIT", "price": "9.5", "timeInForce": "IOC"},
        ),
        (
            {"order_type": OrderType.LIMIT_MAKER, "price": Decimal("1E+2")},
            {"type": "LIMIT", "price": "100", "timeInForce": "GTX"},
        ),
    ],
)
def test_an_order_is_written_with_what_its_type_takes_and_nothing_else(
    leg: dict[str, Any], expected: dict[str, str]
) -> None:
    written = new_order_parameters(request(**leg))
    assert written == {**COMMON, "newClientOrderId": "me-1", "newOrderRespType": "RESULT", **expected}


@pytest.mark.parametrize(
    ("order_type", "name"), [(OrderType.STOP_LOSS, "STOP_MARKET"), (OrderType.TAKE_PROFIT, "TAKE_PROFIT_MARKET")]
)
def test_a_stop_is_a_conditional_order_of_its_own_client_id(order_type: OrderType, name: str) -> None:
    written = new_algo_parameters(request(order_type, stop_price=Decimal("8"), reduce_only=True))
    assert written == {
        **COMMON,
        "type": name,
        "algoType": "CONDITIONAL",
        "clientAlgoId": "me-1",
        "triggerPrice": "8",
        "workingType": "CONTRACT_PRICE",
        "reduceOnly": "true",
    }


def test_a_stop_without_its_price_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="stop_price"):
        new_algo_parameters(request(OrderType.STOP_LOSS))


def test_recorded_answers_are_read(recorded_data: Path, symbols: Symbols) -> None:
    order = order_report(payload(recorded_data, "http_json/order_response.json", OrderAnswer), BTC)
    assert (order.client_order_id, order.status, order.quantity) == ("testOrder123", OrderStatus.NEW, Decimal("0.001"))
    assert (order.order_type, order.price, order.stop_price) == (OrderType.LIMIT, Decimal("50000.00"), None)
    (algo,) = payload(recorded_data, "http_json/open_algo_orders.json", list[AlgoAnswer])
    stop = algo_report(algo, BTC)
    assert (stop.client_order_id, stop.venue_order_id) == ("test-algo-order-1", "algo-123456789")
    assert (stop.order_type, stop.stop_price, stop.status) == (OrderType.STOP_LOSS, Decimal(45_000), OrderStatus.NEW)
    (risk,) = payload(recorded_data, "http_json/position_risk.json", list[PositionAnswer])
    position = venue_position(risk, symbols)
    assert (position.instrument_id, position.quantity) == (BTC, Decimal("0.001"))
    assert (position.entry_price, position.liquidation_price) == (Decimal(50_000), Decimal(45_000))
    balances = held_balances(payload(recorded_data, "http_json/account_info_v2.json", AccountAnswer))
    assert balances["USDT"].total == Decimal("23.72469206")


def test_what_a_trigger_has_placed_speaks_for_the_conditional_order(recorded_data: Path) -> None:
    (algo,) = payload(recorded_data, "http_json/open_algo_orders.json", list[AlgoAnswer])
    placed = order_report(
        OrderAnswer("BTCUSDT", 88, "other", Decimal("0.001"), Decimal("0.001"), "FILLED", "MARKET", "BUY"), BTC
    )
    report = algo_report(msgspec.structs.replace(algo, algo_status="FINISHED", actual_order_id="88"), BTC, placed)
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal("0.001"))
    assert (report.client_order_id, report.venue_order_id) == ("test-algo-order-1", "88")
    assert report.order_type is OrderType.STOP_LOSS
    with pytest.raises(ValueError, match="not known"):
        algo_report(msgspec.structs.replace(algo, algo_status="FINISHED"), BTC)


def test_a_recorded_trade_becomes_a_fill_with_the_venues_own_profit(recorded_data: Path, symbols: Symbols) -> None:
    update = payload(recorded_data, "user_data_json/order_update_trade.json", OrderTradeUpdate)
    report = order_update(update.order, symbols)
    (fill,) = report.fills
    assert (fill.instrument_id, fill.trade_id, fill.client_order_id) == (BTC, "12345678", "TEST")
    assert (fill.price, fill.quantity, fill.fee, fill.fee_asset) == (
        Decimal("7100.50"),
        Decimal("0.001"),
        Decimal("0.01"),
        "USDT",
    )
    assert (fill.realised_profit, fill.is_forced, fill.is_maker) == (Decimal("12.34"), False, True)
    assert report.filled_notional == Decimal("7.1005")


@pytest.mark.parametrize("name", ["adl", "calculated", "delivery", "insurance", "settlement"])
def test_what_the_venue_does_to_a_position_is_a_forced_fill(recorded_data: Path, symbols: Symbols, name: str) -> None:
    update = payload(recorded_data, f"user_data_json/order_update_{name}.json", OrderTradeUpdate)
    (fill,) = order_update(update.order, symbols).fills
    assert fill.is_forced and fill.quantity > 0


@pytest.mark.parametrize("name", ["new", "calculated_pending"])
def test_an_order_that_has_not_traded_brings_no_fill(recorded_data: Path, symbols: Symbols, name: str) -> None:
    update = payload(recorded_data, f"user_data_json/order_update_{name}.json", OrderTradeUpdate)
    assert order_update(update.order, symbols).fills == ()


def test_recorded_algo_updates_are_reports_of_the_same_order(recorded_data: Path, symbols: Symbols) -> None:
    new, cancelled = (
        algo_update(payload(recorded_data, f"user_data_json/algo_update_{name}.json", AlgoUpdate), symbols)
        for name in ("new", "canceled")
    )
    assert new is not None and cancelled is not None
    assert new.client_order_id == cancelled.client_order_id == "Q5xaq5EGKgXXa0fD7fs0Ip"
    assert (new.status, cancelled.status) == (OrderStatus.NEW, OrderStatus.CANCELLED)
    assert (new.venue_order_id, new.stop_price) == ("algo-2148719", Decimal(750))


def test_a_triggered_order_is_named_as_the_book_names_it_and_its_end_is_left_to_that(
    recorded_data: Path, symbols: Symbols
) -> None:
    update = payload(recorded_data, "user_data_json/algo_update_new.json", AlgoUpdate)

    def with_status(status: str, order_id: str) -> Any:
        order = msgspec.structs.replace(update.order, status=status, order_id=order_id)
        return algo_update(msgspec.structs.replace(update, order=order), symbols)

    assert with_status("TRIGGERED", "889").venue_order_id == "889"
    assert with_status("FINISHED", "889") is None


def test_an_account_update_tells_wallets_and_the_one_way_position(recorded_data: Path, symbols: Symbols) -> None:
    update = payload(recorded_data, "user_data_json/account_update.json", AccountUpdate)
    wallets, positions = wallets_changed(update), positions_changed(update, symbols)
    assert wallets is not None and positions is not None
    assert wallets.balances[0].total == Decimal("122624.12345678")
    assert [(each.instrument_id, each.quantity) for each in positions.positions] == [(BTC, 0)]


def test_trades_and_funding_by_rest(symbols: Symbols) -> None:
    trade = TradeAnswer(
        id=7,
        order_id=88,
        side="SELL",
        price=Decimal("50"),
        qty=Decimal("2"),
        commission=Decimal("0.05"),
        commission_asset="USDT",
        realized_pnl=Decimal("-3"),
        time=1_700_000_000_000,
        maker=False,
    )
    fill = trade_fill(trade, BTC, "autoclose-1")
    assert (fill.side, fill.realised_profit, fill.is_forced) == (Side.SELL, Decimal(-3), True)
    assert trade_fill(trade, BTC, None).client_order_id is None
    income = IncomeAnswer("BTCUSDT", Decimal("-0.5"), "USDT", 1_700_000_000_000, 99)
    payment = funding_payment(income, symbols)
    assert (payment.instrument_id, payment.payment_id, payment.amount) == (BTC, "99", Decimal("-0.5"))
