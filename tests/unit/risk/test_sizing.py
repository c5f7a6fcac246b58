from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import Purpose, Side
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal
from core.risk.sizing import Change, Stake, change_towards, wanted_fraction
from core.settings.risk import SizingSettings
from tests.unit.instruments import perpetual, spot

D = Decimal
VOLATILITY = SizingSettings(target_volatility_pct=20, max_fraction_pct=50)
FIXED = SizingSettings(method="fixed_fraction", fraction_pct=5, max_fraction_pct=50)
LONG, SHORT, FLAT = Signal(Direction.LONG), Signal(Direction.SHORT), Signal(Direction.FLAT)


def stake(held="0", in_flight="0", equity="10000", price="100", sellable=None, instrument=None):
    return Stake(
        instrument or spot(),
        D(price),
        D(equity),
        D(held),
        D(in_flight),
        None if sellable is None else D(sellable),
    )


@pytest.mark.parametrize(
    ("signal", "volatility", "settings", "expected"),
    [
        (LONG, 0.8, VOLATILITY, 0.25),
        (SHORT, 0.8, VOLATILITY, -0.25),
        (LONG, 0.1, VOLATILITY, 0.5),
        (LONG, 0.0, VOLATILITY, 0.5),
        (Signal(Direction.LONG, strength=0.5), 0.8, VOLATILITY, 0.125),
        (Signal(Direction.LONG, strength=0.5), 0.1, VOLATILITY, 0.25),
        (FLAT, None, VOLATILITY, 0.0),
        (LONG, None, FIXED, 0.05),
        (LONG, 0.01, SizingSettings(method="fixed_fraction", fraction_pct=80, max_fraction_pct=50), 0.5),
    ],
)
def test_fractions_by_hand(signal, volatility, settings, expected):
    assert wanted_fraction(signal, volatility, settings) == pytest.approx(expected)


def test_a_volatility_that_cannot_be_measured_is_not_guessed():
    assert wanted_fraction(LONG, None, VOLATILITY) == Reason("VOLATILITY_MISSING")


@given(
    st.sampled_from(list(Direction)),
    st.floats(0, 1),
    st.floats(0, 1e6, allow_nan=False),
    st.sampled_from([VOLATILITY, FIXED]),
)
def test_no_position_is_ever_wanted_beyond_the_limit(direction, strength, volatility, settings):
    fraction = wanted_fraction(Signal(direction, strength), volatility, settings)
    assert isinstance(fraction, float)
    assert abs(fraction) <= settings.max_fraction_pct / 100
    assert fraction * direction.value >= 0


@pytest.mark.parametrize(
    ("fraction", "where", "expected"),
    [
        (0.2, stake(), Change(Side.BUY, D(20), Purpose.ENTRY)),
        (0.2, stake(held="10"), Change(Side.BUY, D(10), Purpose.ENTRY)),
        (0.2, stake(in_flight="10"), Change(Side.BUY, D(10), Purpose.ENTRY)),
        (0.0, stake(held="20"), Change(Side.SELL, D(20), Purpose.EXIT)),
        (0.1, stake(held="20"), Change(Side.SELL, D(10), Purpose.EXIT)),
        (0.0, stake(held="20", sellable="19.5"), Change(Side.SELL, D("19.5"), Purpose.EXIT)),
        (0.0, stake(held="19.999995"), Change(Side.SELL, D("19.99999"), Purpose.EXIT)),
        # the half that is still being bought cannot be sold yet
        (0.0, stake(held="10", in_flight="10"), Change(Side.SELL, D(10), Purpose.EXIT)),
        # half is on its way out already
        (0.0, stake(held="20", in_flight="-10"), Change(Side.SELL, D(10), Purpose.EXIT)),
        # the rest would be too little to sell later
        (0.0004, stake(held="20"), Change(Side.SELL, D(20), Purpose.EXIT)),
        (0.0, stake(held="-20", instrument=perpetual()), Change(Side.BUY, D(20), Purpose.EXIT)),
        # to the other side of the market only from flat
        (-0.2, stake(held="20", instrument=perpetual()), Change(Side.SELL, D(20), Purpose.EXIT)),
        (0.2, stake(held="-20", instrument=perpetual()), Change(Side.BUY, D(20), Purpose.EXIT)),
        # what is too little to be an entry can be closed all the same
        (0.0, stake(held="-0.04", instrument=perpetual()), Change(Side.BUY, D("0.04"), Purpose.EXIT)),
        (-0.2, stake(instrument=perpetual(multiplier=D("0.1"))), Change(Side.SELL, D(200), Purpose.ENTRY)),
    ],
)
def test_changes_by_hand(fraction, where, expected):
    assert change_towards(fraction, where, VOLATILITY) == expected


@pytest.mark.parametrize(
    ("fraction", "where", "code"),
    [
        (0.2, stake(held="20"), "POSITION_HELD"),
        (0.2, stake(held="16"), "POSITION_HELD"),
        (0.2, stake(held="24.9"), "POSITION_HELD"),
        (0.2, stake(held="5", in_flight="15"), "POSITION_HELD"),
        (0.0, stake(held="20", in_flight="-20"), "POSITION_HELD"),
        (0.0, stake(held="0.04"), "POSITION_DUST"),
        (0.0, stake(held="20", sellable="0"), "POSITION_DUST"),
        (0.0, stake(held="-0.0001"), "POSITION_DUST"),
        (0.0, stake(in_flight="10"), "POSITION_DUST"),
        (0.0, stake(held="1", in_flight="-5"), "POSITION_DUST"),
        (0.0004, stake(), "SIZE_BELOW_MINIMUM"),
        (0.2, stake(equity="20"), "SIZE_BELOW_MINIMUM"),
    ],
)
def test_reasons_for_no_change(fraction, where, code):
    reason = change_towards(fraction, where, VOLATILITY)
    assert isinstance(reason, Reason)
    assert reason.code == code


@given(
    fraction=st.floats(0, 0.5),
    held=st.decimals(0, 500, places=8),
    in_flight=st.decimals(-500, 500, places=5),
    sellable=st.none() | st.decimals(0, 500, places=8),
    price=st.decimals("0.01", 100_000, places=2),
)
def test_long_only_changes_are_on_the_grid_never_oversell_and_lead_towards_the_target(
    fraction, held, in_flight, sellable, price
):
    where = Stake(spot(), price, D(10_000), held, in_flight, sellable)
    change = change_towards(fraction, where, VOLATILITY)
    if isinstance(change, Reason):
        return
    assert change.quantity > 0
    assert change.quantity % where.instrument.lot_size == 0
    assert change.quantity * price >= where.instrument.min_notional
    if change.side is Side.SELL:
        assert change.purpose is Purpose.EXIT
        assert change.quantity <= held
        assert sellable is None or change.quantity <= sellable
    target = D(repr(fraction)) * 10_000 / price
    before, after = abs(where.expected - target), abs(where.expected + change.side.sign * change.quantity - target)
    assert after <= max(before, where.instrument.min_notional / price + where.instrument.lot_size)


@given(st.floats(0.001, 0.5), st.decimals("0.01", 10_000, places=2))
def test_what_was_traded_is_held_and_not_traded_again(fraction, price):
    """No churn: a decision repeated on the position that it led to changes nothing."""
    empty = stake(price=str(price))
    change = change_towards(fraction, empty, VOLATILITY)
    if isinstance(change, Change):
        again = change_towards(fraction, stake(held=str(change.quantity), price=str(price)), VOLATILITY)
        assert isinstance(again, Reason)
        assert again.code == "POSITION_HELD"
