"""The orders that a duty is kept with: prices, quantities, and what is too little for one. Pure."""

from decimal import Decimal

from core.domain.instruments import Instrument
from core.domain.money import Rounding, round_to_step
from core.domain.orders import Leg, OrderType, Side
from core.execution.duty import Duty
from core.execution.order import ZERO


def is_placeable(quantity: Decimal, duty: Duty, instrument: Instrument) -> bool:
    """Whether the venue takes an order for so little."""
    is_enough = quantity >= max(instrument.min_quantity, instrument.lot_size)
    notional = quantity * duty.trigger_price * instrument.multiplier
    return is_enough and notional >= instrument.min_closing_notional


def stop_leg(duty: Duty, quantity: Decimal, instrument: Instrument) -> Leg:
    """The order that the duty can't be without: its stop, or the target of one that has no stop. Triggers are rounded
    towards the market: a tick early rather than late."""
    if duty.protection.stop_price is None:
        return target_leg(duty, quantity, instrument)
    if duty.protection.trailing_bps is not None and duty.best_price is None and instrument.trailing is not None:
        return _conditional(duty, quantity, instrument, OrderType.STOP_LOSS, trailing_bps=duty.protection.trailing_bps)
    rounding = Rounding.UP if duty.entry_side is Side.BUY else Rounding.DOWN
    trigger = round_to_step(duty.trigger_price, instrument.tick_size, rounding)
    return _conditional(duty, quantity, instrument, OrderType.STOP_LOSS, stop_price=trigger)


def target_leg(duty: Duty, quantity: Decimal, instrument: Instrument) -> Leg:
    """A market order once the target is reached, not a limit order that waits there: of an order list the first trade
    of one ends the other, so a limit order that fills in part would leave the rest without its stop."""
    target = duty.protection.target_price
    if target is None:
        raise ValueError(f"{duty.duty_id}: a duty without a target")
    rounding = Rounding.DOWN if duty.entry_side is Side.BUY else Rounding.UP
    trigger = round_to_step(target, instrument.tick_size, rounding)
    return _conditional(duty, quantity, instrument, OrderType.TAKE_PROFIT, stop_price=trigger)


def market_leg(duty: Duty, quantity: Decimal, instrument: Instrument) -> Leg:
    return Leg(
        instrument_id=duty.instrument_id,
        side=duty.entry_side.opposite,
        quantity=_at_most(quantity, instrument.market_max_quantity or instrument.max_quantity, instrument),
        order_type=OrderType.MARKET,
        reduce_only=True,
    )


def _conditional(
    duty: Duty,
    quantity: Decimal,
    instrument: Instrument,
    order_type: OrderType,
    *,
    stop_price: Decimal | None = None,
    trailing_bps: int | None = None,
) -> Leg:
    return Leg(
        instrument_id=duty.instrument_id,
        side=duty.entry_side.opposite,
        quantity=_at_most(quantity, instrument.max_quantity, instrument),
        order_type=order_type,
        stop_price=stop_price,
        reduce_only=True,
        trailing_bps=trailing_bps,
    )


def _at_most(quantity: Decimal, limit: Decimal | None, instrument: Instrument) -> Decimal:
    if limit is None or limit <= ZERO or quantity <= limit:
        return quantity
    return round_to_step(limit, instrument.lot_size, Rounding.DOWN)
