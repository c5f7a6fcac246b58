"""ccxt's order and trade structures as the domain's facts. Numbers are decimal text (see `exchange.rest_exchange`)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    Balance,
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

ZERO = Decimal(0)
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TAKES_PROFIT = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
_MARKET_LIKE = (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)
_STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, *_TAKES_PROFIT)


def order_arguments(request: OrderRequest) -> tuple[str, str, str, str, str | None, dict[str, object]]:
    """Arguments of ccxt's `create_order`. Raises ValueError for a leg without the prices that its type needs, and for
    what ccxt has no word of its own for."""
    leg = request.leg
    if leg.time_in_force is TimeInForce.GTD or leg.visible_quantity is not None or leg.trailing_bps is not None:
        raise ValueError("ccxt has no word for GTD, icebergs and trailing stops that all exchanges understand")
    params: dict[str, object] = {"clientOrderId": request.client_order_id}
    if leg.order_type is OrderType.LIMIT_MAKER:
        params["postOnly"] = True
    elif leg.order_type not in _MARKET_LIKE and leg.time_in_force not in (None, TimeInForce.GTC):
        params["timeInForce"] = str(leg.time_in_force)
    if leg.order_type in _STOPS:
        key = "takeProfitPrice" if leg.order_type in _TAKES_PROFIT else "stopLossPrice"
        params[key] = _required(leg.stop_price, "stop_price", leg.order_type)
    is_market = leg.order_type in _MARKET_LIKE
    price = None if is_market else _required(leg.price, "price", leg.order_type)
    kind = "market" if is_market else "limit"
    return leg.instrument_id, kind, leg.side.value, f"{leg.quantity:f}", price, params


def order_report(
    order: Mapping[str, Any],
    instrument_id: InstrumentId,
    *,
    named: ClientOrderId | None = None,
    request: OrderRequest | None = None,
    now_ns: int = 0,
) -> OrderReport:
    """`named`: our id of the order, where it is known apart from the answer. `request` stands in for what the answer to
    a new order leaves out, which on some exchanges is all but its id. Raises ValueError for what cannot be read."""
    leg = request.leg if request is not None else None
    side = _side(order.get("side")) or (leg.side if leg else None)
    order_id = order.get("id")
    if side is None or order_id is None:
        raise ValueError("an order without a side or an id")
    quantity = _amount(order.get("amount")) or (leg.quantity if leg else ZERO)
    filled = _amount(order.get("filled")) or ZERO
    price = _amount(order.get("price")) or (leg.price if leg else None)
    order_type = _order_type(order) if leg is None else leg.order_type
    client_order_id = named or ClientOrderId(str(order.get("clientOrderId") or order_id))
    event_ms = order.get("lastUpdateTimestamp") or order.get("lastTradeTimestamp") or order.get("timestamp")
    event_ns = int(event_ms) * NS_PER_MS if event_ms else now_ns
    of = {"id": order_id, "side": side, "timestamp": event_ns // NS_PER_MS}
    fills = tuple(
        replace(fill(trade, instrument_id, of), client_order_id=client_order_id) for trade in order.get("trades") or ()
    )
    return OrderReport(
        instrument_id=instrument_id,
        client_order_id=client_order_id,
        venue_order_id=VenueOrderId(str(order_id)),
        status=_status(order.get("status"), quantity, filled),
        side=side,
        order_type=order_type,
        quantity=quantity,
        filled_quantity=filled,
        filled_notional=_notional(order, filled),
        price=None if order_type in _MARKET_LIKE else price,
        stop_price=_stop_price(order) or (leg.stop_price if leg else None),
        event_ns=event_ns,
        fills=fills if sum((each.quantity for each in fills), ZERO) == filled else (),
        reject_reason=str(order.get("status")) if order.get("status") in ("rejected", "expired") else None,
    )


def fill(trade: Mapping[str, Any], instrument_id: InstrumentId, of: Mapping[str, Any] | None = None) -> Fill:
    """One of our trades; its order `of` stands in for what it does not say. Raises ValueError where it cannot be
    read."""
    of = of or {}
    price, quantity = _amount(trade.get("price")), _amount(trade.get("amount"))
    side = _side(trade.get("side")) or _side(of.get("side"))
    order = trade.get("order") or of.get("id")
    if not price or not quantity or side is None or order is None:
        raise ValueError("a trade without price, amount, side or order")
    at_ms = trade.get("timestamp") or of.get("timestamp") or 0
    fee, fee_asset = _fee(trade, instrument_id)
    name = trade.get("id") or f"{order}-{at_ms}-{price}-{quantity}"
    return Fill(
        instrument_id=instrument_id,
        trade_id=TradeId(str(name)),
        venue_order_id=VenueOrderId(str(order)),
        client_order_id=None,
        side=side,
        price=price,
        quantity=quantity,
        fee=fee,
        fee_asset=fee_asset,
        is_maker=trade.get("takerOrMaker") == "maker",
        event_ns=int(at_ms) * NS_PER_MS,
    )


def held_balances(balance: Mapping[str, Any]) -> dict[str, Balance]:
    """Assets of which there is anything. Raises ValueError where an amount cannot be read."""
    found: dict[str, Balance] = {}
    for asset, total_text in (balance.get("total") or {}).items():
        parts = balance.get(asset) or {}
        total = _amount(total_text) or ZERO
        free = _amount(parts.get("free"))
        locked = _amount(parts.get("used"))
        if free is None:
            free = total - (locked or ZERO)
        held = Balance(asset, free, total - free if locked is None else locked)
        if held.total:
            found[asset] = held
    return found


def _status(word: object, quantity: Decimal, filled: Decimal) -> OrderStatus:
    """A closed order that is not whole has ended early. An answer without a word is an order that was taken."""
    match word:
        case "closed":
            return OrderStatus.FILLED if filled >= quantity else OrderStatus.CANCELLED
        case "canceled":
            return OrderStatus.CANCELLED
        case "expired":
            return OrderStatus.EXPIRED
        case "rejected":
            return OrderStatus.REJECTED
    return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW


def _order_type(order: Mapping[str, Any]) -> OrderType:
    is_market = "limit" not in str(order.get("type") or "limit").lower()
    if _amount(order.get("takeProfitPrice")) or "take" in str(order.get("type")).lower():
        return OrderType.TAKE_PROFIT if is_market else OrderType.TAKE_PROFIT_LIMIT
    if _stop_price(order):
        return OrderType.STOP_LOSS if is_market else OrderType.STOP_LOSS_LIMIT
    if is_market:
        return OrderType.MARKET
    return OrderType.LIMIT_MAKER if order.get("postOnly") else OrderType.LIMIT


def _stop_price(order: Mapping[str, Any]) -> Decimal | None:
    for key in ("stopLossPrice", "takeProfitPrice", "triggerPrice", "stopPrice"):
        if value := _amount(order.get(key)):
            return value
    return None


def _notional(order: Mapping[str, Any], filled: Decimal) -> Decimal:
    cost = _amount(order.get("cost"))
    if cost is not None or not filled:
        return cost or ZERO
    return filled * (_amount(order.get("average")) or _amount(order.get("price")) or ZERO)


def _fee(trade: Mapping[str, Any], instrument_id: InstrumentId) -> tuple[Decimal, str]:
    """What it cost and in which asset: in quote where nothing is said; the sum of those in the first one's asset."""
    fees: Sequence[Mapping[str, Any]] = trade.get("fees") or [trade.get("fee") or {}]
    stated = [each for each in fees if each.get("cost") is not None and each.get("currency")]
    if not stated:
        return ZERO, instrument_id.partition("/")[2].partition(":")[0]
    asset = str(stated[0]["currency"])
    return sum((_finite(each["cost"]) for each in stated if each["currency"] == asset), ZERO), asset


def _required(value: Decimal | None, name: str, order_type: OrderType) -> str:
    if value is None:
        raise ValueError(f"a {order_type} order needs a {name}")
    return f"{value:f}"


def _side(word: object) -> Side | None:
    return _SIDES.get(str(word).lower())


def _amount(value: object) -> Decimal | None:
    if value is None:
        return None
    amount = _finite(value)
    if amount < 0:
        raise ValueError(f"negative amount {value}")
    return amount


def _finite(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"not an amount: {value}") from None
    if not amount.is_finite():
        raise ValueError(f"not an amount: {value}")
    return amount
