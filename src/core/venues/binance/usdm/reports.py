"""USD-M's words about orders, trades, positions and funding, as the domain's facts. Shared by REST and the user data
stream. Each raises ValueError for words that Binance does not use.

A conditional order goes by its client id all its life. At the venue it is first an algo order (named `algo-<id>` here:
those numbers are counted apart from the order book's) and, once triggered, an order with a number of its own.
"""

from dataclasses import replace
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    AmendRequest,
    Balance,
    BalancesChanged,
    ClientOrderId,
    Fill,
    FundingPayment,
    Leg,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionsChanged,
    TimeInForce,
    TradeId,
    VenueOrderId,
)
from core.domain.positions import VenuePosition
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.instruments import Symbols, venue_symbol
from core.venues.binance.reports import pushed_fill
from core.venues.binance.usdm.decode import (
    AccountAnswer,
    AccountUpdate,
    AlgoAnswer,
    AlgoUpdate,
    IncomeAnswer,
    OrderAnswer,
    OrderUpdate,
    PositionAnswer,
    TradeAnswer,
)
from core.venues.binance.words import (
    ENDS_UNFILLED,
    STATUS,
    amount_of,
    finite,
    price_of,
    required,
    side_of,
    word,
)

ZERO = Decimal(0)
CONDITIONAL = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
_TYPE_NAME = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.LIMIT_MAKER: "LIMIT",
    OrderType.STOP_LOSS: "STOP_MARKET",
    OrderType.STOP_LOSS_LIMIT: "STOP",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT_MARKET",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT",
}
TRAILING = "TRAILING_STOP_MARKET"
_TYPE = {
    **{name: order_type for order_type, name in _TYPE_NAME.items() if order_type is not OrderType.LIMIT_MAKER},
    TRAILING: OrderType.STOP_LOSS,
    # Of the venue itself: only side and size matter to us.
    "LIQUIDATION": OrderType.MARKET,
}
_STATUS = {**STATUS, "NEW_INSURANCE": OrderStatus.NEW, "NEW_ADL": OrderStatus.NEW}
_ALGO_STATUS = {
    "NEW": OrderStatus.NEW,
    "TRIGGERING": OrderStatus.NEW,
    "TRIGGERED": OrderStatus.NEW,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
FINISHED = "FINISHED"
"""Of an algo order: the order that it placed has been filled or cancelled, which only that order tells."""
_WITH_PRICE = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
_FORCED = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
"""How the client ids of the venue's own orders begin: liquidation, deleveraging, settlement."""
_FILLING = ("TRADE", "CALCULATED")


def new_order_parameters(request: OrderRequest) -> dict[str, str]:
    """Parameters of POST /fapi/v1/order; see `new_algo_parameters` for conditional orders."""
    parameters = {**_common(request), "newClientOrderId": request.client_order_id, "newOrderRespType": "RESULT"}
    return parameters | _limit(request.leg)


def new_algo_parameters(request: OrderRequest) -> dict[str, str]:
    """Parameters of POST /fapi/v1/algoOrder. Triggered by the last price, as spot's stops are."""
    leg = request.leg
    parameters = {
        **_common(request),
        "algoType": "CONDITIONAL",
        "clientAlgoId": request.client_order_id,
        "workingType": "CONTRACT_PRICE",
    }
    return parameters | (_trail(leg) if leg.trailing_bps is not None else _trigger(leg)) | _limit(leg)


def _trigger(leg: Leg) -> dict[str, str]:
    return {"triggerPrice": required(leg.stop_price, "stop_price", leg.order_type)}


def _trail(leg: Leg) -> dict[str, str]:
    """`callbackRate` is in percent."""
    if leg.order_type is not OrderType.STOP_LOSS or leg.trailing_bps is None:
        raise ValueError(f"a {leg.order_type} order can't follow the market")
    activation = {} if leg.stop_price is None else {"activatePrice": f"{leg.stop_price:f}"}
    return {"type": TRAILING, "callbackRate": f"{Decimal(leg.trailing_bps) / 100:f}", **activation}


def _limit(leg: Leg) -> dict[str, str]:
    """Price and time in force, of those that have them."""
    if leg.order_type not in _WITH_PRICE:
        return {}
    in_force = leg.time_in_force or TimeInForce.GTC
    parameters = {
        "price": required(leg.price, "price", leg.order_type),
        "timeInForce": "GTX" if leg.order_type is OrderType.LIMIT_MAKER else in_force.value,
    }
    if in_force is TimeInForce.GTD:
        if leg.expires_ns is None:
            raise ValueError("a GTD order needs a date")
        parameters["goodTillDate"] = str(leg.expires_ns // NS_PER_MS)
    return parameters


def amend_parameters(request: AmendRequest) -> dict[str, str]:
    """Parameters of PUT /fapi/v1/order, which wants both quantity and price. Raises ValueError for an order without a
    price."""
    leg = request.leg
    return {
        "symbol": venue_symbol(leg.instrument_id),
        "origClientOrderId": request.client_order_id,
        "side": leg.side.name,
        "quantity": f"{request.terms.quantity:f}",
        "price": required(request.terms.price, "price", leg.order_type),
    }


def _common(request: OrderRequest) -> dict[str, str]:
    leg = request.leg
    if leg.visible_quantity is not None:
        raise ValueError("USD-M has no icebergs")
    parameters = {
        "symbol": venue_symbol(leg.instrument_id),
        "side": leg.side.name,
        "type": _TYPE_NAME[leg.order_type],
        "quantity": f"{leg.quantity:f}",
    }
    if leg.reduce_only:
        parameters["reduceOnly"] = "true"
    return parameters


def order_report(answer: OrderAnswer, instrument_id: InstrumentId) -> OrderReport:
    filled = amount_of(answer.executed_qty)
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=ClientOrderId(answer.client_order_id),
        venue_order_id=VenueOrderId(str(answer.order_id)),
        status=word(_STATUS, answer.status, "order status"),
        side=side_of(answer.side),
        order_type=word(_TYPE, answer.type, "order type"),
        quantity=amount_of(answer.orig_qty),
        filled_quantity=filled,
        filled_notional=max(finite(answer.cum_quote), ZERO) or filled * amount_of(answer.avg_price),
        price=price_of(answer.price),
        stop_price=price_of(answer.stop_price),
        event_ns=(answer.update_time or answer.time or 0) * NS_PER_MS,
    )


def algo_name(algo_id: int) -> VenueOrderId:
    return VenueOrderId(f"algo-{algo_id}")


def placed_order_id(answer: AlgoAnswer) -> int | None:
    """Of the order that the trigger has placed; `None` before."""
    text = str(answer.actual_order_id or "")
    return int(text) if text.isdigit() and int(text) else None


def algo_report(answer: AlgoAnswer, instrument_id: InstrumentId, placed: OrderReport | None = None) -> OrderReport:
    """`placed` is the order that the trigger has made of it, whose words then count; `None`: not triggered."""
    if placed is None and answer.algo_status == FINISHED:
        raise ValueError(f"algo order {answer.algo_id} is finished, but its order is not known")
    order_type = word(_TYPE, answer.order_type or answer.type, "order type")
    status = placed.status if placed is not None else word(_ALGO_STATUS, answer.algo_status, "algo status")
    ours = (answer.update_time or answer.create_time or 0) * NS_PER_MS
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=ClientOrderId(answer.client_algo_id),
        venue_order_id=algo_name(answer.algo_id) if placed is None else placed.venue_order_id,
        status=status,
        side=side_of(answer.side),
        order_type=order_type,
        quantity=amount_of(answer.quantity),
        filled_quantity=ZERO if placed is None else placed.filled_quantity,
        filled_notional=ZERO if placed is None else placed.filled_notional,
        price=price_of(answer.price),
        stop_price=price_of(answer.trigger_price),
        event_ns=ours if placed is None else placed.event_ns,
    )


