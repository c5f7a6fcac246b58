"""Which intents of strategies become parents, and on which terms. Pure."""

import math
from dataclasses import replace
from decimal import Decimal

from core.domain.freshness import Quote
from core.domain.instruments import Instrument
from core.domain.money import Rounding, to_price, to_quantity
from core.domain.orders import Leg, OrderType, Proposal, Purpose, Side, TimeInForce
from core.domain.slicing import MissedSlices, RestRule, SliceStyle, Slicing
from core.settings.slicing import SlicingSettings


def sliced(proposal: Proposal, instrument: Instrument, quote: Quote | None, settings: SlicingSettings) -> Proposal:
    """The proposal itself where it is too small, or the settings want it whole."""
    is_entry = proposal.purpose is Purpose.ENTRY
    style = settings.entries if is_entry else settings.exits
    leg = proposal.legs[0]
    worth = leg.quantity * proposal.reference_price * instrument.multiplier
    if style == "whole" or len(proposal.legs) != 1 or worth < settings.above_usd:
        return proposal
    terms = Slicing(
        style=SliceStyle(style),
        slices=settings.slices,
        duration_ns=int(settings.duration_s * 1e9),
        jitter_pct=settings.jitter_pct,
        missed=MissedSlices(settings.missed),
        rest=RestRule(settings.entry_rest) if is_entry else RestRule.MARKET,
        at_once=settings.at_once,
    )
    if terms.style is SliceStyle.TWAP:
        return replace(proposal, slicing=terms)
    if quote is None:
        return proposal
    visible = _visible(leg.quantity, instrument, settings.visible_pct)
    parts = math.ceil(leg.quantity / visible)
    terms = replace(terms, visible=visible, slices=parts)
    return replace(proposal, slicing=terms, legs=(_at_own_touch(leg, instrument, quote),))


def _visible(quantity: Decimal, instrument: Instrument, visible_pct: float) -> Decimal:
    share = to_quantity(quantity * Decimal(repr(visible_pct)) / 100, instrument, Rounding.UP)
    return min(max(share, instrument.min_quantity), quantity)


def _at_own_touch(leg: Leg, instrument: Instrument, quote: Quote) -> Leg:
    is_buy = leg.side is Side.BUY
    price = to_price(quote.bid if is_buy else quote.ask, instrument, Rounding.DOWN if is_buy else Rounding.UP)
    return replace(leg, order_type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.GTC)
