"""Orders and plans as the API tells them."""

from decimal import Decimal

from core.domain.candles import Candle
from core.domain.commands import AmendReport
from core.domain.facts import OrderState, OrderView, PlanView
from core.domain.orders import Fill, OrderReport
from core.domain.pictures import CandleLine, FillLine
from core.domain.status import AmendAnswer, OrderStatusLine, PlanStatusLine
from core.domain.tickets import Placed, TicketAnswer

_NS_PER_MS = 1_000_000


def order_line(order: OrderView) -> OrderStatusLine:
    leg = order.leg
    return OrderStatusLine(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=leg.instrument_id,
        side=str(leg.side),
        order_type=str(leg.order_type),
        quantity=plain(leg.quantity),
        filled_quantity=plain(order.filled_quantity),
        price=plain(leg.price) if leg.price is not None else None,
        stop_price=plain(leg.stop_price) if leg.stop_price is not None else None,
        average_price=plain(order.average_price) if order.average_price is not None else None,
        state=str(order.state),
        purpose=str(order.purpose),
        reason=order.reason,
        created_ms=order.created_ns // _NS_PER_MS,
        changed_ms=order.changed_ns // _NS_PER_MS,
        time_in_force=None if leg.time_in_force is None else str(leg.time_in_force),
        expires_ms=None if leg.expires_ns is None else leg.expires_ns // _NS_PER_MS,
        visible_quantity=None if leg.visible_quantity is None else plain(leg.visible_quantity),
        trailing_bps=leg.trailing_bps,
        strategies=order.strategies,
        replaces=order.replaces,
        plan_id=order.plan_id,
    )


def amend_answer(report: AmendReport) -> AmendAnswer:
    replacement = None if report.replacement is None else order_line(report.replacement)
    return AmendAnswer(report.result.value, order_line(report.order), replacement, report.note)


def ticket_answer(ticket_id: str, placed: Placed, *, is_repeated: bool) -> TicketAnswer:
    if isinstance(placed, PlanView):
        return TicketAnswer(ticket_id, None, is_repeated, plan_line(placed))
    return TicketAnswer(ticket_id, order_line(placed), is_repeated)


def foreign_line(report: OrderReport) -> OrderStatusLine:
    """An order on the account that is not of this daemon's making."""
    told_ms = report.event_ns // _NS_PER_MS
    return OrderStatusLine(
        client_order_id=report.client_order_id,
        venue_order_id=report.venue_order_id,
        symbol=report.instrument_id,
        side=str(report.side),
        order_type=str(report.order_type),
        quantity=plain(report.quantity),
        filled_quantity=plain(report.filled_quantity),
        price=plain(report.price) if report.price is not None else None,
        stop_price=plain(report.stop_price) if report.stop_price is not None else None,
        average_price=None,
        state=str(OrderState.PARTIALLY_FILLED if report.filled_quantity else OrderState.ACCEPTED),
        purpose="foreign",
        reason="not of this daemon's making",
        created_ms=told_ms,
        changed_ms=told_ms,
    )


def plan_line(plan: PlanView) -> PlanStatusLine:
    leg = plan.leg
    return PlanStatusLine(
        plan_id=plan.plan_id,
        symbol=leg.instrument_id,
        side=str(leg.side),
        style=str(plan.slicing.style),
        quantity=plain(leg.quantity),
        filled_quantity=plain(plan.filled_quantity),
        price=plain(leg.price) if leg.price is not None else None,
        average_price=plain(plan.average_price) if plan.average_price is not None else None,
        sent=plan.sent,
        slices=plan.slicing.slices,
        until_ms=None if plan.until_ns is None else plan.until_ns // _NS_PER_MS,
        purpose=str(plan.purpose),
        state="over" if plan.is_over else "working",
        note=plan.note,
        opened_ms=plan.opened_ns // _NS_PER_MS,
    )


def fill_line(fill: Fill) -> FillLine:
    return FillLine(
        symbol=fill.instrument_id,
        side=str(fill.side),
        quantity=plain(fill.quantity),
        price=plain(fill.price),
        fee=plain(fill.fee),
        fee_asset=fill.fee_asset,
        is_maker=fill.is_maker,
        at_ms=fill.event_ns // _NS_PER_MS,
        trade_id=fill.trade_id,
        client_order_id=fill.client_order_id,
    )


def candle_line(candle: Candle) -> CandleLine:
    return CandleLine(candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


def plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
