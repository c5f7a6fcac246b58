"""Positions: as our fills leave them behind, and as the venue has them."""

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
    funding: Decimal = Decimal(0)
    """Received (positive) or paid, in the settle asset."""


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position in a derivative as the venue has it. `quantity` is signed: negative is short."""

    instrument_id: InstrumentId
    quantity: Decimal
    entry_price: Decimal
    """0 when flat."""
    mark_price: Decimal | None = None
    """`None`: the message does not say."""
    liquidation_price: Decimal | None = None
    """`None`: none is near enough to be named, or the message does not say."""
