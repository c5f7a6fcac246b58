"""Facts of execution as log lines: one for each fill, each payment of funding, each change of an order's state."""

from decimal import Decimal

import structlog

from core.domain.facts import ExecutionFact, FillBooked, FundingBooked, OrderChanged, PlanChanged, PlanView

log = structlog.get_logger()


def log_fact(fact: ExecutionFact) -> None:
    if isinstance(fact, FillBooked):
        fill = fact.fill
        log.info(
            "fill",
            symbol=fill.instrument_id,
            side=fill.side,
            quantity=_plain(fill.quantity),
            price=_plain(fill.price),
            fee=f"{_plain(fill.fee)} {fill.fee_asset}",
            order=fill.client_order_id,
            **({} if fact.order is not None else {"forced": True} if fill.is_forced else {"foreign": True}),
        )
    elif isinstance(fact, FundingBooked):
        payment = fact.payment
        log.info("funding", symbol=payment.instrument_id, amount=f"{_plain(payment.amount)} {payment.asset}")
    elif isinstance(fact, PlanChanged):
        _log_plan(fact.plan)
    elif isinstance(fact, OrderChanged) and fact.order.state is not fact.previous:
        order = fact.order
        log.info(
            "order",
            id=order.client_order_id,
            symbol=order.leg.instrument_id,
            side=order.leg.side,
            type=order.leg.order_type,
            purpose=order.purpose,
            was=fact.previous,
            now=order.state,
            filled=_plain(order.filled_quantity + order.unbooked_quantity),
            reason=order.reason,
        )


def _log_plan(plan: PlanView) -> None:
    log.info(
        "plan",
        id=plan.plan_id,
        symbol=plan.leg.instrument_id,
        side=plan.leg.side,
        style=plan.slicing.style,
        purpose=plan.purpose,
        now="over" if plan.is_over else "ending" if plan.note else "working",
        filled=f"{_plain(plan.filled_quantity)}/{_plain(plan.leg.quantity)}",
        slices=plan.sent,
        reason=plan.note,
    )


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
