"""Orders proper of USD-M: placing, amending, cancelling, asking."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from core.simulation.engine.perpetual.orders import PerpetualOrderRecord
from core.simulation.engine.refusals import Refusal
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import chosen_symbol, find_symbol, required_symbol
from core.simulation.server.parameters import Parameters, from_json
from core.simulation.server.payloads import Json
from core.simulation.server.time_span import TimeSpan, page
from core.simulation.server.usdm import order_payloads
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.order_form import positive, read_order, read_side
from core.simulation.server.usdm.refusals import in_words

MOST_IN_BATCH = 5
ID_LISTS = {
    "orderIdList": "orderId",
    "origClientOrderIdList": "origClientOrderId",
    "orderidlist": "orderId",
    "origclientorderidlist": "origClientOrderId",
}
"""What each list names; clients write them in lower case, too."""
_WEEK_MS = 7 * 86_400_000
CANCELLED_ALL: Json = {"code": 200, "msg": "The operation of cancel all open order is done."}

_A = TypeVar("_A")


class UsdmOrderEndpoints:
    def __init__(self, floor: UsdmFloor, limits: OrderLimits) -> None:
        self._floor = floor
        self._exchange = floor.exchange
        self._limits = limits

    def place(self, call: Call) -> object:
        """`newOrderRespType` changes nothing: ACK is answered with the result, too, as the venue does."""
        order = read_order(call.params)
        spec = find_symbol(self._floor, order.symbol)
        check_response_type(call.params)
        self._limits.check(call.account)
        record = self._floor.submit(call.account, order)
        self._limits.count(call.account)
        return order_payloads.order_result(spec, record)

    def test(self, call: Call) -> object:
        """What would be answered, with no order behind it."""
        order = read_order(call.params)
        spec = find_symbol(self._floor, order.symbol)
        check_response_type(call.params)
        self._floor.check(call.account, order)
        return order_payloads.order_tested(spec, order, self._floor.clock.now_ms())

    def amend(self, call: Call) -> object:
        spec, order_id, client_id = self._named_order(call.params)
        side = read_side(call.params)
        quantity = positive(call.params, "quantity", ApiError(-4003, "Quantity less than or equal to zero."))
        price = positive(call.params, "price", ApiError(-4001, "Price less than 0."))
        found = self._exchange.order(call.account, spec.name, order_id=order_id, client_order_id=client_id)
        if found is not None and found.side is not side:
            raise ApiError(-5024, "The side does not match that of the order.")
        self._limits.check(call.account)
        record = self._floor.amend(
            call.account, spec.name, quantity=quantity, price=price, order_id=order_id, client_order_id=client_id
        )
        self._limits.count(call.account)
        return order_payloads.order_result(spec, record)

    def cancel(self, call: Call) -> object:
        spec, order_id, client_id = self._named_order(call.params)
        record = self._floor.cancel(call.account, spec.name, order_id=order_id, client_order_id=client_id)
        return order_payloads.order_result(spec, record)

    def cancel_all(self, call: Call) -> object:
        self._floor.cancel_all(call.account, required_symbol(self._floor, call.params).name)
        return CANCELLED_ALL

    def query(self, call: Call) -> object:
        spec, order_id, client_id = self._named_order(call.params)
        record = self._exchange.order(call.account, spec.name, order_id=order_id, client_order_id=client_id)
        if record is None:
            raise ApiError(-2013, "Order does not exist.")
        return order_payloads.order_state(spec, record)

    def open_order(self, call: Call) -> object:
        spec, order_id, client_id = self._named_order(call.params)
        record = self._exchange.order(call.account, spec.name, order_id=order_id, client_order_id=client_id)
        if record is None or not record.status.is_open:
            raise ApiError(-2013, "Order does not exist.")
        return order_payloads.order_state(spec, record)

    def open_orders(self, call: Call) -> object:
        symbol = chosen_symbol(self._floor, call.params)
        return [self._state(record) for record in self._exchange.open_orders(call.account, symbol)]

    def all_orders(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        limit, from_id = params.limit(500, 1_000), params.integer("orderId")
        span = time_span(params)
        found = [
            record
            for record in self._exchange.orders(call.account, spec.name)
            if record.order_id >= (from_id or 0) and span.holds(record.created_ns)
        ]
        return [
            self._state(record) for record in page(found, limit, from_start=from_id is not None or bool(span.start_ms))
        ]

    def forced_orders(self, call: Call) -> object:
        """The account's own liquidations."""
        params = call.params
        symbol = chosen_symbol(self._floor, params)
        kind = params.text("autoCloseType")
        if kind not in (None, "LIQUIDATION", "ADL"):
            raise errors.invalid_value("autoCloseType")
        span = time_span(params)
        found = [
            record
            for record in self._exchange.orders(call.account, symbol)
            if record.is_liquidation and kind != "ADL" and span.holds(record.created_ns)
        ]
        return [self._state(record) for record in page(found, params.limit(50, 100), from_start=False)]

    def my_trades(self, call: Call) -> object:
        params = call.params
        symbol = chosen_symbol(self._floor, params)
        limit, from_id, order_id = params.limit(500, 1_000), params.integer("fromId"), params.integer("orderId")
        span = time_span(params)
        if from_id is not None and span.is_named:
            raise errors.bad_combination()
        found = [
            fill
            for fill in self._exchange.trades(call.account, symbol)
            if fill.trade_id >= (from_id or 0)
            and (order_id is None or fill.order_id == order_id)
            and span.holds(fill.time_ns)
        ]
        wanted = page(found, limit, from_start=from_id is not None or span.start_ms is not None)
        return [order_payloads.account_trade(self._exchange.symbols[fill.symbol], fill) for fill in wanted]

    # Several at once: each answered for itself

    def place_batch(self, call: Call) -> object:
        return self._batch(call, "batchOrders", lambda params: self.place(Call(params, call.account)))

    def amend_batch(self, call: Call) -> object:
        return self._batch(call, "batchOrders", lambda params: self.amend(Call(params, call.account)))

    def cancel_batch(self, call: Call) -> object:
        symbol = required_symbol(self._floor, call.params).name
        given = next((name for name in ID_LISTS if name in call.params), None)
        if given is None:
            raise errors.either("orderIdList", "origClientOrderIdList")
        ids = _json_list(call.params, given, 10)
        calls = [Call(Parameters(from_json({"symbol": symbol, ID_LISTS[given]: each})), call.account) for each in ids]
        return [_or_refusal(self.cancel, each) for each in calls]

    def _batch(self, call: Call, name: str, act: Callable[[Parameters], object]) -> object:
        orders = _json_list(call.params, name, MOST_IN_BATCH)
        if not all(isinstance(order, dict) for order in orders):
            raise errors.invalid_value(name)
        forms = [Parameters(from_json(order)) for order in orders if isinstance(order, dict)]
        return [_or_refusal(act, form) for form in forms]

    def _state(self, record: PerpetualOrderRecord) -> object:
        return order_payloads.order_state(self._exchange.symbols[record.symbol], record)

    def _named_order(self, params: Parameters) -> tuple[SymbolSpec, int | None, str | None]:
        return required_symbol(self._floor, params), *params.id_or_name("orderId", "origClientOrderId")


