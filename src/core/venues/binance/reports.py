"""Binance's words about orders and trades, as the domain's facts. Shared by REST and the user data stream."""

from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    AmendRequest,
    Balance,
    BalancesChanged,
    ClientOrderId,
    Fill,
    Leg,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
    TradeId,
    VenueOrderId,
)
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.decode import (
    AccountAnswer,
    AccountPosition,
    AmendAnswer,
    ExecutionReport,
    OrderAnswer,
    OrderPush,
    TradeAnswer,
)
from core.venues.binance.instruments import Symbols, venue_symbol
from core.venues.binance.words import ENDS_UNFILLED, STATUS, amount_of, finite, price_of, required, side_of, word

_TYPE = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT_MAKER,
    "STOP_LOSS": OrderType.STOP_LOSS,
    "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
_TYPE_NAME = {order_type: name for name, order_type in _TYPE.items()}
_WITH_PRICE = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
_WITH_TIME_IN_FORCE = _WITH_PRICE - {OrderType.LIMIT_MAKER}
_WITH_STOP_PRICE = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
TIMES_IN_FORCE = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})


def new_order_parameters(request: OrderRequest) -> dict[str, str]:
    """Parameters of POST /api/v3/order. Raises ValueError for a leg without the prices that its type needs, and for
    times in force that spot does not have."""
    leg = request.leg
    parameters = {
        "symbol": venue_symbol(leg.instrument_id),
        "side": leg.side.name,
        "type": _TYPE_NAME[leg.order_type],
        "newClientOrderId": request.client_order_id,
        "quantity": f"{leg.quantity:f}",
        "newOrderRespType": "FULL",
    }
    if leg.order_type in _WITH_PRICE:
        parameters["price"] = required(leg.price, "price", leg.order_type)
    if leg.order_type in _WITH_TIME_IN_FORCE:
        parameters["timeInForce"] = _time_in_force(leg)
    if leg.visible_quantity is not None:
        parameters["icebergQty"] = f"{leg.visible_quantity:f}"
    if leg.trailing_bps is not None:
        parameters["trailingDelta"] = str(leg.trailing_bps)
    if leg.order_type in _WITH_STOP_PRICE and (leg.stop_price is not None or leg.trailing_bps is None):
        parameters["stopPrice"] = required(leg.stop_price, "stop_price", leg.order_type)
    return parameters


def _time_in_force(leg: Leg) -> str:
    in_force = leg.time_in_force or TimeInForce.GTC
    if in_force not in TIMES_IN_FORCE:
        raise ValueError(f"spot has no {in_force} orders")
    return in_force.value


def shrink_parameters(request: AmendRequest) -> dict[str, str]:
    """Parameters of PUT /api/v3/order/amend/keepPriority. The order keeps its id: without one it would be given
    another."""
    return {
        "symbol": venue_symbol(request.leg.instrument_id),
        "origClientOrderId": request.client_order_id,
        "newClientOrderId": request.client_order_id,
        "newQty": f"{request.terms.quantity:f}",
    }


def amended_report(answer: AmendAnswer, instrument_id: InstrumentId) -> OrderReport:
    """Raises ValueError for words that Binance does not use."""
    order = answer.amended_order
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=ClientOrderId(order.client_order_id),
        venue_order_id=VenueOrderId(str(order.order_id)),
        status=word(STATUS, order.status, "order status"),
        side=side_of(order.side),
        order_type=word(_TYPE, order.type, "order type"),
        quantity=amount_of(order.qty),
        filled_quantity=amount_of(order.executed_qty),
        filled_notional=max(finite(order.cumulative_quote_qty), Decimal(0)),
        price=price_of(order.price),
        stop_price=price_of(order.stop_price),
        event_ns=answer.transact_time * NS_PER_MS,
    )


