"""One position: how trades build it up, take it down and turn it over."""

from core.simulation.engine.amounts import ATOMS
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.orders import PositionSide


class Position:
    """Mutable, private to the engine. Long positions have positive lots and cost, short ones negative.

    `cost` is what the open lots were bought (or, negative, sold) for, in atoms; the entry price is cost / lots. Every
    trade keeps `change of cost = signed value of the trade + realised profit` exactly, whatever is rounded.
    """

    __slots__ = ("cost", "entry_fees", "isolated", "lots", "realised", "side", "symbol", "updated_ns")

    def __init__(self, symbol: str, side: PositionSide) -> None:
        self.symbol = symbol
        self.side = side
        self.lots = 0
        self.cost = 0
        self.entry_fees = 0
        """Fees paid for opening the lots that are open."""
        self.isolated = 0
        """Atoms of the wallet set aside for it; 0 when crossed."""
        self.realised = 0
        """Everything ever realised here, before fees."""
        self.updated_ns = 0

    def trade(self, lots: int, value: int) -> tuple[int, int]:
        """Trade signed `lots` worth `value` (same sign); the realised profit, and the value of the part that opened.

        What closes takes its share of the cost with it, rounded; a trade larger than the position closes all of it and
        opens the rest the other way.
        """
        held = self.lots
        if held == 0 or (held > 0) == (lots > 0):
            self.lots = held + lots
            self.cost += value
            return 0, abs(value)
        opening = 0
        closing_lots, closing_value = abs(lots), value
        if closing_lots > abs(held):
            closing_lots = abs(held)
            closing_value = value * closing_lots // abs(lots)
            opening = value - closing_value
        removed = _share(self.cost, closing_lots, abs(held))
        released_fees = _share(self.entry_fees, closing_lots, abs(held))
        realised = -closing_value - removed
        self.lots = held + lots
        self.cost += opening - removed
        self.entry_fees -= released_fees
        self.realised += realised
        return realised, abs(opening)

    def entry_price(self, contract: Contract) -> int:
        """Quote atoms per unit of base, rounded to the nearest; 0: no position."""
        return _per_unit(self.cost, self.lots, contract)

    def break_even_price(self, contract: Contract) -> int:
        """Where closing gives back the fees of opening (the fee of closing itself left aside)."""
        return _per_unit(self.cost + self.entry_fees, self.lots, contract)

    def value(self, contract: Contract, mark_price: int) -> int:
        """Signed, at the mark price."""
        return contract.value(self.lots, mark_price)

    def unrealised(self, contract: Contract, mark_price: int) -> int:
        """0 as long as there is no mark price."""
        return contract.value(self.lots, mark_price) - self.cost if self.lots and mark_price else 0


def _share(amount: int, part: int, whole: int) -> int:
    """`amount x part / whole`, rounded towards zero; the whole of it is exact."""
    share = abs(amount) * part // whole
    return share if amount >= 0 else -share


def _per_unit(cost: int, lots: int, contract: Contract) -> int:
    if not lots:
        return 0
    units = abs(lots) * contract.spec.lot_atoms
    return (2 * abs(cost) * ATOMS + units) // (2 * units)
