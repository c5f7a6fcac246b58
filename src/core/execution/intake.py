"""From an approved intent to orders ready to be sent: what can't be taken, and what the legs become. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId
from core.domain.money import Rounding, round_to_step
from core.domain.orders import Leg, OrderType, Proposal, Purpose
from core.domain.reasons import Reason
from core.domain.slicing import SliceStyle, Slicing
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.duty import Duty
from core.execution.holdings import may_add
from core.execution.order import ZERO, Order
from core.ports.venue import VenueCapabilities


def why_not_taken(proposal: Proposal, can: VenueCapabilities) -> Reason | None:
    """What the venue has no order for; `None`: nothing."""
    unsupported = next((reason for leg in proposal.legs if (reason := why_unsupported(leg, can)) is not None), None)
    if unsupported is not None:
        return unsupported
    if proposal.slicing is not None and (reason := _why_not_sliced(proposal, proposal.slicing)) is not None:
        return reason
    protection = proposal.protection
    if proposal.purpose is not Purpose.ENTRY or protection is None:
        return None
    wanted = OrderType.STOP_LOSS if protection.stop_price is not None else OrderType.TAKE_PROFIT
    if not can.native_stops or wanted not in can.order_types:
        # Better no position than one whose stop can't stand at the venue.
        return Reason("PROTECTION_UNSUPPORTED", {"type": wanted.value})
    return None


def why_unsupported(leg: Leg, can: VenueCapabilities) -> Reason | None:
    """What of a leg the venue has no word for; `None`: nothing."""
    if leg.order_type not in can.order_types:
        return Reason("ORDER_TYPE_UNSUPPORTED", {"type": leg.order_type.value, "venue": can.name})
    if leg.time_in_force is not None and leg.time_in_force not in can.times_in_force:
        return Reason("TIME_IN_FORCE_UNSUPPORTED", {"time_in_force": leg.time_in_force.value, "venue": can.name})
    if leg.visible_quantity is not None and not can.icebergs:
        return Reason("ICEBERG_UNSUPPORTED", {"venue": can.name})
    if leg.trailing_bps is not None and not can.trailing_stops:
        return Reason("TRAILING_UNSUPPORTED", {"venue": can.name})
    return None


def _why_not_sliced(proposal: Proposal, slicing: Slicing) -> Reason | None:
    if len(proposal.legs) != 1 or proposal.legs[0].is_conditional:
        return Reason("SLICING_UNSUPPORTED", {"why": "one leg without a trigger is sliced, nothing else"})
    if slicing.style is SliceStyle.ICEBERG and (proposal.legs[0].price is None or not slicing.visible):
        return Reason("SLICING_UNSUPPORTED", {"why": "an iceberg needs a limit price and a visible quantity"})
    if slicing.style is SliceStyle.TWAP and slicing.duration_ns is None:
        return Reason("SLICING_UNSUPPORTED", {"why": "TWAP needs a duration"})
    return None


def left_to_exit(books: Books, instrument_id: InstrumentId) -> Decimal:
    """Signed: what our fills have left, less what exits under way may still take of it."""
    held = books.held(instrument_id)
    leaving = (
        order.leg.side.sign * order.pending_quantity
        for order in books.unsettled(instrument_id)
        if not may_add(order, held)
    )
    return held + sum(leaving, ZERO)


def orders_of(proposal: Proposal, now_ns: int, window_ms: int | None) -> tuple[Order, ...]:
    """One order a leg, in their order, none of them sent; legs of quantity 0 have none."""
    return tuple(
        Order(
            client_order_id=client_order_id(proposal.intent_id, f"leg-{n}"),
            intent_id=proposal.intent_id,
            role=f"leg-{n}",
            purpose=proposal.purpose,
            strategies=proposal.strategies,
            leg=leg,
            sent_because=proposal.reason,
            created_ns=now_ns,
            changed_ns=now_ns,
            window_ms=window_ms,
        )
        for n, leg in enumerate(proposal.legs)
        if leg.quantity > ZERO
    )


def duties_of(proposal: Proposal, orders: tuple[Order, ...]) -> tuple[Duty, ...]:
    """What is owed to the fills of a protected entry."""
    protection = proposal.protection
    if proposal.purpose is not Purpose.ENTRY or protection is None:
        return ()
    if protection.stop_price is None and protection.target_price is None:
        return ()
    return tuple(
        Duty(
            duty_id=order.client_order_id,
            intent_id=order.intent_id,
            instrument_id=order.instrument_id,
            entry_side=order.leg.side,
            protection=protection,
            strategies=order.strategies,
            opened_ns=order.created_ns,
        )
        for order in orders
    )


def within_holdings(
    legs: tuple[Leg, ...], held: Mapping[InstrumentId, Decimal], instruments: Mapping[InstrumentId, Instrument]
) -> tuple[Leg, ...]:
    """The legs of an exit, none larger than what our own fills have left (a stop may have been faster): as many as
    before, with quantity 0 where nothing is left."""
    return tuple(_within(leg, held.get(leg.instrument_id, ZERO), instruments[leg.instrument_id]) for leg in legs)


def _within(leg: Leg, held: Decimal, instrument: Instrument) -> Leg:
    left = max(-leg.side.sign * held, ZERO)
    if leg.quantity <= left:
        return leg
    return replace(leg, quantity=round_to_step(left, instrument.lot_size, Rounding.DOWN))
