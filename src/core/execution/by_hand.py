"""What of a position an operator has ordered by hand. Pure.

A position is one quantity at the venue. Its part by hand grows with what is entered by hand, and shrinks with what is
closed by hand, before the strategies' part does; the strategies' part grows and shrinks with their own orders. Neither
is ever more than the whole, nor on its other side.
"""

from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, Purpose
from core.execution.order import ZERO, Errand


class HandHeld:
    """Folds every fill of ours, in the order of booking."""

    def __init__(self, held: dict[InstrumentId, Decimal] | None = None) -> None:
        """`held`: as earlier fills have left it; it is kept up to date."""
        self._held: dict[InstrumentId, Decimal] = {} if held is None else held

    def quantity(self, instrument_id: InstrumentId) -> Decimal:
        """Signed."""
        return self._held.get(instrument_id, ZERO)

    def note(self, fill: Fill, errand: Errand | None, taken: Decimal, whole: Decimal) -> None:
        """`taken` is what the fill has added to the position, signed; `whole` the position after it. `errand` `None`:
        the venue's own doing."""
        held = self.quantity(fill.instrument_id)
        if errand is not None and errand.is_by_hand:
            held = held + taken if errand.purpose is Purpose.ENTRY else _closed(held, taken)
        held = _within(held, whole)
        if held:
            self._held[fill.instrument_id] = held
        else:
            self._held.pop(fill.instrument_id, None)


def _closed(held: Decimal, taken: Decimal) -> Decimal:
    """Not beyond 0: the rest was the strategies'."""
    after = held + taken
    return ZERO if held * after <= 0 else after


def _within(held: Decimal, whole: Decimal) -> Decimal:
    if held * whole <= 0:
        return ZERO
    return held if abs(held) <= abs(whole) else whole
