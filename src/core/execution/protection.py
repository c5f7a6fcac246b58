"""Protective duties: the stop that must stand at the venue as long as an entry's fill is held. Pure.

The rules, which `next_step` applies again and again until it says `Covered` (level-triggered: it looks at what is,
never at what happened, so it can be asked at any time and after any crash):

1.  Each entry with a `Protection` has one duty, a parent one for all its slices. Every further fill gets an
    *additional* stop for what it adds. Nothing is ever uncovered in order to cover more of it, save for rules 2 and 3.
2.  With `MAX_STOPS` stops standing (venues bound the conditional orders of a symbol) all of them are removed and
replaced
    by one for the whole quantity.
3.  Stops for more than is held (an exit or a fee took some of it) are removed and replaced.
4.  While the fate of a stop is unknown, nothing is added: it may stand.
5.  What a working exit may still sell is not covered: on spot the asset is locked by one order or the other.
6.  A rest that the venue would not take (below its minimum quantity or notional) stays uncovered until it grows; when
    nothing else can grow it, the duty is closed as DUST.
7.  A stop whose time has come before it could be placed (`StopWouldTrigger`), or that the venue refuses for good,
becomes a
    market order: a position that can't have its stop is closed.
8.  A target without a stop is a native TAKE_PROFIT. With a stop it is skipped, and the duty says so: on spot the asset
can
    be locked once only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import OrderState
from core.domain.instruments import Instrument, InstrumentId
from core.domain.money import Rounding, round_to_step
from core.domain.orders import ClientOrderId, IntentId, Leg, OrderType, Protection, Side
from core.execution.order import ZERO, Order

MAX_STOPS = 3


@dataclass(frozen=True, slots=True)
class Duty:
    """What is owed to one entry order."""

    duty_id: ClientOrderId
    """The entry's client order id, or that of the parent whose slices are the entry."""
    intent_id: IntentId
    instrument_id: InstrumentId
    entry_side: Side
    protection: Protection
    strategies: tuple[str, ...]
    opened_ns: int
    held: Decimal = ZERO
    """What the entry's fills have left in our hands: fees in base, stops' and exits' fills are out. Never negative."""

    @property
    def order_type(self) -> OrderType:
        return OrderType.TAKE_PROFIT if self.protection.stop_price is None else OrderType.STOP_LOSS

    @property
    def trigger_price(self) -> Decimal:
        price = self.protection.target_price if self.protection.stop_price is None else self.protection.stop_price
        if price is None:
            raise ValueError(f"{self.duty_id}: a duty without a price")
        return price


@dataclass(frozen=True, slots=True)
class Covered:
    """Nothing to do now. `note` says what stays uncovered, and why; empty when nothing does."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    leg: Leg


@dataclass(frozen=True, slots=True)
class Remove:
    """Cancel these, wait for their proven end, and ask again."""

    client_order_ids: tuple[ClientOrderId, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is owed any more."""

    reason: str


Step = Covered | Place | Remove | Close


def next_step(
    duty: Duty,
    *,
    entry: Order | None,
    protectors: Sequence[Order],
    exiting: Decimal,
    instrument: Instrument,
    native: frozenset[OrderType],
    at_market: bool = False,
    available: Decimal | None = None,
    may_grow: bool = False,
) -> Step:
    """What to do now for a duty.

    `entry` `None`: settled long ago. `protectors`: the duty's unsettled protective orders. `exiting`: its part of what
    working exits may still sell. `native`: order types that the venue has. `at_market`: rule 7 applies. `available`:
    what the account has left to sell where that is less than it should be; `None`: nobody has complained. `may_grow`:
    the parent whose slices it protects is not over.
    """
    if any(order.state in _IN_DOUBT for order in protectors):
        return Covered("STOP_IN_DOUBT")
    owed = max(duty.held - exiting, ZERO)
    covered = sum((order.pending_quantity for order in protectors), ZERO)
    standing = tuple(order.client_order_id for order in protectors if not order.state.is_terminal)
    if covered - owed >= instrument.lot_size:
        return Remove(standing) if standing else Covered("FILLS_MISSING")
    uncovered = round_to_step(max(owed - covered, ZERO), instrument.lot_size, Rounding.DOWN)
    if available is not None and available < uncovered:
        uncovered = round_to_step(available, instrument.lot_size, Rounding.DOWN)
        if not _is_placeable(uncovered, duty, instrument):
            return Covered(f"ASSET_MISSING uncovered={owed - covered} free={available}")
    if not _is_placeable(uncovered, duty, instrument):
        may_change = bool(protectors) or exiting > ZERO or not (entry is None or entry.is_settled)
        if may_grow or may_change:
            return Covered(f"BELOW_MINIMUM quantity={uncovered}" if uncovered else "")
        return Close(f"DUST quantity={duty.held}" if duty.held else "FLAT")
    if at_market:
        return Place(_market_leg(duty, uncovered, instrument))
    if duty.order_type not in native:
        return Covered(f"NO_NATIVE_ORDER type={duty.order_type}")
    if len(standing) >= MAX_STOPS:
        return Remove(standing)
    return Place(_stop_leg(duty, uncovered, instrument))


_IN_DOUBT = (OrderState.INTENDED, OrderState.SUBMITTING, OrderState.UNKNOWN)


def share_exits(duties: Sequence[Duty], pending: Decimal) -> Mapping[ClientOrderId, Decimal]:
    """Each duty's part of what exits may still sell, oldest duty first, as their fills will be booked."""
    shares: dict[ClientOrderId, Decimal] = {}
    for duty in sorted(duties, key=lambda one: (one.opened_ns, one.duty_id)):
        shares[duty.duty_id] = min(pending, duty.held)
        pending -= shares[duty.duty_id]
    return shares


def _is_placeable(quantity: Decimal, duty: Duty, instrument: Instrument) -> bool:
    is_enough = quantity >= max(instrument.min_quantity, instrument.lot_size)
    notional = quantity * duty.trigger_price * instrument.multiplier
    return is_enough and notional >= instrument.min_closing_notional


def _stop_leg(duty: Duty, quantity: Decimal, instrument: Instrument) -> Leg:
    # Rounded towards the market: it triggers a tick early rather than late.
    is_sell = duty.entry_side is Side.BUY
    is_stop = duty.order_type is OrderType.STOP_LOSS
    rounding = Rounding.UP if is_sell is is_stop else Rounding.DOWN
    return Leg(
        instrument_id=duty.instrument_id,
        side=duty.entry_side.opposite,
        quantity=_at_most(quantity, instrument.max_quantity, instrument),
        order_type=duty.order_type,
        stop_price=round_to_step(duty.trigger_price, instrument.tick_size, rounding),
        reduce_only=True,
    )


def _market_leg(duty: Duty, quantity: Decimal, instrument: Instrument) -> Leg:
    return Leg(
        instrument_id=duty.instrument_id,
        side=duty.entry_side.opposite,
        quantity=_at_most(quantity, instrument.market_max_quantity or instrument.max_quantity, instrument),
        order_type=OrderType.MARKET,
        reduce_only=True,
    )


def _at_most(quantity: Decimal, limit: Decimal | None, instrument: Instrument) -> Decimal:
    if limit is None or limit <= ZERO or quantity <= limit:
        return quantity
    return round_to_step(limit, instrument.lot_size, Rounding.DOWN)
