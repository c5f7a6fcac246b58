"""Placing, cancelling and asking after orders."""

import secrets
from collections.abc import Callable

from core.domain.orders import OrderStatus
from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.requests import Cancel
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors, list_payloads, order_payloads
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.floor import TradingFloor
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import chosen_symbol, find_symbol, required_symbol
from core.simulation.server.order_form import as_api_error, read_order
from core.simulation.server.parameters import CLIENT_ORDER_ID, Parameters
from core.simulation.server.time_span import TimeSpan, page

_DAY_MS = 86_400_000
_MARKET_TYPES = ("MARKET", "LIMIT")


class OrderEndpoints:
    """`new_id` makes the client id of a cancel that brings none."""

    def __init__(
        self,
        floor: TradingFloor,
        limits: OrderLimits,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self._floor = floor
        self._exchange = floor.exchange
        self._limits = limits
        self._new_id = new_id

    def place(self, call: Call) -> object:
        order = read_order(call.params)
        spec = find_symbol(self._floor, order.symbol)
        detail = response_type(call.params)
        self._limits.check(call.account)
        record, changes = self._floor.submit(call.account, order)
        self._limits.count(call.account)
        return order_payloads.order_placed(spec, record, detail, changes)

    def test(self, call: Call) -> object:
        order = read_order(call.params)
        find_symbol(self._floor, order.symbol)
        call.params.boolean("computeCommissionRates")
        self._floor.check(call.account, order)
        return {}

    def cancel(self, call: Call) -> object:
        """The order, or its whole list, which goes with it."""
        spec, order_id, client_id = self._named_order(call.params)
        request_id = call.params.text("newClientOrderId", CLIENT_ORDER_ID) or self._new_id()
        cancel = Cancel(spec.name, order_id, client_id, request_id, cancel_restriction(call.params))
        changes = self._floor.cancel(call.account, cancel)
        return list_payloads.cancelled(spec, changes, request_id)[0]

    def cancel_all(self, call: Call) -> object:
        spec = required_symbol(self._floor, call.params)
        request_id = self._new_id()
        return list_payloads.cancelled(spec, self._floor.cancel_all(call.account, spec.name, request_id), request_id)

    def query(self, call: Call) -> object:
        spec, order_id, client_id = self._named_order(call.params)
        record = self._floor.reads.order(call.account, spec.name, order_id=order_id, client_order_id=client_id)
        if record is None:
            if (
                client_id is not None
                and self._floor.reads.order(call.account, spec.name, order_id=order_id) is not None
            ):
                raise as_api_error(Refusal(RefusalKind.WRONG_CLIENT_ID))
            raise ApiError(-2013, "Order does not exist.")
        return order_payloads.order_state(spec, record)

    def open_orders(self, call: Call) -> object:
        symbol = chosen_symbol(self._floor, call.params)
        return [self._state(record) for record in self._floor.reads.open_orders(call.account, symbol)]

    def all_orders(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        limit, from_id = params.limit(500, 1_000), params.integer("orderId")
        span = time_span(params)
        found = [
            record
            for record in self._floor.reads.orders(call.account, spec.name)
            if record.order_id >= (from_id or 0) and span.holds(record.created_ns)
        ]
        wanted = page(found, limit, from_start=from_id is not None or span.start_ms is not None)
        return [self._state(record) for record in wanted]

    def _state(self, record: OrderRecord) -> object:
        return order_payloads.order_state(self._exchange.symbols[record.symbol], record)

    def _named_order(self, params: Parameters) -> tuple[SymbolSpec, int | None, str | None]:
        spec = required_symbol(self._floor, params)
        return spec, *params.id_or_name("orderId", "origClientOrderId")


def cancel_restriction(params: Parameters) -> OrderStatus | None:
    """The status that the order to be cancelled must have; `None`: any."""
    allowed = {"ONLY_NEW": OrderStatus.NEW, "ONLY_PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED}
    message = "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED."
    return params.choice("cancelRestrictions", lambda text: allowed[text], lambda: ApiError(-1145, message))


def time_span(params: Parameters) -> TimeSpan:
    """Raises `ApiError` -1127 for one that is wider than a day."""
    span = TimeSpan.read(params)
    if (span.width_ms or 0) > _DAY_MS:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")
    return span


def response_type(params: Parameters, *, full: bool | None = None) -> str:
    """`newOrderRespType`. `full`: whether it is FULL by default; `None`: as the order's `type` has it."""
    detail = params.text("newOrderRespType")
    if detail is None:
        is_full = params.text("type") in _MARKET_TYPES if full is None else full
        return "FULL" if is_full else "ACK"
    if detail not in ("ACK", "RESULT", "FULL"):
        raise errors.invalid_value("newOrderRespType")
    return detail
