"""Icebergs: orders that show one slice at a time; each next slice stands at the end of its queue."""

from core.simulation.engine.resting import RestingOrder

MOST_PARTS = 10
"""What the ICEBERG_PARTS filter allows: the whole quantity in slices, the last one perhaps smaller."""
MOST_OPEN = 5
"""What the MAX_NUM_ICEBERG_ORDERS filter allows an account in one symbol."""


def show_slice(order: RestingOrder) -> None:
    """Show the first slice of an iceberg that goes on the book."""
    order.shown = min(order.iceberg, order.remaining)


def take_shown(order: RestingOrder, lots: int, now_ns: int) -> int:
    """An iceberg is about to lose `lots` of its remaining; the size of the next slice, 0 where the present one lasts or
    nothing is left.

    `lots` beyond the slice, which only a trade that goes through its price takes, come from the hidden part.
    """
    order.shown -= lots
    if order.shown > 0:
        return 0
    order.shown = fresh = min(order.iceberg, order.remaining - lots)
    if fresh:
        order.note(shown=fresh, sliced_ns=now_ns)
    return fresh
