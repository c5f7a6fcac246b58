"""Markets as ccxt shapes them, in its three ways to count steps."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentKind, InstrumentStatus
from core.venues.generic.instruments import PrecisionMode, instruments_of, step

TICK, PLACES, DIGITS = PrecisionMode.TICK_SIZE, PrecisionMode.DECIMAL_PLACES, PrecisionMode.SIGNIFICANT_DIGITS


def market(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": "XXBTZUSD",
        "symbol": "BTC/USD",
        "base": "BTC",
        "quote": "USD",
        "spot": True,
        "active": True,
        "precision": {"amount": "1e-8", "price": "0.1"},
        "limits": {"amount": {"min": "0.0001", "max": None}, "cost": {"min": "0.5", "max": None}},
    }
    return {**plain, **changes}


def test_a_spot_market() -> None:
    (found,) = instruments_of([market()], TICK).values()
    assert (found.id, found.venue_symbol, found.kind) == ("BTC/USD", "XXBTZUSD", InstrumentKind.SPOT)
    assert (found.tick_size, found.lot_size) == (Decimal("0.1"), Decimal("0.00000001"))
    assert (found.min_quantity, found.min_notional) == (Decimal("0.0001"), Decimal("0.5"))
    assert (found.max_quantity, found.max_notional, found.market_max_quantity) == (None, None, None)
    assert (found.settle, found.multiplier, found.status) == ("USD", 1, InstrumentStatus.TRADING)


def test_a_linear_perpetual_counts_contracts() -> None:
    given_market = market(symbol="BTC/USDT:USDT", quote="USDT", settle="USDT", spot=False, contractSize="0.01")
    (found,) = instruments_of([given_market], TICK).values()
    assert (found.kind, found.settle, found.multiplier) == (InstrumentKind.PERPETUAL, "USDT", Decimal("0.01"))


def test_a_market_that_is_not_active_is_halted() -> None:
    (found,) = instruments_of([market(active=False)], TICK).values()
    assert found.status is InstrumentStatus.HALTED


@pytest.mark.parametrize(
    ("value", "mode", "price", "expected"),
    [
        ("0.00001", TICK, None, "0.00001"),
        (1e-05, TICK, None, "0.00001"),
        ("10", TICK, None, "10"),
        (2, PLACES, None, "0.01"),
        ("0", PLACES, None, "1"),
        (-1, PLACES, None, "10"),
        (5, DIGITS, Decimal("60123.4"), "1"),
        (5, DIGITS, Decimal("0.00123"), "0.0000001"),
        (5, DIGITS, Decimal(9), "0.0001"),
    ],
)
def test_steps(value: object, mode: PrecisionMode, price: Decimal | None, expected: str) -> None:
    assert step(value, mode, price) == Decimal(expected)


@pytest.mark.parametrize("value", [None, "0", "-1", "nan", "inf", "1e-30", "x"])
def test_a_market_without_steps_is_left_out(value: object) -> None:
    odd = market(symbol="ODD/USD", precision={"amount": "1", "price": value})
    assert set(instruments_of([odd, market()], TICK)) == {"BTC/USD"}


def test_significant_digits_need_a_price() -> None:
    digits = market(precision={"amount": 8, "price": 5})
    assert instruments_of([digits], DIGITS) == {}
    (found,) = instruments_of([digits], DIGITS, {"BTC/USD": Decimal("60000")}).values()
    assert (found.tick_size, found.lot_size) == (Decimal(1), Decimal("0.00000001"))


@given(st.dictionaries(st.sampled_from(list(market())), st.one_of(st.none(), st.text(), st.integers(), st.floats())))
def test_whatever_a_market_says_it_is_read_or_left_out(changes: dict[str, Any]) -> None:
    for found in instruments_of([market(**changes)], TICK).values():
        assert found.tick_size > 0 and found.lot_size > 0 and found.min_quantity >= found.lot_size
