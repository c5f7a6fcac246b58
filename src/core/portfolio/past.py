"""What all that was ever booked in one instrument comes to. Pure, exact.

It is kept for contracts of size one and without any rate, so that it can be written down and taken over by a portfolio
that knows the instrument and what a fee's asset is worth.
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from core.domain.orders import Fill, Side
from core.portfolio.holding import EXACT, Holding, traded

ZERO = Decimal(0)


@dataclass(slots=True)
class FeeSum:
    """Of one asset."""

    amount: Decimal = ZERO
    at_trade_prices: Decimal = ZERO
    """Each fee times the price of its trade: their worth where the asset is the instrument's base."""


@dataclass(slots=True)
class Past:
    """Folds the fills of ours and the payments of one instrument, in the order of booking."""

    holding: Holding = field(default_factory=Holding)
    """Without fees and funding; `realised_profit` is of contracts of size one."""
    spent: Decimal = ZERO
    """What purchases have cost beyond what sales have brought."""
    fees: dict[str, FeeSum] = field(default_factory=dict)
    """By asset."""
    funding: dict[str, Decimal] = field(default_factory=dict)
    """By asset: received, or paid when negative."""

    def note_fill(self, fill: Fill, base_fee: Decimal) -> None:
        """`base_fee`: what of the fee goes out of what is held, as it does on spot; 0 elsewhere."""
        with localcontext(EXACT):
            held = traded(self.holding, fill.side, fill.quantity, fill.price, fill.event_ns)
            if base_fee:
                held = traded(held, Side.SELL if base_fee > 0 else Side.BUY, abs(base_fee), fill.price, fill.event_ns)
            self.holding = held
            self.spent += fill.side.sign * fill.quantity * fill.price
            fees = self.fees.setdefault(fill.fee_asset, FeeSum())
            fees.amount += fill.fee
            fees.at_trade_prices += fill.fee * fill.price

    def note_funding(self, asset: str, amount: Decimal) -> None:
        with localcontext(EXACT):
            self.funding[asset] = self.funding.get(asset, ZERO) + amount
