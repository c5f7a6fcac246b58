"""REST shapes of USD-M orders, conditional orders and fills."""

from core.domain.orders import TimeInForce
from core.simulation.engine.amounts import ATOMS, text
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    NewPerpetualOrder,
    PerpetualOrderRecord,
    PerpetualTrade,
)
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.order_payloads import STATUS
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.digits import price, quantity


def average_price(spec: SymbolSpec, order: PerpetualOrderRecord) -> str:
    """Zero while nothing is filled."""
    return text(order.filled_quote * ATOMS // (order.filled * spec.lot_atoms) if order.filled else 0)


def order_kind(order: PerpetualOrderRecord) -> str:
    return order.order_type.name


def original_kind(order: PerpetualOrderRecord) -> str:
    """`origType`: that of the conditional order it comes from, if it comes from one."""
    return order_kind(order) if order.conditional_type is None else order.conditional_type.value


def order_result(spec: SymbolSpec, order: PerpetualOrderRecord) -> Json:
    """What placing, amending and cancelling are answered with."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": STATUS[order.status],
        "clientOrderId": order.client_order_id,
        "price": price(spec, order.price),
        "avgPrice": average_price(spec, order),
        "origQty": quantity(spec, order.quantity),
        "executedQty": quantity(spec, order.filled),
        "cumQty": quantity(spec, order.filled),
        "cumQuote": text(order.filled_quote),
        "timeInForce": order.time_in_force.value,
        "type": order_kind(order),
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side.name,
        "positionSide": order.position_side.value,
        "stopPrice": price(spec, 0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": original_kind(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": order.good_till_ns // NS_PER_MS,
        "updateTime": order.updated_ns // NS_PER_MS,
    }


def order_tested(spec: SymbolSpec, order: NewPerpetualOrder, now_ms: int) -> Json:
    """The answer to `order/test`: an order of that form without an id."""
    lots = int(order.quantity / spec.instrument.lot_size)
    ticks = int((order.price or 0) / spec.instrument.tick_size)
    return {
        "orderId": 0,
        "symbol": order.symbol,
        "status": "NEW",
        "clientOrderId": order.client_order_id or "",
        "price": price(spec, ticks),
        "avgPrice": text(0),
        "origQty": quantity(spec, lots),
        "executedQty": quantity(spec, 0),
        "cumQty": quantity(spec, 0),
        "cumQuote": text(0),
        "timeInForce": (order.time_in_force or TimeInForce.GTC).value,
        "type": order.order_type.name,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.name,
        "positionSide": order.position_side.value,
        "stopPrice": price(spec, 0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.order_type.name,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": (order.good_till_ns or 0) // NS_PER_MS,
        "updateTime": now_ms,
    }


def order_state(spec: SymbolSpec, order: PerpetualOrderRecord) -> Json:
    """The answer to queries of one or many orders."""
    state = order_result(spec, order)
    del state["cumQty"]
    updated_ms = state.pop("updateTime")
    return state | {"time": order.created_ns // NS_PER_MS, "updateTime": updated_ms}


def account_trade(spec: SymbolSpec, fill: PerpetualTrade) -> Json:
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side.name,
        "price": price(spec, fill.price),
        "qty": quantity(spec, fill.quantity),
        "realizedPnl": text(fill.realised),
        "quoteQty": text(fill.quote),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ns // NS_PER_MS,
        "positionSide": fill.position_side.value,
        "buyer": fill.side.sign > 0,
        "maker": fill.is_maker,
    }


def algo_result(spec: SymbolSpec, order: AlgoOrderRecord) -> Json:
    """What placing a conditional order is answered with."""
    return {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": order.order_type.value,
        "symbol": order.symbol,
        "side": order.side.name,
        "positionSide": order.position_side.value,
        "timeInForce": order.time_in_force.value,
        "quantity": quantity(spec, order.quantity),
        "algoStatus": order.status.value,
        "triggerPrice": price(spec, order.trigger_price),
        "price": price(spec, order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": order.working_type.value,
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "activatePrice": price(spec, order.activation_price) if order.activation_price else "",
        "callbackRate": callback_rate(order),
        "createTime": order.created_ns // NS_PER_MS,
        "updateTime": order.updated_ns // NS_PER_MS,
        "triggerTime": order.triggered_ns // NS_PER_MS,
        "goodTillDate": order.good_till_ns // NS_PER_MS,
    }


def algo_state(spec: SymbolSpec, order: AlgoOrderRecord, child: PerpetualOrderRecord | None) -> Json:
    """The answer to queries; `child` is its order proper, `None`: there is none (yet)."""
    return algo_result(spec, order) | {
        "actualOrderId": str(order.order_id) if order.order_id else "",
        "actualPrice": average_price(spec, child) if child else price(spec, 0),
        "actualQty": quantity(spec, child.filled if child else 0),
        "actualType": order_kind(child) if child else "",
    }


def algo_cancelled(order: AlgoOrderRecord) -> Json:
    return {"algoId": order.algo_id, "clientAlgoId": order.client_algo_id, "code": "200", "msg": "success"}


def callback_rate(order: AlgoOrderRecord) -> str:
    """In percent; empty for all but trailing stops."""
    return f"{order.callback_millionths / 10_000:g}" if order.callback_millionths else ""
