"""What the portfolio is worth at given prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.instruments import InstrumentId


@dataclass(frozen=True, slots=True)
class Valuation:
    """The portfolio in the account's currency. `equity - deposits == realised + unrealised - fees + funding`, to the
    last digit, as long as the rates of fee assets and deposits stay where they were booked."""

    currency: str
    equity: Decimal
    cash: Decimal
    """Of the account's currency, what orders have locked included."""
    deposits: Decimal
    """Net of withdrawals, valued when they were booked."""
    realised_profit: Decimal
    """Before fees."""
    unrealised_profit: Decimal
    fees: Decimal
    exposures: Mapping[InstrumentId, Decimal]
    """Signed market value of each open position."""
    unpriced: tuple[str, ...]
    """Instruments and assets without a price: positions stand at cost, other assets at nothing."""
    unvalued_fees: Mapping[str, Decimal] = field(default_factory=dict)
    """Fees per asset that had no rate when they were booked; not in `fees`."""
    funding: Decimal = Decimal(0)
    """Received, or paid when negative; perpetuals only."""

    @property
    def profit(self) -> Decimal:
        """Net of fees and funding, realised or not."""
        return self.realised_profit + self.unrealised_profit - self.fees + self.funding
