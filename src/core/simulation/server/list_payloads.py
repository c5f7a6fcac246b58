"""REST shapes of order lists, cancel-replace and amendments."""

from collections.abc import Sequence

from core.simulation.engine.amounts import text
from core.simulation.engine.events import ListChanged, ListRecord, ListStatus, OrderChange, OrderChanged
from core.simulation.engine.requests import Amended
from core.simulation.engine.special import Amendment
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import order_payloads
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.payloads import Json


def order_list(record: ListRecord) -> Json:
    is_done = record.status is ListStatus.ALL_DONE
    return {
        "orderListId": record.list_id,
        "contingencyType": record.contingency,
        "listStatusType": record.status.value,
        "listOrderStatus": "ALL_DONE" if is_done else "EXECUTING",
        "listClientOrderId": record.client_list_id,
        "transactionTime": record.updated_ns // NS_PER_MS,
        "symbol": record.symbol,
        "orders": _orders(record),
    }


def cancelled(spec: SymbolSpec, changes: Sequence[OrderChanged | ListChanged], request_id: str) -> list[Json]:
    """What a cancellation ended: single orders first, then lists with the reports of their orders."""
    lists = {change.order_list.list_id: change.order_list for change in changes if isinstance(change, ListChanged)}
    reports: dict[int, list[Json]] = {}
    for change in changes:
        if isinstance(change, OrderChanged) and change.change is OrderChange.CANCELED:
            list_id = order_payloads.list_id(change.order)
            report = order_payloads.order_cancelled(spec, change.order, request_id)
            reports.setdefault(list_id if list_id in lists else -1, []).append(report)
    singles = reports.pop(-1, [])
    return [*singles, *(order_list(lists[each]) | {"orderReports": found} for each, found in reports.items())]


def amended(spec: SymbolSpec, result: Amended) -> Json:
    order, amendment = result.order, result.amendment
    special = order.special
    shape: Json = {
        "transactTime": amendment.time_ns // NS_PER_MS,
        "executionId": amendment.execution_id,
        "amendedOrder": {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "orderListId": order_payloads.list_id(order),
            "origClientOrderId": amendment.old_client_order_id,
            "clientOrderId": order.client_order_id,
            "price": spec.price_text(order.price),
            "qty": spec.quantity_text(order.quantity),
            "executedQty": spec.quantity_text(order.filled),
            "preventedQty": spec.quantity_text(special.prevented if special is not None else 0),
            "quoteOrderQty": text(order.quote_quantity),
            "cumulativeQuoteQty": text(order.filled_quote),
            "status": order_payloads.status(order),
            "timeInForce": order.time_in_force.value,
            "type": order.order_type.name,
            "side": order.side.name,
            **order_payloads.conditional_fields(spec, order),
            "workingTime": order.working_ns // NS_PER_MS if order.working_ns else -1,
            "selfTradePreventionMode": order_payloads.prevention(order),
        },
    }
    if result.order_list is not None:
        shape["listStatus"] = _list_status(result.order_list)
    return shape


def amendment(spec: SymbolSpec, record: Amendment) -> Json:
    """The answer to a query of them."""
    return {
        "symbol": record.symbol,
        "orderId": record.order_id,
        "executionId": record.execution_id,
        "origClientOrderId": record.old_client_order_id,
        "newClientOrderId": record.new_client_order_id,
        "origQty": spec.quantity_text(record.old_quantity),
        "newQty": spec.quantity_text(record.new_quantity),
        "time": record.time_ns // NS_PER_MS,
    }


def _list_status(record: ListRecord) -> Json:
    return {
        "orderListId": record.list_id,
        "contingencyType": record.contingency,
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": record.client_list_id,
        "symbol": record.symbol,
        "orders": _orders(record),
    }


def _orders(record: ListRecord) -> list[Json]:
    return [{"symbol": record.symbol, "orderId": order_id, "clientOrderId": name} for order_id, name in record.orders]
