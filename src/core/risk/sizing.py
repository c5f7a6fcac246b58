"""From what strategies want to a position: as fraction of equity, as quantity, as the change that leads there. Pure."""

from dataclasses import dataclass, replace
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
    """Too little to be closed by an order of its own."""
    return _is_below(quantity, price, instrument, instrument.min_closing_notional)


def _is_below(quantity: Decimal, price: Decimal, instrument: Instrument, min_notional: Decimal) -> bool:
    whole = to_quantity(abs(quantity), instrument)
    return whole < max(instrument.min_quantity, instrument.lot_size) or (
        whole * price * instrument.multiplier < min_notional
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
    (close enough), `POSITION_DUST` (too little to sell), `SIZE_BELOW_MINIMUM`. Towards the other side of the market it
    is the closing of what is held: a position is opened from flat only (`turned`)."""
    target = _target_quantity(fraction, stake)
    difference = target - stake.expected
    if abs(difference) <= abs(target) * Decimal(repr(settings.rebalance_band_pct)) / 100:
        return because(ReasonCode.POSITION_HELD, held=stake.expected, target=target)
    side = Side.BUY if difference > 0 else Side.SELL
    is_opposite = target * stake.expected < 0
    if side.sign * stake.expected < 0 and not (is_opposite and stake.is_dust(stake.expected)):
        return _reduction(side, ZERO if is_opposite else target, stake)
    if _is_below(difference, stake.price, stake.instrument, stake.instrument.min_notional):
        return because(
            ReasonCode.SIZE_BELOW_MINIMUM,
            quantity=to_quantity(abs(difference), stake.instrument),
            notional=stake.worth(abs(difference)).quantize(Decimal("0.01")),
            min_quantity=stake.instrument.min_quantity,
            min_notional=stake.instrument.min_notional,
        )
    return Change(side, to_quantity(abs(difference), stake.instrument), Purpose.ENTRY)


def turned(fraction: float, stake: Stake) -> Stake | None:
    """The stake as it will be once what is held against `fraction` is closed; `None` where nothing is."""
    is_opposite = _target_quantity(fraction, stake) * stake.expected < 0
    return replace(stake, held=ZERO, in_flight=ZERO) if is_opposite and not stake.is_dust(stake.expected) else None


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
