"""What every `VenueRest` with positions keeps, on top of `test_venue_rest`."""

import asyncio
import contextlib
from decimal import Decimal

import pytest

from core.domain.errors import OrderRefused, RequestRefused, StopWouldTrigger
from core.domain.orders import OrderReport, OrderRequest, OrderStatus, OrderType, Side
from tests.contract.conftest import Account
from tests.contract.test_venue_rest import price, request, resting

pytestmark = [pytest.mark.processes, pytest.mark.parametrize("account", ["usdm"], indirect=True)]


def test_a_short_is_opened_closed_and_its_profit_is_the_venues(account: Account) -> None:
    account.rest.prepare([account.instrument.id])
    account.rest.prepare([account.instrument.id])
    since_ms = account.now_ms - 1_000
    opened = account.rest.place(request(account, OrderType.MARKET, Side.SELL, quantity=Decimal("0.02")))
    position = account.rest.positions()[account.instrument.id]
    assert position.quantity == Decimal("-0.02")
    assert abs(position.entry_price * Decimal("0.02") - opened.filled_notional) < Decimal("0.01")
    assert position.mark_price is not None and position.mark_price > 0
    account.rest.place(request(account, OrderType.MARKET, Side.BUY, quantity=Decimal("0.05"), reduce_only=True))
    assert account.rest.positions() == {}
    fills = account.rest.fills_since(account.instrument.id, since_ms)
    assert sum(fill.side.sign * fill.quantity for fill in fills) == 0
    realised = sum((fill.realised_profit or Decimal(0) for fill in fills), Decimal(0))
    paid = sum((fill.price * fill.quantity * -fill.side.sign for fill in fills), Decimal(0))
    assert abs(realised - paid) < Decimal("0.0001")
    total = Decimal(100_000) + realised - sum(fill.fee for fill in fills)
    assert account.rest.balances()["USDT"].total == total
    assert not any(fill.is_forced for fill in fills)
    assert account.rest.funding_since(since_ms) == []


def test_an_order_that_only_reduces_is_refused_where_nothing_is_held(account: Account) -> None:
    with pytest.raises(OrderRefused):
        account.rest.place(request(account, OrderType.MARKET, Side.BUY, reduce_only=True))
    assert account.rest.positions() == {}


def placed_stop(account: Account) -> tuple[OrderRequest, OrderReport]:
    """A stop just below the market, which may fall past it on the way: then another."""
    while True:
        stop = request(account, OrderType.STOP_LOSS, Side.SELL, stop_price=price(account, 0.9995), reduce_only=True)
        with contextlib.suppress(StopWouldTrigger):
            return stop, account.rest.place(stop)


async def triggered_stop(account: Account, mover: Account) -> tuple[OrderRequest, OrderReport, OrderReport]:
    """A stop, what the venue said of it when it was placed, and in the end."""
    stop, placed = await asyncio.to_thread(placed_stop, account)
    report = placed
    quantity = Decimal(0)
    while report.status.is_open:
        quantity += Decimal("0.25")  # a little more each time: a book that is swept empty would fill no stop
        await asyncio.to_thread(mover.rest.place, request(mover, OrderType.MARKET, Side.SELL, quantity=quantity))
        await asyncio.to_thread(mover.rest.place, request(mover, OrderType.MARKET, quantity=quantity))
        found = await asyncio.to_thread(account.rest.order, account.instrument.id, stop.client_order_id)
        assert found is not None
        report = found
    return stop, placed, report


async def test_a_conditional_order_is_one_order_before_and_after_its_trigger(account: Account, mover: Account) -> None:
    since_ms = account.now_ms - 1_000
    account.rest.place(request(account, OrderType.MARKET))
    async with asyncio.timeout(60):
        stop, placed, report = await triggered_stop(account, mover)
        while report.status is OrderStatus.EXPIRED:  # it met a book that had just been swept empty
            while not (await asyncio.to_thread(account.rest.order_book, account.instrument.id, 5)).bids:
                await asyncio.sleep(0.05)
            stop, placed, report = await triggered_stop(account, mover)
    assert placed.status is OrderStatus.NEW
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, stop.leg.quantity)
    assert (report.order_type, report.stop_price) == (OrderType.STOP_LOSS, stop.leg.stop_price)
    assert report.venue_order_id != placed.venue_order_id
    fills = account.rest.fills_since(account.instrument.id, since_ms)
    stopped = [each for each in fills if each.venue_order_id == report.venue_order_id]
    assert sum(each.quantity for each in stopped) == stop.leg.quantity
    assert {each.client_order_id for each in stopped} == {stop.client_order_id}
    listed = account.rest.orders_since(account.instrument.id, since_ms)
    assert {each.status for each in listed if each.client_order_id == stop.client_order_id} == {OrderStatus.FILLED}
    assert account.rest.open_orders() == [] and account.rest.positions() == {}
    with pytest.raises(OrderRefused):
        account.rest.cancel(account.instrument.id, stop.client_order_id)


def test_an_account_whose_margin_type_cannot_change_any_more_is_refused_in_words(account: Account) -> None:
    """It was never prepared, so it is as the venue opens accounts: cross, with an order in the way."""
    assert account.rest.place(resting(account)).status is OrderStatus.NEW
    with pytest.raises(RequestRefused, match=r'venue\.margin_type = "isolated" cannot be set') as refused:
        account.rest.prepare([account.instrument.id])
    assert refused.value.code is not None and "Close what is open there" in str(refused.value)
