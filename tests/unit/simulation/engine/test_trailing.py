"""Trailing stops against the words of the venue's documentation, written down a second time."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.orders import OrderStatus, OrderType, Side
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal
from tests.unit.simulation.engine.exchanges import BUY, SELL, SYMBOL, exchange, place, status, stop, with_accounts

TYPES = (OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)
PRICES = st.integers(8_000, 12_000)


def trailing(order_type: OrderType, side: Side, bips: int, at: Decimal | None = None) -> NewOrder:
    placed = msgspec.structs.replace(stop(order_type, side, 1, 1), trailing_delta_bips=bips)
    return msgspec.structs.replace(placed, stop_price=at)


def trade_at(venue: Exchange, ticks: int) -> None:
    """A trade that leaves nothing on the book."""
    house = venue.house(SYMBOL)
    house.print_trade(ticks, 1, venue.now_ns, buyer_is_maker=True)
    house.log(venue.now_ns)


def triggered_after(
    prices: list[int], first: int, order_type: OrderType, side: Side, bips: int, at: int | None
) -> int | None:
    """How many trades it takes; `None`: more than there are."""
    waits_for_rise = (order_type is OrderType.STOP_LOSS) is (side is BUY)
    best = first if at is None else None
    for n, price in enumerate(prices, 1):
        if best is None:
            if at is not None and (price >= at if waits_for_rise else price <= at):
                best = price
        elif side is SELL:
            if price <= best * (1 - Decimal(bips) / 10_000):
                return n
            best = max(best, price)
        else:
            if price >= best * (1 + Decimal(bips) / 10_000):
                return n
            best = min(best, price)
    return None


@settings(max_examples=150, deadline=None)
@given(
    prices=st.lists(PRICES, max_size=25),
    first=PRICES,
    order_type=st.sampled_from(TYPES),
    side=st.sampled_from([BUY, SELL]),
    bips=st.integers(10, 2_000),
    at=PRICES | st.none(),
    restart_after=st.integers(0, 25),
)
def test_as_documented_over_any_path(
    prices: list[int],
    first: int,
    order_type: OrderType,
    side: Side,
    bips: int,
    at: int | None,
    restart_after: int,
) -> None:
    venue = with_accounts("a")
    trade_at(venue, first)
    try:
        record = place(venue, "a", trailing(order_type, side, bips, None if at is None else Decimal(at) / 100))
    except Refusal:
        assert at is not None
        return
    expected = triggered_after(prices, first, order_type, side, bips, at)
    for n, price in enumerate(prices, 1):
        trade_at(venue, price)
        assert (status(venue, record) is OrderStatus.EXPIRED) is (expected is not None and n >= expected)
        if n == restart_after:
            kept, venue = venue.snapshot_accounts(), exchange(specs=list(venue.symbols.values()))
            venue.restore_accounts(kept)
            trade_at(venue, price)


@pytest.mark.parametrize(("bips", "is_taken"), [(9, False), (10, True), (2_000, True), (2_001, False)])
def test_the_filter(bips: int, is_taken: bool) -> None:
    venue = with_accounts("a")
    trade_at(venue, 10_000)
    if is_taken:
        place(venue, "a", trailing(OrderType.STOP_LOSS, SELL, bips))
    else:
        with pytest.raises(Refusal, match="TRAILING_DELTA"):
            place(venue, "a", trailing(OrderType.STOP_LOSS, SELL, bips))


def test_a_trailing_stop_can_be_cancelled_and_gives_back_what_it_locked() -> None:
    venue = with_accounts("a")
    trade_at(venue, 10_000)
    record = place(venue, "a", trailing(OrderType.STOP_LOSS, BUY, 100))
    assert venue.balances("a")["USDT"] == (Decimal(999_899), Decimal(101))
    venue.cancel("a", SYMBOL, order_id=record.order_id, now_ns=venue.now_ns)
    assert venue.balances("a")["USDT"] == (Decimal(1_000_000), Decimal(0))
    trade_at(venue, 11_000)
    assert status(venue, record) is OrderStatus.CANCELLED
