"""The next step of a parent order. Pure, and level-triggered: it looks at what is, never at what happened, so it can be
asked at any time and after any crash.

The rules, in this order:

1.  While the fate of a slice is unknown, nothing is sent: it counts as filled in full.
2.  A plan that is to end sends nothing more. A slice that works is cancelled, unless the plan leaves it; the plan is
    over when all its slices are, with every fill booked.
3.  One slice at a time. When the time is over a slice that works is cancelled.
4.  What all slices have filled and may still fill is never more than the plan's quantity.
5.  TWAP: a slot has one slice at most, of what is scheduled by then and not traded (`MAKE_UP`), or of its own share
    (`SKIP`); never more than `at_once` shares. What the venue would not take yet is left to the next slot.
6.  ICEBERG: the venue's own where it has them (entries only: a stop could not stand for what an exit hides), else one
    visible limit order at a time, the next after the proven end of the last.
7.  What a slice would leave too small to be ordered goes along with it. What is too small from the start is dust.
8.  When the time is over the rest is left, or goes on at market in slots as before, as the plan says; for as many
    slots again at most.
9.  `MAX_REFUSALS` slices in a row that the venue has refused end the plan, `MAX_UNSENT` where some never reached it;
    and so does an iceberg's slice that somebody else has cancelled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from core.domain.facts import OrderState
from core.domain.instruments import Instrument, InstrumentStatus
from core.domain.money import Rounding, round_to_step
from core.domain.orders import ClientOrderId, Leg, OrderType, Purpose, TimeInForce
from core.domain.slicing import MissedSlices, RestRule, SliceStyle
from core.execution.order import ZERO, Order
from core.execution.plans.plan import Plan, average_price, worst_case
from core.execution.plans.schedule import due_ns, scheduled, slot_at

MAX_REFUSALS = 5
MAX_UNSENT = 100
_LEAST_OVERTIME = 5
"""Slots."""
_MOST_DOUBLINGS = 6
_RETRY_NS = 1_000_000_000
_AFTER_FEES = Decimal("0.99")
"""A fee in base leaves less for a stop to cover than was bought."""
_MARKET_MARGIN = Decimal("1.05")
"""The venue values a market order at a price of its own."""
_IN_DOUBT = (OrderState.INTENDED, OrderState.SUBMITTING, OrderState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Wait:
    """Until a slice changes, or it is `until_ns` (trading time; `None`: nothing but a slice can change this)."""

    until_ns: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Send:
    leg: Leg


@dataclass(frozen=True, slots=True)
class CancelSlices:
    client_order_ids: tuple[ClientOrderId, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing of it works, everything that it has traded is booked."""

    reason: str


Step = Wait | Send | CancelSlices | Done


def next_step(
    plan: Plan, slices: Sequence[Order], *, now_ns: int, instrument: Instrument | None, native_icebergs: bool
) -> Step:
    """What to do now. `slices`: all orders that were ever made for it, oldest first. `now_ns`: trading time.
    `instrument` `None`: the venue lists it no more. `native_icebergs`: whether the venue's orders can hide a part of
    themselves."""
    is_late = plan.until_ns is not None and now_ns >= plan.until_ns
    if any(order.state in _IN_DOUBT for order in slices):
        return Wait(None, "SLICE_IN_DOUBT")
    working = tuple(order.client_order_id for order in slices if not order.state.is_terminal)
    if plan.ending:
        if working and not plan.recalls and not is_late:
            return Wait(plan.until_ns, plan.ending)
        return CancelSlices(working, plan.ending) if working else _done(slices, plan.ending)
    if working:
        return CancelSlices(working, "TIME_OVER") if is_late else Wait(plan.until_ns, "WORKING")
    if instrument is None:
        return _done(slices, "INSTRUMENT_GONE")
    return _Case(plan, slices, now_ns, is_late, instrument, native_icebergs).step()


def _done(slices: Sequence[Order], reason: str) -> Step:
    return Done(reason) if all(order.is_settled for order in slices) else Wait(None, "FILLS_MISSING")


