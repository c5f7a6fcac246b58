"""What every `VenueRest` keeps, whatever the venue: written against the port alone."""

import itertools
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused, VenueUnavailable
from core.domain.instruments import InstrumentId, InstrumentStatus
from core.domain.money import Rounding, to_price, to_quantity
from core.domain.orders import (
    ClientOrderId,
    Leg,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from core.ports.venue import KeyPermissions
from tests.contract.conftest import Account

pytestmark = pytest.mark.processes

_ids = itertools.count(1)
NOWHERE = InstrumentId("NO/WHERE")


def fresh_id() -> ClientOrderId:
    return ClientOrderId(f"contract-{next(_ids)}")


def request(account: Account, order_type: OrderType, side: Side = Side.BUY, **changes: object) -> OrderRequest:
    values: dict[str, object] = {"quantity": Decimal("0.01"), **changes}
    leg = Leg(account.instrument.id, side, order_type=order_type, **values)
    return OrderRequest(fresh_id(), leg)


def price(account: Account, factor: float) -> Decimal:
    """So far from the best bid, on the grid."""
    bid = account.rest.order_book(account.instrument.id, 5).bids[0][0]
    return to_price(bid * factor, account.instrument, Rounding.DOWN)


def resting(account: Account) -> OrderRequest:
    """A limit order that will not fill."""
    return request(account, OrderType.LIMIT, price=price(account, 0.9), time_in_force=TimeInForce.GTC)


def test_instruments_have_steps_that_orders_can_be_put_on(account: Account) -> None:
    instruments = account.rest.instruments()
    assert account.instrument.id in instruments
    for instrument_id, instrument in instruments.items():
        pair = f"{instrument.base}/{instrument.quote}"
        assert instrument.id == instrument_id and instrument.id in (pair, f"{pair}:{instrument.settle}")
        assert instrument.tick_size > 0 and instrument.lot_size > 0 and instrument.min_notional >= 0
        assert to_quantity(Decimal("1.23456789"), instrument) % instrument.lot_size == 0
    assert instruments[account.instrument.id].status is InstrumentStatus.TRADING


def test_candles_are_on_their_grid_oldest_first_and_only_the_last_may_form(account: Account) -> None:
    for timeframe in (Timeframe.M1, Timeframe.M5, Timeframe.H1):
        before_ms = account.now_ms
        candles = account.rest.ohlcv(account.instrument.id, timeframe, None, 20)
        times = [candle.open_ms for candle in candles]
        assert times == [times[0] + n * timeframe.ms for n in range(len(times))]
        assert times[0] % timeframe.ms == 0 and len(times) <= 20
        assert all(candle.low <= min(candle.open, candle.close) <= candle.high for candle in candles)
        assert all(open_ms + timeframe.ms <= before_ms for open_ms in times[:-1])
        assert times[-1] <= account.now_ms


def test_candles_since_a_moment_begin_there(account: Account) -> None:
    recent = account.rest.ohlcv(account.instrument.id, Timeframe.M1, None, 10)
    since_ms = recent[2].open_ms
    again = account.rest.ohlcv(account.instrument.id, Timeframe.M1, since_ms, 5)
    assert [candle.open_ms for candle in again] == [candle.open_ms for candle in recent[2:7]]
    assert again == recent[2:7], "closed candles do not change"


def test_a_closed_candle_stays_as_it_is(account: Account) -> None:
    first = account.rest.ohlcv(account.instrument.id, Timeframe.M1, None, 5)[:-1]
    second = account.rest.ohlcv(account.instrument.id, Timeframe.M1, first[0].open_ms, 5)
    assert second[: len(first)] == first


def test_a_book_is_sorted_uncrossed_and_numbered(account: Account) -> None:
    book = account.rest.order_book(account.instrument.id, 20)
    bids, asks = [level[0] for level in book.bids], [level[0] for level in book.asks]
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]
    assert all(quantity > 0 for _, quantity in [*book.bids, *book.asks])
    assert book.is_snapshot and book.first_sequence == book.last_sequence > 0
    assert account.rest.order_book(account.instrument.id, 20).last_sequence >= book.last_sequence


def test_the_venues_time_goes_on(account: Account) -> None:
    first = account.rest.server_time_ms()
    assert account.rest.server_time_ms() >= first
    assert account.rest.clock_speed() > 0
    assert account.rest.epoch_id() == account.rest.epoch_id()


def test_the_key_may_trade(account: Account) -> None:
    permissions = account.rest.key_permissions()
    assert isinstance(permissions, KeyPermissions) and permissions.can_read and permissions.can_trade


