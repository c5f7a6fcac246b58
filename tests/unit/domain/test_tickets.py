"""Tickets: what contradicts itself is said, by field, before anybody looks at a market."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import OrderType, Side, TimeInForce
from core.domain.tickets import CONDITIONAL, PRICED, BadTicket, PlaceOrder

D = Decimal
T, F = OrderType, TimeInForce


def ticket(order_type: OrderType = OrderType.MARKET, **terms: Any) -> PlaceOrder:
    given_ = {"ticket_id": "t-1", "symbol": "BTC/USDT", "side": Side.BUY, "quantity": D(1), "reason": "why", "by": "me"}
    return PlaceOrder(order_type=order_type, **{**given_, **terms})


LIMIT = {"order_type": T.LIMIT, "price": D(100)}


@pytest.mark.parametrize(
    "good",
    [
        {},
        LIMIT,
        {**LIMIT, "time_in_force": F.IOC},
        {**LIMIT, "time_in_force": F.GTD, "good_for_s": 60.0},
        {**LIMIT, "until_ms": 1_900_000_000_000},
        {**LIMIT, "post_only": True, "until_ms": 1_900_000_000_000},
        {**LIMIT, "order_type": T.LIMIT_MAKER},
        {**LIMIT, "visible_quantity": D("0.1")},
        {**LIMIT, "reduce_only": True},
        {"twap_s": 600.0, "slices": 20},
        {**LIMIT, "twap_s": 1.0},
        {**LIMIT, "protect_stop": D(90), "protect_target": D(120)},
        {"order_type": T.STOP_LOSS, "stop_price": D(90), "good_for_s": 5.0},
        {"order_type": T.STOP_LOSS, "trailing_bps": 100},
        {"order_type": T.STOP_LOSS, "trailing_bps": 100, "stop_price": D(90)},
        {"order_type": T.TAKE_PROFIT_LIMIT, "stop_price": D(90), "price": D(91)},
    ],
)
def test_what_makes_sense_passes(good: dict[str, Any]) -> None:
    ticket(**good).check()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("slices", {"slices": 3}),
        ("slices", {"twap_s": 10.0, "slices": 11}),
        ("slices", {"twap_s": 10.0, "slices": 0}),
        ("slices", {"twap_s": 1e6, "slices": 501}),
        ("twap_s", {"twap_s": 0.5}),
        ("twap_s", {"twap_s": float("nan")}),
        ("twap_s", {"twap_s": float("inf")}),
        ("twap_s", {**LIMIT, "twap_s": 60.0, "post_only": True}),
        ("twap_s", {**LIMIT, "twap_s": 60.0, "good_for_s": 60.0}),
        ("twap_s", {**LIMIT, "twap_s": 60.0, "time_in_force": F.IOC}),
        ("twap_s", {"order_type": T.STOP_LOSS, "stop_price": D(90), "twap_s": 60.0}),
        ("visible_quantity", {**LIMIT, "twap_s": 60.0, "visible_quantity": D("0.1")}),
        ("ticket_id", {"ticket_id": ""}),
        ("ticket_id", {"ticket_id": "x" * 65}),
        ("ticket_id", {"ticket_id": "a b"}),
        ("quantity", {"quantity": D(0)}),
        ("quantity", {"quantity": D(-1)}),
        ("quantity", {"quantity": D("NaN")}),
        ("quantity", {"quantity": D("Infinity")}),
        ("quantity", {"quantity": D("1e30")}),
        ("quantity", {"quantity": D("1e-30")}),
        ("price", {"price": D(100)}),
        ("price", {"order_type": T.LIMIT}),
        ("price", {**LIMIT, "price": D("sNaN")}),
        ("price", {"order_type": T.STOP_LOSS, "stop_price": D(90), "price": D(90)}),
        ("stop_price", {**LIMIT, "stop_price": D(90)}),
        ("stop_price", {"order_type": T.TAKE_PROFIT}),
        ("trailing_bps", {**LIMIT, "trailing_bps": 50}),
        ("trailing_bps", {"order_type": T.STOP_LOSS, "trailing_bps": 0}),
        ("post_only", {"post_only": True}),
        ("time_in_force", {"time_in_force": F.IOC}),
        ("time_in_force", {**LIMIT, "time_in_force": F.GTX}),
        ("time_in_force", {**LIMIT, "time_in_force": F.GTD}),
        ("time_in_force", {**LIMIT, "time_in_force": F.IOC, "good_for_s": 5.0}),
        ("time_in_force", {**LIMIT, "time_in_force": F.FOK, "post_only": True}),
        ("until_ms", {"good_for_s": 5.0}),
        ("until_ms", {**LIMIT, "good_for_s": 5.0, "until_ms": 1_900_000_000_000}),
        ("until_ms", {**LIMIT, "until_ms": -1}),
        ("good_for_s", {**LIMIT, "good_for_s": float("nan")}),
        ("good_for_s", {**LIMIT, "good_for_s": 0.0}),
        ("visible_quantity", {"visible_quantity": D("0.1")}),
        ("visible_quantity", {**LIMIT, "visible_quantity": D(1)}),
        ("visible_quantity", {**LIMIT, "visible_quantity": D("0.1"), "time_in_force": F.IOC}),
        ("reduce_only", {**LIMIT, "reduce_only": True, "protect_stop": D(90)}),
    ],
)
def test_what_contradicts_itself_is_refused_by_the_name_of_its_field(field: str, bad: dict[str, Any]) -> None:
    with pytest.raises(BadTicket, match=f"^{field}"):
        ticket(**bad).check()


MAYBE = st.none() | st.decimals(allow_nan=True, allow_infinity=True)


@given(
    order_type=st.sampled_from(T),
    price=MAYBE,
    stop_price=MAYBE,
    time_in_force=st.none() | st.sampled_from(F),
    good_for_s=st.none() | st.floats(),
    until_ms=st.none() | st.integers(),
    post_only=st.booleans(),
    visible_quantity=MAYBE,
    trailing_bps=st.none() | st.integers(),
)
def test_whatever_passes_has_the_prices_that_its_type_needs(order_type: OrderType, **terms: Any) -> None:
    wanted = ticket(order_type, **terms)
    try:
        wanted.check()
    except BadTicket:
        return
    assert (wanted.price is not None) is (order_type in PRICED)
    assert (wanted.stop_price is not None or wanted.trailing_bps is not None) is (order_type in CONDITIONAL)
    assert all(each is None or (each.is_finite() and each > 0) for each in (wanted.price, wanted.stop_price))
