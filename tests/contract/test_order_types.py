"""Every type of order that an adapter declares is sent, seen, and ends as its type says."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.domain.errors import OrderRefused
from core.domain.orders import Leg, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from tests.contract.conftest import Account
from tests.contract.test_venue_rest import price, request

pytestmark = pytest.mark.processes

_LIMITS = (OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
HOUR_NS = 3_600_000_000_000


def placed(account: Account, order: OrderRequest) -> OrderReport:
    """The venue's answer; the picture that it gives when asked is the same."""
    answer = account.rest.place(order)
    seen = account.rest.order(account.instrument.id, order.client_order_id)
    assert seen is not None
    assert (seen.status, seen.venue_order_id) == (answer.status, answer.venue_order_id)
    return seen


def cancelled(account: Account, order: OrderRequest) -> None:
    report = account.rest.cancel(account.instrument.id, order.client_order_id)
    assert report.status is OrderStatus.CANCELLED
    assert account.rest.open_orders(account.instrument.id) == []


def triggered(account: Account, order_type: OrderType, *, is_below: bool) -> OrderRequest:
    """A conditional order whose price is far away on that side of the market."""
    stop_price = price(account, 0.92 if is_below else 1.08)
    is_loss = order_type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
    side = Side.SELL if is_below is is_loss else Side.BUY
    terms = {"price": stop_price, "time_in_force": TimeInForce.GTC} if order_type in _LIMITS else {}
    return request(account, order_type, side, stop_price=stop_price, **terms)


@pytest.mark.parametrize(
    "order_type",
    [OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT],
)
@pytest.mark.parametrize("is_below", [True, False], ids=["below", "above"])
def test_a_conditional_order_waits_on_its_side_of_the_market(
    account: Account, order_type: OrderType, is_below: bool
) -> None:
    if order_type not in account.rest.capabilities.order_types:
        pytest.skip("this venue does not declare it")
    order = triggered(account, order_type, is_below=is_below)
    seen = placed(account, order)
    assert (seen.status, seen.order_type, seen.side) == (OrderStatus.NEW, order_type, order.leg.side)
    assert (seen.stop_price, seen.price) == (order.leg.stop_price, order.leg.price)
    cancelled(account, order)


@pytest.mark.parametrize("side", list(Side))
def test_post_only_rests_and_never_takes(account: Account, side: Side) -> None:
    far, through = (0.9, 1.01) if side is Side.BUY else (1.1, 0.99)
    order = request(account, OrderType.LIMIT_MAKER, side, price=price(account, far))
    assert placed(account, order).status is OrderStatus.NEW
    with pytest.raises(OrderRefused):
        account.rest.place(request(account, OrderType.LIMIT_MAKER, side, price=price(account, through)))
    cancelled(account, order)


def test_fill_or_kill_is_all_or_nothing(account: Account) -> None:
    kill = {"time_in_force": TimeInForce.FOK}
    assert account.rest.place(request(account, OrderType.LIMIT, price=price(account, 1.02), **kill)).status is (
        OrderStatus.FILLED
    )
    nobody = request(account, OrderType.LIMIT, price=price(account, 0.95), **kill)
    assert account.rest.place(nobody).status is OrderStatus.EXPIRED
    assert account.rest.open_orders(account.instrument.id) == []


def test_a_date_is_kept_by_the_venue_that_has_it_and_refused_by_the_others_before_it_is_sent(
    account: Account,
) -> None:
    can = account.rest.capabilities
    expires_ns = account.clock.now_ns() + round(can.least_gtd_s * 1e9) + HOUR_NS
    terms = {"price": price(account, 0.9), "time_in_force": TimeInForce.GTD, "expires_ns": expires_ns}
    order = request(account, OrderType.LIMIT, **terms)
    if TimeInForce.GTD not in can.times_in_force:
        with pytest.raises(OrderRefused) as refused:
            account.rest.place(order)
        assert refused.value.code is None
        return
    assert placed(account, order).status is OrderStatus.NEW
    cancelled(account, order)
    soon = replace(order.leg, expires_ns=account.clock.now_ns() + round(can.least_gtd_s * 1e9) // 2)
    with pytest.raises(OrderRefused):
        account.rest.place(OrderRequest(request(account, OrderType.LIMIT).client_order_id, soon))


def test_an_iceberg_shows_only_its_tip(account: Account) -> None:
    shown = {"visible_quantity": Decimal("0.01"), "time_in_force": TimeInForce.GTC}
    order = request(account, OrderType.LIMIT, price=price(account, 0.97), quantity=Decimal("0.05"), **shown)
    if not account.rest.capabilities.icebergs:
        with pytest.raises(OrderRefused) as refused:
            account.rest.place(order)
        assert refused.value.code is None
        return
    assert placed(account, order).quantity == Decimal("0.05")
    cancelled(account, order)


@pytest.mark.parametrize("has_activation", [False, True], ids=["at once", "from a price on"])
def test_a_trailing_stop_follows_the_market(account: Account, has_activation: bool) -> None:
    activation = {"stop_price": price(account, 1.05)} if has_activation else {}
    order = request(account, OrderType.STOP_LOSS, Side.SELL, trailing_bps=500, **activation)
    if account.is_spot and has_activation:
        order = replace(order, leg=replace(order.leg, stop_price=price(account, 0.95)))
    if not account.rest.capabilities.trailing_stops:
        with pytest.raises(OrderRefused) as refused:
            account.rest.place(order)
        assert refused.value.code is None
        return
    seen = placed(account, order)
    assert (seen.status, seen.order_type) == (OrderStatus.NEW, OrderType.STOP_LOSS)
    cancelled(account, order)


@pytest.mark.parametrize("account", ["usdm"], indirect=True)
def test_reduce_only_closes_and_never_opens(account: Account) -> None:
    """Spot has nothing but assets, so there every sale does no more than that."""
    away = request(account, OrderType.MARKET, Side.SELL, reduce_only=True)
    with pytest.raises(OrderRefused):
        account.rest.place(away)
    account.rest.place(request(account, OrderType.MARKET))
    close = Leg(account.instrument.id, Side.SELL, Decimal("0.01"), OrderType.MARKET, reduce_only=True)
    assert account.rest.place(OrderRequest(away.client_order_id, close)).status is OrderStatus.FILLED
    assert account.rest.positions() == {}
