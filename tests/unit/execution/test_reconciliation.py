"""Reconciliation: each invariant by its number, and random lives of which any part was missed."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, FillKey, FundingPayment, OrderReport, OrderStatus, Side, VenueOrderId
from core.execution.events import Filled, OutcomeLost, Reported, Sent
from core.execution.machine import advance
from core.execution.order import Order
from core.execution.reconciliation import (
    ApplyReport,
    AskAfter,
    BalanceSuspected,
    BalanceUnexplained,
    BookFill,
    BookFunding,
    Correction,
    MarkVanished,
    NoticeForeignFill,
    NoticeForeignOrder,
    OurSide,
    PositionSuspected,
    PositionUnexplained,
    RefuseFill,
    VenueSide,
    reconcile,
)
from unit.execution.lives import Life, lives
from unit.execution.making import BTC, SWAP, VENUE_ID, fill, order, report

ACCEPTED = order(state=OrderState.ACCEPTED, venue_order_id=VENUE_ID)
CID = ACCEPTED.client_order_id
NEW = report(ACCEPTED, OrderStatus.NEW)


def ours(*orders: Order, **changes: object) -> OurSide:
    known = {one.client_order_id: one for one in orders}
    return replace(OurSide(known, frozenset(known)), **changes)


def venue(*open_orders: OrderReport, **changes: object) -> VenueSide:
    return replace(VenueSide(open_orders, {}), **changes)


def seen_by(order: Order, fills: Iterable[Fill]) -> dict[InstrumentId, dict[FillKey, Fill]]:
    return {BTC: {one.key: one for one in fills if one.trade_id in order.trade_ids}}


def test_nothing_to_do_when_both_sides_agree() -> None:
    assert reconcile(ours(ACCEPTED), venue(NEW)) == []


def test_i1_missed_fills_are_booked_once() -> None:
    missed, seen = fill("0.4", trade_id="1"), fill("0.1", trade_id="2")
    side = ours(ACCEPTED, seen={BTC: {seen.key: seen}})
    picture = report(ACCEPTED, OrderStatus.PARTIALLY_FILLED, "0.4")
    assert reconcile(side, venue(picture, fills=[missed, seen])) == [ApplyReport(CID, picture), BookFill(CID, missed)]


def test_i1_a_trade_with_ourselves_is_two_fills() -> None:
    bought = fill("0.4", trade_id="1")
    sold = fill("0.4", trade_id="1", side=Side.SELL, venue_order_id=VenueOrderId("8"))
    side = ours(ACCEPTED, seen={BTC: {sold.key: sold}})
    picture = report(ACCEPTED, OrderStatus.PARTIALLY_FILLED, "0.4")
    assert reconcile(side, venue(picture, fills=[bought, sold])) == [ApplyReport(CID, picture), BookFill(CID, bought)]


def test_i1_fills_of_an_order_that_is_named_by_this_very_answer_are_ours() -> None:
    nameless = order(state=OrderState.UNKNOWN)
    assert reconcile(ours(nameless), venue(NEW, fills=[fill("1")])) == [ApplyReport(CID, NEW), BookFill(CID, fill("1"))]


def test_i1_what_can_not_be_is_refused_and_explains_nothing() -> None:
    picture = report(ACCEPTED, OrderStatus.PARTIALLY_FILLED, "0.4")
    side = ours(ACCEPTED, totals={"USDT": Decimal(1000)}, suspected={"USDT": Decimal(-40)})
    for nonsense, code in (
        (fill("0.4", price="0"), "ABSURD_FILL"),
        (fill("0.4", side=Side.SELL), "ABSURD_FILL"),
        (fill("7"), "OVERFILL"),
    ):
        told = venue(picture, fills=[nonsense], totals={"USDT": Decimal(960)})
        _, refused, asked, unexplained = reconcile(side, told)
        assert isinstance(refused, RefuseFill)
        assert refused.reason.startswith(f"{code} ")
        assert asked == AskAfter(CID, "FILLS_MISSING")
        assert unexplained == BalanceUnexplained("USDT", Decimal(1000), Decimal(960))
        true = fill("0.4")
        assert reconcile(side, replace(told, fills=[nonsense, true]))[2] == BookFill(CID, true)


def test_i1_more_than_was_asked_is_booked_where_the_orders_own_picture_says_so() -> None:
    edited = report(ACCEPTED, OrderStatus.FILLED, "3", quantity=Decimal(3))
    told = venue(fills=[fill("3")], by_id={CID: edited})
    assert reconcile(ours(ACCEPTED), told) == [ApplyReport(CID, edited), BookFill(CID, fill("3"))]


def test_i1_a_trade_that_is_booked_otherwise_is_said_and_left() -> None:
    booked = fill("0.4")
    side = ours(ACCEPTED, seen={BTC: {booked.key: booked}})
    (refused,) = reconcile(side, venue(NEW, fills=[fill("0.4", price="90")]))
    assert isinstance(refused, RefuseFill)
    assert refused.is_booked_otherwise
    assert reconcile(side, venue(NEW, fills=[fill("0.4", fee="0.01")])) == [], "fees come late on some channels"


def test_i6_a_strangers_trade_that_can_not_be_is_refused() -> None:
    (refused,) = reconcile(ours(), venue(fills=[fill("1", price="0")]))
    assert isinstance(refused, RefuseFill)


def test_i2_the_venues_newer_picture_is_applied() -> None:
    cancelled = report(ACCEPTED, OrderStatus.CANCELLED)
    assert reconcile(ours(ACCEPTED), venue(by_id={CID: cancelled})) == [ApplyReport(CID, cancelled)]


def test_i2_an_older_picture_is_not() -> None:
    ended = replace(ACCEPTED, state=OrderState.CANCELLED)
    assert reconcile(ours(ended), venue(NEW)) == []


def test_i2_an_order_we_thought_refused_or_absent_is_taken_back() -> None:
    for state in (OrderState.REJECTED, OrderState.ABSENT):
        assert reconcile(ours(order(state=state)), venue(NEW)) == [ApplyReport(CID, NEW)]


def test_i3_missing_from_the_lists_proves_nothing() -> None:
    assert reconcile(ours(ACCEPTED), venue()) == []
    assert reconcile(ours(order(state=OrderState.UNKNOWN)), venue(by_id={CID: None})) == [AskAfter(CID, "UNKNOWN")]


def test_i4_an_accepted_order_that_the_venue_no_longer_knows_is_in_doubt() -> None:
    (only,) = reconcile(ours(ACCEPTED), venue(by_id={CID: None}))
    assert isinstance(only, MarkVanished)


def test_i4_not_if_it_moved_while_we_read() -> None:
    assert reconcile(ours(ACCEPTED, unmoved=frozenset()), venue(by_id={CID: None})) == []


def test_i5_announced_fills_that_did_not_come_are_asked_for() -> None:
    filled = report(ACCEPTED, OrderStatus.FILLED, "1")
    assert reconcile(ours(ACCEPTED), venue(by_id={CID: filled})) == [
        ApplyReport(CID, filled),
        AskAfter(CID, "FILLS_MISSING"),
    ]
    both = venue(by_id={CID: filled}, fills=[fill("1")])
    assert reconcile(ours(ACCEPTED), both) == [ApplyReport(CID, filled), BookFill(CID, fill("1"))]


def test_i6_strangers_are_noticed_once() -> None:
    theirs = replace(NEW, client_order_id="web_1", venue_order_id=VenueOrderId("7"))
    trade = fill("1", trade_id="9", venue_order_id=VenueOrderId("8"))
    assert reconcile(ours(ACCEPTED), venue(NEW, theirs, fills=[trade])) == [
        NoticeForeignFill(trade),
        NoticeForeignOrder(theirs),
    ]
    known = ours(ACCEPTED, foreign_orders=frozenset({(BTC, VenueOrderId("7"))}), seen={BTC: {trade.key: trade}})
    assert reconcile(known, venue(NEW, theirs, fills=[trade])) == []


def test_i6_a_trade_is_not_called_foreign_while_an_order_of_ours_has_no_name_yet() -> None:
    trade = fill("1", venue_order_id=VenueOrderId("8"))
    for state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
        assert reconcile(ours(order(state=state)), venue(fills=[trade])) == []


def test_i7_a_difference_is_suspected_then_said() -> None:
    side = ours(totals={"USDT": Decimal(1_000), "BTC": Decimal(1)})
    off = venue(totals={"USDT": Decimal(1_010), "BTC": Decimal(1)})
    assert reconcile(side, off) == [BalanceSuspected("USDT", Decimal(10))]
    again = replace(side, suspected={"USDT": Decimal(10)})
    assert reconcile(again, off) == [BalanceUnexplained("USDT", Decimal(1_000), Decimal(1_010))]
    other = replace(side, suspected={"USDT": Decimal(11)})
    assert reconcile(other, off) == [BalanceSuspected("USDT", Decimal(10))]


def test_i7_nothing_is_said_of_a_balance_while_trades_that_could_explain_it_are_kept_from_us() -> None:
    side = ours(totals={"USDT": Decimal(1_000), "ETH": Decimal(1)}, suspected={"USDT": Decimal(10), "ETH": Decimal(1)})
    off = venue(totals={"USDT": Decimal(1_010), "ETH": Decimal(2)}, unread=frozenset({BTC}))
    said = [BalanceUnexplained("ETH", Decimal(1), Decimal(2)), BalanceSuspected("USDT", Decimal(10))]
    assert reconcile(side, off) == said


def test_i7_trades_found_in_the_same_round_explain() -> None:
    side = ours(ACCEPTED, totals={"USDT": Decimal(1_000)})
    found = fill("1", fee="0.001", fee_asset="BTC")
    picture = report(ACCEPTED, OrderStatus.FILLED, "1")
    off = venue(by_id={CID: picture}, fills=[found], totals={"USDT": Decimal(900), "BTC": Decimal("0.999")})
    assert reconcile(side, off) == [ApplyReport(CID, picture), BookFill(CID, found)]


def test_i7_balances_that_moved_while_we_read_say_nothing() -> None:
    assert reconcile(ours(totals={"USDT": Decimal(1)}), venue(totals=None)) == []
    assert reconcile(ours(totals=None), venue(totals={"USDT": Decimal(1)})) == []


def corrected(known: Order, corrections: list[Correction]) -> Order:
    for each in corrections:
        match each:
            case ApplyReport(cid, picture):
                known, _ = advance(known, Reported(cid, 9, picture))
            case BookFill(cid, trade):
                known, _ = advance(known, Filled(cid, 9, trade))
            case AskAfter():
                pass
            case _:
                raise AssertionError(each)
    return known


def test_i1_a_trade_is_owned_by_any_name_that_its_order_ever_had() -> None:
    triggered = replace(NEW, venue_order_id=VenueOrderId("88"), status=OrderStatus.FILLED, filled_quantity=Decimal(1))
    known, _ = advance(ACCEPTED, Reported(CID, 0, triggered))
    assert known.names == {VENUE_ID, VenueOrderId("88")} and known.venue_order_id == VENUE_ID
    trade = fill("1", venue_order_id=VenueOrderId("88"))
    assert reconcile(ours(known), venue(fills=[trade])) == [BookFill(CID, trade)]


def test_i8_funding_is_booked_once_and_explains_what_it_moved() -> None:
    paid = [FundingPayment(SWAP, each, "USDT", Decimal(amount), 1) for each, amount in (("1", "-2"), ("2", "0.5"))]
    side = ours(seen_funding=frozenset({(SWAP, "1")}), totals={"USDT": Decimal(98)})
    assert reconcile(side, venue(funding=paid, totals={"USDT": Decimal("98.5")})) == [BookFunding(paid[1])]


def test_i9_a_position_that_trades_do_not_explain_is_said_in_the_second_round() -> None:
    side = ours(nets={SWAP: Decimal(-2)})
    there = venue(positions={SWAP: Decimal(-3)})
    assert reconcile(side, there) == [PositionSuspected(SWAP, Decimal(-1))]
    again = replace(side, suspected_positions={SWAP: Decimal(-1)})
    assert reconcile(again, there) == [PositionUnexplained(SWAP, Decimal(-2), Decimal(-3))]
    sold = fill("1", side=Side.SELL, instrument_id=SWAP, trade_id="9")
    assert reconcile(again, replace(there, fills=[sold])) == [NoticeForeignFill(sold)]


def test_i9_nothing_is_said_of_a_position_whose_trades_are_kept_from_us() -> None:
    side = ours(nets={SWAP: Decimal(-2)}, suspected_positions={SWAP: Decimal(-1)})
    there = venue(positions={SWAP: Decimal(-3)}, unread=frozenset({SWAP}))
    assert reconcile(side, there) == [PositionSuspected(SWAP, Decimal(-1))]


def test_i9_a_position_that_is_gone_is_a_difference_too() -> None:
    assert reconcile(ours(nets={SWAP: Decimal(1)}), venue(positions={})) == [PositionSuspected(SWAP, Decimal(-1))]


@given(life=lives(), data=st.data())
def test_whatever_was_missed_one_round_makes_it_right_and_a_second_finds_nothing(
    life: Life, data: st.DataObject
) -> None:
    known, _ = advance(life.order, Sent(life.order.client_order_id, 2))
    heard = [one for one in life.messages if data.draw(st.booleans())]
    for message in data.draw(st.permutations(heard)):
        known, _ = advance(known, message)
    if not heard or data.draw(st.booleans()):
        known, _ = advance(known, OutcomeLost(known.client_order_id, 3, "RESTARTED"))
    cid = known.client_order_id
    picture = report(life.order, life.status, str(life.executed))
    truth = VenueSide(
        open_orders=[picture] if life.status.is_open else [],
        by_id={} if life.status.is_open else {cid: picture},
        fills=[replace(one, client_order_id=None) for one in life.fills],
    )
    fixed = corrected(known, reconcile(ours(known, seen=seen_by(known, truth.fills)), truth))
    assert (fixed.state, fixed.booked_quantity) == (life.final_state, life.executed)
    assert reconcile(ours(fixed, seen=seen_by(fixed, truth.fills)), truth) == []
