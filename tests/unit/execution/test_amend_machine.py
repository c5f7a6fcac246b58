"""Amendments in the order machine: the leg changes only by a proven one, and any order of the news ends in what the
venue's ledger says."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.orders import Fill, OrderStatus, Terms
from core.execution.events import (
    AmendAsked,
    Amended,
    AmendEnded,
    AmendLost,
    AmendOutcome,
    AmendWay,
    Filled,
    OrderEvent,
    Reported,
    Sent,
)
from core.execution.machine import advance
from core.execution.order import Order
from unit.execution.making import fill, order, report

LOTS = 10
PLACED = order(str(LOTS))
CID = PLACED.client_order_id
STATE_OF = {
    OrderStatus.NEW: OrderState.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELLED: OrderState.CANCELLED,
}


def told(start: Order, *events: OrderEvent) -> Order:
    for event in events:
        start, _ = advance(start, event)
    return start


def terms(quantity: int, price: int = 100) -> Terms:
    return Terms(Decimal(quantity), Decimal(price))


def asked(quantity: int, price: int = 100, way: AmendWay = AmendWay.IN_PLACE) -> AmendAsked:
    return AmendAsked(CID, 4, terms(quantity, price), way, "operator")


OPEN = told(PLACED, Sent(CID, 2), Reported(CID, 3, report(PLACED, OrderStatus.NEW)))


def test_a_leg_stays_what_it_is_until_the_venue_shows_it_otherwise() -> None:
    shown = Reported(CID, 5, report(PLACED, OrderStatus.NEW, quantity=Decimal(4), price=Decimal(99)))
    for events in ([asked(4, 99)], [asked(4, 99), AmendLost(CID, 5, "reset")], [asked(4, 99), shown]):
        assert told(OPEN, *events).leg == PLACED.leg
    assert told(OPEN, asked(4, 99), Amended(CID, 6, terms(4, 99), 5)).leg == replace(
        PLACED.leg, quantity=Decimal(4), price=Decimal(99)
    )


def test_an_amendment_that_nobody_asked_for_changes_nothing() -> None:
    assert told(OPEN, Amended(CID, 6, terms(4), 5)) is OPEN


def test_until_it_is_known_the_worse_terms_count() -> None:
    assert told(OPEN, asked(15)).pending_quantity == 15
    assert told(OPEN, asked(5)).pending_quantity == LOTS
    assert told(OPEN, asked(15, way=AmendWay.REPLACE)).pending_quantity == LOTS, "the rest is another order's"


def test_an_order_whose_amendment_is_open_is_not_settled() -> None:
    over = told(OPEN, asked(5, way=AmendWay.REPLACE), Reported(CID, 5, report(PLACED, OrderStatus.CANCELLED)))
    assert over.is_over
    assert not over.is_settled
    ended = told(over, AmendEnded(CID, 6, AmendOutcome.REPLACED, "by another"))
    assert ended.is_settled
    assert ended.reason == "AMEND_REPLACED by another"


@pytest.mark.parametrize(
    ("events", "state"),
    [
        # Grown by 5 that never came: what has filled is all there was.
        ([asked(15), Filled(CID, 5, fill("10"))], OrderState.PARTIALLY_FILLED),
        (
            [asked(15), Filled(CID, 5, fill("10")), AmendEnded(CID, 6, AmendOutcome.REFUSED, "[-2013]")],
            OrderState.FILLED,
        ),
        ([asked(15), Filled(CID, 5, fill("10")), Amended(CID, 6, terms(15), 5)], OrderState.PARTIALLY_FILLED),
        # Made smaller, and filled as far as that goes before anybody knew.
        ([asked(4), Filled(CID, 5, fill("4"))], OrderState.PARTIALLY_FILLED),
        ([asked(4), Filled(CID, 5, fill("4")), Amended(CID, 6, terms(4), 5)], OrderState.FILLED),
    ],
)
def test_rows(events: list[OrderEvent], state: OrderState) -> None:
    assert told(OPEN, *events).state is state


@dataclass(frozen=True, slots=True)
class AmendedLife:
    """What the ledger says in the end, and all that is told of it but the order in which it is."""

    status: OrderStatus
    terms: Terms
    fills: tuple[Fill, ...]
    most: int
    """What was asked for at most, at any time."""
    rounds: tuple[tuple[AmendAsked, AmendEnded | Amended], ...]
    messages: tuple[tuple[int, OrderEvent], ...]
    """The venue's, each with the number of amendments that had been asked for when it was meant."""


