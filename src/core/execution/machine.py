"""Life of an order: one table of (state, what happened) -> next state, and the pure fold over it.

    INTENDED -> SUBMITTING -> ACCEPTED -> PARTIALLY_FILLED -> FILLED | CANCELLED | EXPIRED
                SUBMITTING -> REJECTED                  the venue's definite word, or withdrawn before it left
                SUBMITTING -> UNKNOWN -> any state that the venue proves -> ...
                              UNKNOWN -> ABSENT         only by `core.execution.absence`
                              UNKNOWN -> ABSENT | CANCELLED | FILLED      by an operator's word, until the venue speaks

Whatever the venue says has a row in every state, because venues say it in every state: its events come late, twice and
out of order. The rows are such that the end does not depend on the order of the venue's events. Rows with an oddity
carry the reason why they stand here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.domain.commands import Verdict
from core.domain.errors import MetronomeError
from core.domain.facts import OrderState
from core.domain.orders import OrderReport, OrderStatus
from core.execution.doubts import edited_terms, is_absurd_fill, is_absurd_report
from core.execution.events import (
    AbsenceProven,
    AmendAsked,
    Amended,
    AmendEnded,
    AmendLost,
    AmendWay,
    CancelAsked,
    CancelRefused,
    Filled,
    Oddity,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Resolved,
    Sent,
    Vanished,
    Withdrawn,
)
from core.execution.order import ZERO, Amendment, Order


class IllegalMove(MetronomeError):
    """A step of our own that must not happen in this state: a fault in the daemon, never in the venue."""


class Happening(StrEnum):
    """What an event means to the table."""

    SENT = "sent"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    OUTCOME_LOST = "outcome_lost"
    VANISHED = "vanished"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_REFUSED = "cancel_refused"
    ABSENCE_PROVEN = "absence_proven"
    AMEND_ASKED = "amend_asked"
    AMEND_LOST = "amend_lost"
    AMENDED = "amended"
    AMENDED_FULL = "amended_full"
    """It has the new terms, and has filled as far as they go."""
    AMEND_ENDED = "amend_ended"
    AMEND_ENDED_FULL = "amend_ended_full"
    """It keeps the old terms, and has filled as far as they go: what might have been asked for on top was not."""
    RESOLVED_ABSENT = "resolved_absent"
    RESOLVED_CANCELLED = "resolved_cancelled"
    RESOLVED_FILLED = "resolved_filled"
    SAID_NEW = "said_new"
    SAID_PARTIAL = "said_partial"
    SAID_FILLED = "said_filled"
    SAID_CANCELLED = "said_cancelled"
    SAID_EXPIRED = "said_expired"
    SAID_REJECTED = "said_rejected"
    SAID_OPEN_AGAIN = "said_open_again"
    """An open picture of an order that the venue itself has rejected."""
    FILL = "fill"
    LAST_FILL = "last_fill"
    FILL_AGAIN = "fill_again"


@dataclass(frozen=True, slots=True)
class Row:
    """`next_state` `None`: stays where it is. `oddity` `None`: all in order; else a stable code."""

    next_state: OrderState | None
    oddity: str | None = None


_S, _H = OrderState, Happening
_SAME = None
_WORKING = (_S.SUBMITTING, _S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN)
_ENDED_AT_VENUE = (_S.FILLED, _S.CANCELLED, _S.EXPIRED)
_IN_DOUBT = (_S.UNKNOWN, _S.REJECTED, _S.ABSENT)
_IN_MARKET = (_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED)
_SENT = (*_WORKING, *_ENDED_AT_VENUE, _S.REJECTED, _S.ABSENT)

_TABLE: dict[tuple[OrderState, Happening], Row] = {}


def _rows(
    states: Iterable[OrderState], happening: Happening, next_state: OrderState | None, oddity: str | None = None
) -> None:
    for state in states:
        if (state, happening) in _TABLE:
            raise AssertionError(f"two rows for {state}, {happening}")
        _TABLE[state, happening] = Row(next_state, oddity)


# Our own steps. What is not listed is illegal.
_rows([_S.INTENDED], _H.SENT, _S.SUBMITTING)
_rows([_S.INTENDED, _S.SUBMITTING], _H.WITHDRAWN, _S.REJECTED)
_rows([_S.SUBMITTING], _H.REFUSED, _S.REJECTED)
_rows([_S.REJECTED], _H.REFUSED, _SAME)
# The stream was faster than the answer and shows the order: it is there, whatever the answer says.
_rows([_S.ACCEPTED, _S.PARTIALLY_FILLED, *_ENDED_AT_VENUE], _H.REFUSED, _SAME, "REFUSED_YET_THERE")
_rows([_S.SUBMITTING], _H.OUTCOME_LOST, _S.UNKNOWN)
# The answer was lost, but the stream has told: nothing is unknown.
_rows([_S.UNKNOWN, _S.ACCEPTED, _S.PARTIALLY_FILLED, *_ENDED_AT_VENUE, _S.REJECTED], _H.OUTCOME_LOST, _SAME)
# A venue that forgets an order it had accepted proves nothing about its fills.
_rows([_S.ACCEPTED, _S.PARTIALLY_FILLED], _H.VANISHED, _S.UNKNOWN, "VANISHED")
_rows([_S.UNKNOWN, *_ENDED_AT_VENUE, _S.REJECTED], _H.VANISHED, _SAME)
_rows(_SENT, _H.CANCEL_ASKED, _SAME)
# Amendments change what is asked, not where it stands. They may meet an order that has ended meanwhile.
_rows(_SENT, _H.AMEND_ASKED, _SAME)
_rows(_SENT, _H.AMEND_LOST, _SAME)
for _told in (_H.AMENDED, _H.AMEND_ENDED):
    _rows(_SENT, _told, _SAME)
for _told in (_H.AMENDED_FULL, _H.AMEND_ENDED_FULL):
    # Its last trade came before the news that it was the last.
    _rows([_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED], _told, _S.FILLED)
    _rows([_S.SUBMITTING, _S.UNKNOWN, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.ABSENT], _told, _SAME)
# "Unknown order" to a cancel most often means that it has just filled; the venue's next picture tells.
_rows(_WORKING, _H.CANCEL_REFUSED, _SAME, "CANCEL_REFUSED")
_rows([*_ENDED_AT_VENUE, _S.REJECTED, _S.ABSENT], _H.CANCEL_REFUSED, _SAME)
_rows([_S.UNKNOWN], _H.ABSENCE_PROVEN, _S.ABSENT)
_rows([_S.UNKNOWN], _H.RESOLVED_ABSENT, _S.ABSENT)
_rows([_S.UNKNOWN], _H.RESOLVED_CANCELLED, _S.CANCELLED)
_rows([_S.UNKNOWN], _H.RESOLVED_FILLED, _S.FILLED)

# The venue's pictures of open orders.
_rows([_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED], _H.SAID_NEW, _S.ACCEPTED)
# An older picture came after a newer one.
_rows([_S.PARTIALLY_FILLED, *_ENDED_AT_VENUE], _H.SAID_NEW, _SAME, "STALE_REPORT")
_rows([_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED, _S.PARTIALLY_FILLED], _H.SAID_PARTIAL, _S.PARTIALLY_FILLED)
_rows(_ENDED_AT_VENUE, _H.SAID_PARTIAL, _SAME, "STALE_REPORT")
_rows(_SENT, _H.SAID_OPEN_AGAIN, _SAME, "STALE_REPORT")
for _said, _open in ((_H.SAID_NEW, _S.ACCEPTED), (_H.SAID_PARTIAL, _S.PARTIALLY_FILLED)):
    _rows([_S.REJECTED], _said, _open, "REFUSED_YET_THERE")
    _rows([_S.ABSENT], _said, _open, "ABSENT_YET_THERE")

# The venue's pictures of ended orders. FILLED outranks CANCELLED outranks EXPIRED outranks REJECTED, so that
# contradictions end the same way in whichever order they come.
_rows([*_WORKING, _S.FILLED], _H.SAID_FILLED, _S.FILLED)
_rows([_S.CANCELLED, _S.EXPIRED], _H.SAID_FILLED, _S.FILLED, "CONTRADICTED")
_rows([*_WORKING, _S.CANCELLED], _H.SAID_CANCELLED, _S.CANCELLED)
_rows([_S.EXPIRED], _H.SAID_CANCELLED, _S.CANCELLED, "CONTRADICTED")
_rows([_S.FILLED], _H.SAID_CANCELLED, _SAME, "CONTRADICTED")
_rows([*_WORKING, _S.EXPIRED], _H.SAID_EXPIRED, _S.EXPIRED)
_rows([_S.FILLED, _S.CANCELLED], _H.SAID_EXPIRED, _SAME, "CONTRADICTED")
_rows([*_WORKING, _S.REJECTED], _H.SAID_REJECTED, _S.REJECTED)
_rows(_ENDED_AT_VENUE, _H.SAID_REJECTED, _SAME, "CONTRADICTED")
_rows([_S.ABSENT], _H.SAID_REJECTED, _S.REJECTED, "ABSENT_YET_THERE")
for _said, _end in (
    (_H.SAID_FILLED, _S.FILLED),
    (_H.SAID_CANCELLED, _S.CANCELLED),
    (_H.SAID_EXPIRED, _S.EXPIRED),
):
    _rows([_S.REJECTED], _said, _end, "REFUSED_YET_THERE")
    _rows([_S.ABSENT], _said, _end, "ABSENT_YET_THERE")

# Fills are facts in any state.
_rows([_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN], _H.FILL, _S.PARTIALLY_FILLED)
# The user stream overtook the answer to the request.
_rows([_S.SUBMITTING], _H.FILL, _S.PARTIALLY_FILLED, "FILL_BEFORE_ACK")
_rows([_S.SUBMITTING], _H.LAST_FILL, _S.FILLED, "FILL_BEFORE_ACK")
_rows([_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN, _S.FILLED], _H.LAST_FILL, _S.FILLED)
# A report that says FILLED runs ahead of its trades.
_rows([_S.FILLED], _H.FILL, _SAME)
# A trade that was matched before the end and told after it; an order may end with fills.
_rows([_S.CANCELLED, _S.EXPIRED], _H.FILL, _SAME, "FILL_AFTER_END")
_rows([_S.CANCELLED, _S.EXPIRED], _H.LAST_FILL, _S.FILLED, "FILL_AFTER_END")
for _fill, _then in ((_H.FILL, _S.PARTIALLY_FILLED), (_H.LAST_FILL, _S.FILLED)):
    _rows([_S.REJECTED], _fill, _then, "REFUSED_YET_THERE")
    _rows([_S.ABSENT], _fill, _then, "ABSENT_YET_THERE")
# The answer, the stream and the trade history all tell of the same trade.
_rows(_SENT, _H.FILL_AGAIN, _SAME)
# Somebody at the venue knows an order before we have sent it: another writer uses our ids.
for _said, _next in (
    (_H.SAID_NEW, _S.ACCEPTED),
    (_H.SAID_PARTIAL, _S.PARTIALLY_FILLED),
    (_H.SAID_FILLED, _S.FILLED),
    (_H.SAID_CANCELLED, _S.CANCELLED),
    (_H.SAID_EXPIRED, _S.EXPIRED),
    (_H.SAID_REJECTED, _S.REJECTED),
    (_H.SAID_OPEN_AGAIN, None),
    (_H.FILL, _S.PARTIALLY_FILLED),
    (_H.LAST_FILL, _S.FILLED),
    (_H.FILL_AGAIN, None),
):
    _rows([_S.INTENDED], _said, _next, "BEFORE_SENT")

TABLE = dict(_TABLE)
"""(state, happening) -> row; what is missing is illegal."""


def advance(order: Order, event: OrderEvent) -> tuple[Order, Oddity | None]:
    """The order after the event, and what was odd about it. An event that tells nothing new gives the same order back.

    Raises `IllegalMove` for steps of our own that the table does not have; never for what a venue says.
    """
    if isinstance(event, Filled) and order.was_not_ours_at(event.fill):
        return order, None
    if absurdity := _absurdity(order, event):
        return order, Oddity(absurdity, order.client_order_id, str(event))
    if order.operators_word is not None and isinstance(event, Reported | AbsenceProven | Resolved):
        return _overruled(order, event)
    known = _learn(order, event)
    happening = _happening(order, known, event)
    row = TABLE.get((order.state, happening))
    if row is None:
        raise IllegalMove(f"{order.client_order_id}: {happening} in state {order.state}")
    state = row.next_state or order.state
    moved = order
    if state is not order.state or known != order:
        is_found = order.state in _IN_DOUBT and state in _IN_MARKET and not isinstance(event, Resolved)
        reason = "" if is_found else known.reason
        moved = replace(known, state=state, reason=reason, changed_ns=event.at_ns)
        if moved.operators_word is not None and not state.is_terminal:
            moved = replace(moved, operators_word=None)
    code = "OVERFILLED" if moved is not order and moved.filled_quantity > moved.most_quantity else row.oddity
    if code != "OVERFILLED" and _is_edited(order, moved, event):
        words = f"{_terms_in_words(order)} -> {_terms_in_words(moved)}, by somebody else"
        return moved, Oddity("EDITED_AT_VENUE", order.client_order_id, words)
    oddity = Oddity(code, order.client_order_id, f"{happening} in state {order.state}") if code else None
    return moved, oddity


def _is_edited(order: Order, moved: Order, event: OrderEvent) -> bool:
    return order.theirs is None and isinstance(event, Reported) and moved.leg.terms != order.leg.terms


def _terms_in_words(order: Order) -> str:
    terms = order.leg.terms
    return f"{terms.quantity}" if terms.price is None else f"{terms.quantity} at {terms.price}"


def _overruled(order: Order, event: OrderEvent) -> tuple[Order, Oddity | None]:
    """What the venue says of an order that an operator has spoken of counts as if nobody had; so does another word of
    an operator's."""
    moved, oddity = advance(replace(order, state=OrderState.UNKNOWN, operators_word=None), event)
    if moved.state is order.state or isinstance(event, Resolved):
        return moved, oddity
    return moved, Oddity("OPERATOR_CONTRADICTED", order.client_order_id, f"{order.operators_word}, but {event}")


