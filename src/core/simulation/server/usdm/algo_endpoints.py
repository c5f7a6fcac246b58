"""Conditional orders of USD-M, which the venue keeps apart from orders proper."""

from core.simulation.engine.perpetual.orders import AlgoOrderRecord
from core.simulation.server import errors
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import chosen_symbol, find_symbol, required_symbol
from core.simulation.server.parameters import CLIENT_ORDER_ID, Parameters
from core.simulation.server.time_span import page
from core.simulation.server.usdm import order_payloads
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.order_endpoints import CANCELLED_ALL, check_response_type, time_span
from core.simulation.server.usdm.order_form import read_algo_order


class UsdmAlgoEndpoints:
    def __init__(self, floor: UsdmFloor, limits: OrderLimits) -> None:
        self._floor = floor
        self._exchange = floor.exchange
        self._limits = limits

    def place(self, call: Call) -> object:
        order = read_algo_order(call.params)
        spec = find_symbol(self._floor, order.symbol)
        check_response_type(call.params)
        self._limits.check(call.account)
        record = self._floor.submit_algo(call.account, order)
        self._limits.count(call.account)
        return order_payloads.algo_result(spec, record)

    def cancel(self, call: Call) -> object:
        algo_id, client_id = _named(call.params)
        record = self._floor.cancel_algo(call.account, algo_id=algo_id, client_algo_id=client_id)
        return order_payloads.algo_cancelled(record)

    def cancel_all(self, call: Call) -> object:
        spec = required_symbol(self._floor, call.params)
        self._floor.cancel_all_algo(call.account, spec.name)
        return CANCELLED_ALL

    def query(self, call: Call) -> object:
        algo_id, client_id = _named(call.params)
        record = self._exchange.algo_order(call.account, algo_id=algo_id, client_algo_id=client_id)
        if record is None:
            raise ApiError(-2013, "Order does not exist.")
        return self._state(record)

    def open_orders(self, call: Call) -> object:
        params = call.params
        symbol = chosen_symbol(self._floor, params)
        algo_id = params.integer("algoId")
        if params.text("algoType") not in (None, "CONDITIONAL"):
            raise errors.invalid_value("algoType")
        found = self._exchange.open_algo_orders(call.account, symbol)
        return [self._state(record) for record in found if algo_id in (None, record.algo_id)]

    def all_orders(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        limit, from_id = params.limit(500, 1_000), params.integer("algoId")
        params.integer("page")
        span = time_span(params)
        found = [
            record
            for record in self._exchange.algo_orders(call.account, spec.name)
            if record.algo_id >= (from_id or 0) and span.holds(record.created_ns)
        ]
        wanted = page(found, limit, from_start=from_id is not None or span.start_ms is not None)
        return [self._state(record) for record in wanted]

    def _state(self, record: AlgoOrderRecord) -> object:
        child = None
        if record.order_id:
            child = self._exchange.order(record.account, record.symbol, order_id=record.order_id)
        return order_payloads.algo_state(self._exchange.symbols[record.symbol], record, child)


def _named(params: Parameters) -> tuple[int | None, str | None]:
    algo_id, client_id = params.integer("algoId"), params.text("clientAlgoId", CLIENT_ORDER_ID)
    if algo_id is None and client_id is None:
        raise errors.either("algoId", "clientAlgoId")
    return algo_id, client_id
