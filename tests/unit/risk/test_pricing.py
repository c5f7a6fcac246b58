from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.domain.instruments import TrailingGrid
from core.domain.orders import Leg, OrderType, Protection, Purpose, Side, TimeInForce
from core.domain.reasons import Reason
from core.risk.pricing import entry_leg, exit_leg, limit_price, protection, trailing_bps
from core.risk.sizing import Change
from core.settings.risk import SizingSettings
from tests.unit.instruments import perpetual, quote, spot

D = Decimal
SETTINGS = SizingSettings(max_slippage_bps=20)
BUY = Change(Side.BUY, D(2), Purpose.ENTRY)


def test_an_entry_is_a_limit_through_the_touch_that_does_not_rest():
    leg = entry_leg(BUY, spot(), quote("99.99", "100.01"), SETTINGS)
    assert leg == Leg(spot().id, Side.BUY, D(2), OrderType.LIMIT, D("100.21"), time_in_force=TimeInForce.IOC)
    sell = entry_leg(Change(Side.SELL, D(2), Purpose.ENTRY), spot(), quote("99.99", "100.01"), SETTINGS)
    assert isinstance(sell, Leg)
    assert sell.price == D("99.80")


def test_an_entry_may_be_a_market_order():
    leg = entry_leg(BUY, spot(market_max_quantity=D(1)), quote(99, 100), SizingSettings(entry_order="market"))
    assert leg == Leg(spot().id, Side.BUY, D(1), OrderType.MARKET)


@pytest.mark.parametrize(
    ("changes", "cash", "expected"),
    [
        ({"max_quantity": D("1.5")}, None, D("1.5")),
        ({"max_notional": D(150)}, None, D("1.49700")),
        ({}, D(50), D("0.49900")),
        ({}, D(1_000), D(2)),
    ],
)
def test_an_entry_fits_the_venue_and_the_purse(changes, cash, expected):
    leg = entry_leg(BUY, spot(**changes), quote("99.99", 100), SETTINGS, free_cash=cash)
    assert isinstance(leg, Leg)
    assert leg.quantity == expected


@pytest.mark.parametrize("cash", [D("4.99"), D(0), D(-10)])
def test_too_little_cash_is_too_small_an_order(cash):
    reason = entry_leg(BUY, spot(), quote(99, 100), SETTINGS, free_cash=cash)
    assert isinstance(reason, Reason)
    assert reason.code == "SIZE_BELOW_MINIMUM"
    assert D(reason.details["free_cash"]) == cash


def test_an_entry_must_leave_enough_for_its_own_stop():
    small = Change(Side.BUY, D("0.0515"), Purpose.ENTRY)
    assert isinstance(entry_leg(small, spot(), quote("99.99", "100.01"), SETTINGS), Leg)
    reason = entry_leg(small, spot(), quote("99.99", "100.01"), SETTINGS, stop_price=D(97))
    assert isinstance(reason, Reason)
    assert reason.code == "SIZE_BELOW_MINIMUM"


def test_an_exit_is_a_market_order_within_what_the_venue_takes_at_once():
    change = Change(Side.SELL, D(2), Purpose.EXIT)
    assert exit_leg(change, spot()) == Leg(spot().id, Side.SELL, D(2), OrderType.MARKET)
    assert exit_leg(change, spot(market_max_quantity=D("0.5"))).quantity == D("0.5")
    assert exit_leg(change, perpetual()).reduce_only


@given(
    st.decimals("0.01", 100_000, places=2),
    st.integers(1, 200),
    st.floats(0, 500),
    st.sampled_from(list(Side)),
)
def test_limits_cross_the_touch_and_stay_within_the_slippage(bid, spread_ticks, bps, side):
    book = quote(str(bid), str(bid + spread_ticks * D("0.01")))
    price = limit_price(side, spot(), book, bps)
    assert price % D("0.01") == 0
    touch = book.ask if side is Side.BUY else book.bid
    assert 0 <= side.sign * (price - touch) <= touch * D(repr(bps)) / 10_000


def test_protection_by_hand():
    assert protection(Side.BUY, spot(), D("100.01"), 2.503, 5.006) == Protection(D("97.51"), D("105.01"))
    assert protection(Side.SELL, spot(), D("100.01"), 2.503, 5.006) == Protection(D("102.51"), D("95.01"))
    assert protection(Side.BUY, spot(), D(100), 1.0, None) == Protection(D(99))
    assert protection(Side.BUY, spot(), D(100), None, None, trailing_distance=2.0) == Protection(D(98), None, D("2.0"))
    assert protection(Side.BUY, spot(), D(100), 1.0, 6.0, trailing_distance=2.0) == Protection(D(99), D(106), D("2.0"))
    assert protection(Side.SELL, spot(), D(100), 3.0, None, trailing_distance=2.0) == Protection(D(102), None, D("2.0"))
    assert protection(Side.BUY, spot(), D(100), None, None) is None


@pytest.mark.parametrize(("stop", "target"), [(100.0, None), (150.0, None), (0.001, None), (None, 0.001)])
def test_protection_without_a_sane_price_is_refused(stop, target):
    reason = protection(Side.BUY, spot(), D(100), stop, target)
    assert isinstance(reason, Reason)
    assert reason.code == "STOP_INVALID"


@given(
    st.sampled_from(list(Side)),
    st.decimals(1, 100_000, places=2),
    st.floats(0.02, 1e5),
    st.floats(0.02, 1e5),
)
def test_protection_never_risks_more_than_was_asked_for(side, entry, stop, target):
    guard = protection(side, spot(), entry, stop, target)
    assume(isinstance(guard, Protection))
    for price, distance, direction in ((guard.stop_price, stop, -side.sign), (guard.target_price, target, side.sign)):
        assert price > 0
        assert price % D("0.01") == 0
        assert 0 < (price - entry) * direction <= D(repr(distance))


@pytest.mark.parametrize(
    ("distance", "bps"),
    [("2", 200), ("2.009", 200), ("0.099", None), ("20", 2_000), ("20.01", None)],
    ids=["exact", "rounded tighter", "below the least", "at the most", "above the most"],
)
def test_a_trailing_distance_is_the_venues_own_where_that_comes_to_the_same(distance: str, bps: int | None) -> None:
    fine = replace(spot(), trailing=TrailingGrid(10, 2_000, 1))
    assert trailing_bps(D(distance), D(100), fine) == bps
    coarse = replace(spot(), trailing=TrailingGrid(10, 1_000, 10))
    assert trailing_bps(D("0.19"), D(100), coarse) is None  # 10 would be half as far
    assert trailing_bps(D("2.09"), D(100), coarse) == 200
    assert trailing_bps(D(2), D(100), spot()) is None
