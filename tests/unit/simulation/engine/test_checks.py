"""Each refusal, and that it changes nothing."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.instruments import InstrumentStatus
from core.domain.orders import OrderType, TimeInForce
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    START_NS,
    SYMBOL,
    limit,
    market,
    place,
    quote_house,
    stop,
    with_accounts,
)

LIMITS: dict[str, Any] = {
    "min_quantity": Decimal("0.01"),
    "max_quantity": Decimal(100),
    "market_max_quantity": Decimal(10),
    "min_notional": Decimal(5),
    "max_notional": Decimal(9_000),
    "price_band_up": Decimal("1.2"),
    "price_band_down": Decimal("0.8"),
}


def refused(order: NewOrder, *, account: str = "a", **changes: Any) -> RefusalKind:
    """Why a quoting exchange (99 to 101, last trade at 101) refuses an order; it must change nothing."""
    venue = with_accounts("a", "rich", **{**LIMITS, **changes})
    quote_house(venue, {99: 50_000, 98: 50_000}, {101: 50_000, 102: 50_000})
    place(venue, "rich", market(BUY, "0.1"))
    before = venue.balances("a"), venue.depth(SYMBOL, 100)
    with pytest.raises(Refusal) as checked:
        venue.check(account, order)
    with pytest.raises(Refusal) as refusal:
        venue.submit(account, order, START_NS)
    assert checked.value.kind is refusal.value.kind
    assert (venue.balances("a"), venue.depth(SYMBOL, 100)) == before
    assert venue.open_orders("a") == []
    assert venue.take_events(START_NS) == []
    return refusal.value.kind


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (limit(BUY, 1, "100.001"), RefusalKind.PRICE_FILTER),
        (limit(BUY, 1, 0), RefusalKind.PRICE_FILTER),
        (limit(BUY, 1, -100), RefusalKind.PRICE_FILTER),
        (limit(BUY, 1, "NaN"), RefusalKind.PRICE_FILTER),
        (limit(BUY, 1, "1e40"), RefusalKind.PRICE_FILTER),
        (limit(BUY, "1.0001", 100), RefusalKind.LOT_SIZE),
        (limit(BUY, "0.009", 100), RefusalKind.LOT_SIZE),
        (limit(BUY, "100.001", 100), RefusalKind.LOT_SIZE),
        (limit(BUY, -1, 100), RefusalKind.LOT_SIZE),
        (limit(BUY, "Infinity", 100), RefusalKind.LOT_SIZE),
        (market(BUY, "10.001"), RefusalKind.MARKET_LOT_SIZE),
        (market(BUY, quote="0.5"), RefusalKind.LOT_SIZE),
        (market(BUY, quote=-5), RefusalKind.NOTIONAL),
        (limit(BUY, "0.04", 100), RefusalKind.NOTIONAL),
        (limit(BUY, 91, 100), RefusalKind.NOTIONAL),
        (market(BUY, "0.04"), RefusalKind.NOTIONAL),
        (limit(BUY, 1, "121.21"), RefusalKind.PERCENT_PRICE_BY_SIDE),
        (limit(SELL, 1, "80.79"), RefusalKind.PERCENT_PRICE_BY_SIDE),
        (limit(SELL, 1, 99, order_type=OrderType.LIMIT_MAKER), RefusalKind.WOULD_MATCH),
        (stop(OrderType.STOP_LOSS, SELL, 1, 101), RefusalKind.WOULD_TRIGGER),
        (stop(OrderType.STOP_LOSS, BUY, 1, 101), RefusalKind.WOULD_TRIGGER),
        (stop(OrderType.TAKE_PROFIT, SELL, 1, 101), RefusalKind.WOULD_TRIGGER),
        (stop(OrderType.TAKE_PROFIT_LIMIT, BUY, 1, 102, 101), RefusalKind.WOULD_TRIGGER),
        (NewOrder("NOSUCH", BUY, OrderType.MARKET, quantity=Decimal(1)), RefusalKind.UNKNOWN_SYMBOL),
    ],
)
def test_orders_outside_the_rules_are_refused_by_the_rule(order: NewOrder, kind: RefusalKind) -> None:
    assert refused(order) is kind


@pytest.mark.parametrize(
    ("order_type", "given", "kind", "parameter"),
    [
        (OrderType.LIMIT, {}, RefusalKind.MISSING_PARAMETER, "price"),
        (OrderType.LIMIT, {"price": 100, "stop_price": 90}, RefusalKind.UNNEEDED_PARAMETER, "stopPrice"),
        (OrderType.MARKET, {"price": 100}, RefusalKind.UNNEEDED_PARAMETER, "price"),
        (OrderType.MARKET, {"time_in_force": TimeInForce.GTC}, RefusalKind.UNNEEDED_PARAMETER, "timeInForce"),
        (OrderType.MARKET, {"quantity": None}, RefusalKind.MISSING_PARAMETER, "quantity"),
        (OrderType.MARKET, {"quote_quantity": 100}, RefusalKind.UNNEEDED_PARAMETER, "quoteOrderQty"),
        (OrderType.STOP_LOSS, {}, RefusalKind.MISSING_PARAMETER, "stopPrice"),
        (OrderType.STOP_LOSS_LIMIT, {"stop_price": 90}, RefusalKind.MISSING_PARAMETER, "price"),
        (
            OrderType.LIMIT,
            {"price": 100, "quantity": None, "quote_quantity": 9},
            RefusalKind.MISSING_PARAMETER,
            "quantity",
        ),
        (
            OrderType.LIMIT_MAKER,
            {"price": 100, "time_in_force": TimeInForce.IOC},
            RefusalKind.UNNEEDED_PARAMETER,
            "timeInForce",
        ),
    ],
)
def test_parameters_that_do_not_fit_the_type_are_named(
    order_type: OrderType, given: dict[str, Any], kind: RefusalKind, parameter: str
) -> None:
    numbers = {key: Decimal(value) if isinstance(value, int) else value for key, value in given.items()}
    order = NewOrder(SYMBOL, SELL, order_type, **{"quantity": Decimal(1), **numbers})
    with pytest.raises(Refusal, match=parameter) as refusal:
        with_accounts("a").submit("a", order, START_NS)
    assert refusal.value.kind is kind


@pytest.mark.parametrize(
    "order",
    [limit(BUY, 90, 100), limit(SELL, "1000.001", 100), market(BUY, 90), stop(OrderType.STOP_LOSS, BUY, 90, 110)],
)
def test_orders_beyond_the_balance_are_refused(order: NewOrder) -> None:
    venue = with_accounts("poor", deposits={"BTC": 1_000, "USDT": 8_999})
    quote_house(venue, {}, {100: 100_000})
    with pytest.raises(Refusal) as refusal:
        place(venue, "poor", order)
    assert refusal.value.kind is RefusalKind.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    "order", [limit(BUY, 90, 100), market(BUY, 90), market(BUY, quote=9_000), stop(OrderType.STOP_LOSS, BUY, 90, 100)]
)
def test_the_last_atom_decides(order: NewOrder) -> None:
    venue = with_accounts("exact", "short", deposits={"USDT": 9_000})
    quote_house(venue, {}, {100: 90_000})
    venue.deposit("short", "USDT", Decimal("-0.00000001"), START_NS)
    with pytest.raises(Refusal) as refusal:
        place(venue, "short", order)
    assert refusal.value.kind is RefusalKind.INSUFFICIENT_BALANCE
    place(venue, "exact", order)
    assert venue.balances("exact")["USDT"][0] == 0


def test_the_band_follows_the_average_price_and_needs_one() -> None:
    venue = with_accounts("a", **LIMITS)
    record = place(venue, "a", limit(BUY, "0.01", 800))
    assert venue.symbols[SYMBOL].price_decimal(record.price) == 800


def test_no_more_open_orders_than_the_symbol_allows() -> None:
    venue = with_accounts("a")
    for index in range(200):
        place(venue, "a", limit(BUY, "0.001", 50 + index))
    with pytest.raises(Refusal) as refusal:
        place(venue, "a", limit(BUY, "0.001", 50))
    assert refusal.value.kind is RefusalKind.MAX_NUM_ORDERS


def test_no_more_waiting_stops_than_the_symbol_allows() -> None:
    venue = with_accounts("a")
    for index in range(5):
        place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 50 + index))
    with pytest.raises(Refusal) as refusal:
        place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 50))
    assert refusal.value.kind is RefusalKind.MAX_NUM_ALGO_ORDERS
    venue.cancel_all("a", SYMBOL, START_NS)
    place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 50))


@pytest.mark.parametrize("status", [InstrumentStatus.CANCEL_ONLY, InstrumentStatus.HALTED])
def test_a_symbol_that_is_not_trading_takes_no_orders(status: InstrumentStatus) -> None:
    with pytest.raises(Refusal) as refusal:
        place(with_accounts("a", status=status), "a", limit(BUY, 1, 100))
    assert refusal.value.kind is RefusalKind.SYMBOL_NOT_TRADING


def test_an_account_must_be_open() -> None:
    with pytest.raises(Refusal) as refusal:
        with_accounts("a").balances("b")
    assert refusal.value.kind is RefusalKind.UNKNOWN_ACCOUNT
