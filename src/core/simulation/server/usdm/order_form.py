"""From request parameters to the engine's orders, with the complaints of USD-M about what is malformed."""

from decimal import Decimal

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.perpetual.orders import (
    ConditionalType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PositionSide,
    WorkingType,
)
from core.simulation.server import errors
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import CLIENT_ORDER_ID, SYMBOL, Parameters

_SHARED = {
    "symbol",
    "side",
    "positionSide",
    "type",
    "timeInForce",
    "quantity",
    "price",
    "reduceOnly",
    "priceMatch",
    "selfTradePreventionMode",
    "goodTillDate",
    "newOrderRespType",
}
ORDER_PARAMS = frozenset(
    _SHARED
    | {
        "newClientOrderId",
        "stopPrice",
        "closePosition",
        "activationPrice",
        "callbackRate",
        "workingType",
        "priceProtect",
    }
)
ALGO_PARAMS = frozenset(
    _SHARED
    | {
        "algoType",
        "clientAlgoId",
        "triggerPrice",
        "closePosition",
        "activatePrice",
        "callbackRate",
        "workingType",
        "priceProtect",
    }
)
_ORDER_TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}


def read_order(params: Parameters) -> NewPerpetualOrder:
    """Raises `ApiError`; what a type does not take is the engine's to refuse."""
    symbol, side = _symbol_and_side(params)
    text = params.required("type")
    if text in ConditionalType.__members__:
        message = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise ApiError(-4120, message)
    kind = params.required_choice(
        "type", lambda name: _ORDER_TYPES[name], lambda: ApiError(-1116, "Invalid orderType.")
    )
    _refuse_unsupported(params)
    for name in ("stopPrice", "activationPrice", "callbackRate"):
        if params.amount(name):
            raise errors.not_required(name)
    if params.boolean("closePosition"):
        raise ApiError(-4136, f"Target strategy invalid for orderType {kind.name},closePosition true.")
    if kind is OrderType.LIMIT:
        for name in ("timeInForce", "quantity", "price"):
            params.required(name)
    return NewPerpetualOrder(
        symbol=symbol,
        side=side,
        order_type=kind,
        quantity=_quantity(params),
        price=_price(params, "price"),
        time_in_force=_time_in_force(params),
        position_side=_position_side(params),
        reduce_only=params.boolean("reduceOnly") or False,
        good_till_ns=_good_till_ns(params),
        client_order_id=params.text("newClientOrderId", CLIENT_ORDER_ID),
    )


def read_algo_order(params: Parameters) -> NewAlgoOrder:
    """Raises `ApiError`; what a type does not take is the engine's to refuse."""
    if params.required("algoType") != "CONDITIONAL":
        raise errors.invalid_value("algoType")
    symbol, side = _symbol_and_side(params)
    kind = params.required_choice("type", ConditionalType, lambda: ApiError(-1116, "Invalid orderType."))
    _refuse_unsupported(params)
    closes = params.boolean("closePosition") or False
    if closes and "quantity" in params:
        raise ApiError(-4137, "Quantity must be zero with closePosition equals true")
    return NewAlgoOrder(
        symbol=symbol,
        side=side,
        order_type=kind,
        quantity=None if closes else _quantity(params),
        price=_price(params, "price"),
        trigger_price=_price(params, "triggerPrice"),
        activation_price=_price(params, "activatePrice"),
        callback_rate=params.amount("callbackRate"),
        time_in_force=_time_in_force(params),
        position_side=_position_side(params),
        reduce_only=params.boolean("reduceOnly") or False,
        close_position=closes,
        working_type=params.choice("workingType", WorkingType, lambda: errors.invalid_value("workingType"))
        or WorkingType.CONTRACT_PRICE,
        good_till_ns=_good_till_ns(params),
        client_algo_id=params.text("clientAlgoId", CLIENT_ORDER_ID),
    )


def read_side(params: Parameters) -> Side:
    params.required("side")
    return params.required_choice("side", lambda text: Side[text], lambda: ApiError(-1117, "Invalid side."))


def positive(params: Parameters, name: str, complaint: ApiError) -> Decimal:
    """A required amount above zero."""
    params.required(name)
    value = params.amount(name)
    if not value:
        raise complaint
    return value


def _symbol_and_side(params: Parameters) -> tuple[str, Side]:
    symbol = params.required("symbol", SYMBOL)
    for name in ("side", "type"):  # what is missing is said before what is wrong
        params.required(name)
    return symbol, read_side(params)


def _quantity(params: Parameters) -> Decimal:
    return positive(params, "quantity", ApiError(-4003, "Quantity less than or equal to zero."))


def _price(params: Parameters, name: str) -> Decimal | None:
    value = params.amount(name)
    if value is not None and not value:
        raise (
            ApiError(-4001, "Price less than 0.") if name == "price" else ApiError(-4006, "Stop price less than zero.")
        )
    return value


def _time_in_force(params: Parameters) -> TimeInForce | None:
    return params.choice("timeInForce", TimeInForce, lambda: ApiError(-1115, "Invalid timeInForce."))


def _position_side(params: Parameters) -> PositionSide:
    side = params.choice("positionSide", PositionSide, lambda: ApiError(-4060, "Invalid position side."))
    return side or PositionSide.BOTH


def _good_till_ns(params: Parameters) -> int | None:
    """The venue keeps whole seconds of it."""
    good_till_ms = params.integer("goodTillDate")
    return None if not good_till_ms else good_till_ms // 1_000 * 1_000 * NS_PER_MS


def _refuse_unsupported(params: Parameters) -> None:
    if params.text("priceMatch") not in (None, "NONE"):
        raise ApiError(-4188, "Price match is not supported for this symbol.")
    if params.text("selfTradePreventionMode") not in (None, "NONE"):
        raise ApiError(-4196, "This symbol does not allow the specified self-trade prevention mode.")
    params.boolean("priceProtect")
