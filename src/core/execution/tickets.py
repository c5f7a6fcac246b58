"""From an order by hand to a proposal, or the reason why it can be none. Pure.

Nothing is rounded: what does not fit the instrument's steps is refused, with the nearest that does. What the venue has
no order for is refused here too, before anything is written or sent; a date that it does not keep is kept by
`core.execution.expiry`.

What a ticket is for follows from what it does to the position: against it, it is an EXIT, which may not be larger than
what is held; else it is an ENTRY.
"""

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil

from core.domain.freshness import Quote
from core.domain.instruments import Instrument, InstrumentKind
from core.domain.money import Rounding, round_to_step
from core.domain.orders import (
    IntentId,
    Leg,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    TimeInForce,
)
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.slicing import SliceStyle, Slicing
from core.domain.tickets import CONDITIONAL, MANUAL, PRICED, PlaceOrder
from core.execution.expiry import kept_by
from core.execution.intake import why_unsupported
from core.ports.venue import VenueCapabilities
from core.risk.checks import check_notional, check_quantity

_NS_PER_MS, _NS_PER_S = 1_000_000, 1_000_000_000
_ZERO = Decimal(0)
_USUAL_SLICES = 20
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
_STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)


@dataclass(frozen=True, slots=True)
class TicketCase:
    """A ticket, and all that is known of its instrument at one moment."""

    ticket: PlaceOrder
    """Which has passed its own `check`."""
    instrument: Instrument
    can: VenueCapabilities
    now_ns: int
    """Trading time."""
    quote: Quote | None
    last_price: Decimal | None
    """What one unit is worth; `None`: not known."""
    held: Decimal = Decimal(0)
    """Signed: what our own fills have left."""
    unguarded: Decimal = Decimal(0)
    """How much of it no stop or target guards, less what exits at work may take of that; never negative."""


def intent_of(ticket_id: str) -> IntentId:
    """A function of the ticket's name alone: repeating it cannot make a second intent."""
    return IntentId(hashlib.blake2b(f"ticket|{ticket_id}".encode(), digest_size=12).hexdigest())


def proposal_of(case: TicketCase) -> Proposal | Reason:
    """What the risk gate is asked."""
    ticket = case.ticket
    leg = _leg(case)
    if isinstance(leg, Reason):
        return leg
    if (reason := _why_not_off_steps(leg, case.instrument)) is not None:
        return reason
    slicing = _slicing(leg, case)
    if isinstance(slicing, Reason):
        return slicing
    leg = leg if slicing is None else _parent(leg, slicing)
    purpose = purpose_of(leg.side, case.held, reduce_only=ticket.reduce_only)
    if purpose is Purpose.EXIT:
        leg = replace(leg, reduce_only=case.instrument.kind is not InstrumentKind.SPOT)
    reason = why_unsupported(leg, case.can) or _why_not_here(leg, case) or _why_not_closing(leg, purpose, case)
    reference = _reference(leg, case)
    if reason is not None or reference is None:
        return reason or because(ReasonCode.QUOTE_MISSING)
    guard = Protection(ticket.protect_stop, ticket.protect_target)
    is_guarded = ticket.protect_stop is not None or ticket.protect_target is not None
    if is_guarded and (reason := _why_not_guarded(guard, purpose, leg, reference)) is not None:
        return reason
    return Proposal(
        intent_id=intent_of(ticket.ticket_id),
        purpose=purpose,
        legs=(leg,),
        strategies=(MANUAL,),
        cycle=cycle_of(ticket),
        created_ns=case.now_ns,
        reference_price=reference,
        protection=guard if is_guarded else None,
        reason=f"by hand: {ticket.reason} ({ticket.by})",
        slicing=slicing,
    )


def purpose_of(side: Side, held: Decimal, *, reduce_only: bool) -> Purpose:
    return Purpose.EXIT if reduce_only or held * side.sign < 0 else Purpose.ENTRY


def cycle_of(ticket: PlaceOrder) -> str:
    """`manual|symbol|ticket|its name|its terms`: what a repetition is held against, whatever has become of the order.
    Its date is left out: one that is said as a span of time is another moment each time."""
    terms: dict[str, object] = {
        "type": (OrderType.LIMIT_MAKER if ticket.is_post_only else ticket.order_type).value,
        "price": ticket.price,
        "stop": ticket.stop_price,
        "in_force": ticket.time_in_force if ticket.time_in_force in _IMMEDIATE else None,
        "reduce_only": ticket.reduce_only or None,
        "visible": ticket.visible_quantity,
        "trailing_bps": ticket.trailing_bps,
        "protect_stop": ticket.protect_stop,
        "protect_target": ticket.protect_target,
        "twap_s": ticket.twap_s,
        "slices": ticket.slices,
    }
    said = [f"{name}={_plain(value)}" for name, value in terms.items() if value is not None]
    asked = " ".join((ticket.side.value, _plain(ticket.quantity), *said))
    return f"{MANUAL}|{ticket.symbol}|ticket|{ticket.ticket_id}|{asked}"


