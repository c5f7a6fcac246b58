"""Proposals, orders, fills and worlds for the gate's tests."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.domain.facts import FillBooked, OrderChanged, OrderState, OrderView
from core.domain.freshness import Moment
from core.domain.orders import (
    ClientOrderId,
    Fill,
    IntentId,
    Leg,
    OrderType,
    Proposal,
    Purpose,
    Side,
    TimeInForce,
    TradeId,
    VenueOrderId,
)
from core.domain.positions import Position
from core.portfolio.valuation import Valuation
from core.risk.context import RiskContext
from tests.unit.instruments import quote, spot

D = Decimal
BTC, ETH, SOL = spot("BTC/USDT"), spot("ETH/USDT"), spot("SOL/USDT")
NOW = Moment(trading_ns=1_760_000_000_000_000_000, monotonic_ns=10_000_000_000, speed=1.0)


def later(seconds: float) -> Moment:
    step = round(seconds * 1e9)
    return replace(NOW, trading_ns=NOW.trading_ns + step, monotonic_ns=NOW.monotonic_ns + step)


def entry(
    number: object, quantity: str = "1", *, symbol: Any = BTC, price: str | None = "100", **changes: Any
) -> Proposal:
    is_market = price is None
    leg = Leg(
        symbol.id,
        Side.BUY,
        D(quantity),
        OrderType.MARKET if is_market else OrderType.LIMIT,
        None if price is None else D(price),
        time_in_force=None if is_market else TimeInForce.IOC,
    )
    return proposal(number, Purpose.ENTRY, leg, **changes)


def exit_(number: object, quantity: str = "1", *, symbol: Any = BTC, **changes: Any) -> Proposal:
    return proposal(number, Purpose.EXIT, Leg(symbol.id, Side.SELL, D(quantity), OrderType.MARKET), **changes)


def proposal(number: object, purpose: Purpose, *legs: Leg, **changes: Any) -> Proposal:
    made = Proposal(
        intent_id=IntentId(str(number)),
        purpose=purpose,
        legs=legs,
        strategies=("test",),
        cycle=f"test|{number}",
        created_ns=NOW.trading_ns,
        reference_price=D(100),
    )
    return replace(made, **changes)


def world(
    held: dict[Any, str] | None = None, *, equity: str = "10000", cash: str | None = None, **changes: Any
) -> RiskContext:
    """Everything costs 100; `held` are quantities."""
    held = held or {}
    positions = {
        instrument.id: Position(instrument.id, D(quantity), D(100), D(0), D(0), None)
        for instrument, quantity in held.items()
    }
    context = RiskContext(
        instruments={instrument.id: instrument for instrument in (BTC, ETH, SOL)},
        quotes={
            instrument.id: quote("99.99", "100.01", confirmed_ns=NOW.monotonic_ns) for instrument in (BTC, ETH, SOL)
        },
        positions=positions,
        valuation=valuation(equity, {instrument: D(quantity) * 100 for instrument, quantity in held.items()}),
        cash=None if cash is None else {"USDT": D(cash)},
    )
    return replace(context, **changes)


def valuation(equity: str = "10000", exposures: dict[Any, Decimal] | None = None, profit: str = "0") -> Valuation:
    return Valuation(
        currency="USDT",
        equity=D(equity),
        cash=D(equity),
        deposits=D(equity) - D(profit),
        realised_profit=D(profit),
        unrealised_profit=D(0),
        fees=D(0),
        exposures={instrument.id: value for instrument, value in (exposures or {}).items()},
        unpriced=(),
    )


def order_of(
    made: Proposal, state: OrderState = OrderState.ACCEPTED, filled: str = "0", unbooked: str = "0"
) -> OrderView:
    return OrderView(
        client_order_id=ClientOrderId(f"c{made.intent_id}"),
        intent_id=made.intent_id,
        purpose=made.purpose,
        strategies=made.strategies,
        leg=made.legs[0],
        state=state,
        venue_order_id=None,
        filled_quantity=D(filled),
        average_price=None,
        reason="",
        created_ns=0,
        changed_ns=0,
        unbooked_quantity=D(unbooked),
    )


def changed(order: OrderView) -> OrderChanged:
    return OrderChanged(order, OrderState.SUBMITTING)


def booked(order: OrderView, quantity: str, *, trade: str = "1", at_ns: int = NOW.trading_ns) -> FillBooked:
    fill = Fill(
        instrument_id=order.leg.instrument_id,
        trade_id=TradeId(trade),
        venue_order_id=VenueOrderId("v"),
        client_order_id=order.client_order_id,
        side=order.leg.side,
        price=D(100),
        quantity=D(quantity),
        fee=D(0),
        fee_asset="USDT",
        is_maker=False,
        event_ns=at_ns,
    )
    return FillBooked(fill, order)
