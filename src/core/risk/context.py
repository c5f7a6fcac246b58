"""What the gate is told of the world when it judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.freshness import Quote
from core.domain.instruments import Instrument, InstrumentId
from core.domain.positions import Position
from core.portfolio.valuation import Valuation


@dataclass(frozen=True, slots=True)
class RiskContext:
    """The state of affairs at one moment; read by the caller in one go, without an await in between."""

    instruments: Mapping[InstrumentId, Instrument]
    quotes: Mapping[InstrumentId, Quote]
    positions: Mapping[InstrumentId, Position]
    valuation: Valuation
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """Price of one unit of a settle asset in the account's currency; the currency's own is 1."""
    cash: Mapping[str, Decimal] | None = None
    """Total per asset, locked included, that spot buys are paid from; `None`: not checked (margin accounts)."""
