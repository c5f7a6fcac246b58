"""What fills leave in our hands. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, Purpose
from core.domain.tickets import MANUAL
from core.execution.duty import Duty
from core.execution.order import ZERO, Errand, Order


def taken_in(fill: Fill) -> Decimal:
    """Signed change of the holding in the instrument: bought is positive. On spot a fee in the base asset goes out of
    what was traded; derivatives are held in contracts, which no fee touches."""
    return fill.side.sign * fill.quantity - base_fee(fill)


def base_fee(fill: Fill) -> Decimal:
    """The fee where it is charged in the instrument's base asset, else 0."""
    return fill.fee if fill.fee_asset == _spot_base(fill.instrument_id) else ZERO


def moved_totals(fill: Fill) -> dict[str, Decimal]:
    """What a fill adds to the account's total of each asset it touches: both sides of a spot trade, the profit that a
    derivative's trade has realised, the fee."""
    base = _spot_base(fill.instrument_id)
    quote = fill.instrument_id.partition("/")[2]
    if base is None:
        moved = {_settle(fill.instrument_id): fill.realised_profit or ZERO}
    else:
        moved = {base: fill.side.sign * fill.quantity}
        moved[quote] = moved.get(quote, ZERO) - fill.side.sign * fill.quantity * fill.price
    moved[fill.fee_asset] = moved.get(fill.fee_asset, ZERO) - fill.fee
    return moved


def moved_assets(instruments: Iterable[InstrumentId]) -> frozenset[str]:
    """Of which their trades move the account's totals, whatever the fees are paid in."""
    moved: set[str] = set()
    for each in instruments:
        base = _spot_base(each)
        moved |= {_settle(each)} if base is None else {base, each.partition("/")[2]}
    return frozenset(moved)


def _spot_base(instrument_id: InstrumentId) -> str | None:
    """`BTC` for `BTC/USDT`, `None` for derivatives (`BTC/USDT:USDT`): unified symbols say so themselves."""
    base, _, quote = instrument_id.partition("/")
    return base if quote and ":" not in quote else None


def _settle(instrument_id: InstrumentId) -> str:
    """`USDT` for `BTC/USDT:USDT`, and for a dated `BTC/USDT:USDT-261225`."""
    return instrument_id.partition(":")[2].partition("-")[0]


def may_add(order: Order, held: Decimal) -> bool:
    """Whether an order may open or add to what is `held` of its instrument (signed)."""
    if order.purpose.takes_away or order.leg.reduce_only:
        return False
    return order.purpose is Purpose.ENTRY or held * order.leg.side.sign >= ZERO


def held_after(duties: Collection[Duty], errand: Errand, fill: Fill, held: Decimal) -> list[Duty]:
    """The open duties that this fill of an order on that errand changes, changed. `held` is what our fills had left in
    the instrument before it, signed.

    An entry's fill grows its own duty, a slice's its parent's; a protective order's shrinks the one that it protects.
    An exit's shrinks the duties of its instrument, oldest first: those of its own kind (by hand, or not) before the
    others, and one by hand takes what nothing guards before either. An adopted order's does as an exit's, where it
    takes away.
    """
    match errand.purpose:
        case Purpose.ENTRY:
            grown = fill.quantity - base_fee(fill)
            owed_to = errand.plan_id or errand.client_order_id
            return [replace(duty, held=duty.held + grown) for duty in duties if duty.duty_id == owed_to]
        case Purpose.PROTECT:
            shrunk = fill.quantity + base_fee(fill)
            return [_shrink(duty, shrunk) for duty in duties if duty.duty_id == errand.protects]
        case Purpose.EXIT | Purpose.MANUAL:
            spare = unguarded(duties, held) if errand.is_by_hand else ZERO
            return shrunk_by(duties, fill, by_hand=errand.is_by_hand, spare=spare)


def unguarded(duties: Iterable[Duty], held: Decimal) -> Decimal:
    """How much of what is held (signed) no duty guards; never negative."""
    guarded = sum((duty.held for duty in duties if duty.entry_side.sign * held > 0), ZERO)
    return max(abs(held) - guarded, ZERO)


def _shrink(duty: Duty, quantity: Decimal) -> Duty:
    return replace(duty, held=max(duty.held - quantity, ZERO))


def shrunk_by(duties: Iterable[Duty], fill: Fill, *, by_hand: bool = False, spare: Decimal = ZERO) -> list[Duty]:
    """The open duties that a closing fill takes from, changed: those by hand first, or last, then the oldest first.
    `spare` of it takes nothing from any."""
    quantity = max(fill.quantity + base_fee(fill) - spare, ZERO)
    concerned = [
        duty
        for duty in duties
        if duty.instrument_id == fill.instrument_id and duty.entry_side is fill.side.opposite and duty.held
    ]
    changed = []
    for duty in sorted(concerned, key=lambda one: (is_by_hand(one) is not by_hand, one.opened_ns, one.duty_id)):
        if not quantity:
            break
        part = min(quantity, duty.held)
        changed.append(_shrink(duty, part))
        quantity -= part
    return changed


def is_by_hand(duty: Duty) -> bool:
    return duty.strategies == (MANUAL,)