def trade_fill(answer: TradeAnswer, instrument_id: InstrumentId, client_order_id: str | None) -> Fill:
    """`client_order_id` of the order that it belongs to; `None`: not known."""
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(answer.id)),
        venue_order_id=VenueOrderId(str(answer.order_id)),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        side=side_of(answer.side),
        price=amount_of(answer.price),
        quantity=amount_of(answer.qty),
        fee=finite(answer.commission),
        fee_asset=answer.commission_asset,
        is_maker=answer.maker,
        event_ns=answer.time * NS_PER_MS,
        realised_profit=finite(answer.realized_pnl),
        is_forced=is_forced(client_order_id),
    )


def is_forced(client_order_id: str | None) -> bool:
    """Whether an order is the venue's own doing."""
    return client_order_id is not None and client_order_id.startswith(_FORCED)


def held_balances(answer: AccountAnswer) -> dict[str, Balance]:
    """Assets of which there is anything. The total is the wallet's, without profit that is not realised."""
    found = {}
    for entry in answer.assets:
        wallet = finite(entry.wallet_balance)
        free = min(max(finite(entry.available_balance), ZERO), max(wallet, ZERO))
        if wallet:
            found[entry.asset] = Balance(entry.asset, free, wallet - free)
    return found


def venue_position(answer: PositionAnswer, symbols: Symbols) -> VenuePosition:
    return VenuePosition(
        instrument_id=symbols.instrument_id(answer.symbol),
        quantity=_one_way(answer.position_side, finite(answer.position_amt)),
        entry_price=amount_of(answer.entry_price),
        mark_price=price_of(answer.mark_price),
        liquidation_price=finite(answer.liquidation_price) if answer.liquidation_price > 0 else None,
    )


