"""Binance's words about orders and trades, as the domain's facts. Shared by REST and the user data stream."""

from decimal import Decimal
from typing import TypeVar

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    Balance,
    BalancesChanged,
    ClientOrderId,
    Fill,
    OrderReport,
    OrderRequest,
    OrderStatus,
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
    ExecutionReport,
    OrderAnswer,
    TradeAnswer,
)
from core.venues.binance.instruments import Symbols, venue_symbol

T = TypeVar("T")
_STATUS = {
    "NEW": OrderStatus.NEW,
    "PENDING_NEW": OrderStatus.NEW,
    "PENDING_CANCEL": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_TYPE = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT_MAKER,
    "STOP_LOSS": OrderType.STOP_LOSS,
    "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
_ENDS_UNFILLED = ("REJECTED", "EXPIRED", "EXPIRED_IN_MATCH")
"""Statuses that come with a reason."""
_TYPE_NAME = {order_type: name for name, order_type in _TYPE.items()}
_WITH_PRICE = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
_WITH_TIME_IN_FORCE = _WITH_PRICE - {OrderType.LIMIT_MAKER}
_WITH_STOP_PRICE = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


def new_order_parameters(request: OrderRequest) -> dict[str, str]:
    """Parameters of POST /api/v3/order. Raises ValueError for a leg without the prices that its type needs."""
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
        parameters["price"] = _required(leg.price, "price", leg.order_type)
    if leg.order_type in _WITH_TIME_IN_FORCE:
        parameters["timeInForce"] = (leg.time_in_force or TimeInForce.GTC).value
    if leg.order_type in _WITH_STOP_PRICE:
        parameters["stopPrice"] = _required(leg.stop_price, "stop_price", leg.order_type)
    return parameters


def order_report(answer: OrderAnswer, instrument_id: InstrumentId) -> OrderReport:
    """Raises ValueError for words that Binance does not use."""
    client_order_id = ClientOrderId(answer.orig_client_order_id or answer.client_order_id)
    order_id = VenueOrderId(str(answer.order_id))
    side = _side(answer.side)
    event_ns = (answer.transact_time or answer.update_time or 0) * NS_PER_MS
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=order_id,
        status=_word(_STATUS, answer.status, "order status"),
        side=side,
        order_type=_word(_TYPE, answer.type, "order type"),
        quantity=_amount(answer.orig_qty),
        filled_quantity=_amount(answer.executed_qty),
        filled_notional=max(_finite(answer.cummulative_quote_qty), Decimal(0)),
        price=_price(answer.price),
        stop_price=_price(answer.stop_price),
        event_ns=event_ns,
        fills=tuple(
            Fill(
                instrument_id=instrument_id,
                trade_id=TradeId(str(fill.trade_id)),
                venue_order_id=order_id,
                client_order_id=client_order_id,
                side=side,
                price=_amount(fill.price),
                quantity=_amount(fill.qty),
                fee=_finite(fill.commission),
                fee_asset=fill.commission_asset,
                is_maker=False,  # what a new order takes at once, it takes as a taker
                event_ns=event_ns,
            )
            for fill in answer.fills
        ),
        reject_reason=answer.expiry_reason if answer.status in _ENDS_UNFILLED else None,
    )


def trade_fill(answer: TradeAnswer, instrument_id: InstrumentId) -> Fill:
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(answer.id)),
        venue_order_id=VenueOrderId(str(answer.order_id)),
        client_order_id=None,
        side=Side.BUY if answer.is_buyer else Side.SELL,
        price=_amount(answer.price),
        quantity=_amount(answer.qty),
        fee=_finite(answer.commission),
        fee_asset=answer.commission_asset,
        is_maker=answer.is_maker,
        event_ns=answer.time * NS_PER_MS,
    )


def held_balances(answer: AccountAnswer) -> dict[str, Balance]:
    """Assets of which there is anything."""
    balances = (Balance(entry.asset, _finite(entry.free), _finite(entry.locked)) for entry in answer.balances)
    return {balance.asset: balance for balance in balances if balance.total}


def execution_report(message: ExecutionReport, symbols: Symbols) -> OrderReport:
    """Raises ValueError for words that Binance does not use."""
    instrument_id = symbols.instrument_id(message.symbol)
    is_cancel = message.execution == "CANCELED" and message.original_client_order_id not in ("", "null")
    client_order_id = ClientOrderId(message.original_client_order_id if is_cancel else message.client_order_id)
    side = _side(message.side)
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=VenueOrderId(str(message.order_id)),
        status=_word(_STATUS, message.status, "order status"),
        side=side,
        order_type=_word(_TYPE, message.order_type, "order type"),
        quantity=_amount(message.quantity),
        filled_quantity=_amount(message.filled_quantity),
        filled_notional=max(_finite(message.filled_notional), Decimal(0)),
        price=_price(message.price),
        stop_price=_price(message.stop_price),
        event_ns=message.transaction_ms * NS_PER_MS,
        fills=(_pushed_fill(message, instrument_id, client_order_id, side),) if message.execution == "TRADE" else (),
        reject_reason=_reject_reason(message),
    )


def balances_changed(message: AccountPosition) -> BalancesChanged:
    return BalancesChanged(
        balances=tuple(Balance(entry.asset, _finite(entry.free), _finite(entry.locked)) for entry in message.balances),
        event_ns=message.event_ms * NS_PER_MS,
    )


def _pushed_fill(
    message: ExecutionReport, instrument_id: InstrumentId, client_order_id: ClientOrderId, side: Side
) -> Fill:
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(message.trade_id)),
        venue_order_id=VenueOrderId(str(message.order_id)),
        client_order_id=client_order_id,
        side=side,
        price=_amount(message.last_price),
        quantity=_amount(message.last_quantity),
        fee=_finite(message.fee),
        fee_asset=message.fee_asset or "",
        is_maker=message.is_maker,
        event_ns=message.transaction_ms * NS_PER_MS,
    )


def _reject_reason(message: ExecutionReport) -> str | None:
    if message.status not in _ENDS_UNFILLED:
        return None
    return message.expiry_reason or (message.reject_reason if message.reject_reason != "NONE" else None)


def _required(value: Decimal | None, name: str, order_type: OrderType) -> str:
    if value is None:
        raise ValueError(f"a {order_type} order needs a {name}")
    return f"{value:f}"


def _side(text: str) -> Side:
    return _word({"BUY": Side.BUY, "SELL": Side.SELL}, text, "side")


def _word(words: dict[str, T], text: str, what: str) -> T:
    try:
        return words[text]
    except KeyError:
        raise ValueError(f"unknown {what} {text!r}") from None


def _price(value: Decimal | None) -> Decimal | None:
    return _amount(value) if value else None


def _amount(value: Decimal) -> Decimal:
    if _finite(value) < 0:
        raise ValueError(f"negative amount {value}")
    return value


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError(f"not an amount: {value}")
    return value