def _absurdity(order: Order, event: OrderEvent) -> str | None:
    match event:
        case Filled(fill=fill) if is_absurd_fill(order, fill):
            return "ABSURD_FILL"
        case Reported(report=report) if is_absurd_report(order, report):
            return "ABSURD_REPORT"
    return None


def _learn(order: Order, event: OrderEvent) -> Order:
    """Fold what the event tells into everything but the state."""
    match event:
        case Reported(report=report):
            return _learn_report(order, report)
        case Filled(fill=fill) if fill.trade_id not in order.trade_ids:
            return replace(
                order.named(fill.venue_order_id),
                booked_quantity=order.booked_quantity + fill.quantity,
                booked_notional=order.booked_notional + fill.quantity * fill.price,
                trade_ids=order.trade_ids | {fill.trade_id},
            )
        case Withdrawn() | Refused() if order.state in (OrderState.INTENDED, OrderState.SUBMITTING):
            return replace(order, reason=event.reason)
        case OutcomeLost() if order.state is OrderState.SUBMITTING:
            return replace(order, reason=event.reason)
        case Resolved(verdict=verdict):
            return replace(order, reason=f"OPERATOR {verdict}: {event.reason}", operators_word=verdict)
        case AbsenceProven() | Vanished():
            return replace(order, reason=event.reason)
        case CancelAsked() if not order.state.is_terminal:
            return replace(order, reason=event.reason)
        case AmendAsked() | AmendLost() | Amended() | AmendEnded():
            return _learn_amendment(order, event)
    return order


