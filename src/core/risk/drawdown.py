"""The fall from the highest equity so far."""

from dataclasses import dataclass
from decimal import Decimal

from core.portfolio.valuation import Valuation

_STEP = Decimal("0.0005")
"""A peak is moved in steps of this share of equity: it is kept on the disk, and each tick upwards is not worth a
write."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Where the drawdown is measured from."""

    equity: Decimal
    """Positive."""
    profit: Decimal

    @staticmethod
    def of(valuation: Valuation) -> "Peak":
        return Peak(valuation.equity, valuation.profit)

    def raised_to(self, valuation: Valuation) -> "Peak":
        """Measured in profit, so that a deposit is no gain and a withdrawal no loss."""
        return Peak.of(valuation) if valuation.profit - self.profit >= valuation.equity * _STEP else self

    def drawdown_pct(self, valuation: Valuation) -> float:
        """In % of the equity at the peak; negative above it."""
        return float((self.profit - valuation.profit) / self.equity * 100)
