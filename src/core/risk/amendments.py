"""What other terms of an order at work come to. Pure."""

from dataclasses import replace
from decimal import Decimal

from core.domain.facts import OrderView
from core.domain.freshness import Moment
from core.domain.orders import Proposal, Purpose, Side, Terms
from core.domain.reason_codes import ReasonCode, because
from core.risk.approval import Refused
from core.risk.context import RiskContext

ZERO = Decimal(0)


def adds_risk(order: OrderView, terms: Terms) -> bool:
    """Whether an order may do more with these terms than it may now: buy or sell more, or at a worse price. For an exit
    a worse price is no risk."""
    if terms.quantity > order.leg.quantity:
        return True
    if order.purpose is not Purpose.ENTRY or terms.price is None or order.leg.price is None:
        return False
    worse_by = terms.price - order.leg.price if order.leg.side is Side.BUY else order.leg.price - terms.price
    return worse_by > 0


def proposal_of(order: OrderView, terms: Terms, context: RiskContext, now: Moment) -> Proposal | Refused:
    """What is left of an order with these terms, as a proposal of its intent. Refused without a price to judge by."""
    quantity = terms.quantity - order.filled_quantity - order.unbooked_quantity
    quote = context.quotes.get(order.leg.instrument_id)
    reference = quote.mid if quote is not None else terms.price or order.leg.stop_price
    proposal = Proposal(
        intent_id=order.intent_id,
        purpose=order.purpose,
        legs=(replace(order.leg, quantity=quantity, price=terms.price, visible_quantity=None),),
        strategies=order.strategies,
        cycle=f"amend|{order.client_order_id}",
        created_ns=now.trading_ns,
        reference_price=reference or ZERO,
        reason=order.reason,
    )
    return proposal if reference is not None else Refused(proposal, because(ReasonCode.QUOTE_MISSING))
