"""Instruments: what can be traded, and in which steps."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType

InstrumentId = NewType("InstrumentId", str)
"""Unified symbol as ccxt spells it: `BTC/USDT` (spot), `BTC/USDT:USDT` (perpetual)."""


class InstrumentKind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"


def kind_of(instrument_id: InstrumentId) -> InstrumentKind:
    """Unified symbols say it themselves: `BTC/USDT` is spot, `BTC/USDT:USDT` a perpetual settled in USDT."""
    return InstrumentKind.PERPETUAL if ":" in instrument_id else InstrumentKind.SPOT


class InstrumentStatus(StrEnum):
    """What the venue lets one do with an instrument now."""

    TRADING = "trading"
    CANCEL_ONLY = "cancel_only"
    HALTED = "halted"
    DELISTED = "delisted"
    """It was listed, and is not any more. It may come back."""


@dataclass(frozen=True, slots=True)
class TrailingGrid:
    """How far a trailing stop of the venue's own may follow behind, in basis points of the best price."""

    min_bps: int
    max_bps: int
    step_bps: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradeable instrument of one venue, with the steps its prices and quantities move in.

    `quantity` always counts units of `base` (spot) or contracts (derivatives); one contract stands for `multiplier`
    units of `base`. `None` limits mean that the venue states none.
    """

    id: InstrumentId
    venue_symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None
    min_notional: Decimal
    max_notional: Decimal | None = None
    market_max_quantity: Decimal | None = None
    price_band_up: Decimal | None = None
    """A limit price above `price_band_up` x the average price is refused (PERCENT_PRICE_BY_SIDE)."""
    price_band_down: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    max_stop_orders: int | None = None
    """How many of an account's stops and targets may stand at a time (MAX_NUM_ALGO_ORDERS)."""
    iceberg_parts: int | None = None
    """In how many parts an iceberg may show itself at most (ICEBERG_PARTS); `None`: the venue takes none."""
    trailing: TrailingGrid | None = None
    """Of trailing stops that are the venue's own; `None`: it has none."""
    status: InstrumentStatus = InstrumentStatus.TRADING

    @property
    def min_closing_notional(self) -> Decimal:
        """The least value of an order that only closes: derivatives' venues take any (reduce-only orders)."""
        return self.min_notional if self.kind is InstrumentKind.SPOT else Decimal(0)
