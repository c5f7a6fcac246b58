"""Orders, fills and reports with everything filled in that a test does not care about."""

from dataclasses import replace
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId, kind_of
from core.domain.orders import (
    ClientOrderId,
    Fill,
    IntentId,
    Leg,
    OrderReport,
    OrderStatus,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    TimeInForce,
    TradeId,
    VenueOrderId,
)
from core.domain.slicing import SliceStyle, Slicing
from core.execution.client_order_id import client_order_id
from core.execution.order import Order
from core.execution.plans.plan import Plan

BTC = InstrumentId("BTC/USDT")
ETH = InstrumentId("ETH/USDT")
SWAP = InstrumentId("BTC/USDT:USDT")
INTENT = IntentId("intent-1")
VENUE_ID = VenueOrderId("100")


def instrument(instrument_id: InstrumentId = BTC) -> Instrument:
    base, quote = instrument_id.partition(":")[0].split("/")
    return Instrument(
        id=instrument_id,
        venue_symbol=base + quote,
        kind=kind_of(instrument_id),
        base=base,
        quote=quote,
        settle=quote,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=None,
        min_notional=Decimal(5),
        max_stop_orders=5,
    )


INSTRUMENTS = {each: instrument(each) for each in (BTC, ETH, SWAP)}


def leg(quantity: str = "1", side: Side = Side.BUY, price: str | None = "100", **changes: object) -> Leg:
    made = Leg(
        instrument_id=BTC,
        side=side,
        quantity=Decimal(quantity),
        order_type=OrderType.LIMIT if price else OrderType.MARKET,
        price=Decimal(price) if price else None,
        time_in_force=TimeInForce.GTC if price else None,
    )
    return replace(made, **changes)


def order(quantity: str = "1", *, intent: IntentId = INTENT, role: str = "leg-0", **changes: object) -> Order:
    made = Order(
        client_order_id=client_order_id(intent, role),
        intent_id=intent,
        role=role,
        purpose=Purpose.ENTRY,
        strategies=("ema_cross",),
        leg=leg(quantity),
        sent_because="ema_cross: fast above slow",
        created_ns=1_000,
        changed_ns=1_000,
        window_ms=5_000,
    )
    return replace(made, **changes)


def fill(
    quantity: str = "1",
    *,
    trade_id: str = "1",
    price: str = "100",
    side: Side = Side.BUY,
    instrument_id: InstrumentId = BTC,
    venue_order_id: VenueOrderId = VENUE_ID,
    client_order_id: ClientOrderId | None = None,
    fee: str = "0",
    fee_asset: str = "USDT",
    event_ns: int = 2_000,
    realised_profit: str | None = None,
    is_forced: bool = False,
) -> Fill:
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(trade_id),
        venue_order_id=venue_order_id,
        client_order_id=client_order_id,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        is_maker=False,
        event_ns=event_ns,
        realised_profit=None if realised_profit is None else Decimal(realised_profit),
        is_forced=is_forced,
    )


def report(of: Order, status: OrderStatus, filled: str = "0", **changes: object) -> OrderReport:
    made = OrderReport(
        instrument_id=of.instrument_id,
        client_order_id=of.client_order_id,
        venue_order_id=VENUE_ID,
        status=status,
        side=of.leg.side,
        order_type=of.leg.order_type,
        quantity=of.leg.quantity,
        filled_quantity=Decimal(filled),
        filled_notional=Decimal(filled) * 100,
        price=of.leg.price,
        stop_price=of.leg.stop_price,
        event_ns=2_000,
    )
    return replace(made, **changes)


def proposal(
    *legs: Leg,
    intent: str = "intent-1",
    purpose: Purpose = Purpose.ENTRY,
    stop: str | None = None,
    target: str | None = None,
    **changes: object,
) -> Proposal:
    protection = None
    if stop or target:
        protection = Protection(Decimal(stop) if stop else None, Decimal(target) if target else None)
    made = Proposal(
        intent_id=IntentId(intent),
        purpose=purpose,
        legs=legs or (leg(),),
        strategies=("ema_cross",),
        cycle="ema_cross|BTC/USDT|1m|60000",
        created_ns=1_000,
        reference_price=Decimal(100),
        protection=protection,
        reason="ema_cross: fast above slow",
    )
    return replace(made, **changes)


def twap(slices: int = 4, duration_s: float = 40.0, **changes: object) -> Slicing:
    made = Slicing(SliceStyle.TWAP, slices, int(duration_s * 1e9), jitter_pct=0)
    return replace(made, **changes)


def iceberg(visible: str = "1", slices: int = 4, duration_s: float | None = None, **changes: object) -> Slicing:
    duration_ns = None if duration_s is None else int(duration_s * 1e9)
    return replace(Slicing(SliceStyle.ICEBERG, slices, duration_ns, visible=Decimal(visible)), **changes)


def a_plan(quantity: str = "4", slicing: Slicing | None = None, price: str | None = "100", **changes: object) -> Plan:
    """Opened at 1 s, trading time."""
    parent = proposal(leg(quantity, price=price), slicing=slicing or twap(), **changes)
    return Plan.of(parent, 1_000_000_000)
