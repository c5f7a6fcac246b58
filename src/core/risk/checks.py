"""The single questions that the gate asks of a leg. Each answers with the reason against it, or `None`."""

from decimal import Decimal

from core.domain.freshness import Moment, Quote
from core.domain.instruments import Instrument, InstrumentStatus
from core.domain.orders import Leg, OrderType, Protection, Side
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason

_BPS = Decimal(10_000)


def check_status(instrument: Instrument) -> Reason | None:
    if instrument.status is InstrumentStatus.TRADING:
        return None
    if instrument.status is InstrumentStatus.DELISTED:
        return because(ReasonCode.INSTRUMENT_DELISTED, symbol=instrument.id)
    return because(ReasonCode.INSTRUMENT_HALTED, symbol=instrument.id, status=instrument.status.value)


def check_prices(leg: Leg, protection: Protection | None, instrument: Instrument) -> Reason | None:
    prices = {"price": leg.price, "stop_price": leg.stop_price}
    if protection is not None:
        prices |= {"protect_stop": protection.stop_price, "protect_target": protection.target_price}
    for name, price in prices.items():
        if price is not None and (price <= 0 or price % instrument.tick_size):
            return because(ReasonCode.PRICE_OFF_GRID, **{name: price}, tick_size=instrument.tick_size)
    return None


def check_quantity(leg: Leg, instrument: Instrument) -> Reason | None:
    quantity = leg.quantity
    if quantity <= 0 or quantity % instrument.lot_size:
        return because(ReasonCode.QUANTITY_OFF_GRID, quantity=quantity, lot_size=instrument.lot_size)
    if quantity < instrument.min_quantity:
        return because(ReasonCode.QUANTITY_BELOW_MINIMUM, quantity=quantity, minimum=instrument.min_quantity)
    is_market = leg.order_type is OrderType.MARKET
    for maximum in (instrument.max_quantity, instrument.market_max_quantity if is_market else None):
        if maximum is not None and quantity > maximum:
            return because(ReasonCode.QUANTITY_ABOVE_MAXIMUM, quantity=quantity, maximum=maximum)
    return None


def check_notional(notional: Decimal, instrument: Instrument, *, is_closing: bool = False) -> Reason | None:
    """`notional` in the quote asset. `is_closing`: of an order that can only reduce a position."""
    minimum = instrument.min_closing_notional if is_closing else instrument.min_notional
    if notional < minimum:
        return because(ReasonCode.NOTIONAL_BELOW_MINIMUM, notional=notional, minimum=minimum)
    if instrument.max_notional is not None and notional > instrument.max_notional:
        return because(ReasonCode.NOTIONAL_ABOVE_MAXIMUM, notional=notional, maximum=instrument.max_notional)
    return None


def check_quote(quote: Quote | None, max_age_s: float, now: Moment) -> Reason | None:
    if quote is None:
        return because(ReasonCode.QUOTE_MISSING)
    if quote.bid <= 0 or quote.ask < quote.bid:
        return because(ReasonCode.QUOTE_INVALID, bid=quote.bid, ask=quote.ask)
    age_s = quote.stamp.age_s(now)
    if age_s > max_age_s:
        return because(ReasonCode.STALE_QUOTE, age_s=age_s, limit_s=max_age_s)
    return None


def check_collar(leg: Leg, reference: Decimal, quote: Quote, collar_bps: float | None) -> Reason | None:
    """A limit too far through the opposite touch (or through the price that will trigger it), or a market that has left
    the price that sizing saw. `collar_bps` `None`: not checked."""
    if collar_bps is None:
        return None
    touch = leg.stop_price or (quote.ask if leg.side is Side.BUY else quote.bid)
    through_bps = Decimal(0) if leg.price is None else leg.side.sign * (leg.price - touch) / touch * _BPS
    moved_bps = abs(quote.mid - reference) / reference * _BPS
    worst = max(through_bps, moved_bps)
    if worst <= Decimal(repr(collar_bps)):
        return None
    return because(
        ReasonCode.PRICE_COLLAR,
        price=leg.price,
        reference=reference,
        touch=touch,
        bps=worst.quantize(Decimal("0.1")),
        limit_bps=collar_bps,
    )


def check_band(leg: Leg, quote: Quote, instrument: Instrument) -> Reason | None:
    """The venue's own band around its average price, for which the mid stands."""
    if leg.price is None:
        return None
    up, down = instrument.price_band_up, instrument.price_band_down
    if (up is not None and leg.price > up * quote.mid) or (down is not None and leg.price < down * quote.mid):
        return because(ReasonCode.PRICE_BAND, price=leg.price, mid=quote.mid, up=up, down=down)
    return None
