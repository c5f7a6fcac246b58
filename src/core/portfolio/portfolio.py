"""The book of positions and cash that fills leave behind."""

from collections.abc import Mapping
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import Fill
from core.domain.positions import Position
from core.portfolio.valuation import Valuation


class Portfolio:
    """Folds fills and deposits; asks nobody and reads no clock. `currency` is the account's, e.g. `USDT`.

    Rates are prices of one unit of an asset in the account's currency; that of the currency itself is 1 and need not
    be given.
    """

    def __init__(self, currency: str, instruments: Mapping[InstrumentId, Instrument]) -> None:
        raise NotImplementedError

    def apply_fill(self, fill: Fill, rates: Mapping[str, Decimal] | None = None) -> bool:
        """Fold one fill; `False` when its (instrument, trade id) was folded before. Fees in assets that have no rate
        are taken from that asset's cash and counted as unvalued. Raises KeyError for an instrument never named."""
        raise NotImplementedError

    def deposit(self, asset: str, amount: Decimal, rates: Mapping[str, Decimal] | None = None) -> None:
        """Book a deposit (negative: a withdrawal) or a starting balance."""
        raise NotImplementedError

    def adopt_balance(self, asset: str, venue_total: Decimal, rates: Mapping[str, Decimal] | None = None) -> Decimal:
        """Book as a deposit what the venue holds of a cash asset beyond what fills explain; returns that difference.
        Called at start, after the journal's fills are folded."""
        raise NotImplementedError

    def list_instrument(self, instrument: Instrument) -> None:
        """Name an instrument, or replace its filters."""
        raise NotImplementedError

    def cash(self, asset: str) -> Decimal:
        """Folded total of an asset, positions not included."""
        raise NotImplementedError

    def position(self, instrument_id: InstrumentId) -> Position:
        """A flat one where nothing was traded."""
        raise NotImplementedError

    def positions(self) -> dict[InstrumentId, Position]:
        """All that were ever traded, flat ones included."""
        raise NotImplementedError

    def value(self, marks: Mapping[InstrumentId, Decimal], rates: Mapping[str, Decimal] | None = None) -> Valuation:
        """Worth at these prices (in the instruments' settle asset)."""
        raise NotImplementedError