def order_report(answer: OrderAnswer, instrument_id: InstrumentId) -> OrderReport:
    """Raises ValueError for words that Binance does not use."""
    client_order_id = ClientOrderId(answer.orig_client_order_id or answer.client_order_id)
    order_id = VenueOrderId(str(answer.order_id))
    side = side_of(answer.side)
    event_ns = (answer.transact_time or answer.update_time or 0) * NS_PER_MS
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=order_id,
        status=word(STATUS, answer.status, "order status"),
        side=side,
        order_type=word(_TYPE, answer.type, "order type"),
        quantity=amount_of(answer.orig_qty),
        filled_quantity=amount_of(answer.executed_qty),
        filled_notional=max(finite(answer.cummulative_quote_qty), Decimal(0)),
        price=price_of(answer.price),
        stop_price=price_of(answer.stop_price),
        event_ns=event_ns,
        fills=tuple(
            Fill(
                instrument_id=instrument_id,
                trade_id=TradeId(str(fill.trade_id)),
                venue_order_id=order_id,
                client_order_id=client_order_id,
                side=side,
                price=amount_of(fill.price),
                quantity=amount_of(fill.qty),
                fee=finite(fill.commission),
                fee_asset=fill.commission_asset,
                is_maker=False,  # what a new order takes at once, it takes as a taker
                event_ns=event_ns,
            )
            for fill in answer.fills
        ),
        reject_reason=answer.expiry_reason if answer.status in ENDS_UNFILLED else None,
        list_id=None if answer.order_list_id < 0 else str(answer.order_list_id),
    )


def trade_fill(answer: TradeAnswer, instrument_id: InstrumentId) -> Fill:
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(answer.id)),
        venue_order_id=VenueOrderId(str(answer.order_id)),
        client_order_id=None,
        side=Side.BUY if answer.is_buyer else Side.SELL,
        price=amount_of(answer.price),
        quantity=amount_of(answer.qty),
        fee=finite(answer.commission),
        fee_asset=answer.commission_asset,
        is_maker=answer.is_maker,
        event_ns=answer.time * NS_PER_MS,
    )


def held_balances(answer: AccountAnswer) -> dict[str, Balance]:
    """Assets of which there is anything."""
    balances = (Balance(entry.asset, finite(entry.free), finite(entry.locked)) for entry in answer.balances)
    return {balance.asset: balance for balance in balances if balance.total}


def execution_report(message: ExecutionReport, symbols: Symbols) -> OrderReport:
    """Raises ValueError for words that Binance does not use."""
    instrument_id = symbols.instrument_id(message.symbol)
    is_cancel = message.execution == "CANCELED" and message.original_client_order_id not in ("", "null")
    client_order_id = ClientOrderId(message.original_client_order_id if is_cancel else message.client_order_id)
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=VenueOrderId(str(message.order_id)),
        status=word(STATUS, message.status, "order status"),
        side=side_of(message.side),
        order_type=word(_TYPE, message.order_type, "order type"),
        quantity=amount_of(message.quantity),
        filled_quantity=amount_of(message.filled_quantity),
        filled_notional=max(finite(message.filled_notional), Decimal(0)),
        price=price_of(message.price),
        stop_price=price_of(message.stop_price),
        event_ns=message.transaction_ms * NS_PER_MS,
        fills=(pushed_fill(message, instrument_id, client_order_id),) if message.execution == "TRADE" else (),
        reject_reason=_reject_reason(message),
    )


def balances_changed(message: AccountPosition) -> BalancesChanged:
    return BalancesChanged(
        balances=tuple(Balance(entry.asset, finite(entry.free), finite(entry.locked)) for entry in message.balances),
        event_ns=message.event_ms * NS_PER_MS,
    )


def pushed_fill(message: OrderPush, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> Fill:
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(message.trade_id)),
        venue_order_id=VenueOrderId(str(message.order_id)),
        client_order_id=client_order_id,
        side=side_of(message.side),
        price=amount_of(message.last_price),
        quantity=amount_of(message.last_quantity),
        fee=finite(message.fee),
        fee_asset=message.fee_asset or "",
        is_maker=message.is_maker,
        event_ns=message.transaction_ms * NS_PER_MS,
    )


def _reject_reason(message: ExecutionReport) -> str | None:
    if message.status not in ENDS_UNFILLED:
        return None
    return message.expiry_reason or (message.reject_reason if message.reject_reason != "NONE" else None)
