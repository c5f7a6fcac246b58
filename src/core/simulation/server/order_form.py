"""From the parameters of an order request to the engine's `NewOrder`, with the complaints of Binance's rules."""

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.server import errors
from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import CLIENT_ORDER_ID, SYMBOL, Parameters

ORDER_PARAMS = frozenset(
    {
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "strategyId",
        "strategyType",
        "stopPrice",
        "trailingDelta",
        "icebergQty",
        "newOrderRespType",
        "selfTradePreventionMode",
    }
)
_NEEDS_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_TIMES_IN_FORCE = {each.value: each for each in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)}
_REFUSALS = {
    RefusalKind.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    RefusalKind.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    RefusalKind.WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    RefusalKind.DUPLICATE_ORDER: (-2010, "Duplicate order sent."),
    RefusalKind.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RefusalKind.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RefusalKind.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    RefusalKind.SYMBOL_NOT_TRADING: (-1013, "Market is closed."),
}


def as_api_error(refusal: Refusal) -> ApiError:
    """The engine's refusal in the venue's words."""
    if refusal.kind.is_filter:
        return ApiError(-1013, f"Filter failure: {refusal.kind.value}")
    if refusal.kind is RefusalKind.MISSING_PARAMETER:
        return errors.mandatory(refusal.detail)
    if refusal.kind is RefusalKind.UNNEEDED_PARAMETER:
        return errors.not_required(refusal.detail)
    code, message = _REFUSALS[refusal.kind]
    return ApiError(code, message)


def read_order(params: Parameters) -> NewOrder:
    """Raises `ApiError` for what is malformed or missing; what a type does not take is the engine's to refuse."""
    symbol = params.required("symbol", SYMBOL)
    for name in ("side", "type"):  # what is missing is said before what is wrong
        params.required(name)
    side = params.required_choice("side", lambda text: Side[text], lambda: ApiError(-1117, "Invalid side."))
    kind = params.required_choice("type", lambda text: OrderType[text], lambda: ApiError(-1116, "Invalid orderType."))
    if kind in _NEEDS_TIME_IN_FORCE:
        params.required("timeInForce")
    if kind is OrderType.MARKET and "quantity" not in params and "quoteOrderQty" not in params:
        raise errors.either("quantity", "quoteOrderQty")
    _refuse_unsupported(params)
    params.integer("strategyId")
    strategy_type = params.integer("strategyType")
    if strategy_type is not None and strategy_type < 1_000_000:
        raise ApiError(-1134, "strategyType was less than 1000000.")
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=kind,
        quantity=params.amount("quantity"),
        quote_quantity=params.amount("quoteOrderQty"),
        price=params.amount("price"),
        stop_price=params.amount("stopPrice"),
        time_in_force=params.choice(
            "timeInForce", _TIMES_IN_FORCE.__getitem__, lambda: ApiError(-1115, "Invalid timeInForce.")
        ),
        client_order_id=params.text("newClientOrderId", CLIENT_ORDER_ID),
    )


def _refuse_unsupported(params: Parameters) -> None:
    if params.integer("trailingDelta") is not None:
        raise ApiError(-2010, "Trailing stop orders are not supported for this symbol.")
    if params.amount("icebergQty"):
        raise ApiError(-2010, "Iceberg orders are not supported for this symbol.")
    if params.text("selfTradePreventionMode") not in (None, "NONE"):
        raise ApiError(-1013, "This symbol does not allow the specified self-trade prevention mode.")