def funding_payment(answer: IncomeAnswer, symbols: Symbols) -> FundingPayment:
    return FundingPayment(
        instrument_id=symbols.instrument_id(answer.symbol),
        payment_id=str(answer.tran_id),
        asset=answer.asset,
        amount=finite(answer.income),
        event_ns=answer.time * NS_PER_MS,
    )


def order_update(message: OrderUpdate, symbols: Symbols) -> OrderReport:
    instrument_id = symbols.instrument_id(message.symbol)
    client_order_id = ClientOrderId(message.client_order_id)
    filled = amount_of(message.filled_quantity)
    is_fill = message.execution in _FILLING and message.last_quantity > 0
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=VenueOrderId(str(message.order_id)),
        status=word(_STATUS, message.status, "order status"),
        side=side_of(message.side),
        order_type=word(_TYPE, message.order_type, "order type"),
        quantity=amount_of(message.quantity),
        filled_quantity=filled,
        filled_notional=filled * amount_of(message.average_price),
        price=price_of(message.price),
        stop_price=price_of(message.stop_price),
        event_ns=message.transaction_ms * NS_PER_MS,
        fills=(_pushed_fill(message, instrument_id, client_order_id),) if is_fill else (),
        reject_reason=_reason(message),
    )


def algo_update(message: AlgoUpdate, symbols: Symbols) -> OrderReport | None:
    """`None` where it tells nothing that the order which the trigger placed does not tell itself."""
    order = message.order
    if order.status == FINISHED:
        return None
    status = word(_ALGO_STATUS, order.status, "algo status")
    return OrderReport(
        instrument_id=symbols.instrument_id(order.symbol),
        client_order_id=ClientOrderId(order.client_algo_id),
        venue_order_id=VenueOrderId(order.order_id) if order.order_id else algo_name(order.algo_id),
        status=status,
        side=side_of(order.side),
        order_type=word(_TYPE, order.order_type, "order type"),
        quantity=amount_of(order.quantity),
        filled_quantity=amount_of(order.filled_quantity),
        filled_notional=amount_of(order.filled_quantity) * amount_of(order.average_price),
        price=price_of(order.price),
        stop_price=price_of(order.trigger_price),
        event_ns=message.transaction_ms * NS_PER_MS,
        reject_reason=(order.reason or None) if status in (OrderStatus.EXPIRED, OrderStatus.REJECTED) else None,
    )


def wallets_changed(message: AccountUpdate) -> BalancesChanged | None:
    """The message has the wallets' totals only: all of it counts as free. `None`: none changed."""
    wallets = tuple(Balance(entry.asset, finite(entry.wallet_balance), ZERO) for entry in message.change.balances)
    return BalancesChanged(wallets, message.transaction_ms * NS_PER_MS) if wallets else None


def positions_changed(message: AccountUpdate, symbols: Symbols) -> PositionsChanged | None:
    """`None`: none changed."""
    positions = tuple(
        VenuePosition(
            instrument_id=symbols.instrument_id(entry.symbol),
            quantity=finite(entry.quantity),
            entry_price=amount_of(entry.entry_price),
        )
        for entry in message.change.positions
        if entry.position_side == "BOTH"
    )
    return PositionsChanged(positions, message.transaction_ms * NS_PER_MS) if positions else None


def _one_way(position_side: str, quantity: Decimal) -> Decimal:
    """Raises ValueError for one of the two positions that hedge mode has of a symbol."""
    if position_side != "BOTH" and quantity:
        raise ValueError("the account is in hedge mode")
    return quantity


def _pushed_fill(message: OrderUpdate, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> Fill:
    return replace(
        pushed_fill(message, instrument_id, client_order_id),
        realised_profit=finite(message.realised_profit),
        is_forced=is_forced(message.client_order_id),
    )


def _reason(message: OrderUpdate) -> str | None:
    if message.status not in ENDS_UNFILLED or message.expiry_reason in (None, "0", 0, "NONE"):
        return None
    return str(message.expiry_reason)
