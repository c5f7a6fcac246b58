"""What moved the account to rows and back: fills, funding, and its balances as they were seen."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FundingPayment, TradeId, VenueOrderId
from core.execution.events import Filled
from core.execution.journal import schema
from core.execution.journal.cells import SIDES, AnyRow, Encoded, Values, to_decimal, to_text
from core.execution.journal.records import BalancesObserved, ForeignFillRecorded, FundingRecorded


def _filled(event: Filled) -> Encoded:
    return schema.FILLS, {
        **_fill_values(event.fill),
        "client_order_id": event.client_order_id,
        "is_ours": True,
        "at_ns": event.at_ns,
    }


def _foreign_fill(record: ForeignFillRecorded) -> Encoded:
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
        "price": to_text(fill.price),
        "quantity": to_text(fill.quantity),
        "fee": to_text(fill.fee),
        "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker,
        "event_ns": fill.event_ns,
        "realised_profit": to_text(fill.realised_profit),
        "is_forced": fill.is_forced,
    }


def to_fill(row: AnyRow) -> Fill:
    return Fill(
        instrument_id=InstrumentId(row.instrument_id),
        trade_id=TradeId(row.trade_id),
        venue_order_id=VenueOrderId(row.venue_order_id),
        client_order_id=ClientOrderId(row.client_order_id) if row.client_order_id is not None else None,
        side=SIDES[row.side],
        price=Decimal(row.price),
        quantity=Decimal(row.quantity),
        fee=Decimal(row.fee),
        fee_asset=row.fee_asset,
        is_maker=row.is_maker,
        event_ns=row.event_ns,
        realised_profit=to_decimal(row.realised_profit),
        is_forced=bool(row.is_forced),
    )


def _funding(record: FundingRecorded) -> Encoded:
    payment = record.payment
    return schema.FUNDING, {
        "instrument_id": payment.instrument_id,
        "payment_id": payment.payment_id,
        "asset": payment.asset,
        "amount": to_text(payment.amount),
        "event_ns": payment.event_ns,
        "at_ns": record.at_ns,
    }


def to_funding(row: AnyRow) -> FundingPayment:
    return FundingPayment(
        instrument_id=InstrumentId(row.instrument_id),
        payment_id=row.payment_id,
        asset=row.asset,
        amount=Decimal(row.amount),
        event_ns=row.event_ns,
    )


def _balances(record: BalancesObserved) -> Encoded:
    totals = {asset: to_text(total) for asset, total in record.totals}
    return schema.BALANCES, {"totals": json.dumps(totals), "reason": record.reason, "at_ns": record.at_ns}


def to_totals(row: AnyRow) -> dict[str, Decimal]:
    return {asset: Decimal(total) for asset, total in json.loads(row.totals).items()}


ENCODERS: dict[type, Callable[[Any], Encoded]] = {
    Filled: _filled,
    ForeignFillRecorded: _foreign_fill,
    FundingRecorded: _funding,
    BalancesObserved: _balances,
}
"""Of the records named."""
