"""Amending: an open order becomes smaller and keeps its place (Binance's "order amend keep priority")."""

from decimal import Decimal

from core.simulation.engine.checks import check_size
from core.simulation.engine.listing import Listing
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.resting import RestingOrder

MOST_AMENDMENTS = 10
"""What the MAX_NUM_ORDER_AMENDS filter allows an order."""


def check_amendment(listing: Listing, order: RestingOrder, quantity: Decimal) -> int:
    """The new quantity in lots. Raises `Refusal`."""
    lots = check_size(listing, quantity, order.price or order.stop_price)
    if order.special is not None and order.special.amendments >= MOST_AMENDMENTS:
        raise Refusal(RefusalKind.AMEND_TOO_OFTEN, f"{MOST_AMENDMENTS} times")
    if lots > order.quantity:
        raise Refusal(RefusalKind.AMEND_INCREASE, str(quantity))
    if lots == order.quantity:
        raise Refusal(RefusalKind.AMEND_NO_CHANGE, str(quantity))
    if lots <= order.quantity - order.remaining:
        raise Refusal(RefusalKind.AMEND_BELOW_FILLED, str(quantity))
    return lots


def shrink(listing: Listing, order: RestingOrder, quantity: int, now_ns: int) -> None:
    """Set an open order's whole quantity, which is smaller than before and more than what has filled; an iceberg shows
    less only where less is left than it shows."""
    displayed = order.displayed
    order.remaining -= order.quantity - quantity
    order.quantity = quantity
    order.updated_ns = now_ns
    order.note(amendments=1 + (order.special.amendments if order.special is not None else 0))
    if order.iceberg:
        order.shown = min(order.shown, order.remaining)
    if order.is_working:
        side = listing.bids if order.is_buy else listing.asks
        side.order_shrank(order.price * side.sign, order, displayed)
