"""One instrument's book: what a trade does to quantity, cost and realised profit. Pure, exact."""

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from core.domain.orders import Side

EXACT = Context(prec=60)
"""Sums and products of prices and quantities never round in it; only `_released` divides, and rounds on purpose."""

_COST_STEP = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Holding:
    """Money in the settle asset. `cost` is what was paid for what is held: positive when long, negative when short."""

    quantity: Decimal = Decimal(0)
    """Signed."""
    cost: Decimal = Decimal(0)
    realised_profit: Decimal = Decimal(0)
    """Before fees."""
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    """Received, or paid when negative."""
    opened_ns: int | None = None
    """Of the fill that left flat; `None` while flat."""

    def worth(self, price: Decimal, multiplier: Decimal) -> Decimal:
        return self.quantity * price * multiplier


def traded(holding: Holding, side: Side, quantity: Decimal, unit_value: Decimal, at_ns: int) -> Holding:
    """Buy or sell `quantity` (positive) at `unit_value` (price times multiplier): close what is held on the other side
    at average cost, open the rest. A flip closes all and opens anew. Call it under `EXACT`."""
    if holding.quantity * side.sign >= 0:
        return _opened(holding, side, quantity, unit_value, at_ns)
    closing = min(quantity, abs(holding.quantity))
    closed = _closed(holding, side, closing, unit_value)
    return _opened(closed, side, quantity - closing, unit_value, at_ns)


def _opened(holding: Holding, side: Side, quantity: Decimal, unit_value: Decimal, at_ns: int) -> Holding:
    if not quantity:
        return holding
    return replace(
        holding,
        quantity=holding.quantity + side.sign * quantity,
        cost=holding.cost + side.sign * quantity * unit_value,
        opened_ns=at_ns if holding.opened_ns is None else holding.opened_ns,
    )


def _closed(holding: Holding, side: Side, quantity: Decimal, unit_value: Decimal) -> Holding:
    released = _released(holding, quantity)
    left = holding.quantity + side.sign * quantity
    return replace(
        holding,
        quantity=left,
        cost=holding.cost - released,
        realised_profit=holding.realised_profit - side.sign * quantity * unit_value - released,
        opened_ns=holding.opened_ns if left else None,
    )


def _released(holding: Holding, quantity: Decimal) -> Decimal:
    """The cost that leaves with `quantity`. Rounded once and used on both sides, so that nothing is lost by it."""
    held = abs(holding.quantity)
    return holding.cost if quantity == held else (holding.cost * quantity / held).quantize(_COST_STEP, context=EXACT)
