"""REST shapes of orders, fills and prevented matches. Amounts are text with eight decimals, times UTC ms."""

from collections.abc import Sequence

from core.domain.orders import OrderStatus
from core.simulation.engine.amounts import text
from core.simulation.engine.events import ListChanged, OrderChanged
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.special import PreventedMatch, Special
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.payloads import ZERO, Json

STATUS = {
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.EXPIRED: "EXPIRED",
}


def order_acknowledged(order: OrderRecord) -> Json:
    """`newOrderRespType=ACK`."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated_ns // NS_PER_MS,
    }


def status(order: OrderRecord) -> str:
    special = order.special
    if special is not None and special.is_pending and order.status.is_open:
        return "PENDING_NEW"
    if special is not None and special.ended_in_match:
        return "EXPIRED_IN_MATCH"
    return STATUS[order.status]


def list_id(order: OrderRecord) -> int:
    """-1: it is in no list."""
    return order.special.list_id if order.special is not None else -1


def prevention(order: OrderRecord) -> str:
    """Its self-trade prevention mode."""
    return order.special.prevention.value if order.special is not None else "NONE"


def order_result(spec: SymbolSpec, order: OrderRecord) -> Json:
    """`newOrderRespType=RESULT`."""
    result = order_acknowledged(order)
    result.update(_amounts(spec, order))
    result["workingTime"] = order.working_ns // NS_PER_MS if order.working_ns else -1
    result["selfTradePreventionMode"] = prevention(order)
    return result


def order_full(
    spec: SymbolSpec, order: OrderRecord, trades: list[AccountTrade], prevented: Sequence[PreventedMatch] = ()
) -> Json:
    """`newOrderRespType=FULL`."""
    full = order_result(spec, order) | {"fills": [_fill(spec, fill) for fill in trades]}
    if prevented:
        full["preventedMatches"] = [_prevented(spec, match) for match in prevented]
    return full


def order_placed(
    spec: SymbolSpec, order: OrderRecord, detail: str, changes: Sequence[OrderChanged | ListChanged]
) -> Json:
    """An order as `newOrderRespType` (`detail`) wants it; `changes`: all that the request changed."""
    if detail == "ACK":
        return order_acknowledged(order)
    if detail == "RESULT":
        return order_result(spec, order)
    trades: list[AccountTrade] = []
    prevented: dict[int, PreventedMatch] = {}
    for change in changes:
        if isinstance(change, ListChanged):
            continue
        if change.trade is not None and change.order.order_id == order.order_id:
            trades.append(change.trade)
        match = change.detail
        if isinstance(match, PreventedMatch) and match.taker_order_id == order.order_id:
            prevented[match.match_id] = match
    return order_full(spec, order, trades, list(prevented.values()))


def order_cancelled(spec: SymbolSpec, order: OrderRecord, cancel_id: str) -> Json:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ns // NS_PER_MS,
        **_amounts(spec, order),
        "selfTradePreventionMode": prevention(order),
    }


def order_state(spec: SymbolSpec, order: OrderRecord) -> Json:
    """The answer to queries of one or many orders."""
    amounts = _amounts(spec, order)
    state: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_order_id,
        **amounts,
        "stopPrice": spec.price_text(order.stop_price),
        "icebergQty": spec.quantity_text(order.special.iceberg) if order.special is not None else ZERO,
        "time": order.created_ns // NS_PER_MS,
        "updateTime": order.updated_ns // NS_PER_MS,
        "isWorking": order.is_working,
        "workingTime": order.working_ns // NS_PER_MS if order.working_ns else -1,
        "selfTradePreventionMode": prevention(order),
    }
    return state


def account_trade(spec: SymbolSpec, record: AccountTrade, order: OrderRecord | None) -> Json:
    """`order`: the one that traded, if it is still known."""
    return {
        "symbol": record.symbol,
        "id": record.trade_id,
        "orderId": record.order_id,
        "orderListId": list_id(order) if order is not None else -1,
        "price": spec.price_text(record.price),
        "qty": spec.quantity_text(record.quantity),
        "quoteQty": text(record.quote),
        "commission": text(record.fee),
        "commissionAsset": record.fee_asset,
        "time": record.time_ns // NS_PER_MS,
        "isBuyer": record.side.sign > 0,
        "isMaker": record.is_maker,
        "isBestMatch": True,
    }


def _amounts(spec: SymbolSpec, order: OrderRecord) -> Json:
    amounts: Json = {
        "price": spec.price_text(order.price),
        "origQty": spec.quantity_text(order.quantity),
        "executedQty": spec.quantity_text(order.filled),
        "origQuoteOrderQty": text(order.quote_quantity),
        "cummulativeQuoteQty": text(order.filled_quote),
        "status": status(order),
        "timeInForce": order.time_in_force.value,
        "type": order.order_type.name,
        "side": order.side.name,
    }
    return amounts | conditional_fields(spec, order)


def conditional_fields(spec: SymbolSpec, order: OrderRecord) -> Json:
    """The fields that appear only where they say something."""
    fields: Json = {"stopPrice": spec.price_text(order.stop_price)} if order.stop_price else {}
    return fields if order.special is None else fields | _special(spec, order.special)


def _special(spec: SymbolSpec, special: Special) -> Json:
    fields: Json = {}
    if special.iceberg:
        fields["icebergQty"] = spec.quantity_text(special.iceberg)
    if special.trailing_delta_bips:
        fields["trailingDelta"] = special.trailing_delta_bips
        fields["trailingTime"] = special.tracking_ns // NS_PER_MS if special.tracking_ns else -1
    if special.strategy is not None:
        labels = {"strategyId": special.strategy.strategy_id, "strategyType": special.strategy.strategy_type}
        fields |= {name: value for name, value in labels.items() if value is not None}
    if special.prevented:
        fields["preventedMatchId"] = special.prevented_match_id
        fields["preventedQuantity"] = spec.quantity_text(special.prevented)
    if special.expiry_reason is not None:
        fields["expiryReason"] = special.expiry_reason.value
    return fields


def _prevented(spec: SymbolSpec, match: PreventedMatch) -> Json:
    """As the answer to the taker shows it."""
    fields: Json = {
        "preventedMatchId": match.match_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order_id,
        "price": spec.price_text(match.price),
    }
    return fields | _prevented_quantities(spec, match)


def _prevented_quantities(spec: SymbolSpec, match: PreventedMatch) -> Json:
    lost = {"takerPreventedQuantity": match.taker_prevented, "makerPreventedQuantity": match.maker_prevented}
    return {name: spec.quantity_text(lots) for name, lots in lost.items() if lots}


def prevented_match(spec: SymbolSpec, match: PreventedMatch) -> Json:
    """The answer to a query of them."""
    return {
        "symbol": match.symbol,
        "preventedMatchId": match.match_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": -1,
        "selfTradePreventionMode": match.mode.value,
        "price": spec.price_text(match.price),
        **_prevented_quantities(spec, match),
        "transactTime": match.time_ns // NS_PER_MS,
    }


def _fill(spec: SymbolSpec, record: AccountTrade) -> Json:
    return {
        "price": spec.price_text(record.price),
        "qty": spec.quantity_text(record.quantity),
        "commission": text(record.fee),
        "commissionAsset": record.fee_asset,
        "tradeId": record.trade_id,
    }