def _learn_amendment(order: Order, event: AmendAsked | AmendLost | Amended | AmendEnded) -> Order:
    match event:
        case AmendAsked(terms=terms, way=way):
            return replace(order, amendment=Amendment(terms, way))
        case AmendLost(reason=reason) if order.amendment is not None and order.amendment.way is AmendWay.IN_PLACE:
            lost = replace(order.amendment, is_lost=True)
            return replace(order, amendment=lost, reason=f"AMEND_IN_DOUBT {reason}")
        case Amended(terms=terms, event_ns=event_ns) if order.amendment is not None:
            leg = replace(order.leg, quantity=terms.quantity, price=terms.price)
            return replace(order, leg=leg, amendment=None, terms_ns=event_ns, reason="")
        case AmendEnded(outcome=outcome, reason=reason) if order.amendment is not None:
            return replace(order, amendment=None, reason=f"AMEND_{outcome.name} {reason}")
    return order


def _learn_report(order: Order, report: OrderReport) -> Order:
    filled = report.filled_quantity - order.filled_before
    tells_more = filled > order.reported_quantity
    named = order.named(report.venue_order_id)
    if order.theirs is not None and report.quantity - order.filled_before != order.leg.quantity:
        # Its maker has changed it at the venue, as he may.
        named = replace(named, leg=replace(order.leg, quantity=report.quantity - order.filled_before))
    elif (terms := edited_terms(order, report)) is not None:
        leg = replace(order.leg, quantity=terms.quantity, price=terms.price)
        named = replace(named, leg=leg, terms_ns=report.event_ns)
    if not (tells_more or named is not order or report.reject_reason):
        return order
    return replace(
        named,
        reported_quantity=filled if tells_more else order.reported_quantity,
        reported_notional=report.filled_notional if tells_more else order.reported_notional,
        reason=report.reject_reason or order.reason,
    )


