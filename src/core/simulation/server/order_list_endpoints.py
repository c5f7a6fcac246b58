"""Placing, cancelling and asking after order lists."""

import secrets
from collections.abc import Callable

from core.simulation.engine.events import ListStatus
from core.simulation.engine.order_lists import NewOrderList
from core.simulation.server import errors, list_payloads, order_payloads
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.floor import TradingFloor
from core.simulation.server.limits import OrderLimits
from core.simulation.server.list_form import read_legacy_oco, read_oco, read_oto, read_otoco
from core.simulation.server.market_questions import find_symbol, required_symbol
from core.simulation.server.order_endpoints import response_type, time_span
from core.simulation.server.parameters import CLIENT_ORDER_ID, Parameters
from core.simulation.server.time_span import page


class OrderListEndpoints:
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

    def place_oco(self, call: Call) -> object:
        return self._place(call, read_oco)

    def place_legacy_oco(self, call: Call) -> object:
        return self._place(call, read_legacy_oco)

    def place_oto(self, call: Call) -> object:
        return self._place(call, read_oto)

    def place_otoco(self, call: Call) -> object:
        return self._place(call, read_otoco)

    def cancel(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        list_id, name = params.id_or_name("orderListId", "listClientOrderId")
        request_id = params.text("newClientOrderId", CLIENT_ORDER_ID) or self._new_id()
        changes = self._floor.cancel_list(
            call.account, spec.name, list_id=list_id, client_list_id=name, request_id=request_id
        )
        return list_payloads.cancelled(spec, changes, request_id)[0]

    def query(self, call: Call) -> object:
        list_id, name = call.params.id_or_name("orderListId", "origClientOrderId")
        record = self._exchange.order_list(call.account, list_id=list_id, client_list_id=name)
        if record is None:
            raise ApiError(-2018, "Order list does not exist.")
        return list_payloads.order_list(record)

    def open_lists(self, call: Call) -> object:
        records = self._exchange.order_lists(call.account)
        return [list_payloads.order_list(record) for record in records if record.status is not ListStatus.ALL_DONE]

    def all_lists(self, call: Call) -> object:
        params = call.params
        limit, from_id = params.limit(500, 1_000), params.integer("fromId")
        span = time_span(params)
        if from_id is not None and span.is_named:
            raise errors.bad_combination()
        found = [
            record
            for record in self._exchange.order_lists(call.account)
            if record.list_id >= (from_id or 0) and span.holds(record.created_ns)
        ]
        wanted = page(found, limit, from_start=from_id is not None or span.start_ms is not None)
        return [list_payloads.order_list(record) for record in wanted]

    def _place(self, call: Call, read: Callable[[Parameters], NewOrderList]) -> object:
        """An OCO counts as two orders against the limits, an OTOCO as three."""
        wanted = read(call.params)
        spec = find_symbol(self._floor, wanted.symbol)
        detail = response_type(call.params, full=True)
        self._limits.check(call.account)
        placed, changes = self._floor.submit_list(call.account, wanted)
        self._limits.count(call.account, len(wanted.orders))
        reports = [order_payloads.order_placed(spec, order, detail, changes) for order in placed.orders]
        return list_payloads.order_list(placed.order_list) | {"orderReports": reports}
