"""Amending an order: what may be asked, how it is done, and what proves that it was done. Pure.

The new order waits for the proven end of the old one:

| step | on the disk by then | what a kill here leaves | what the next start makes of it |
|---|---|---|---|
| asked, in place | `AmendAsked` | an order with either terms | the order is asked for its terms |
| asked, to replace | `AmendAsked` | the order as it was | given up: the order goes on |
| old one cancelled | `CancelAsked` | an order that may be gone | its state is read at the venue; given up |
| proven end | its last picture and fills | nothing live | given up: approvals die with their process |
| replaced | the new request and `AmendEnded`, one commit | it may have left | UNKNOWN; never sent again |

At no time are both live, and none is sent while the fate of the other is unknown: what is not proven within a limit is
given up. The venue's own cancel-replace is not used: where its answer is lost either half may have happened, both or
none, and two orders would be in doubt at once; where it fails by half (Binance's -2021) the old one is gone without a
word on its last fills, of which the new one's quantity must be short.
"""

import re
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from core.domain.commands import CommandRefused
from core.domain.facts import OrderState
from core.domain.instruments import Instrument
from core.domain.orders import Leg, OrderReport, OrderType, Purpose, Terms
from core.execution.absence import STAMP_LEAD_MS, AbsenceCase
from core.execution.client_order_id import client_order_id
from core.execution.events import AmendWay
from core.execution.order import ZERO, Order
from core.ports.venue import AmendsInPlace

_IN_THE_BOOK = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
_PLAIN_LIMITS = (OrderType.LIMIT, OrderType.LIMIT_MAKER)
_REPLACED = re.compile(r"(.+)-replace-(\d+)")


def new_terms(order: Order, price: Decimal | None, quantity: Decimal | None, instrument: Instrument) -> Terms:
    """What is asked of an order: `None` leaves that as it is. Raises `CommandRefused`, in words for a person, for what
    can't be asked."""
    why = _why_not_amended(order)
    if why is None and price is not None:
        why = _why_not_price(order, price, instrument)
    if why is None and quantity is not None:
        why = _why_not_quantity(order, quantity, instrument)
    terms = Terms(order.leg.quantity if quantity is None else quantity, order.leg.price if price is None else price)
    if why is None and terms == order.leg.terms:
        why = f"has these terms already: {in_words(terms)}; give another --price or --quantity"
    if why is not None:
        raise CommandRefused(f"{order.client_order_id} {why}")
    return terms


def way_of(order: Order, terms: Terms, can: AmendsInPlace) -> AmendWay:
    """In place where the venue can do just that. An order that somebody else has made is replaced by one of our own."""
    if order.theirs is not None:
        return AmendWay.REPLACE
    shrinks = terms.price == order.leg.price and terms.quantity < order.leg.quantity
    if can is AmendsInPlace.LIMITS and order.leg.order_type in _PLAIN_LIMITS and not order.leg.is_conditional:
        return AmendWay.IN_PLACE
    if can is AmendsInPlace.SHRINK and shrinks:
        return AmendWay.IN_PLACE
    return AmendWay.REPLACE


def leg_left(order: Order, terms: Terms) -> Leg:
    """What is left to ask for once the order is over: never more than the terms ask for in all, less all that has
    filled. Not above 0 where nothing is."""
    left, visible = terms.quantity - order.filled_quantity, order.leg.visible_quantity
    if visible is not None and visible >= left:
        visible = None
    return replace(order.leg, quantity=left, price=terms.price, visible_quantity=visible)


def why_too_little(leg: Leg, instrument: Instrument) -> str | None:
    """Why what is left can't be an order of its own; `None`: it can."""
    if leg.quantity <= ZERO:
        return "all of it has filled"
    if leg.quantity < max(instrument.min_quantity, instrument.lot_size):
        return f"{leg.quantity} are left, less than the least that the venue takes: {instrument.min_quantity}"
    price = leg.price or leg.stop_price
    least = instrument.min_closing_notional if leg.reduce_only else instrument.min_notional
    if price is not None and leg.quantity * price * instrument.multiplier < least:
        return f"{leg.quantity} at {price} are left, worth less than the least that the venue takes: {least}"
    return None


