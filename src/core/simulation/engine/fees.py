"""What a fill costs."""

from dataclasses import dataclass
from decimal import Decimal

MILLION = 1_000_000
"""Rates are kept in millionths: one basis point is 100. A fee is rounded down to a whole atom."""


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates in basis points of what a fill receives: the buyer pays in base, the seller in quote.

    An account that chose a fee asset (BNB) pays there instead, at `discount_pct` off, as long as it has enough of it
    free and the venue trades it against the quote; otherwise, and in trades of the fee asset itself, it pays in the
    received asset as everyone does.
    """

    maker_bps: Decimal = Decimal(10)
    taker_bps: Decimal = Decimal(10)
    discount_pct: Decimal = Decimal(25)

    @property
    def maker_millionths(self) -> int:
        return int(self.maker_bps * 100)

    @property
    def taker_millionths(self) -> int:
        return int(self.taker_bps * 100)