def test_balances_are_exact_and_whole(account: Account) -> None:
    balances = account.rest.balances()
    assert balances["USDT"].total == Decimal(100_000)
    assert not account.is_spot or balances["BTC"].free == Decimal(1)
    assert all(balance.asset == asset and balance.total > 0 for asset, balance in balances.items())


def test_a_resting_order_is_seen_locked_cancelled_and_gone(account: Account) -> None:
    order = resting(account)
    placed = account.rest.place(order)
    assert (placed.status, placed.client_order_id) == (OrderStatus.NEW, order.client_order_id)
    assert (placed.filled_quantity, placed.fills, placed.price) == (0, (), order.leg.price)
    queried = account.rest.order(account.instrument.id, order.client_order_id)
    assert queried is not None
    assert queried.venue_order_id == placed.venue_order_id
    for listed in (account.rest.open_orders(), account.rest.open_orders(account.instrument.id)):
        assert [(each.client_order_id, each.instrument_id) for each in listed] == [
            (order.client_order_id, account.instrument.id)
        ]
    assert order.leg.price is not None
    locked = account.rest.balances()["USDT"].locked
    assert locked == order.leg.price * order.leg.quantity if account.is_spot else locked > 0
    cancelled = account.rest.cancel(account.instrument.id, order.client_order_id)
    assert (cancelled.status, cancelled.client_order_id) == (OrderStatus.CANCELLED, order.client_order_id)
    assert account.rest.open_orders(account.instrument.id) == []
    queried = account.rest.order(account.instrument.id, order.client_order_id)
    assert queried is not None and queried.status is OrderStatus.CANCELLED
    assert account.rest.balances()["USDT"].locked == 0


def test_a_market_order_fills_and_every_report_agrees(account: Account) -> None:
    since_ms = account.now_ms - 1_000
    order = request(account, OrderType.MARKET, Side.SELL)
    placed = account.rest.place(order)
    assert placed.status is OrderStatus.FILLED
    fills = account.rest.fills_since(account.instrument.id, since_ms)
    assert placed.filled_quantity == order.leg.quantity == sum(fill.quantity for fill in fills)
    assert placed.filled_notional == sum(fill.price * fill.quantity for fill in fills)
    assert not placed.fills or {
        (fill.trade_id, fill.price, fill.quantity, fill.fee, fill.fee_asset) for fill in placed.fills
    } == {(fill.trade_id, fill.price, fill.quantity, fill.fee, fill.fee_asset) for fill in fills}
    assert {fill.venue_order_id for fill in fills} == {placed.venue_order_id}
    assert {(fill.side, fill.is_maker) for fill in fills} == {(Side.SELL, False)}
    (listed,) = account.rest.orders_since(account.instrument.id, since_ms)
    assert (listed.client_order_id, listed.filled_notional) == (order.client_order_id, placed.filled_notional)
    balances = account.rest.balances()
    fees = sum(fill.fee for fill in fills if fill.fee_asset == "USDT")
    if account.is_spot:
        assert balances["USDT"].total == Decimal(100_000) + placed.filled_notional - fees
        assert balances["BTC"].total == Decimal(1) - order.leg.quantity
        assert account.rest.positions() == {}
    else:
        assert balances["USDT"].total == Decimal(100_000) - fees
        assert account.rest.positions()[account.instrument.id].quantity == -order.leg.quantity


def test_an_immediate_order_that_finds_nobody_expires(account: Account) -> None:
    order = request(account, OrderType.LIMIT, price=price(account, 0.9), time_in_force=TimeInForce.IOC)
    placed = account.rest.place(order)
    assert (placed.status, placed.filled_quantity) == (OrderStatus.EXPIRED, 0)
    assert account.rest.open_orders(account.instrument.id) == []


def test_native_stops_rest_until_triggered(account: Account) -> None:
    if not account.rest.capabilities.native_stops:
        pytest.skip("this venue has no native stops")
    order = request(account, OrderType.STOP_LOSS, Side.SELL, stop_price=price(account, 0.9))
    placed = account.rest.place(order)
    assert placed.status is OrderStatus.NEW
    queried = account.rest.order(account.instrument.id, order.client_order_id)
    assert queried is not None
    assert (queried.order_type, queried.stop_price) == (OrderType.STOP_LOSS, order.leg.stop_price)
    account.rest.cancel(account.instrument.id, order.client_order_id)


Build = Callable[[Account], OrderRequest]


