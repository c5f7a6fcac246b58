"""Orders to rows and back: what was intended, what was asked for, what became of it, and what is owed for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from core.domain.commands import Verdict
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import (
    ClientOrderId,
    IntentId,
    Leg,
    OrderReport,
    OrderStatus,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    Terms,
    TimeInForce,
    VenueOrderId,
)
from core.execution.duty import Duty
from core.execution.events import (
    AbsenceProven,
    AmendAsked,
    Amended,
    AmendEnded,
    AmendLost,
    AmendOutcome,
    AmendWay,
    CancelAsked,
    CancelRefused,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Resolved,
    Vanished,
    Withdrawn,
)
from core.execution.journal import schema
from core.execution.journal.cells import SIDES, AnyRow, Encoded, Values, to_decimal, to_text
from core.execution.journal.records import (
    DutyClosed,
    DutyFollowed,
    DutyNoted,
    DutyOpened,
    DutyReached,
    IntentRecorded,
    RequestRecorded,
    Settlement,
)
from core.execution.order import ZERO, Order

_OwnStep = type[Withdrawn | Refused | OutcomeLost | Vanished | CancelAsked | CancelRefused | AbsenceProven | AmendLost]
_STEPS: dict[str, _OwnStep] = {
    "withdrawn": Withdrawn,
    "refused": Refused,
    "outcome_lost": OutcomeLost,
    "vanished": Vanished,
    "cancel_asked": CancelAsked,
    "cancel_refused": CancelRefused,
    "absence_proven": AbsenceProven,
    "amend_lost": AmendLost,
}
_KINDS: dict[type, str] = {step: kind for kind, step in _STEPS.items()}
_NO_REPORT: Values = dict.fromkeys(
    ("status", "venue_order_id", "quantity", "price", "filled_quantity", "filled_notional", "event_ns")
)
_PROTECTION = ("stop_price", "target_price", "trailing_distance", "trailing_bps")
_NO_DUTY: Values = dict.fromkeys(
    ("intent_id", "instrument_id", "entry_side", *_PROTECTION, "best_price", "strategies", "reason")
)


def _intent(record: IntentRecorded) -> Encoded:
    proposal = record.proposal
    protection = proposal.protection or Protection(None)
    return schema.INTENTS, {
        "intent_id": proposal.intent_id,
        "purpose": proposal.purpose.value,
        "strategies": json.dumps(proposal.strategies),
        "cycle": proposal.cycle,
        "legs": json.dumps([_leg_values(leg) for leg in proposal.legs]),
        "reference_price": to_text(proposal.reference_price),
        **_protection_values(protection),
        "reason": proposal.reason,
        "risk_epoch": record.risk_epoch,
        "created_ns": proposal.created_ns,
        "at_ns": record.at_ns,
    }


def to_proposal(row: AnyRow) -> Proposal:
    protection = _protection(row)
    is_protected = protection.stop_price is not None or protection.target_price is not None
    return Proposal(
        intent_id=IntentId(row.intent_id),
        purpose=Purpose(row.purpose),
        legs=tuple(_leg(values) for values in json.loads(row.legs)),
        strategies=strategies_of(row.strategies),
        cycle=row.cycle,
        created_ns=row.created_ns,
        reference_price=Decimal(row.reference_price),
        protection=protection if is_protected else None,
        reason=row.reason,
    )


def _request(record: RequestRecorded) -> Encoded:
    order = record.order
    return schema.REQUESTS, {
        "client_order_id": order.client_order_id,
        "intent_id": order.intent_id,
        "role": order.role,
        "purpose": order.purpose.value,
        "strategies": json.dumps(order.strategies),
        "leg": json.dumps(_leg_values(order.leg)),
        "sent_because": order.sent_because,
        "protects": order.protects,
        "replaces": order.replaces,
        "plan_id": order.plan_id,
        "window_ms": order.window_ms,
        "created_ns": order.created_ns,
        "theirs": order.theirs,
        "filled_before": to_text(order.filled_before) if order.theirs is not None else None,
    }


@lru_cache(256)
def strategies_of(text: str) -> tuple[str, ...]:
    """A journal has few of them, many times over."""
    return tuple(json.loads(text))


def to_order(row: AnyRow) -> Order:
    """What is in the journal may have left: SUBMITTING."""
    return Order(
        client_order_id=ClientOrderId(row.client_order_id),
        intent_id=IntentId(row.intent_id),
        role=row.role,
        purpose=Purpose(row.purpose),
        strategies=strategies_of(row.strategies),
        leg=_leg(json.loads(row.leg)),
        sent_because=row.sent_because,
        created_ns=row.created_ns,
        changed_ns=row.created_ns,
        protects=ClientOrderId(row.protects) if row.protects is not None else None,
        replaces=ClientOrderId(row.replaces) if row.replaces is not None else None,
        window_ms=row.window_ms,
        theirs=ClientOrderId(row.theirs) if row.theirs is not None else None,
        filled_before=to_decimal(row.filled_before) or ZERO,
        plan_id=ClientOrderId(row.plan_id) if row.plan_id is not None else None,
        state=OrderState.SUBMITTING,
    )


def _leg_values(leg: Leg) -> Values:
    seldom = {
        "visible_quantity": to_text(leg.visible_quantity),
        "trailing_bps": leg.trailing_bps,
        "expires_ns": leg.expires_ns,
    }
    return {
        "instrument_id": leg.instrument_id,
        "side": leg.side.value,
        "quantity": to_text(leg.quantity),
        "order_type": leg.order_type.value,
        "price": to_text(leg.price),
        "stop_price": to_text(leg.stop_price),
        "time_in_force": leg.time_in_force.value if leg.time_in_force else None,
        "ratio": leg.ratio,
        "reduce_only": leg.reduce_only,
        **{name: value for name, value in seldom.items() if value is not None},
    }


def _leg(values: Values) -> Leg:
    return Leg(
        instrument_id=InstrumentId(values["instrument_id"]),
        side=Side(values["side"]),
        quantity=Decimal(values["quantity"]),
        order_type=OrderType(values["order_type"]),
        price=to_decimal(values["price"]),
        stop_price=to_decimal(values["stop_price"]),
        time_in_force=TimeInForce(values["time_in_force"]) if values["time_in_force"] else None,
        ratio=values["ratio"],
        reduce_only=values["reduce_only"],
        visible_quantity=to_decimal(values.get("visible_quantity")),
        trailing_bps=values.get("trailing_bps"),
        expires_ns=values.get("expires_ns"),
    )


def _own_step(event: Any) -> Encoded:
    return schema.EVENTS, {
        **_NO_REPORT,
        "client_order_id": event.client_order_id,
        "kind": _KINDS[type(event)],
        "reason": event.reason,
        "at_ns": event.at_ns,
    }


def _reported(event: Reported) -> Encoded:
    report = event.report
    return schema.EVENTS, {
        "client_order_id": event.client_order_id,
        "kind": "reported",
        "status": report.status.value,
        "venue_order_id": report.venue_order_id,
        "quantity": to_text(report.quantity),
        "price": to_text(report.price),
        "filled_quantity": to_text(report.filled_quantity),
        "filled_notional": to_text(report.filled_notional),
        "reason": report.reject_reason,
        "event_ns": report.event_ns,
        "at_ns": event.at_ns,
    }


def _resolved(event: Resolved) -> Encoded:
    return schema.EVENTS, {
        **_NO_REPORT,
        "client_order_id": event.client_order_id,
        "kind": "resolved",
        "status": event.verdict.value,
        "reason": event.reason,
        "at_ns": event.at_ns,
    }


def _amend_asked(event: AmendAsked) -> Encoded:
    return _amendment(event, "amend_asked", **_terms(event.terms), status=event.way.value, reason=event.reason)


def _amended(event: Amended) -> Encoded:
    return _amendment(event, "amended", **_terms(event.terms), reason=None, event_ns=event.event_ns)


def _amend_ended(event: AmendEnded) -> Encoded:
    return _amendment(event, "amend_ended", status=event.outcome.value, reason=event.reason)


def _amendment(event: AmendAsked | Amended | AmendEnded, kind: str, **told: object) -> Encoded:
    named = {"client_order_id": event.client_order_id, "kind": kind, "at_ns": event.at_ns}
    return schema.EVENTS, {**_NO_REPORT, **named, **told}


def _terms(terms: Terms) -> Values:
    return {"quantity": to_text(terms.quantity), "price": to_text(terms.price)}


def to_event(row: AnyRow, order: Order) -> OrderEvent:
    match row.kind:
        case "resolved":
            return Resolved(order.client_order_id, row.at_ns, Verdict(row.status), row.reason)
        case "reported":
            return Reported(order.client_order_id, row.at_ns, _to_report(row, order))
        case "amend_asked":
            terms = Terms(Decimal(row.quantity), to_decimal(row.price))
            return AmendAsked(order.client_order_id, row.at_ns, terms, AmendWay(row.status), row.reason)
        case "amended":
            terms = Terms(Decimal(row.quantity), to_decimal(row.price))
            return Amended(order.client_order_id, row.at_ns, terms, row.event_ns)
        case "amend_ended":
            return AmendEnded(order.client_order_id, row.at_ns, AmendOutcome(row.status), row.reason)
    return _STEPS[row.kind](order.client_order_id, row.at_ns, row.reason)


def _to_report(row: AnyRow, order: Order) -> OrderReport:
    return OrderReport(
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId(row.venue_order_id),
        status=OrderStatus(row.status),
        side=order.leg.side,
        order_type=order.leg.order_type,
        quantity=Decimal(row.quantity),
        filled_quantity=Decimal(row.filled_quantity),
        filled_notional=Decimal(row.filled_notional),
        price=to_decimal(row.price),
        stop_price=order.leg.stop_price,
        event_ns=row.event_ns,
        reject_reason=row.reason,
    )


def _settlement(record: Settlement) -> Encoded:
    values = {"client_order_id": record.client_order_id, "is_settled": record.is_settled, "at_ns": record.at_ns}
    return schema.SETTLEMENTS, values


def _duty_opened(record: DutyOpened) -> Encoded:
    duty = record.duty
    return schema.DUTIES, {
        "duty_id": duty.duty_id,
        "kind": "opened",
        "intent_id": duty.intent_id,
        "instrument_id": duty.instrument_id,
        "entry_side": duty.entry_side.value,
        **_protection_values(duty.protection),
        "best_price": to_text(duty.best_price),
        "strategies": json.dumps(duty.strategies),
        "reason": None,
        "at_ns": duty.opened_ns,
    }


def _duty_closed(record: DutyClosed) -> Encoded:
    row = {**_NO_DUTY, "duty_id": record.duty_id, "kind": "closed", "reason": record.reason, "at_ns": record.at_ns}
    return schema.DUTIES, row


def _duty_noted(record: DutyNoted) -> Encoded:
    row = {**_NO_DUTY, "duty_id": record.duty_id, "kind": "noted", "reason": record.note, "at_ns": record.at_ns}
    return schema.DUTIES, row


def _duty_followed(record: DutyFollowed) -> Encoded:
    row = {**_NO_DUTY, "duty_id": record.duty_id, "kind": "followed", "best_price": to_text(record.best_price)}
    return schema.DUTIES, {**row, "at_ns": record.at_ns}


def _duty_reached(record: DutyReached) -> Encoded:
    return schema.DUTIES, {**_NO_DUTY, "duty_id": record.duty_id, "kind": "reached", "at_ns": record.at_ns}


def changed_duty(row: AnyRow, duty: Duty) -> Duty:
    """The duty after a row about it that neither opens nor closes it."""
    match row.kind:
        case "followed":
            return replace(duty, best_price=Decimal(row.best_price))
        case "reached":
            return replace(duty, is_reached=True)
    return duty


def _protection_values(protection: Protection) -> Values:
    return {
        "stop_price": to_text(protection.stop_price),
        "target_price": to_text(protection.target_price),
        "trailing_distance": to_text(protection.trailing_distance),
        "trailing_bps": protection.trailing_bps,
    }


def _protection(row: AnyRow) -> Protection:
    return Protection(
        to_decimal(row.stop_price), to_decimal(row.target_price), to_decimal(row.trailing_distance), row.trailing_bps
    )


def to_duty(row: AnyRow) -> Duty:
    return Duty(
        duty_id=ClientOrderId(row.duty_id),
        intent_id=IntentId(row.intent_id),
        instrument_id=InstrumentId(row.instrument_id),
        entry_side=SIDES[row.entry_side],
        protection=_protection(row),
        strategies=strategies_of(row.strategies),
        opened_ns=row.at_ns,
    )


ENCODERS: dict[type, Callable[[Any], Encoded]] = {
    IntentRecorded: _intent,
    RequestRecorded: _request,
    Reported: _reported,
    Resolved: _resolved,
    AmendAsked: _amend_asked,
    Amended: _amended,
    AmendEnded: _amend_ended,
    **dict.fromkeys(_KINDS, _own_step),
    Settlement: _settlement,
    DutyOpened: _duty_opened,
    DutyClosed: _duty_closed,
    DutyNoted: _duty_noted,
    DutyFollowed: _duty_followed,
    DutyReached: _duty_reached,
}
"""Of the records named."""