@dataclass(frozen=True, slots=True)
class _Case:
    """A plan of which no slice works."""

    plan: Plan
    slices: Sequence[Order]
    now_ns: int
    is_late: bool
    instrument: Instrument
    native_icebergs: bool

    @property
    def rest(self) -> Decimal:
        return self.plan.leg.quantity - worst_case(self.slices)

    @property
    def at_market(self) -> bool:
        return self.is_late or self.plan.leg.price is None

    def step(self) -> Step:
        rest, slicing = self.rest, self.plan.slicing
        if rest <= ZERO:
            return _done(self.slices, "FILLED")
        if rest < self._smallest():
            return _done(self.slices, f"DUST quantity={rest}")
        if self.is_late and slicing.rest is RestRule.LEAVE:
            return _done(self.slices, f"TIME_OVER left={rest}")
        newest = self.slices[-1] if self.slices else None
        refused = self._refused()
        if newest is not None and len(refused) >= (
            MAX_UNSENT if any(one.never_left for one in refused) else MAX_REFUSALS
        ):
            return _done(self.slices, f"REFUSED times={len(refused)} {newest.reason}")
        if self.instrument.status is not InstrumentStatus.TRADING:
            return Wait(self.plan.until_ns, f"INSTRUMENT_HALTED status={self.instrument.status}")
        if slicing.style is SliceStyle.TWAP or self.is_late:
            return self._in_slots()
        if newest is not None and newest.state is OrderState.CANCELLED:
            return _done(self.slices, "SLICE_CANCELLED")
        return self._iceberg(newest)

    def _in_slots(self) -> Step:
        plan, slicing = self.plan, self.plan.slicing
        slot = slot_at(plan, self.now_ns)
        if slot < 0:
            return Wait(due_ns(plan, 0), "NOT_DUE")
        if slot >= slicing.slices + max(slicing.slices, _LEAST_OVERTIME):
            return _done(self.slices, f"TIME_OVER left={self.rest}")
        if self.slices and self.slices[-1].created_ns >= due_ns(plan, slot):
            return Wait(self._next_ns(slot), "NOT_DUE")
        smallest = self._smallest()
        share = max(slicing.visible or plan.leg.quantity / slicing.slices, smallest)
        wanted = min(share * slicing.at_once, self.rest)
        if slicing.missed is MissedSlices.SKIP and not self.is_late:
            wanted = min(share, wanted)
        elif not self.is_late:
            wanted = min(wanted, scheduled(plan, slot, self.instrument) - worst_case(self.slices))
        quantity = self._fit(wanted, smallest)
        if not quantity:
            return Wait(self._next_ns(slot), f"BELOW_MINIMUM quantity={max(wanted, ZERO)}")
        return Send(self._market_leg(quantity) if self.at_market else self._limit_leg(quantity, TimeInForce.IOC))

    def _next_ns(self, slot: int) -> int:
        next_ns = due_ns(self.plan, slot + 1)
        until_ns = self.plan.until_ns
        return next_ns if until_ns is None or self.is_late else min(next_ns, until_ns)

    def _iceberg(self, newest: Order | None) -> Step:
        if newest is not None and newest.state is OrderState.REJECTED:
            retry_ns = newest.changed_ns + _RETRY_NS * 2 ** min(len(self._refused()), _MOST_DOUBLINGS)
            if self.now_ns < retry_ns:
                return Wait(retry_ns, f"REFUSED {newest.reason}")
        smallest = self._smallest()
        visible = max(self.plan.slicing.visible or ZERO, smallest)
        if self._may_hide(visible):
            leg = self._limit_leg(self._fit(self.rest, smallest), TimeInForce.GTC, shown=visible)
        else:
            leg = self._limit_leg(self._fit(visible, smallest), TimeInForce.GTC)
        return Send(leg) if leg.quantity else _done(self.slices, f"DUST quantity={self.rest}")

    def _may_hide(self, visible: Decimal) -> bool:
        """Whether one order of the venue does it all."""
        parts = self.instrument.iceberg_parts
        if not self.native_icebergs or parts is None or self.plan.purpose is not Purpose.ENTRY:
            return False
        was_refused = any(one.leg.visible_quantity and one.state is OrderState.REJECTED for one in self.slices)
        return not was_refused and visible < self.rest <= visible * parts

    def _refused(self) -> list[Order]:
        """In a row, up to now."""
        return list(takewhile(lambda order: order.state is OrderState.REJECTED, reversed(self.slices)))

    def _fit(self, wanted: Decimal, smallest: Decimal) -> Decimal:
        """On the lot grid, and of a size that the venue takes; 0 where that can't be."""
        lot = self.instrument.lot_size
        quantity = round_to_step(max(min(wanted, self.rest), ZERO), lot, Rounding.DOWN)
        if quantity and self.rest - quantity < smallest:
            quantity = self.rest
        if (largest := self._largest()) is not None and quantity > largest:
            quantity = round_to_step(largest, lot, Rounding.DOWN)
        return quantity if quantity >= smallest else ZERO

    def _smallest(self) -> Decimal:
        """The least that the venue takes of one slice, with room for the stop of what it fills."""
        instrument, leg = self.instrument, self.plan.leg
        price = self._price()
        minimum = instrument.min_closing_notional if leg.reduce_only else instrument.min_notional
        if self.at_market:
            minimum *= _MARKET_MARGIN
        protection = self.plan.proposal.protection
        if protection is not None and protection.stop_price is not None:
            price = min(price, protection.stop_price) * _AFTER_FEES
        by_worth = round_to_step(minimum / (price * instrument.multiplier), instrument.lot_size, Rounding.UP)
        return max(instrument.min_quantity, instrument.lot_size, by_worth)

    def _largest(self) -> Decimal | None:
        instrument = self.instrument
        limits = [instrument.max_quantity]
        if self.at_market:
            limits.append(instrument.market_max_quantity)
        if instrument.max_notional is not None:
            limits.append(instrument.max_notional / (self._price() * instrument.multiplier))
        return min((limit for limit in limits if limit), default=None)

    def _price(self) -> Decimal:
        """About what a unit is worth: the limit, else as its slices have traded, else as sizing saw it."""
        if not self.at_market and self.plan.leg.price is not None:
            return self.plan.leg.price
        return average_price(self.slices[-1:]) or average_price(self.slices) or self.plan.proposal.reference_price

    def _market_leg(self, quantity: Decimal) -> Leg:
        leg = self.plan.leg
        return Leg(leg.instrument_id, leg.side, quantity, OrderType.MARKET, reduce_only=leg.reduce_only)

    def _limit_leg(self, quantity: Decimal, in_force: TimeInForce, shown: Decimal | None = None) -> Leg:
        leg = self.plan.leg
        return Leg(
            instrument_id=leg.instrument_id,
            side=leg.side,
            quantity=quantity,
            order_type=OrderType.LIMIT,
            price=leg.price,
            time_in_force=in_force,
            reduce_only=leg.reduce_only,
            visible_quantity=shown,
        )
