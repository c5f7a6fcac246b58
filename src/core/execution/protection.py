"""Protective duties: the stop that must stand at the venue as long as an entry's fill is held, and its target. Pure.

The rules, which `next_step` applies again and again until it says `Covered` (level-triggered: it looks at what is,
never at what happened, so it can be asked at any time and after any crash):

1.  Each entry with a `Protection` has one duty, a parent one for all its slices. Every further fill gets an
    *additional* stop for what it adds. Nothing is ever uncovered in order to cover more of it, save for rules 2, 3 and
    9.
2.  With `MAX_STOPS` stops standing (venues bound the conditional orders of a symbol), or no room for one more, all of
    them are removed and replaced by one for the whole quantity.
3.  Stops for more than is held (an exit or a fee took some of it) are removed and replaced.
4.  While the fate of a stop is unknown, nothing is added: it may stand.
5.  What a working exit may still sell is not covered: on spot the asset is locked by one order or the other.
6.  A rest that the venue would not take (below its minimum quantity or notional) stays uncovered until it grows; when
    nothing else can grow it, the duty is closed as DUST.
7.  A stop whose time has come before it could be placed (`StopWouldTrigger`), or that the venue refuses for good,
    becomes a market order: a position that can't have its stop is closed.
8.  A target beside a stop stands
    - as an order list where the venue has those (`Pairing.LIST`): both are placed, and counted, as one. Of an order
      whose partner has ended the venue has ended the rest: it is asked for, not believed;
    - as an order of its own where both lock nothing (`Pairing.APART`): rules 1 to 4 apply to each kind, the stop's
      first;
    - not at all elsewhere: the stop has the asset. Wherever no order stands for it, the price is watched
      (`core.execution.following`), and once it was seen there (`Duty.is_reached`, journalled first) the stops are
      removed, proven gone, and what is held is sold at the market. A crash in between changes nothing.
    A target without a stop is a native TAKE_PROFIT.
9.  A trailing stop is the venue's own where it has one that comes to the same (`Protection.trailing_bps`), until the
    price was followed once (`Duty.best_price`): a new one would begin at the price of now, and be looser. Elsewhere,
    and from then on, fixed stops that are looser than `Duty.stop_level` are removed and replaced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import OrderState
from core.domain.instruments import Instrument
from core.domain.money import Rounding, round_to_step
from core.domain.orders import ClientOrderId, Leg, OrderType
from core.execution.duty import Duty
from core.execution.order import ZERO, Order
from core.execution.protective_legs import is_placeable, market_leg, stop_leg, target_leg
from core.ports.venue import Pairing

MAX_STOPS = 3
MAX_PAIRS = 2
"""An order list takes the place of two."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the venue has for a duty."""

    order_types: frozenset[OrderType]
    """Those that stand at the venue; empty where it has no stops."""
    pairing: Pairing = Pairing.NONE
    room: int | None = None
    """How many conditional orders more the venue takes of this instrument; `None`: it states no limit."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Nothing to do now. `note` says what stays uncovered, and why; empty when nothing does."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    leg: Leg
    target: Leg | None = None
    """To be placed with it as one order list; `None`: it goes alone."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Cancel these, wait for their proven end, and ask again."""

    client_order_ids: tuple[ClientOrderId, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is owed any more."""

    reason: str


Step = Covered | Place | Remove | Close

_IN_DOUBT = (OrderState.INTENDED, OrderState.SUBMITTING, OrderState.UNKNOWN)


def next_step(
    duty: Duty,
    *,
    entry: Order | None,
    protectors: Sequence[Order],
    exiting: Decimal,
    instrument: Instrument,
    means: Means,
    at_market: bool = False,
    available: Decimal | None = None,
    may_grow: bool = False,
) -> Step:
    """What to do now for a duty.

    `entry` `None`: settled long ago. `protectors`: the duty's unsettled protective orders. `exiting`: its part of what
    working exits may still sell. `at_market`: rule 7 applies. `available`: what the account has left to sell where that
    is less than it should be; `None`: nobody has complained. `may_grow`: the parent whose slices it protects is not
    over.
    """
    may_grow = may_grow or bool(protectors) or exiting > ZERO or not (entry is None or entry.is_settled)
    case = _Case(duty, tuple(protectors), max(duty.held - exiting, ZERO), instrument, means, available, may_grow)
    step = case.guard(at_market=at_market or duty.is_reached)
    if isinstance(step, Covered) and case.is_apart and not duty.is_reached:
        return case.target_apart() or step
    return step


@dataclass(frozen=True, slots=True)
class _Case:
    duty: Duty
    protectors: tuple[Order, ...]
    owed: Decimal
    instrument: Instrument
    means: Means
    available: Decimal | None
    may_grow: bool

    @property
    def is_apart(self) -> bool:
        return self.duty.has_both and self.means.pairing is Pairing.APART

    def guard(self, *, at_market: bool) -> Step:
        """For the order that a duty can't be without, and what stands or falls with it."""
        guards = self.protectors
        if self.is_apart and not self.duty.is_reached:
            guards = tuple(order for order in guards if not _is_target(order))
        if any(order.state in _IN_DOUBT for order in guards):
            return Covered("STOP_IN_DOUBT")
        standing = _standing(guards)
        if misplaced := self._misplaced(standing):
            return _remove(misplaced)
        covered = _covered(guards)
        if covered - self.owed >= self.instrument.lot_size:
            return _remove(standing) if standing else Covered("FILLS_MISSING")
        return self._cover(self.owed - covered, standing, at_market=at_market)

    def target_apart(self) -> Step | None:
        """For the target that stands beside the stop; `None`: nothing to do."""
        targets = tuple(order for order in self.protectors if _is_target(order) or not order.leg.is_conditional)
        if any(order.state in _IN_DOUBT for order in targets):
            return None
        standing = tuple(order for order in _standing(targets) if _is_target(order))
        covered = _covered(targets)
        if covered - self.owed >= self.instrument.lot_size:
            return _remove(standing) if standing else None
        quantity = self._on_grid(self.owed - covered)
        has_type = OrderType.TAKE_PROFIT in self.means.order_types
        if not (has_type and is_placeable(quantity, self.duty, self.instrument)):
            return None
        if self._is_full(standing, 1, MAX_STOPS):
            return _remove(standing) if standing else None
        return Place(target_leg(self.duty, quantity, self.instrument))

    def _cover(self, uncovered: Decimal, standing: Sequence[Order], *, at_market: bool) -> Step:
        quantity, is_lacking = self._on_grid(uncovered), False
        if self.available is not None and self.available < quantity:
            quantity, is_lacking = self._on_grid(self.available), True
        if not is_placeable(quantity, self.duty, self.instrument):
            if is_lacking:
                return Covered(f"ASSET_MISSING uncovered={uncovered} free={self.available}")
            if self.may_grow:
                return Covered(f"BELOW_MINIMUM quantity={quantity}" if quantity else "")
            return Close(f"DUST quantity={self.duty.held}" if self.duty.held else "FLAT")
        if at_market:
            return Place(market_leg(self.duty, quantity, self.instrument))
        if self.duty.order_type not in self.means.order_types:
            return Covered(f"NO_NATIVE_ORDER type={self.duty.order_type}")
        has_target = self.duty.has_both and OrderType.TAKE_PROFIT in self.means.order_types
        is_pair = has_target and self.means.pairing is Pairing.LIST
        if is_pair and not standing and self._is_full((), 2, MAX_PAIRS):
            is_pair = False  # better the stop alone than a refusal
        if self._is_full(standing, 2 if is_pair else 1, MAX_PAIRS if is_pair else MAX_STOPS) and standing:
            return _remove(standing)
        stop = stop_leg(self.duty, quantity, self.instrument)
        return Place(stop, target_leg(self.duty, stop.quantity, self.instrument) if is_pair else None)

    def _misplaced(self, standing: Sequence[Order]) -> list[Order]:
        """What must not stay as it stands, however much it covers."""
        if self.duty.is_reached:
            return [order for order in standing if order.leg.is_conditional]
        alone = [order for order in standing if order.pair is not None and self._has_lost_partner(order)]
        loose = {order.pair or order.client_order_id for order in standing if self._is_loose(order)}
        return alone or [order for order in standing if (order.pair or order.client_order_id) in loose]

    def _has_lost_partner(self, order: Order) -> bool:
        return not any(other.pair == order.pair for other in self.protectors if other is not order)

    def _is_loose(self, order: Order) -> bool:
        """Whether it is a fixed stop behind where a trailing one has come to."""
        if self.duty.best_price is None or order.leg.stop_price is None or _is_target(order):
            return False
        belongs = stop_leg(self.duty, order.leg.quantity, self.instrument).stop_price
        return belongs is not None and (belongs - order.leg.stop_price) * self.duty.entry_side.sign > ZERO

    def _is_full(self, standing: Sequence[Order], needed: int, most: int) -> bool:
        lists = {order.pair or order.client_order_id for order in standing}
        return len(lists) >= most or (self.means.room is not None and self.means.room < needed)

    def _on_grid(self, quantity: Decimal) -> Decimal:
        return round_to_step(max(quantity, ZERO), self.instrument.lot_size, Rounding.DOWN)


def guards_of(duty: Duty, protectors: Iterable[Order]) -> list[Order]:
    """Those that keep a position from harm: of a duty with stop and target its stops, else all."""
    return [order for order in protectors if not (duty.has_both and _is_target(order))]


def targets_of(duty: Duty, protectors: Iterable[Order]) -> list[Order]:
    """Those that stand, or may stand, for the target."""
    return [order for order in protectors if duty.protection.target_price is not None and _is_target(order)]


def share_exits(duties: Sequence[Duty], pending: Decimal) -> Mapping[ClientOrderId, Decimal]:
    """Each duty's part of what exits may still sell, oldest duty first, as their fills will be booked."""
    shares: dict[ClientOrderId, Decimal] = {}
    for duty in sorted(duties, key=lambda one: (one.opened_ns, one.duty_id)):
        shares[duty.duty_id] = min(pending, duty.held)
        pending -= shares[duty.duty_id]
    return shares


def _is_target(order: Order) -> bool:
    return order.leg.order_type is OrderType.TAKE_PROFIT


def _standing(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(order for order in orders if not order.state.is_terminal)


def _covered(orders: Iterable[Order]) -> Decimal:
    """An order list counts once: only one of it trades."""
    most: dict[str, Decimal] = {}
    for order in orders:
        key = order.pair or order.client_order_id
        most[key] = max(most.get(key, ZERO), order.pending_quantity)
    return sum(most.values(), ZERO)


def _remove(orders: Iterable[Order]) -> Remove:
    return Remove(tuple(order.client_order_id for order in orders))
