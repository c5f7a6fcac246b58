"""What the account could come to hold if everything under way fills, in its currency. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import Side
from core.risk.context import RiskContext
from core.risk.reservations import Claim

ZERO = Decimal(0)


@dataclass(slots=True)
class _Worst:
    """One instrument: what is held, and what entries may add on either side."""

    held: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    @property
    def value(self) -> Decimal:
        """Exits under way are not counted on: they may fail, or go through before what follows them fills."""
        return max(abs(self.held), abs(self.held + self.buys), abs(self.held - self.sells), self.buys, self.sells)


@dataclass(slots=True)
class Exposure:
    """Worst case per instrument. `unpriced` lists what could not be valued: then nothing can be said of the sum."""

    worst: dict[InstrumentId, _Worst] = field(default_factory=dict)
    unpriced: list[str] = field(default_factory=list)

    @staticmethod
    def of(context: RiskContext, entries: Iterable[Claim]) -> "Exposure":
        exposure = Exposure()
        for instrument_id, held in context.valuation.exposures.items():
            exposure._at(instrument_id).held = held
        for instrument_id, position in context.positions.items():
            if position.quantity and instrument_id in context.valuation.unpriced:
                exposure.unpriced.append(instrument_id)
        for claim in entries:
            exposure._claim(claim, context)
        return exposure

    def add(self, instrument_id: InstrumentId, side: Side, notional: Decimal) -> None:
        worst = self._at(instrument_id)
        if side is Side.BUY:
            worst.buys += notional
        else:
            worst.sells += notional

    def symbol(self, instrument_id: InstrumentId) -> Decimal:
        return self._at(instrument_id).value

    def gross(self) -> Decimal:
        return sum((worst.value for worst in self.worst.values()), ZERO)

    def open_instruments(self, context: RiskContext) -> set[InstrumentId]:
        """Those held or being entered, dust aside."""
        return {
            instrument_id
            for instrument_id, worst in self.worst.items()
            if worst.buys or worst.sells or abs(worst.held) >= _least(instrument_id, context)
        }

    def _at(self, instrument_id: InstrumentId) -> _Worst:
        return self.worst.setdefault(instrument_id, _Worst())

    def _claim(self, claim: Claim, context: RiskContext) -> None:
        price = claim.price
        if price is None and claim.instrument_id in context.quotes:
            quote = context.quotes[claim.instrument_id]
            price = quote.ask if claim.side is Side.BUY else quote.bid
        notional = None if price is None else notional_of(claim.instrument_id, claim.quantity, price, context)
        if notional is None:
            self.unpriced.append(claim.instrument_id)
        else:
            self.add(claim.instrument_id, claim.side, notional)


def settle_rate(instrument: Instrument, context: RiskContext) -> Decimal | None:
    """Price of the instrument's settle asset in the account's currency; `None`: not known."""
    if instrument.settle == context.valuation.currency:
        return Decimal(1)
    return context.rates.get(instrument.settle)


def notional_of(instrument_id: InstrumentId, quantity: Decimal, price: Decimal, context: RiskContext) -> Decimal | None:
    """In the account's currency; `None` where the instrument or the rate of its settle asset is not known."""
    instrument = context.instruments.get(instrument_id)
    rate = None if instrument is None else settle_rate(instrument, context)
    return None if instrument is None or rate is None else quantity * price * instrument.multiplier * rate


def _least(instrument_id: InstrumentId, context: RiskContext) -> Decimal:
    """Below this a position is dust."""
    instrument = context.instruments.get(instrument_id)
    rate = None if instrument is None else settle_rate(instrument, context)
    return ZERO if instrument is None or rate is None else instrument.min_notional * rate