def replacement(order: Order, leg: Leg, reason: str, now_ns: int) -> Order:
    """The order in the old one's place: of the same intent, with an id of its own."""
    role = next_role(order.role)
    return Order(
        client_order_id=client_order_id(order.intent_id, f"{order.client_order_id}-{role}"),
        intent_id=order.intent_id,
        role=role,
        purpose=order.purpose,
        strategies=order.strategies,
        leg=leg,
        sent_because=f"in place of {order.client_order_id}: {reason}",
        created_ns=now_ns,
        changed_ns=now_ns,
        replaces=order.client_order_id,
        window_ms=order.window_ms,
    )


def next_role(role: str) -> str:
    """`leg-0`, `leg-0-replace-1`, `leg-0-replace-2`: an order is replaced once at most, so no number comes twice."""
    replaced = _REPLACED.fullmatch(role)
    return f"{role}-replace-1" if replaced is None else f"{replaced[1]}-replace-{int(replaced[2]) + 1}"


def open_case(order: Order, server_time_ms: int, replica_lag_ms: int) -> AbsenceCase:
    """From when on a picture with the old terms counts against a request whose answer was lost. As
    `core.execution.absence`: `server_time_ms` must have been asked for after the call had ended."""
    if order.window_ms is None:
        return AbsenceCase(None)
    return AbsenceCase(server_time_ms + order.window_ms + replica_lag_ms + STAMP_LEAD_MS)


def proven_terms(order: Order, report: OrderReport) -> Terms | None:
    """The terms that a picture proves the order to have by the amendment under way; `None`: it shows the old ones, or
    is of a time before the last amendment."""
    if order.amendment is None or report.event_ns < order.terms_ns or report.terms == order.leg.terms:
        return None
    return report.terms


def after_look(case: AbsenceCase, report: OrderReport, began_ms: int) -> AbsenceCase:
    """The case after a picture with the old terms, asked for after the venue's clock showed `began_ms`. One of an ended
    order counts at once: nothing can change it any more."""
    if report.status.is_open and not case.counts_at(began_ms):
        return case
    return replace(case, complete_reads=case.complete_reads + 1)


def in_words(terms: Terms) -> str:
    return f"{terms.quantity}" if terms.price is None else f"{terms.quantity} at {terms.price}"


def _why_not_amended(order: Order) -> str | None:
    if order.purpose is Purpose.PROTECT:
        return "protects a position, and follows from it: its price and quantity are not asked for one by one"
    if order.plan_id is not None:
        return f"is a slice of {order.plan_id}, which asks for it as it goes; `live_bot.py plans end` ends that"
    if order.theirs is not None:
        return f"was adopted from somebody else, who calls it {order.theirs}: it is amended where it was made"
    if order.leg.order_type is OrderType.MARKET:
        return "is a market order, of which nothing can be amended"
    if order.amendment is not None:
        return f"is being amended to {in_words(order.amendment.terms)}, and it is not known yet what came of that"
    if order.state is OrderState.UNKNOWN:
        return "is UNKNOWN: nobody knows whether it stands; wait, or see `live_bot.py orders resolve`"
    if order.state.is_terminal:
        return f"has ended ({order.state}): there is nothing to amend"
    if order.state not in _IN_THE_BOOK:
        return f"is {order.state}: the venue has not answered yet; try again"
    return None


def _why_not_price(order: Order, price: Decimal, instrument: Instrument) -> str | None:
    if order.leg.price is None:
        return f"is a {order.leg.order_type} order and has no price of its own"
    if not price.is_finite() or price <= ZERO:
        return f"can't have the price {price}: it must be above 0"
    if not _is_on_step(price, instrument.tick_size):
        return f"can't have the price {price}: {order.instrument_id} goes in steps of {instrument.tick_size}"
    return None


def _why_not_quantity(order: Order, quantity: Decimal, instrument: Instrument) -> str | None:
    if not quantity.is_finite() or quantity <= ZERO:
        return f"can't have the quantity {quantity}: it must be above 0; `live_bot.py orders cancel` ends an order"
    if not _is_on_step(quantity, instrument.lot_size):
        return f"can't have the quantity {quantity}: {order.instrument_id} goes in steps of {instrument.lot_size}"
    if quantity <= order.filled_quantity:
        return (
            f"has filled {order.filled_quantity} already, so {quantity} in all would leave nothing;"
            " `live_bot.py orders cancel` ends it"
        )
    if quantity < instrument.min_quantity:
        return f"can't have the quantity {quantity}: the least that the venue takes is {instrument.min_quantity}"
    return None


def _is_on_step(value: Decimal, step: Decimal) -> bool:
    try:
        return not value % step
    except InvalidOperation:  # so many steps that they can't be counted
        return False
