"""What of a position an operator has ordered by hand. Pure.

A position is one quantity at the venue. Its part by hand grows with what is entered by hand, and shrinks with what is
closed by hand, before the strategies' part does; the strategies' part grows and shrinks with their own orders. Neither
is ever more than the whole, nor on its other side.
"""

from decimal import Decimal

from core.domain.orders import Purpose
from core.execution.order import ZERO, Errand


def by_hand_after(held: Decimal, errand: Errand | None, taken: Decimal, whole: Decimal) -> Decimal:
    """Signed, as all of it. `held`: by hand before the fill; `taken`: what the fill has added to the position; `whole`:
    the position after it. `errand` `None`: the venue's own doing."""
    if errand is not None and errand.is_by_hand:
        held = held + taken if errand.purpose is Purpose.ENTRY else _closed(held, taken)
    return _within(held, whole)


def _closed(held: Decimal, taken: Decimal) -> Decimal:
    """Not beyond 0: the rest was the strategies'."""
    after = held + taken
    return ZERO if held * after <= 0 else after


def _within(held: Decimal, whole: Decimal) -> Decimal:
    if held * whole <= 0:
        return ZERO
    return held if abs(held) <= abs(whole) else whole
