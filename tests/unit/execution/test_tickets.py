"""From an order by hand to a proposal: nothing is rounded, nothing is sent that its venue has no order for."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.freshness import Quote, Stamp
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderType, Proposal, Protection, Purpose, Side, TimeInForce
from core.domain.reasons import Reason
from core.domain.slicing import SliceStyle, Slicing
from core.domain.tickets import BadTicket
from core.execution.tickets import TicketCase, cycle_of, intent_of, proposal_of
from core.ports.venue import VenueCapabilities
from unit.domain.test_tickets import ticket
from unit.execution.making import BTC, SWAP, instrument

D, T, F = Decimal, OrderType, TimeInForce
NOW_NS = 1_800_000_000_000_000_000
QUOTE = Quote(D("99.99"), D("100.01"), Stamp(None, 0))
LIMIT = {"order_type": T.LIMIT, "price": D(95)}
GTC_ONLY = frozenset({F.GTC})


def venue(**can: Any) -> VenueCapabilities:
    every = VenueCapabilities("fake", frozenset(T), True, 1, 1, 1, False, icebergs=True, trailing_stops=True)
    return replace(every, **can)


def judged(
    where: InstrumentId = BTC,
    *,
    held: str = "0",
    unguarded: str | None = None,
    can: VenueCapabilities | None = None,
    quote: Quote | None = QUOTE,
    **terms: Any,
) -> Proposal | Reason:
    wanted = ticket(**{"symbol": where, **terms})
    wanted.check()
    free = abs(D(held)) if unguarded is None else D(unguarded)
    case = TicketCase(wanted, instrument(where), can or venue(), NOW_NS, quote, None, held=D(held), unguarded=free)
    return proposal_of(case)


def accepted(*where: InstrumentId, **terms: Any) -> Proposal:
    found = judged(*where, **terms)
    assert isinstance(found, Proposal), found
    return found


def test_a_ticket_is_one_leg_of_the_strategy_manual_and_says_who_wanted_it() -> None:
    found = accepted(**LIMIT, protect_stop=D(90))
    assert (found.strategies, found.purpose, found.reference_price) == (("manual",), Purpose.ENTRY, D(100))
    assert found.intent_id == intent_of("t-1") != intent_of("t-2")
    assert found.protection == Protection(D(90)) and found.reason == "by hand: why (me)"
    (leg,) = found.legs
    assert (leg.order_type, leg.price, leg.time_in_force, leg.expires_ns) == (T.LIMIT, D(95), F.GTC, None)


@pytest.mark.parametrize(
    ("where", "held", "side", "purpose", "reduce_only"),
    [
        (BTC, "0", Side.BUY, Purpose.ENTRY, False),
        (BTC, "5", Side.BUY, Purpose.ENTRY, False),
        (BTC, "5", Side.SELL, Purpose.EXIT, False),
        (SWAP, "5", Side.SELL, Purpose.EXIT, True),
        (SWAP, "-5", Side.BUY, Purpose.EXIT, True),
        (SWAP, "-5", Side.SELL, Purpose.ENTRY, False),
    ],
)
def test_what_a_ticket_is_for_follows_from_the_position(
    where: InstrumentId, held: str, side: Side, purpose: Purpose, reduce_only: bool
) -> None:
    found = accepted(where, held=held, side=side)
    assert (found.purpose, found.legs[0].reduce_only) == (purpose, reduce_only)


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("PRICE_OFF_GRID", {**LIMIT, "price": D("95.001")}),
        ("PRICE_OFF_GRID", {"order_type": T.STOP_LOSS, "side": Side.SELL, "stop_price": D("95.001"), "held": "1"}),
        ("QUANTITY_OFF_GRID", {"quantity": D("1.0001")}),
        ("QUANTITY_OFF_GRID", {**LIMIT, "visible_quantity": D("0.0001")}),
        ("STOP_WOULD_TRIGGER", {"order_type": T.STOP_LOSS, "side": Side.SELL, "stop_price": D(101), "held": "1"}),
        ("STOP_WOULD_TRIGGER", {"order_type": T.STOP_LOSS, "stop_price": D(99)}),
        ("STOP_WOULD_TRIGGER", {"order_type": T.STOP_LOSS, "stop_price": D(100)}),
        ("STOP_WOULD_TRIGGER", {"order_type": T.TAKE_PROFIT, "side": Side.SELL, "stop_price": D(99), "held": "1"}),
        ("STOP_WOULD_TRIGGER", {"order_type": T.TAKE_PROFIT, "stop_price": D(101)}),
        ("DATE_PASSED", {**LIMIT, "until_ms": NOW_NS // 1_000_000}),
        ("STOP_INVALID", {**LIMIT, "protect_stop": D(96)}),
        ("STOP_INVALID", {**LIMIT, "protect_target": D(94)}),
        ("STOP_INVALID", {"side": Side.SELL, "held": "1", "protect_stop": D(90)}),
        ("STOP_GUARDS", {**LIMIT, "price": D(105), "side": Side.SELL, "held": "1", "unguarded": "0.5"}),
        ("QUOTE_MISSING", {"quote": None}),
        ("ORDER_TYPE_UNSUPPORTED", {**LIMIT, "post_only": True, "can": venue(order_types=frozenset({T.LIMIT}))}),
        (
            "TIME_IN_FORCE_UNSUPPORTED",
            {**LIMIT, "time_in_force": F.FOK, "can": venue(times_in_force=frozenset({F.GTC}))},
        ),
        (
            "ICEBERG_UNSUPPORTED",
            {**LIMIT, "visible_quantity": D("0.5"), "post_only": True, "can": venue(icebergs=False)},
        ),
        ("TRAILING_UNSUPPORTED", {"order_type": T.STOP_LOSS, "trailing_bps": 50, "can": venue(trailing_stops=False)}),
    ],
)
def test_what_does_not_fit_is_refused_with_its_code(code: str, terms: dict[str, Any]) -> None:
    found = judged(**terms)
    assert isinstance(found, Reason) and found.code == code, found


def test_a_perpetual_is_not_turned_over_by_one_order() -> None:
    found = judged(SWAP, held="1", side=Side.SELL, quantity=D(2))
    assert isinstance(found, Reason) and found.code == "POSITION_TURNS"


def test_what_is_guarded_may_be_sold_at_once_but_not_by_an_order_that_rests() -> None:
    assert accepted(side=Side.SELL, held="1", unguarded="0").purpose is Purpose.EXIT
    now = {**LIMIT, "side": Side.SELL, "held": "1", "unguarded": "0", "time_in_force": F.IOC}
    assert accepted(**now).purpose is Purpose.EXIT


@pytest.mark.parametrize("native", [True, False])
def test_a_date_is_the_venues_matter_where_it_keeps_dates_and_else_ours(native: bool) -> None:
    can = venue(times_in_force=frozenset(F) if native else frozenset({F.GTC}), least_gtd_s=600.0)
    (leg,) = accepted(**LIMIT, good_for_s=7_200.0, can=can).legs
    assert leg.expires_ns == NOW_NS + 7_200_000_000_000
    assert leg.time_in_force is (F.GTD if native else F.GTC)
    (soon,) = accepted(**LIMIT, good_for_s=300.0, can=can).legs
    assert soon.time_in_force is F.GTC, "the venue would not take it"


def test_the_same_ticket_is_known_again_and_another_is_not() -> None:
    first = accepted(**LIMIT, post_only=True, good_for_s=60.0).cycle
    assert first == cycle_of(ticket(**LIMIT, post_only=True, good_for_s=90.0))
    assert first == cycle_of(ticket(order_type=T.LIMIT, price=D("95.00"), post_only=True))
    for others in ({}, {"post_only": True, "quantity": D(2)}, {"post_only": True, "protect_stop": D(90)}):
        assert cycle_of(ticket(**LIMIT, **others)) != first
    assert cycle_of(ticket(twap_s=60.0)) != cycle_of(ticket())


def test_a_twap_is_a_plan_of_as_many_slices_as_there_are_seconds_for() -> None:
    assert accepted(twap_s=600.0).slicing == Slicing(SliceStyle.TWAP, 20, 600_000_000_000)
    short = accepted(**LIMIT, twap_s=5.5)
    assert short.slicing is not None and short.slicing.slices == 5
    assert (short.legs[0].price, short.legs[0].time_in_force) == (D(95), F.IOC), "no slice rests"
    assert accepted(twap_s=60.0, slices=3).slicing == Slicing(SliceStyle.TWAP, 3, 60_000_000_000)
    leaving = accepted(SWAP, side=Side.SELL, held="2", unguarded="0", **LIMIT, twap_s=60.0)
    assert (leaving.purpose, leaving.legs[0].reduce_only) == (Purpose.EXIT, True), "its stops go slice by slice"


def test_an_iceberg_is_one_order_where_the_venue_hides_and_a_plan_where_it_does_not() -> None:
    hidden = {**LIMIT, "visible_quantity": D("0.3")}
    native = accepted(**hidden)
    assert (native.slicing, native.legs[0].visible_quantity) == (None, D("0.3"))
    plan = accepted(**hidden, can=venue(icebergs=False), good_for_s=60.0)
    assert plan.slicing == Slicing(SliceStyle.ICEBERG, 4, 60_000_000_000, visible=D("0.3"))
    assert (plan.legs[0].visible_quantity, plan.legs[0].expires_ns) == (None, None)
    forever = accepted(**hidden, can=venue(icebergs=False)).slicing
    assert forever is not None and forever.duration_ns is None
    for terms, code in (
        ({"visible_quantity": D("0.31415926535")}, "QUANTITY_OFF_GRID"),
        ({"visible_quantity": D("0.001")}, "NOTIONAL_BELOW_MINIMUM"),
        ({"time_in_force": F.GTD, "until_ms": 1}, "DATE_PASSED"),
    ):
        found = judged(can=venue(icebergs=False), **{**hidden, **terms})
        assert isinstance(found, Reason) and found.code == code, found


AMOUNTS = st.decimals(D("0.0001"), D(1_000), places=4)


@given(
    order_type=st.sampled_from(T),
    side=st.sampled_from(Side),
    quantity=AMOUNTS,
    price=st.none() | AMOUNTS,
    stop_price=st.none() | AMOUNTS,
    visible_quantity=st.none() | AMOUNTS,
    held=st.decimals(-5, 5, places=3),
    where=st.sampled_from([BTC, SWAP]),
)
def test_a_leg_has_what_its_ticket_says_on_the_grid_or_there_is_none(
    where: InstrumentId, held: Decimal, **terms: Any
) -> None:
    wanted = ticket(**{"symbol": where, **terms})
    try:
        wanted.check()
    except BadTicket:
        return
    case = TicketCase(wanted, instrument(where), venue(), NOW_NS, QUOTE, None, held=held, unguarded=abs(held))
    found = proposal_of(case)
    if isinstance(found, Reason):
        assert found.code.isupper()
        return
    (leg,) = found.legs
    assert (leg.side, leg.quantity, leg.price) == (wanted.side, wanted.quantity, wanted.price)
    assert found.cycle == cycle_of(wanted) and leg.instrument_id == where
    step = instrument(where)
    assert all(each is None or each % step.tick_size == 0 for each in (leg.price, leg.stop_price))
    assert leg.quantity % step.lot_size == 0
    if found.purpose is Purpose.EXIT and where == SWAP:
        assert leg.reduce_only and leg.quantity <= abs(held) and held * leg.side.sign < 0
    if found.purpose is Purpose.ENTRY:
        assert held * leg.side.sign >= 0 and not leg.reduce_only
