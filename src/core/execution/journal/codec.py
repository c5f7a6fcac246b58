"""Records to rows and back. Decimals become their exact strings."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Table

from core.domain.commands import Verdict
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import (
    ClientOrderId,
    Fill,
    FundingPayment,
    IntentId,
    Leg,
    OrderReport,
    OrderStatus,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    TimeInForce,
    TradeId,
    VenueOrderId,
)
from core.execution.events import (
    AbsenceProven,
    CancelAsked,
    CancelRefused,
    Filled,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Resolved,
    Vanished,
    Withdrawn,
)
from core.execution.journal import schema
from core.execution.journal.records import (
    BalancesObserved,
    DutyClosed,
    DutyNoted,
    DutyOpened,
    ForeignFillRecorded,
    FundingRecorded,
    IntentRecorded,
    Record,
    RequestRecorded,
    Settlement,
)
from core.execution.order import Order
from core.execution.protection import Duty

Values = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]

_OwnStep = type[Withdrawn | Refused | OutcomeLost | Vanished | CancelAsked | CancelRefused | AbsenceProven]
_STEPS: dict[str, _OwnStep] = {
    "withdrawn": Withdrawn,
    "refused": Refused,
    "outcome_lost": OutcomeLost,
    "vanished": Vanished,
    "cancel_asked": CancelAsked,
    "cancel_refused": CancelRefused,
    "absence_proven": AbsenceProven,
}
_KINDS: dict[type, str] = {step: kind for kind, step in _STEPS.items()}
_REPORTED = "reported"
_RESOLVED = "resolved"


def to_row(record: Record) -> tuple[Table, Values]:
    """Table and values of a record, without its book. Raises TypeError for what is never journalled (`Sent`)."""
    encode = _ENCODERS.get(type(record))
    if encode is None:
        raise TypeError(f"not a journal record: {record}")
    return encode(record)


def _intent(record: IntentRecorded) -> tuple[Table, Values]:
    proposal = record.proposal
    protection = proposal.protection or Protection(None)
    return schema.INTENTS, {
        "intent_id": proposal.intent_id,
        "purpose": proposal.purpose.value,
        "strategies": json.dumps(proposal.strategies),
        "cycle": proposal.cycle,
        "legs": json.dumps([_leg_values(leg) for leg in proposal.legs]),
        "reference_price": _money(proposal.reference_price),
        "stop_price": _money(protection.stop_price),
        "target_price": _money(protection.target_price),
        "reason": proposal.reason,
        "risk_epoch": record.risk_epoch,
        "created_ns": proposal.created_ns,
        "at_ns": record.at_ns,
    }


def _request(record: RequestRecorded) -> tuple[Table, Values]:
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
        "window_ms": order.window_ms,
        "created_ns": order.created_ns,
    }


def _own_step(event: Any) -> tuple[Table, Values]:
    return schema.EVENTS, {
        **_NO_REPORT,
        "client_order_id": event.client_order_id,
        "kind": _KINDS[type(event)],
        "reason": event.reason,
        "at_ns": event.at_ns,
    }


_NO_REPORT: Values = dict.fromkeys(
    ("status", "venue_order_id", "quantity", "filled_quantity", "filled_notional", "event_ns")
)


def _reported(event: Reported) -> tuple[Table, Values]:
    report = event.report
    return schema.EVENTS, {
        "client_order_id": event.client_order_id,
        "kind": _REPORTED,
        "status": report.status.value,
        "venue_order_id": report.venue_order_id,
        "quantity": _money(report.quantity),
        "filled_quantity": _money(report.filled_quantity),
        "filled_notional": _money(report.filled_notional),
        "reason": report.reject_reason,
        "event_ns": report.event_ns,
        "at_ns": event.at_ns,
    }


def _resolved(event: Resolved) -> tuple[Table, Values]:
    return schema.EVENTS, {
        **_NO_REPORT,
        "client_order_id": event.client_order_id,
        "kind": _RESOLVED,
        "status": event.verdict.value,
        "reason": event.reason,
        "at_ns": event.at_ns,
    }


def _filled(event: Filled) -> tuple[Table, Values]:
    return schema.FILLS, {
        **_fill_values(event.fill),
        "client_order_id": event.client_order_id,
        "is_ours": True,
        "at_ns": event.at_ns,
    }


def _foreign_fill(record: ForeignFillRecorded) -> tuple[Table, Values]:
    return schema.FILLS, {
        **_fill_values(record.fill),
        "client_order_id": record.fill.client_order_id,
        "is_ours": False,
        "at_ns": record.at_ns,
    }


def _fill_values(fill: Fill) -> Values:
    return {
        "instrument_id": fill.instrument_id,
        "trade_id": fill.trade_id,
        "venue_order_id": fill.venue_order_id,
        "side": fill.side.value,
        "price": _money(fill.price),
        "quantity": _money(fill.quantity),
        "fee": _money(fill.fee),
        "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker,
        "event_ns": fill.event_ns,
        "realised_profit": _money(fill.realised_profit),
        "is_forced": fill.is_forced,
    }


def _funding(record: FundingRecorded) -> tuple[Table, Values]:
    payment = record.payment
    return schema.FUNDING, {
        "instrument_id": payment.instrument_id,
        "payment_id": payment.payment_id,
        "asset": payment.asset,
        "amount": _money(payment.amount),
        "event_ns": payment.event_ns,
        "at_ns": record.at_ns,
    }


def _duty_opened(record: DutyOpened) -> tuple[Table, Values]:
    duty = record.duty
    return schema.DUTIES, {
        "duty_id": duty.duty_id,
        "kind": "opened",
        "intent_id": duty.intent_id,
        "instrument_id": duty.instrument_id,
        "entry_side": duty.entry_side.value,
        "stop_price": _money(duty.protection.stop_price),
        "target_price": _money(duty.protection.target_price),
        "strategies": json.dumps(duty.strategies),
        "reason": None,
        "at_ns": duty.opened_ns,
    }


_NO_DUTY: Values = dict.fromkeys(
    ("intent_id", "instrument_id", "entry_side", "stop_price", "target_price", "strategies")
)


def _duty_closed(record: DutyClosed) -> tuple[Table, Values]:
    row = {**_NO_DUTY, "duty_id": record.duty_id, "kind": "closed", "reason": record.reason, "at_ns": record.at_ns}
    return schema.DUTIES, row


def _duty_noted(record: DutyNoted) -> tuple[Table, Values]:
    row = {**_NO_DUTY, "duty_id": record.duty_id, "kind": "noted", "reason": record.note, "at_ns": record.at_ns}
    return schema.DUTIES, row


def _balances(record: BalancesObserved) -> tuple[Table, Values]:
    totals = {asset: _money(total) for asset, total in record.totals}
    return schema.BALANCES, {"totals": json.dumps(totals), "reason": record.reason, "at_ns": record.at_ns}


def _settlement(record: Settlement) -> tuple[Table, Values]:
    values = {"client_order_id": record.client_order_id, "is_settled": record.is_settled, "at_ns": record.at_ns}
    return schema.SETTLEMENTS, values


_ENCODERS: dict[type, Callable[[Any], tuple[Table, Values]]] = {
    IntentRecorded: _intent,
    RequestRecorded: _request,
    Reported: _reported,
    Resolved: _resolved,
    Filled: _filled,
    ForeignFillRecorded: _foreign_fill,
    FundingRecorded: _funding,
    DutyOpened: _duty_opened,
    DutyClosed: _duty_closed,
    DutyNoted: _duty_noted,
    BalancesObserved: _balances,
    Settlement: _settlement,
    **dict.fromkeys(_KINDS, _own_step),
}


def to_proposal(row: AnyRow) -> Proposal:
    protection = Protection(_decimal(row.stop_price), _decimal(row.target_price))
    is_protected = protection.stop_price is not None or protection.target_price is not None
    return Proposal(
        intent_id=IntentId(row.intent_id),
        purpose=Purpose(row.purpose),
        legs=tuple(_leg(values) for values in json.loads(row.legs)),
        strategies=tuple(json.loads(row.strategies)),
        cycle=row.cycle,
        created_ns=row.created_ns,
        reference_price=Decimal(row.reference_price),
        protection=protection if is_protected else None,
        reason=row.reason,
    )


def to_order(row: AnyRow) -> Order:
    """What is in the journal may have left: SUBMITTING."""
    return Order(
        client_order_id=ClientOrderId(row.client_order_id),
        intent_id=IntentId(row.intent_id),
        role=row.role,
        purpose=Purpose(row.purpose),
        strategies=tuple(json.loads(row.strategies)),
        leg=_leg(json.loads(row.leg)),
        sent_because=row.sent_because,
        created_ns=row.created_ns,
        changed_ns=row.created_ns,
        protects=ClientOrderId(row.protects) if row.protects is not None else None,
        window_ms=row.window_ms,
        state=OrderState.SUBMITTING,
    )


def to_event(row: AnyRow, order: Order) -> OrderEvent:
    if row.kind == _RESOLVED:
        return Resolved(order.client_order_id, row.at_ns, Verdict(row.status), row.reason)
    if row.kind != _REPORTED:
        return _STEPS[row.kind](order.client_order_id, row.at_ns, row.reason)
    report = OrderReport(
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId(row.venue_order_id),
        status=OrderStatus(row.status),
        side=order.leg.side,
        order_type=order.leg.order_type,
        quantity=Decimal(row.quantity),
        filled_quantity=Decimal(row.filled_quantity),
        filled_notional=Decimal(row.filled_notional),
        price=order.leg.price,
        stop_price=order.leg.stop_price,
        event_ns=row.event_ns,
        reject_reason=row.reason,
    )
    return Reported(order.client_order_id, row.at_ns, report)


def to_fill(row: AnyRow) -> Fill:
    return Fill(
        instrument_id=InstrumentId(row.instrument_id),
        trade_id=TradeId(row.trade_id),
        venue_order_id=VenueOrderId(row.venue_order_id),
        client_order_id=ClientOrderId(row.client_order_id) if row.client_order_id is not None else None,
        side=Side(row.side),
        price=Decimal(row.price),
        quantity=Decimal(row.quantity),
        fee=Decimal(row.fee),
        fee_asset=row.fee_asset,
        is_maker=row.is_maker,
        event_ns=row.event_ns,
        realised_profit=_decimal(row.realised_profit),
        is_forced=bool(row.is_forced),
    )


def to_funding(row: AnyRow) -> FundingPayment:
    return FundingPayment(
        instrument_id=InstrumentId(row.instrument_id),
        payment_id=row.payment_id,
        asset=row.asset,
        amount=Decimal(row.amount),
        event_ns=row.event_ns,
    )


def to_duty(row: AnyRow) -> Duty:
    return Duty(
        duty_id=ClientOrderId(row.duty_id),
        intent_id=IntentId(row.intent_id),
        instrument_id=InstrumentId(row.instrument_id),
        entry_side=Side(row.entry_side),
        protection=Protection(_decimal(row.stop_price), _decimal(row.target_price)),
        strategies=tuple(json.loads(row.strategies)),
        opened_ns=row.at_ns,
    )


def to_totals(row: AnyRow) -> dict[str, Decimal]:
    return {asset: Decimal(total) for asset, total in json.loads(row.totals).items()}


def _leg_values(leg: Leg) -> Values:
    return {
        "instrument_id": leg.instrument_id,
        "side": leg.side.value,
        "quantity": _money(leg.quantity),
        "order_type": leg.order_type.value,
        "price": _money(leg.price),
        "stop_price": _money(leg.stop_price),
        "time_in_force": leg.time_in_force.value if leg.time_in_force else None,
        "ratio": leg.ratio,
        "reduce_only": leg.reduce_only,
    }


def _leg(values: Values) -> Leg:
    return Leg(
        instrument_id=InstrumentId(values["instrument_id"]),
        side=Side(values["side"]),
        quantity=Decimal(values["quantity"]),
        order_type=OrderType(values["order_type"]),
        price=_decimal(values["price"]),
        stop_price=_decimal(values["stop_price"]),
        time_in_force=TimeInForce(values["time_in_force"]) if values["time_in_force"] else None,
        ratio=values["ratio"],
        reduce_only=values["reduce_only"],
    )


def _money(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
