"""Protective duties: the stop that must stand at the venue as long as an entry's fill is held. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Protection, Side


@dataclass(frozen=True, slots=True)
class Duty:
    """What is owed to one entry order."""

    duty_id: ClientOrderId
    """The entry's client order id."""
    intent_id: IntentId
    instrument_id: InstrumentId
    entry_side: Side
    protection: Protection
    strategies: tuple[str, ...]
    opened_ns: int
    held: Decimal = Decimal(0)
    """What the entry's fills have left in our hands: fees in base, stops' and exits' fills are out. Never negative."""
