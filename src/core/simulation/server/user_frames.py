"""Private events as Binance spells them, one dictionary an event."""

from core.simulation.engine.amounts import text
from core.simulation.engine.events import BalancesChanged, Deposited, OrderChange, OrderChanged
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.payloads import NS_PER_MS, STATUS, ZERO, Json

_EXECUTION_TYPE = {
    OrderChange.NEW: "NEW",
    OrderChange.TRIGGERED: "NEW",
    OrderChange.TRADE: "TRADE",
    OrderChange.CANCELED: "CANCELED",
    OrderChange.EXPIRED: "EXPIRED",
}


def execution_report(spec: SymbolSpec, event: OrderChanged, event_ms: int) -> Json:
    """`executionReport`. On CANCELED `c` is the cancel's own id and `C` the order's; otherwise `c` is the order's."""
    order, trade = event.order, event.trade
    is_cancel = event.change is OrderChange.CANCELED
    report: Json = {
        "e": "executionReport",
        "E": event_ms,
        "s": order.symbol,
        "c": (event.request_id or order.client_order_id) if is_cancel else order.client_order_id,
        "S": order.side.name,
        "o": order.order_type.name,
        "f": order.time_in_force.value,
        "q": spec.quantity_text(order.quantity),
        "p": spec.price_text(order.price),
        "P": spec.price_text(order.stop_price),
        "F": ZERO,
        "g": -1,
        "C": order.client_order_id if is_cancel else "",
        "x": _EXECUTION_TYPE[event.change],
        "X": STATUS[order.status],
        "r": "NONE",
        "i": order.order_id,
        "l": spec.quantity_text(trade.quantity) if trade else ZERO,
        "z": spec.quantity_text(order.filled),
        "L": spec.price_text(trade.price) if trade else ZERO,
        "n": text(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": event.time_ns // NS_PER_MS,
        "t": trade.trade_id if trade else -1,
        "I": event.sequence,
        "w": order.is_working and order.status.is_open and trade is None,
        "m": trade.is_maker if trade else False,
        "M": trade is not None,
        "O": order.created_ns // NS_PER_MS,
        "Z": text(order.filled_quote),
        "Y": text(trade.quote) if trade else ZERO,
        "Q": text(order.quote_quantity),
    }
    if order.working_ns:
        report["W"] = order.working_ns // NS_PER_MS
    report["V"] = "NONE"
    if event.change is OrderChange.EXPIRED:
        report["eR"] = "INSUFFICIENT_LIQUIDITY"
    return report


def account_position(event: BalancesChanged, event_ms: int) -> Json:
    return {
        "e": "outboundAccountPosition",
        "E": event_ms,
        "u": event.time_ns // NS_PER_MS,
        "B": [{"a": asset, "f": text(free), "l": text(locked)} for asset, free, locked in event.balances],
    }


def balance_update(event: Deposited, event_ms: int) -> Json:
    return {
        "e": "balanceUpdate",
        "E": event_ms,
        "a": event.asset,
        "d": text(event.amount),
        "T": event.time_ns // NS_PER_MS,
    }


def stream_terminated(event_ms: int) -> Json:
    return {"e": "eventStreamTerminated", "E": event_ms}


def server_shutdown(event_ms: int) -> Json:
    """The venue is going to end the connection: connect anew. On market streams it comes bare, whatever `combined`
    says."""
    return {"e": "serverShutdown", "E": event_ms}
