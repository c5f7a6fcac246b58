"""Positions as fills leave them behind."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import InstrumentId


@dataclass(frozen=True, slots=True)
class Position:
    """Signed holding of one instrument. `average_price` is `None` when flat; fees in base are already out of
    `quantity`; money in the instrument's settle asset."""

    instrument_id: InstrumentId
    quantity: Decimal
    average_price: Decimal | None
    realised_profit: Decimal
    fees: Decimal
    """Valued in the settle asset at the time of the fill."""
    opened_ns: int | None
