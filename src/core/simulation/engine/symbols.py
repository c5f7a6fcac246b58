"""What can be traded here: an instrument of the domain with its steps and limits as integers."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import Instrument
from core.simulation.engine.amounts import ATOMS, text, to_atoms
from core.simulation.engine.special import SelfTradePrevention

NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """One symbol of the venue. `name` is the venue's own spelling (`BTCUSDT`), the key used everywhere in the engine.

    Prices count ticks, quantities lots. `notional_num / notional_den` turns `price x quantity` into quote atoms; it is
    exact (`notional_den == 1`) unless tick x lot is finer than 1e-8, where each fill's quote amount is rounded down.
    """

    name: str
    instrument: Instrument
    base: str
    quote: str
    tick_atoms: int
    lot_atoms: int
    notional_num: int
    notional_den: int
    min_price: int
    max_price: int
    min_quantity: int
    max_quantity: int
    market_max_quantity: int
    min_notional: int
    """Quote atoms."""
    max_notional: int
    """Quote atoms."""
    price_band_up: float | None
    price_band_down: float | None
    max_open_orders: int
    max_stop_orders: int
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    """Self-trade prevention of orders that ask for none in particular."""

    @classmethod
    def of(cls, instrument: Instrument, *, max_open_orders: int = 200, max_stop_orders: int = 5) -> "SymbolSpec":
        """The spec of a spot instrument. Raises ValueError when its steps don't fit the engine's integers."""
        name = instrument.venue_symbol
        tick, lot = to_atoms(instrument.tick_size), to_atoms(instrument.lot_size)
        if tick <= 0 or lot <= 0:
            raise ValueError(f"{name}: tick and lot must be positive, at least 1e-8")
        step = instrument.tick_size * instrument.lot_size
        if step < Decimal("1e-9"):
            raise ValueError(f"{name}: tick x lot is {step}, finer than the engine's 1e-9; use a coarser lot")
        num, den = (step / Decimal("1e-8")).as_integer_ratio()
        max_quantity = _lots(instrument.max_quantity, lot)
        band_up, band_down = instrument.price_band_up, instrument.price_band_down
        return cls(
            name=name,
            instrument=instrument,
            base=instrument.base,
            quote=instrument.quote,
            tick_atoms=tick,
            lot_atoms=lot,
            notional_num=num,
            notional_den=den,
            min_price=1,
            max_price=10**15 // tick,
            min_quantity=max(1, -(-to_atoms(instrument.min_quantity) // lot)),
            max_quantity=max_quantity,
            market_max_quantity=min(max_quantity, _lots(instrument.market_max_quantity, lot)),
            min_notional=to_atoms(instrument.min_notional),
            max_notional=NO_LIMIT if instrument.max_notional is None else to_atoms(instrument.max_notional),
            price_band_up=None if band_up is None else float(band_up),
            price_band_down=None if band_down is None else float(band_down),
            max_open_orders=max_open_orders,
            max_stop_orders=max_stop_orders,
        )

    def notional(self, price: int, quantity: int) -> int:
        """Quote atoms of `quantity` lots at `price` ticks, rounded down."""
        return price * quantity * self.notional_num // self.notional_den

    def notional_up(self, price: int, quantity: int) -> int:
        """The same rounded up: what a buyer must lock."""
        return -(-price * quantity * self.notional_num // self.notional_den)

    def price_text(self, ticks: int) -> str:
        return text(ticks * self.tick_atoms)

    def quantity_text(self, lots: int) -> str:
        return text(lots * self.lot_atoms)

    def steps_text(self, steps: int) -> str:
        """A sum of `price x quantity` (a candle's quote volume) as an amount of quote."""
        return text(steps * self.notional_num // self.notional_den)

    def price_decimal(self, ticks: int) -> Decimal:
        return ticks * self.instrument.tick_size

    def quantity_decimal(self, lots: int) -> Decimal:
        return lots * self.instrument.lot_size

    def price_float(self, ticks: int) -> float:
        return ticks * self.tick_atoms / ATOMS

    def quantity_float(self, lots: int) -> float:
        return lots * self.lot_atoms / ATOMS


def _lots(quantity: Decimal | None, lot: int) -> int:
    return NO_LIMIT if quantity is None else to_atoms(quantity) // lot
