"""What a perpetual contract adds to a symbol: leverage brackets, funding terms, the liquidation fee."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.simulation.engine.amounts import ATOMS, to_atoms
from core.simulation.engine.fees import MILLION
from core.simulation.engine.symbols import SymbolSpec

HOUR_NS = 3_600_000_000_000
RATE = 100_000_000
"""Funding rates and premiums are kept in so many parts of one."""
DEFAULT_LEVERAGE = 20


@dataclass(frozen=True, slots=True)
class Bracket:
    """One row of the maintenance margin table: for positions worth `floor` < notional <= `cap` (quote atoms)."""

    number: int
    max_leverage: int
    cap: int
    floor: int
    rate_millionths: int
    """Maintenance margin rate."""
    cumulative: int
    """Maintenance amount in quote atoms: maintenance margin = notional x rate - cumulative, which makes the margin
    continuous where brackets meet (Binance's `cum`)."""


def brackets(*rows: tuple[int, int, str]) -> tuple[Bracket, ...]:
    """Of (max leverage, cap in quote, maintenance rate in percent), smallest first; the last cap is no limit to
    maintenance, only to what may be opened."""
    table: list[Bracket] = []
    floor, cumulative, before = 0, 0, 0
    for number, (max_leverage, cap, rate_pct) in enumerate(rows, start=1):
        rate = int(Decimal(rate_pct) * MILLION / 100)
        cumulative += floor * (rate - before) // MILLION
        table.append(Bracket(number, max_leverage, cap * ATOMS, floor, rate, cumulative))
        floor, before = cap * ATOMS, rate
    return tuple(table)


LARGE = brackets(
    (125, 50_000, "0.4"),
    (100, 600_000, "0.5"),
    (75, 3_000_000, "0.65"),
    (50, 12_000_000, "1"),
    (25, 70_000_000, "2"),
    (20, 100_000_000, "2.5"),
    (10, 230_000_000, "5"),
    (5, 480_000_000, "10"),
    (4, 600_000_000, "12.5"),
    (3, 800_000_000, "15"),
    (2, 1_200_000_000, "25"),
    (1, 1_800_000_000, "50"),
)
"""Like those of the two largest contracts on Binance."""
MEDIUM = brackets(
    (75, 10_000, "0.65"),
    (50, 60_000, "1"),
    (40, 300_000, "1.5"),
    (25, 1_500_000, "2"),
    (20, 3_000_000, "2.5"),
    (10, 7_500_000, "5"),
    (5, 15_000_000, "10"),
    (4, 20_000_000, "12.5"),
    (2, 50_000_000, "25"),
    (1, 100_000_000, "50"),
)
"""For everything else."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One perpetual. `spec` holds its steps and limits, as for a spot symbol."""

    spec: SymbolSpec
    brackets: tuple[Bracket, ...]
    funding_interval_ns: int
    """Funding is paid at whole multiples of this since the epoch."""
    funding_cap: int
    """The rate of one interval stays within plus and minus this."""
    interest: int
    """Interest rate of eight hours."""
    liquidation_fee_millionths: int
    """Of the notional of a liquidation order, paid to the insurance fund as far as margin is left."""
    impact_notional: int
    """Quote atoms whose average execution price makes the impact prices of the premium index."""
    price_band_millionths: int
    """A limit price may be so far above or below the mark price."""

    @classmethod
    def of(
        cls,
        spec: SymbolSpec,
        *,
        table: Sequence[Bracket] = MEDIUM,
        funding_interval_h: int = 8,
        funding_cap: Decimal = Decimal("0.02"),
        interest: Decimal = Decimal("0.0001"),
        liquidation_fee: Decimal = Decimal("0.0125"),
        price_band: Decimal = Decimal("0.05"),
    ) -> "Contract":
        """Rates are fractions of one. Raises ValueError when tick x lot is no whole number of atoms."""
        if spec.notional_den != 1:
            raise ValueError(f"{spec.name}: tick x lot must be a whole number of 1e-8")
        if not 1 <= funding_interval_h <= 8:
            raise ValueError(f"{spec.name}: a funding interval of {funding_interval_h} h, not 1 to 8")
        return cls(
            spec=spec,
            brackets=tuple(table),
            funding_interval_ns=funding_interval_h * HOUR_NS,
            funding_cap=to_atoms(funding_cap),
            interest=to_atoms(interest),
            liquidation_fee_millionths=int(liquidation_fee * MILLION),
            impact_notional=200 * ATOMS * table[0].max_leverage,
            price_band_millionths=int(price_band * MILLION),
        )

    @property
    def max_leverage(self) -> int:
        return self.brackets[0].max_leverage

    @property
    def default_leverage(self) -> int:
        return min(DEFAULT_LEVERAGE, self.max_leverage)

    def bracket(self, notional: int) -> Bracket:
        """The row for a position worth `notional` quote atoms; the last one for anything beyond."""
        for row in self.brackets:
            if notional <= row.cap:
                return row
        return self.brackets[-1]

    def maintenance_margin(self, notional: int) -> int:
        """Quote atoms, rounded up; `notional` without sign.

        Maintenance Margin = Notional x Maintenance Margin Rate - Maintenance Amount (Binance, "Leverage and Margin of
        USD-M Futures").
        """
        row = self.bracket(notional)
        return -(-notional * row.rate_millionths // MILLION) - row.cumulative

    def max_notional(self, leverage: int) -> int:
        """The largest position (quote atoms) that may be held at `leverage`; 0: no bracket allows it."""
        return max((row.cap for row in self.brackets if row.max_leverage >= leverage), default=0)

    def value(self, lots: int, price_atoms: int) -> int:
        """Quote atoms of `lots` (signed) at a mark or index price, rounded towards minus infinity."""
        return lots * self.spec.lot_atoms * price_atoms // ATOMS

    def funding(self, lots: int, price_atoms: int, rate: int) -> int:
        """What a long position of so many lots pays at a funding rate (negative: gets), rounded down."""
        return lots * self.spec.lot_atoms * price_atoms * rate // (ATOMS * RATE)

    def next_funding_ns(self, now_ns: int) -> int:
        return (now_ns // self.funding_interval_ns + 1) * self.funding_interval_ns
