"""Changing orders: cancel-replace, amendments that keep priority, and what self-trade prevention changed."""

import secrets
from collections.abc import Callable

from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.refusals import Refusal
from core.simulation.engine.requests import Amend, Cancel, Replaced
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors, list_payloads, order_payloads
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.floor import Changes, TradingFloor
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import find_symbol, required_symbol
from core.simulation.server.order_endpoints import cancel_restriction, response_type
from core.simulation.server.order_form import as_api_error, read_order
from core.simulation.server.parameters import CLIENT_ORDER_ID
from core.simulation.server.payloads import Json

_MODES = {"STOP_ON_FAILURE": True, "ALLOW_FAILURE": False}
"""Whether a cancellation that fails keeps the new order from being tried."""


class OrderChangeEndpoints:
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

    def replace(self, call: Call) -> object:
        """Raises `ApiError` -2021 when one of both parts failed, -2022 when neither succeeded."""
        params = call.params
        order = read_order(params)
        spec = find_symbol(self._floor, order.symbol)
        mode = "cancelReplaceMode"
        stops = params.required_choice(mode, lambda text: _MODES[text], lambda: errors.invalid_value(mode))
        request_id = params.text("cancelNewClientOrderId", CLIENT_ORDER_ID) or self._new_id()
        order_id, name = params.id_or_name("cancelOrderId", "cancelOrigClientOrderId")
        cancel = Cancel(spec.name, order_id, name, request_id, cancel_restriction(params))
        detail = response_type(params)
        self._limits.check(call.account)
        replaced, changes = self._floor.replace(call.account, cancel, order, stop_on_failure=stops)
        self._limits.count(call.account)
        return _replaced(spec, replaced, changes, request_id, detail)

    def amend(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        order_id, name = params.id_or_name("orderId", "origClientOrderId")
        quantity = params.amount("newQty")
        if quantity is None:
            raise errors.mandatory("newQty")
        new_name = params.text("newClientOrderId", CLIENT_ORDER_ID) or self._new_id()
        amend = Amend(spec.name, quantity, order_id, name, new_name)
        return list_payloads.amended(spec, self._floor.amend(call.account, amend))

    def amendments(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        params.required("orderId")
        order_id, from_id, limit = (
            params.integer("orderId"),
            params.integer("fromExecutionId"),
            params.limit(500, 1_000),
        )
        found = [
            record
            for record in self._exchange.amendments(call.account, spec.name)
            if record.order_id == order_id and record.execution_id >= (from_id or 0)
        ]
        return [list_payloads.amendment(spec, record) for record in found[:limit]]

    def prevented_matches(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
        from_id, limit = params.integer("fromPreventedMatchId"), params.limit(500, 1_000)
        if match_id is None and order_id is None:
            raise errors.either("preventedMatchId", "orderId")
        if match_id is not None and (order_id is not None or from_id is not None):
            raise errors.bad_combination()
        found = [
            match
            for match in self._exchange.prevented_matches(call.account, spec.name)
            if (match_id is None or match.match_id == match_id)
            and (order_id is None or order_id in (match.taker_order_id, match.maker_order_id))
            and match.match_id >= (from_id or 0)
        ]
        return [order_payloads.prevented_match(spec, match) for match in found[:limit]]


def _replaced(spec: SymbolSpec, replaced: Replaced, changes: Changes, request_id: str, detail: str) -> Json:
    cancelled, placed = replaced.cancelled, replaced.placed
    answer: Json = {
        "cancelResult": _outcome(cancelled),
        "newOrderResult": "NOT_ATTEMPTED" if placed is None else _outcome(placed),
        "cancelResponse": _complaint(cancelled)
        if isinstance(cancelled, Refusal)
        else list_payloads.cancelled(spec, changes, request_id)[0],
        "newOrderResponse": None,
    }
    if isinstance(placed, OrderRecord):
        answer["newOrderResponse"] = order_payloads.order_placed(spec, placed, detail, changes)
    elif placed is not None:
        answer["newOrderResponse"] = _complaint(placed)
    succeeded = (not isinstance(cancelled, Refusal), isinstance(placed, OrderRecord))
    if not any(succeeded):
        raise ApiError(-2022, "Order cancel-replace failed.", data=answer)
    if not all(succeeded):
        raise ApiError(-2021, "Order cancel-replace partially failed.", status=409, data=answer)
    return answer


def _outcome(result: OrderRecord | Refusal) -> str:
    return "FAILURE" if isinstance(result, Refusal) else "SUCCESS"


def _complaint(refusal: Refusal) -> Json:
    error = as_api_error(refusal)
    return {"code": error.code, "msg": error.message}
