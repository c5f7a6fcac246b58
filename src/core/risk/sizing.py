"""From what strategies want to a position: as fraction of equity, as quantity, as the change that leads there. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import Instrument
from core.domain.money import to_quantity
from core.domain.orders import Purpose, Side
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal
from core.settings.risk import SizingSettings

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stake:
    """What is held and what it is measured in. Money in the settle asset, quantities signed."""

    instrument: Instrument
    price: Decimal
    """Mid of the quote, or the last close where there is none."""
    equity: Decimal
    held: Decimal
    in_flight: Decimal
    """What orders at work may still add."""
    sellable: Decimal | None = None
    """What the account has of the base asset; `None`: as much as is held."""

    @property
    def expected(self) -> Decimal:
        """The position once all orders at work have filled."""
        return self.held + self.in_flight

    @property
    def fraction(self) -> float:
        """The expected position as fraction of equity; 0 without equity."""
        return float(self.worth(self.expected) / self.equity) if self.equity > 0 else 0.0

    def worth(self, quantity: Decimal) -> Decimal:
        return quantity * self.price * self.instrument.multiplier

    def is_dust(self, quantity: Decimal) -> bool:
        return is_dust(quantity, self.price, self.instrument)


@dataclass(frozen=True, slots=True)
class Change:
    """What to trade: a positive quantity on the lot grid."""

    side: Side
    quantity: Decimal
    purpose: Purpose


def is_dust(quantity: Decimal, price: Decimal, instrument: Instrument) -> bool:
    """Too little to be an order of its own."""
    whole = to_quantity(abs(quantity), instrument)
    return whole < max(instrument.min_quantity, instrument.lot_size) or (
        whole * price * instrument.multiplier < instrument.min_notional
    )


def wanted_fraction(signal: Signal, volatility: float | None, settings: SizingSettings) -> float | Reason:
    """The position that a signal asks for, as signed fraction of equity.

    Volatility target: `target / volatility` (both annualised), so that each position contributes about the same risk
    (Moskowitz, Ooi and Pedersen, "Time series momentum", 2012, section 2.4). Fixed fraction: just that. Both are
    bounded by `max_fraction_pct` and scaled by the signal's strength. `volatility` `None`: not measurable yet.
    """
    if signal.direction is Direction.FLAT:
        return 0.0
    limit = settings.max_fraction_pct / 100
    if settings.method == "fixed_fraction":
        size = settings.fraction_pct / 100
    elif volatility is None:
        return because(ReasonCode.VOLATILITY_MISSING)
    else:
        target = settings.target_volatility_pct / 100
        size = target / volatility if volatility > target / limit else limit
    return float(signal.direction.value) * signal.strength * min(size, limit)


def change_towards(fraction: float, stake: Stake, settings: SizingSettings) -> Change | Reason:
    """The trade that brings the expected position to `fraction` of equity, or why there is none: `POSITION_HELD`
    (close enough), `POSITION_DUST` (too little to sell), `SIZE_BELOW_MINIMUM`."""
    target = _target_quantity(fraction, stake)
    difference = target - stake.expected
    if abs(difference) <= abs(target) * Decimal(repr(settings.rebalance_band_pct)) / 100:
        return because(ReasonCode.POSITION_HELD, held=stake.expected, target=target)
    side = Side.BUY if difference > 0 else Side.SELL
    if side.sign * stake.expected < 0 and target * stake.expected >= 0:
        return _reduction(side, target, stake)
    if stake.is_dust(difference):
        return because(
            ReasonCode.SIZE_BELOW_MINIMUM,
            quantity=to_quantity(abs(difference), stake.instrument),
            notional=stake.worth(abs(difference)).quantize(Decimal("0.01")),
            min_quantity=stake.instrument.min_quantity,
            min_notional=stake.instrument.min_notional,
        )
    return Change(side, to_quantity(abs(difference), stake.instrument), Purpose.ENTRY)


def _target_quantity(fraction: float, stake: Stake) -> Decimal:
    """On the lot grid, towards zero."""
    if not fraction or stake.equity <= 0:
        return ZERO
    exact = Decimal(repr(abs(fraction))) * stake.equity / (stake.price * stake.instrument.multiplier)
    quantity = to_quantity(exact, stake.instrument)
    return quantity if fraction > 0 else -quantity


def _reduction(side: Side, target: Decimal, stake: Stake) -> Change | Reason:
    """Close no more than is held, and leave no dust behind."""
    available = min(max(-side.sign * stake.held, ZERO), abs(stake.expected))
    if stake.sellable is not None and side is Side.SELL:
        available = min(available, stake.sellable)
    wanted = abs(stake.expected - target)
    leaves_dust = stake.is_dust(available - wanted)
    quantity = to_quantity(available if leaves_dust else min(wanted, available), stake.instrument)
    if stake.is_dust(quantity):
        return because(ReasonCode.POSITION_DUST, held=stake.held, in_flight=stake.in_flight, sellable=stake.sellable)
    return Change(side, quantity, Purpose.EXIT)
