from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (10, "10s"),
        (119, "119s"),
        (120, "2m"),
        (7_199, "120m"),
        (7_200, "2h"),
        (172_800, "2d"),
    ],
)
def test_ages(seconds: float | None, words: str):
    assert wording.age(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00:00"), (3_725.9, "1:02:05"), (180_000, "2d 2:00:00")])
def test_durations(seconds: float, words: str):
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (67_123.45, "67,123.45"),
        (0.00001234, "0.00001234"),
        (100, "100"),
        (1_234_567_890, "1,234,567,890"),
        (0, "0"),
    ],
)
def test_prices(value: float | None, words: str):
    assert wording.price(value) == words


@given(st.floats(min_value=1e-3, max_value=1e9))
def test_a_price_as_worded_is_the_price_to_six_digits(value: float):
    assert float(wording.price(value).replace(",", "")) == pytest.approx(value, rel=1e-6)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8))
def test_a_quantity_as_worded_is_the_quantity(value: Decimal):
    assert Decimal(wording.quantity(str(value))) == value


def test_money_is_signed_where_asked_and_never_fails():
    assert wording.money("1234.567") == "1,234.57"
    assert wording.money("1234.567", signed=True) == "+1,234.57"
    assert wording.money("-0.5", signed=True) == "-0.50"
    for nothing in (None, "", "NaN", "Infinity", "x"):
        assert wording.money(nothing) == "–"
        assert wording.sign(nothing) == 0


def test_times_are_utc():
    assert wording.date_and_clock(1_794_000_000_000) == "2026-11-06 21:20:00"
    assert wording.clock(1_794_000_000_000) == "21:20:00"
