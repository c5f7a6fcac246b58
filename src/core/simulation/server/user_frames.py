"""Private events as Binance spells them, one dictionary an event."""

from core.simulation.engine.amounts import text
from core.simulation.engine.events import (
    BalancesChanged,
    Deposited,
    ListChanged,
    ListStatus,
    OrderChange,
    OrderChanged,
)
from core.simulation.engine.special import PreventedMatch, Special
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.order_payloads import list_id, prevention, status
from core.simulation.server.payloads import ZERO, Json

_EXECUTION_TYPE = {
    OrderChange.NEW: "NEW",
    OrderChange.TRIGGERED: "NEW",
    OrderChange.TRADE: "TRADE",
    OrderChange.CANCELED: "CANCELED",
    OrderChange.EXPIRED: "EXPIRED",
    OrderChange.RELEASED: "NEW",
    OrderChange.REPLACED: "REPLACED",
    OrderChange.TRADE_PREVENTION: "TRADE_PREVENTION",
}


def execution_report(spec: SymbolSpec, event: OrderChanged, event_ms: int) -> Json:
    """`executionReport`. On CANCELED `c` is the cancel's own id and `C` the order's, on REPLACED they are the new and
    the old id of the order; otherwise `c` is the order's. Of a change that clients are told of."""
    order, trade, special = event.order, event.trade, event.order.special
    is_cancel = event.change is OrderChange.CANCELED
    was_called = event.request_id or "" if event.change is OrderChange.REPLACED else ""
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
        "F": spec.quantity_text(special.iceberg) if special is not None else ZERO,
        "g": list_id(order),
        "C": order.client_order_id if is_cancel else was_called,
        "x": _EXECUTION_TYPE[event.change],
        "X": status(order),
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
    report["V"] = prevention(order)
    if special is not None:
        _add_special(report, special)
    if isinstance(event.detail, PreventedMatch):
        _add_prevented(report, spec, event.detail, order.order_id)
        if special is not None:
            report["A"] = spec.quantity_text(special.prevented)
    return report


def _add_special(report: Json, special: Special) -> None:
    if special.trailing_delta_bips:
        report["d"] = special.trailing_delta_bips
        report["D"] = special.tracking_ns // NS_PER_MS if special.tracking_ns else -1
    if special.strategy is not None:
        labels = {"j": special.strategy.strategy_id, "J": special.strategy.strategy_type}
        report |= {name: value for name, value in labels.items() if value is not None}
    if special.expiry_reason is not None:
        report["eR"] = special.expiry_reason.value


def _add_prevented(report: Json, spec: SymbolSpec, match: PreventedMatch, order_id: int) -> None:
    is_taker = order_id == match.taker_order_id
    report["v"] = match.match_id
    report["B"] = spec.quantity_text(match.taker_prevented if is_taker else match.maker_prevented)
    report["u"] = -1
    report["U"] = match.maker_order_id if is_taker else match.taker_order_id
    report["Cs"] = match.symbol
    report["pl"] = spec.quantity_text(match.quantity)
    report["pL"] = spec.price_text(match.price)
    report["pY"] = text(spec.notional(match.price, match.quantity))


def list_status(event: ListChanged, event_ms: int) -> Json:
    """`listStatus`."""
    record = event.order_list
    return {
        "e": "listStatus",
        "E": event_ms,
        "s": record.symbol,
        "g": record.list_id,
        "c": record.contingency,
        "l": record.status.value,
        "L": "ALL_DONE" if record.status is ListStatus.ALL_DONE else "EXECUTING",
        "r": "NONE",
        "C": record.client_list_id,
        "T": event.time_ns // NS_PER_MS,
        "O": [{"s": record.symbol, "i": order_id, "c": name} for order_id, name in record.orders],
    }


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