@pytest.mark.parametrize(
    "build",
    [
        lambda a: request(a, OrderType.MARKET, quantity=a.instrument.min_quantity / 10),
        lambda a: request(
            a, OrderType.LIMIT, price=price(a, 0.9), quantity=Decimal("0.001") + a.instrument.lot_size / 2
        ),
        lambda a: request(a, OrderType.LIMIT, price=price(a, 0.9) + a.instrument.tick_size / 2),
        lambda a: request(a, OrderType.LIMIT, price=price(a, 0.9), quantity=a.instrument.lot_size),
        lambda a: request(a, OrderType.LIMIT, price=price(a, 0.9), quantity=Decimal(50)),
        lambda a: request(a, OrderType.LIMIT, price=price(a, 30.0)),
        lambda a: request(a, OrderType.LIMIT_MAKER, price=price(a, 1.01)),
        lambda a: request(a, OrderType.STOP_LOSS, Side.SELL, stop_price=price(a, 1.1)),
    ],
    ids=["too small", "off lot", "off tick", "below notional", "no money", "far price", "would take", "would trigger"],
)
def test_an_order_that_breaks_a_rule_is_refused_and_leaves_no_trace(account: Account, build: Build) -> None:
    order = build(account)
    with pytest.raises(OrderRefused) as refused:
        account.rest.place(order)
    never_left = any(words in refused.value.message for words in ("is no multiple of", "is below the least"))
    assert refused.value.message and (refused.value.code is not None or never_left)
    assert account.rest.order(account.instrument.id, order.client_order_id) is None
    assert account.rest.open_orders(account.instrument.id) == []
    assert account.rest.balances()["USDT"].total == Decimal(100_000)


def test_an_id_nobody_used_is_not_known(account: Account) -> None:
    assert account.rest.order(account.instrument.id, fresh_id()) is None
    with pytest.raises(OrderRefused):
        account.rest.cancel(account.instrument.id, fresh_id())


def test_an_open_orders_id_used_again_makes_no_second_order(account: Account) -> None:
    """The answer never says "refused": an order with this id does exist."""
    order = resting(account)
    account.rest.place(order)
    with pytest.raises(OutcomeUnknown):
        account.rest.place(order)
    assert len(account.rest.open_orders(account.instrument.id)) == 1
    account.rest.cancel(account.instrument.id, order.client_order_id)


def test_cancelling_what_has_filled_is_refused(account: Account) -> None:
    order = request(account, OrderType.MARKET)
    account.rest.place(order)
    with pytest.raises(OrderRefused):
        account.rest.cancel(account.instrument.id, order.client_order_id)


def test_an_instrument_that_does_not_exist_is_refused(account: Account) -> None:
    calls: list[Callable[[], object]] = [
        lambda: account.rest.ohlcv(NOWHERE, Timeframe.M1, None, 5),
        lambda: account.rest.order_book(NOWHERE, 5),
        lambda: account.rest.order(NOWHERE, fresh_id()),
        lambda: account.rest.fills_since(NOWHERE, account.now_ms),
        lambda: account.rest.place(OrderRequest(fresh_id(), Leg(NOWHERE, Side.BUY, Decimal(1), OrderType.MARKET))),
    ]
    for call in calls:
        with pytest.raises(RequestRefused):
            call()


def test_behind_a_shut_fence_nothing_is_placed_and_nothing_cancelled_but_everything_read(account: Account) -> None:
    placed, refused = resting(account), resting(account)
    account.rest.place(placed)
    account.adapter.fence.shut("somebody else has the account")
    with pytest.raises(VenueUnavailable, match="somebody else has the account"):
        account.rest.place(refused)
    with pytest.raises(VenueUnavailable, match="somebody else has the account"):
        account.rest.cancel(account.instrument.id, placed.client_order_id)
    assert [each.client_order_id for each in account.rest.open_orders()] == [placed.client_order_id]
    assert account.rest.order(account.instrument.id, refused.client_order_id) is None
    assert account.adapter.fence.out == 0


def test_orders_of_many_threads_are_each_placed_once(account: Account) -> None:
    orders = [resting(account) for _ in range(8)]
    reports: list[OrderReport] = []

    def place(order: OrderRequest) -> None:
        reports.append(account.rest.place(order))

    threads = [threading.Thread(target=place, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = {order.client_order_id for order in orders}
    assert {report.client_order_id for report in reports} == wanted
    assert {report.client_order_id for report in account.rest.open_orders(account.instrument.id)} == wanted
    for order in orders:
        account.rest.cancel(account.instrument.id, order.client_order_id)


def test_history_of_long_ago_is_walked_to_the_end(account: Account) -> None:
    order = request(account, OrderType.MARKET)
    account.rest.place(order)
    for since_ms in (0, account.now_ms - 5 * 86_400_000, account.now_ms - 60_000):
        assert [each.client_order_id for each in account.rest.orders_since(account.instrument.id, since_ms)] == [
            order.client_order_id
        ]
        assert account.rest.fills_since(account.instrument.id, since_ms)
    assert account.rest.fills_since(account.instrument.id, account.now_ms + 60_000) == []