def time_span(params: Parameters) -> TimeSpan:
    """Raises `ApiError` for one that is turned round or wider than a week."""
    span = TimeSpan.read(params)
    width_ms = span.width_ms or 0
    if width_ms < 0:
        raise ApiError(-1023, "Start time is greater than end time.")
    if width_ms > _WEEK_MS:
        raise ApiError(-4166, "Search window is restricted to recent 7 days only.")
    return span


def check_response_type(params: Parameters) -> None:
    if params.text("newOrderRespType") not in (None, "ACK", "RESULT"):
        raise ApiError(-1136, "Invalid newOrderRespType.")


def _json_list(params: Parameters, name: str, most: int) -> list[object]:
    """Raises `ApiError` for what is no JSON list, or too long a one."""
    try:
        found = msgspec.json.decode(params.required(name))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise errors.invalid_value(name) from None
    if not isinstance(found, list) or not found:
        raise errors.invalid_value(name)
    if len(found) > most:
        raise ApiError(-4082, f"Invalid number of batch place orders; {len(found)} were sent, {most} is the most.")
    return found


def _or_refusal(act: Callable[[_A], object], argument: _A) -> object:
    try:
        return act(argument)
    except ApiError as refusal:
        return {"code": refusal.code, "msg": refusal.message}
    except Refusal as refusal:
        words = in_words(refusal)
        return {"code": words.code, "msg": words.message}