def _happening(order: Order, known: Order, event: OrderEvent) -> Happening:
    match event:
        case Reported(report=report):
            return _reported_as(order, known, report)
        case Filled(fill=fill):
            if fill.trade_id in order.trade_ids:
                return Happening.FILL_AGAIN
            return Happening.LAST_FILL if known.booked_quantity >= known.most_quantity else Happening.FILL
        case Amended():
            return Happening.AMENDED_FULL if _is_full(known) else Happening.AMENDED
        case AmendEnded():
            return Happening.AMEND_ENDED_FULL if _is_full(known) else Happening.AMEND_ENDED
        case Resolved(verdict=verdict):
            return _RESOLVED_AS[verdict]
    return _OWN_STEPS[type(event)]


def _is_full(known: Order) -> bool:
    """As far as trades that are booked tell."""
    return known.booked_quantity >= known.most_quantity


_OWN_STEPS: dict[type, Happening] = {
    AmendAsked: Happening.AMEND_ASKED,
    AmendLost: Happening.AMEND_LOST,
    Sent: Happening.SENT,
    Withdrawn: Happening.WITHDRAWN,
    Refused: Happening.REFUSED,
    OutcomeLost: Happening.OUTCOME_LOST,
    Vanished: Happening.VANISHED,
    CancelAsked: Happening.CANCEL_ASKED,
    CancelRefused: Happening.CANCEL_REFUSED,
    AbsenceProven: Happening.ABSENCE_PROVEN,
}

_RESOLVED_AS = {
    Verdict.ABSENT: Happening.RESOLVED_ABSENT,
    Verdict.CANCELLED: Happening.RESOLVED_CANCELLED,
    Verdict.FILLED: Happening.RESOLVED_FILLED,
}

_SAID_ENDED = {
    OrderStatus.FILLED: Happening.SAID_FILLED,
    OrderStatus.CANCELLED: Happening.SAID_CANCELLED,
    OrderStatus.EXPIRED: Happening.SAID_EXPIRED,
    OrderStatus.REJECTED: Happening.SAID_REJECTED,
}


def _reported_as(order: Order, known: Order, report: OrderReport) -> Happening:
    if not report.status.is_open:
        is_all_filled = known.filled_quantity >= known.most_quantity
        return Happening.SAID_FILLED if is_all_filled else _SAID_ENDED[report.status]
    # A refused request never gets a venue order id; one that has it was rejected by the venue's own report.
    if order.state is OrderState.REJECTED and order.venue_order_id is not None:
        return Happening.SAID_OPEN_AGAIN
    return Happening.SAID_PARTIAL if known.filled_quantity > ZERO else Happening.SAID_NEW