def _plain(value: object) -> str:
    """The same for 1, 1.0 and 1.00."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _slicing(leg: Leg, case: TicketCase) -> Slicing | Reason | None:
    """`None`: it is one order."""
    ticket = case.ticket
    if ticket.twap_s is not None:
        slices = ticket.slices or min(_USUAL_SLICES, int(ticket.twap_s))
        return Slicing(SliceStyle.TWAP, slices, round(ticket.twap_s * _NS_PER_S))
    shown = leg.visible_quantity
    if shown is None or case.can.icebergs or leg.order_type is not OrderType.LIMIT:
        return None
    worth = shown * (leg.price or _ZERO) * case.instrument.multiplier
    reason = check_quantity(replace(leg, quantity=shown), case.instrument) or check_notional(worth, case.instrument)
    if reason is not None:
        return reason
    duration_ns = None if leg.expires_ns is None else leg.expires_ns - case.now_ns
    return Slicing(SliceStyle.ICEBERG, ceil(leg.quantity / shown), duration_ns, visible=shown)


def _parent(leg: Leg, slicing: Slicing) -> Leg:
    """What the slices ask for in all: a plan keeps its own date, and hides what it hides by itself."""
    if leg.price is None:
        return leg
    in_force = TimeInForce.IOC if slicing.style is SliceStyle.TWAP else TimeInForce.GTC
    return replace(leg, time_in_force=in_force, expires_ns=None, visible_quantity=None)


def _leg(case: TicketCase) -> Leg | Reason:
    ticket = case.ticket
    expires_ns = _expires_ns(ticket, case.now_ns)
    if expires_ns is not None and expires_ns <= case.now_ns:
        late_s = (case.now_ns - expires_ns) / _NS_PER_S
        return because(ReasonCode.DATE_PASSED, until_ms=expires_ns // _NS_PER_MS, late_s=late_s)
    leg = Leg(
        instrument_id=case.instrument.id,
        side=ticket.side,
        quantity=ticket.quantity,
        order_type=OrderType.LIMIT_MAKER if ticket.is_post_only else ticket.order_type,
        price=ticket.price,
        stop_price=ticket.stop_price,
        reduce_only=ticket.reduce_only,
        visible_quantity=ticket.visible_quantity,
        trailing_bps=ticket.trailing_bps,
        expires_ns=expires_ns,
    )
    if leg.order_type not in PRICED or leg.order_type is OrderType.LIMIT_MAKER:
        return leg
    in_force = ticket.time_in_force
    if in_force in (None, TimeInForce.GTC, TimeInForce.GTD):
        in_force = kept_by(leg, case.can, case.now_ns)
    return replace(leg, time_in_force=in_force)


def _expires_ns(ticket: PlaceOrder, now_ns: int) -> int | None:
    if ticket.good_for_s is not None:
        return now_ns + round(ticket.good_for_s * _NS_PER_S)
    return None if ticket.until_ms is None else ticket.until_ms * _NS_PER_MS


def _why_not_off_steps(leg: Leg, instrument: Instrument) -> Reason | None:
    for name, price in (("price", leg.price), ("stop_price", leg.stop_price)):
        if price is not None and price % instrument.tick_size:
            nearest = round_to_step(price, instrument.tick_size, Rounding.NEAREST)
            return because(ReasonCode.PRICE_OFF_GRID, **{name: price}, tick_size=instrument.tick_size, nearest=nearest)
    for name, quantity in (("quantity", leg.quantity), ("visible_quantity", leg.visible_quantity)):
        if quantity is not None and quantity % instrument.lot_size:
            nearest = round_to_step(quantity, instrument.lot_size, Rounding.DOWN)
            return because(
                ReasonCode.QUANTITY_OFF_GRID, **{name: quantity}, lot_size=instrument.lot_size, nearest=nearest
            )
    return None


def _why_not_here(leg: Leg, case: TicketCase) -> Reason | None:
    """A stop waits below the market to sell and above it to buy, a target the other way round. Where a trailing stop
    begins is the venue's own matter."""
    if leg.order_type not in CONDITIONAL or leg.stop_price is None or leg.trailing_bps is not None:
        return None
    market = case.last_price if case.quote is None else case.quote.mid
    if market is None:
        return because(ReasonCode.QUOTE_MISSING)
    waits_above = (leg.order_type in _STOPS) is (leg.side is Side.BUY)
    if (leg.stop_price > market) is waits_above and leg.stop_price != market:
        return None
    return because(
        ReasonCode.STOP_WOULD_TRIGGER,
        stop_price=leg.stop_price,
        market=market,
        belongs="above" if waits_above else "below",
    )


def _why_not_closing(leg: Leg, purpose: Purpose, case: TicketCase) -> Reason | None:
    if purpose is not Purpose.EXIT:
        return None
    against = -case.held * leg.side.sign
    if against > 0 and leg.quantity > against and case.instrument.kind is not InstrumentKind.SPOT:
        return because(ReasonCode.POSITION_TURNS, quantity=leg.quantity, held=case.held)
    if leg.may_rest and leg.quantity > case.unguarded and against >= leg.quantity:
        return because(ReasonCode.STOP_GUARDS, quantity=leg.quantity, unguarded=case.unguarded)
    return None


def _why_not_guarded(guard: Protection, purpose: Purpose, leg: Leg, reference: Decimal) -> Reason | None:
    entry = leg.price or leg.stop_price or reference
    sides = ((guard.stop_price, -leg.side.sign), (guard.target_price, leg.side.sign))
    if purpose is Purpose.ENTRY and all(price is None or (price - entry) * sign > 0 for price, sign in sides):
        return None
    return because(
        ReasonCode.STOP_INVALID,
        purpose=purpose.value,
        entry_price=entry,
        stop_price=guard.stop_price,
        target_price=guard.target_price,
    )


def _reference(leg: Leg, case: TicketCase) -> Decimal | None:
    """What the order is measured against; an exit may go without a market to look at, by its own price."""
    if case.quote is not None and case.quote.bid > 0:
        return case.quote.mid
    return case.last_price or leg.price or leg.stop_price
