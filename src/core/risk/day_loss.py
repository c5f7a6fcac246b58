"""The loss of the UTC day, by trading time."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.freshness import Moment
from core.portfolio.valuation import Valuation

_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class DayStart:
    """Where the day's loss is measured from."""

    day: int
    """Days since the epoch, trading time."""
    equity: Decimal
    """Positive."""
    profit: Decimal

    @staticmethod
    def of(valuation: Valuation, now: Moment) -> "DayStart":
        return DayStart(now.trading_ns // _DAY_NS, valuation.equity, valuation.profit)

    def covers(self, now: Moment) -> bool:
        return self.day == now.trading_ns // _DAY_NS

    def loss_pct(self, valuation: Valuation) -> float:
        """In % of the equity at the start; negative for a gain. Measured in profit, so that deposits are no gain."""
        return float((self.profit - valuation.profit) / self.equity * 100)
