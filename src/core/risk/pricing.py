"""From a change of position to an order: type, price, stop and target on the instrument's grids. Pure."""

from decimal import Decimal

from core.domain.freshness import Quote
from core.domain.instruments import Instrument, InstrumentKind
from core.domain.money import Rounding, to_price, to_quantity
from core.domain.orders import Leg, OrderType, Protection, Side, TimeInForce
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.risk.sizing import Change
from core.settings.risk import SizingSettings

_LEFT_AFTER_FEES = Decimal("0.99")
"""A fee in base leaves less to sell than was bought; no venue takes more than this."""

_NEAR_ENOUGH = Decimal("0.9")


def entry_leg(
    change: Change,
    instrument: Instrument,
    quote: Quote,
    settings: SizingSettings,
    *,
    free_cash: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Leg | Reason:
    """An entry: as much of the change as the venue takes in one order and `free_cash` pays for (`None`: not limited).
    `SIZE_BELOW_MINIMUM` when too little is left of it, or too little for its own stop (`None`: no stop) to be an order
    the venue takes."""
    worst = limit_price(change.side, instrument, quote, settings.max_slippage_bps)
    is_market = settings.entry_order == "market"
    quantity = _bounded(change.quantity, instrument, worst, is_market=is_market)
    if change.side is Side.BUY and free_cash is not None:
        quantity = min(quantity, to_quantity(max(free_cash, Decimal(0)) / worst, instrument))
    lowest = min(worst, quote.bid) if stop_price is None else min(worst, quote.bid, stop_price)
    notional = quantity * _LEFT_AFTER_FEES * lowest * instrument.multiplier
    if quantity < max(instrument.min_quantity, instrument.lot_size) or notional < instrument.min_notional:
        return because(
            ReasonCode.SIZE_BELOW_MINIMUM,
            quantity=quantity,
            notional=notional.quantize(Decimal("0.01")),
            min_quantity=instrument.min_quantity,
            min_notional=instrument.min_notional,
            free_cash=free_cash,
        )
    if is_market:
        return Leg(instrument.id, change.side, quantity, OrderType.MARKET)
    return Leg(instrument.id, change.side, quantity, OrderType.LIMIT, price=worst, time_in_force=TimeInForce.IOC)


def exit_leg(change: Change, instrument: Instrument) -> Leg:
    """A market order: getting out is worth more than a price."""
    quantity = change.quantity
    for most in (instrument.market_max_quantity, instrument.max_quantity):
        quantity = quantity if most is None else min(quantity, to_quantity(most, instrument))
    return Leg(
        instrument.id, change.side, quantity, OrderType.MARKET, reduce_only=instrument.kind is not InstrumentKind.SPOT
    )


def limit_price(side: Side, instrument: Instrument, quote: Quote, through_bps: float) -> Decimal:
    """Marketable: at most `through_bps` beyond the touch, rounded back towards it, never short of it."""
    share = Decimal(repr(through_bps)) / 10_000
    if side is Side.BUY:
        return max(quote.ask, to_price(quote.ask * (1 + share), instrument, Rounding.DOWN))
    return min(quote.bid, to_price(quote.bid * (1 - share), instrument, Rounding.UP))


def protection(
    side: Side,
    instrument: Instrument,
    entry_price: Decimal,
    stop_distance: float | None,
    target_distance: float | None,
    *,
    trailing_distance: float | None = None,
) -> Protection | Reason | None:
    """Stop and target around the entry price, rounded towards it: never more risk than was asked for. `None`: none is
    wanted; `STOP_INVALID`: no positive price on the right side of the entry is left."""
    if stop_distance is None and target_distance is None and trailing_distance is None:
        return None
    is_trail_first = trailing_distance is not None and (stop_distance is None or stop_distance >= trailing_distance)
    if is_trail_first:
        stop_distance = trailing_distance
    stop = _beyond(entry_price, stop_distance, -side.sign, instrument)
    target = _beyond(entry_price, target_distance, side.sign, instrument)
    for price, direction in ((stop, -side.sign), (target, side.sign)):
        if price is not None and (price <= 0 or (price - entry_price) * direction <= 0):
            return because(ReasonCode.STOP_INVALID, entry_price=entry_price, stop_price=stop, target_price=target)
    if trailing_distance is None:
        return Protection(stop_price=stop, target_price=target)
    distance = max(to_price(Decimal(repr(trailing_distance)), instrument, Rounding.DOWN), instrument.tick_size)
    bps = trailing_bps(distance, entry_price, instrument) if is_trail_first else None
    return Protection(stop, target, trailing_distance=distance, trailing_bps=bps)


def trailing_bps(distance: Decimal, entry_price: Decimal, instrument: Instrument) -> int | None:
    """The distance as the venue's own trailing stops have it, never wider; `None`: it has none, not at that distance,
    or only ones that are tighter by more than a tenth."""
    grid = instrument.trailing
    if grid is None:
        return None
    exact = distance / entry_price * 10_000
    bps = int(exact // grid.step_bps) * grid.step_bps
    return bps if grid.min_bps <= bps <= grid.max_bps and bps >= exact * _NEAR_ENOUGH else None


def _beyond(entry: Decimal, distance: float | None, direction: int, instrument: Instrument) -> Decimal | None:
    if distance is None:
        return None
    rounding = Rounding.DOWN if direction > 0 else Rounding.UP
    return to_price(entry + direction * Decimal(repr(distance)), instrument, rounding)


def _bounded(quantity: Decimal, instrument: Instrument, price: Decimal, *, is_market: bool) -> Decimal:
    limits = [instrument.max_quantity]
    if is_market:
        limits.append(instrument.market_max_quantity)
    if instrument.max_notional is not None:
        limits.append(instrument.max_notional / (price * instrument.multiplier))
    return min([quantity, *(to_quantity(limit, instrument) for limit in limits if limit is not None)])