@st.composite
def amended_lives(draw: st.DrawFn) -> AmendedLife:
    """Amended up and down, in vain or not, while it fills; then left open, filled or cancelled."""
    quantity, price, filled, most = LOTS, 100, 0, LOTS
    rounds: list[tuple[AmendAsked, AmendEnded | Amended]] = []
    fills: list[Fill] = []
    messages: list[tuple[int, OrderEvent]] = []

    def say(status: OrderStatus) -> None:
        shown = replace(
            report(PLACED, status, str(filled)), quantity=Decimal(quantity), price=Decimal(price), event_ns=len(rounds)
        )
        messages.append((len(rounds), Reported(CID, 9, shown)))

    def trade(size: int) -> None:
        fills.append(fill(str(size), trade_id=str(len(fills) + 1)))
        messages.append((len(rounds), Filled(CID, 9, fills[-1])))
        say(OrderStatus.FILLED if filled == quantity else OrderStatus.PARTIALLY_FILLED)

    for _ in range(draw(st.integers(0, 5))):
        if filled == quantity:
            break
        if draw(st.booleans()):
            size = draw(st.integers(1, quantity - filled))
            filled += size
            trade(size)
            continue
        wanted = terms(draw(st.integers(filled + 1, 2 * LOTS)), draw(st.integers(98, 102)))
        most = max(most, int(wanted.quantity))
        arrives = draw(st.booleans())
        if arrives:
            end: AmendEnded | Amended = Amended(CID, 9, wanted, len(rounds) + 1)
        else:
            end = AmendEnded(CID, 9, AmendOutcome.REFUSED, "it never arrived")
        rounds.append((AmendAsked(CID, 8, wanted, AmendWay.IN_PLACE, "as drawn"), end))
        if arrives:
            quantity, price = int(wanted.quantity), int(wanted.price or 0)
            say(OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW)
    if filled == quantity:
        status = OrderStatus.FILLED
    elif draw(st.booleans()):
        status = OrderStatus.CANCELLED
        say(status)
    else:
        status = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW
    return AmendedLife(status, terms(quantity, price), tuple(fills), most, tuple(rounds), tuple(messages))


@settings(max_examples=60)
@given(amended_lives(), st.data())
def test_any_order_of_the_news_ends_in_what_the_ledger_says(life: AmendedLife, data: st.DataObject) -> None:
    """Nothing is known before it has happened; beyond that it comes late, twice, and in any order."""
    end = OPEN
    waiting: list[OrderEvent] = []
    for n in range(len(life.rounds) + 1):
        waiting += [event for when, event in life.messages if when == n]
        waiting = data.draw(st.permutations([*waiting, *waiting[:2]]))
        n_now = data.draw(st.integers(0, len(waiting)))
        if n:
            answer = life.rounds[n - 1][1]
            early, late = waiting[:n_now], waiting[n_now:]
            end = told(end, life.rounds[n - 1][0], *early, AmendLost(CID, 9, "reset"), answer)
            waiting = late
        else:
            end, waiting = told(end, *waiting[:n_now]), waiting[n_now:]
    end = told(end, *waiting)
    assert end.state is STATE_OF[life.status]
    assert end.leg.terms == life.terms
    assert end.amendment is None
    assert end.filled_quantity == sum((one.quantity for one in life.fills), Decimal(0)) <= life.most
    assert not end.unbooked_quantity


@settings(max_examples=40)
@given(amended_lives())
def test_a_replay_gives_what_the_running_daemon_had(life: AmendedLife) -> None:
    events = [each for asked_, ended in life.rounds for each in (asked_, ended)] + [each for _, each in life.messages]
    running = told(OPEN, *events)
    again = OPEN
    for event in events:
        changed, _ = advance(again, event)
        again = changed if changed != again else again  # what tells nothing new is not journalled
    assert again == running
