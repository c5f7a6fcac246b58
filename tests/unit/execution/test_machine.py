"""The order machine: every odd row by name, and random lives told in any order, any number of times."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.orders import OrderStatus, Side
from core.execution.events import (
    AbsenceProven,
    CancelAsked,
    CancelRefused,
    Filled,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Sent,
    Vanished,
    Withdrawn,
)
from core.execution.machine import TABLE, Happening, IllegalMove, advance
from core.execution.order import Order
from unit.execution.lives import Life, lives
from unit.execution.making import fill, order, report

CID = order().client_order_id
STATES = list(OrderState)
VENUE_HAPPENINGS = {
    one
    for one in Happening
    if one.value.startswith("said_") or ("fill" in one.value and not one.value.startswith("resolved"))
}


def told(start: Order, *events: OrderEvent) -> tuple[Order, list[str]]:
    """The order after all events, and the codes of what was odd."""
    codes = []
    for event in events:
        start, oddity = advance(start, event)
        if oddity:
            codes.append(oddity.code)
    return start, codes


def said(status: OrderStatus, filled: str = "0", **changes: object) -> Reported:
    return Reported(CID, 5, report(order(), status, filled, **changes))


def traded(quantity: str = "1", trade_id: str = "1", **changes: str) -> Filled:
    return Filled(CID, 6, fill(quantity, trade_id=trade_id, **changes))


SENT = Sent(CID, 2)
LOST = OutcomeLost(CID, 3, "TIMEOUT")


def test_every_venue_fact_has_a_row_in_every_state() -> None:
    assert {(state, happening) for state in STATES for happening in VENUE_HAPPENINGS} <= TABLE.keys()


def test_unknown_is_left_only_by_the_venues_word_by_proof_of_absence_or_an_operator() -> None:
    leaving = {
        happening
        for (state, happening), row in TABLE.items()
        if state is OrderState.UNKNOWN and row.next_state not in (None, OrderState.UNKNOWN)
    }
    assert {one for one in leaving if one not in VENUE_HAPPENINGS} == {
        "absence_proven",
        "resolved_absent",
        "resolved_cancelled",
        "resolved_filled",
    }


def test_only_unknown_can_become_absent() -> None:
    assert {state for (state, _), row in TABLE.items() if row.next_state is OrderState.ABSENT} == {OrderState.UNKNOWN}


def test_no_row_brings_an_ended_order_back_to_life_unless_only_we_had_ended_it() -> None:
    for (state, happening), row in TABLE.items():
        if state in (OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED):
            assert row.next_state is None or row.next_state.is_terminal, (state, happening)


@pytest.mark.parametrize(
    ("events", "state", "odd"),
    [
        ([SENT, said(OrderStatus.NEW)], OrderState.ACCEPTED, []),
        ([Withdrawn(CID, 2, "APPROVAL_EXPIRED")], OrderState.REJECTED, []),
        ([SENT, Refused(CID, 3, "[-2010] no")], OrderState.REJECTED, []),
        ([SENT, LOST], OrderState.UNKNOWN, []),
        ([SENT, LOST, AbsenceProven(CID, 4, "two reads")], OrderState.ABSENT, []),
        ([SENT, LOST, said(OrderStatus.NEW)], OrderState.ACCEPTED, []),
        ([SENT, traded()], OrderState.FILLED, ["FILL_BEFORE_ACK"]),
        ([SENT, traded(), said(OrderStatus.NEW)], OrderState.FILLED, ["FILL_BEFORE_ACK", "STALE_REPORT"]),
        ([SENT, said(OrderStatus.CANCELLED), traded("0.4")], OrderState.CANCELLED, ["FILL_AFTER_END"]),
        ([SENT, said(OrderStatus.CANCELLED), traded("1")], OrderState.FILLED, ["FILL_AFTER_END"]),
        ([SENT, said(OrderStatus.EXPIRED, "0.4"), traded("0.4")], OrderState.EXPIRED, ["FILL_AFTER_END"]),
        (
            [SENT, said(OrderStatus.NEW), CancelAsked(CID, 4, "exit"), CancelRefused(CID, 4, "[-2011]"), traded()],
            OrderState.FILLED,
            ["CANCEL_REFUSED"],
        ),
        ([SENT, said(OrderStatus.CANCELLED), said(OrderStatus.NEW)], OrderState.CANCELLED, ["STALE_REPORT"]),
        ([SENT, said(OrderStatus.NEW), Refused(CID, 3, "no")], OrderState.ACCEPTED, ["REFUSED_YET_THERE"]),
        ([SENT, Refused(CID, 3, "no"), said(OrderStatus.NEW)], OrderState.ACCEPTED, ["REFUSED_YET_THERE"]),
        ([SENT, LOST, AbsenceProven(CID, 4, ""), traded("0.5")], OrderState.PARTIALLY_FILLED, ["ABSENT_YET_THERE"]),
        ([SENT, said(OrderStatus.NEW), LOST], OrderState.ACCEPTED, []),
        ([SENT, said(OrderStatus.NEW), Vanished(CID, 4, "nowhere")], OrderState.UNKNOWN, ["VANISHED"]),
        ([SENT, traded("0.6"), traded("0.6", "2")], OrderState.FILLED, ["FILL_BEFORE_ACK", "OVERFILLED"]),
        ([traded()], OrderState.FILLED, ["BEFORE_SENT"]),
        ([SENT, said(OrderStatus.FILLED, "1"), traded()], OrderState.FILLED, []),
        ([SENT, said(OrderStatus.REJECTED), said(OrderStatus.NEW)], OrderState.REJECTED, ["STALE_REPORT"]),
    ],
)
def test_rows(events: list[OrderEvent], state: OrderState, odd: list[str]) -> None:
    end, codes = told(order(), *events)
    assert (end.state, codes) == (state, odd)


@pytest.mark.parametrize(
    "events",
    [
        [SENT, SENT],
        [Refused(CID, 3, "never sent")],
        [SENT, said(OrderStatus.NEW), Withdrawn(CID, 4, "it is out")],
        [SENT, said(OrderStatus.NEW), AbsenceProven(CID, 4, "it was there")],
        [SENT, LOST, Refused(CID, 4, "no answer refuses what is unknown")],
        [SENT, AbsenceProven(CID, 4, "not asked yet")],
    ],
)
def test_illegal_steps_of_our_own_raise(events: list[OrderEvent]) -> None:
    with pytest.raises(IllegalMove):
        told(order(), *events)


@pytest.mark.parametrize(
    "event",
    [
        traded("-1"),
        traded("0"),
        traded(price="-5"),
        Filled(CID, 6, fill(side=Side.SELL)),
        said(OrderStatus.PARTIALLY_FILLED, "-1"),
        said(OrderStatus.NEW, side=Side.SELL),
    ],
)
def test_absurd_facts_change_nothing_and_are_odd(event: OrderEvent) -> None:
    sent, _ = told(order(), SENT)
    end, codes = told(sent, event)
    assert end is sent
    assert codes in (["ABSURD_FILL"], ["ABSURD_REPORT"])


def test_a_message_that_tells_nothing_new_changes_nothing() -> None:
    known, _ = told(order(), SENT, said(OrderStatus.NEW), traded("0.4"))
    again, _ = told(known, said(OrderStatus.NEW), traded("0.4"))
    assert again == known


def test_the_reason_is_the_doubt_while_there_is_doubt_and_what_it_was_sent_for_after_it() -> None:
    lost, _ = told(order(), SENT, LOST)
    assert lost.view().reason == "TIMEOUT"
    found, _ = told(lost, said(OrderStatus.NEW))
    assert found.view().reason == "ema_cross: fast above slow"
    ended, _ = told(found, CancelAsked(CID, 4, "OPERATOR"), said(OrderStatus.CANCELLED))
    assert ended.view().reason == "OPERATOR"


def test_an_order_is_settled_only_when_its_fills_are_booked() -> None:
    filled, _ = told(order(), SENT, said(OrderStatus.FILLED, "1"))
    assert (filled.is_settled, filled.unbooked_quantity, filled.view().remaining) == (False, 1, 1)
    booked, _ = told(filled, traded())
    assert (booked.is_settled, booked.view().filled_quantity, booked.view().remaining) == (True, 1, 0)


@given(life=lives(), data=st.data())
def test_told_in_any_order_and_any_number_of_times_it_ends_as_the_ledger_says(life: Life, data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(life.messages), max_size=5))
    lost = data.draw(st.sampled_from([[], [OutcomeLost(CID, 3, "TIMEOUT")]]))
    shuffled = data.draw(st.permutations([*life.messages, *repeated, *lost]))
    end, _ = told(life.order, Sent(CID, 2), *shuffled)
    assert end.state is life.final_state
    assert end.booked_quantity == end.filled_quantity == life.executed
    assert end.booked_notional == sum((one.quantity * one.price for one in life.fills), Decimal(0))
    assert end.is_settled is life.final_state.is_terminal


@given(life=lives(), data=st.data())
def test_what_only_we_believed_is_corrected_by_any_later_word_of_the_venue(life: Life, data: st.DataObject) -> None:
    belief = data.draw(
        st.sampled_from(
            [
                [Refused(CID, 3, "[-2010] Duplicate order sent.")],
                [OutcomeLost(CID, 3, "TIMEOUT"), AbsenceProven(CID, 4, "two reads")],
            ]
        )
    )
    end, codes = told(life.order, Sent(CID, 2), *belief, *data.draw(st.permutations(life.messages)))
    assert end.state is life.final_state
    assert codes or life.final_state is OrderState.REJECTED


@given(life=lives(), data=st.data())
def test_cut_off_at_any_point_the_last_full_picture_and_the_trades_are_enough(life: Life, data: st.DataObject) -> None:
    heard = life.messages[: data.draw(st.integers(0, len(life.messages)))]
    cut, _ = told(life.order, Sent(CID, 2), *heard, OutcomeLost(CID, 3, "RESTARTED"))
    picture = report(life.order, life.status, str(life.executed))
    end, _ = told(cut, Reported(CID, 9, picture), *(Filled(CID, 9, one) for one in life.fills))
    assert (end.state, end.booked_quantity) == (life.final_state, life.executed)


def test_venue_ids_and_quantities_are_learnt_once() -> None:
    known, _ = told(order(), SENT, said(OrderStatus.PARTIALLY_FILLED, "0.5"))
    older, _ = told(known, said(OrderStatus.PARTIALLY_FILLED, "0.2"))
    assert older == known
    assert replace(known, state=OrderState.ACCEPTED).filled_quantity == Decimal("0.5")
