"""From the parameters of an order request to the engine's `NewOrder`, with the complaints of Binance's rules."""

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.special import SelfTradePrevention, Strategy
from core.simulation.engine.stops import STOP_TYPES
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
NEEDS_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_TIMES_IN_FORCE = {each.value: each for each in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)}
_REFUSALS = {
    RefusalKind.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    RefusalKind.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    RefusalKind.WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    RefusalKind.DUPLICATE_ORDER: (-2010, "Duplicate order sent."),
    RefusalKind.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RefusalKind.UNKNOWN_LIST: (-2011, "Unknown order list sent."),
    RefusalKind.CANCEL_RESTRICTED: (-2011, "Order was not canceled due to cancel restrictions."),
    RefusalKind.WRONG_CLIENT_ID: (-2039, "Client order ID is not correct for this order ID."),
    RefusalKind.ICEBERG_EXCEEDS_QUANTITY: (-2010, "IcebergQty exceeds QTY."),
    RefusalKind.ORDER_COMBINATION: (-1014, "Unsupported order combination."),
    RefusalKind.OCO_TYPE: (-1158, "Order type not supported in OCO."),
    RefusalKind.BUY_OCO_LIMIT_ABOVE: (-1165, "A limit order in a buy OCO must be below."),
    RefusalKind.SELL_OCO_LIMIT_BELOW: (-1166, "A limit order in a sell OCO must be above."),
    RefusalKind.OCO_BOTH_LIMIT: (-1168, "At least one OCO order must be contingent."),
    RefusalKind.BUY_OCO_LOSS_BELOW: (-1196, "A stop loss order in a buy OCO must be above."),
    RefusalKind.SELL_OCO_LOSS_ABOVE: (-1197, "A stop loss order in a sell OCO must be below."),
    RefusalKind.BUY_OCO_PROFIT_ABOVE: (-1198, "A take profit order in a buy OCO must be below."),
    RefusalKind.SELL_OCO_PROFIT_BELOW: (-1199, "A take profit order in a sell OCO must be above."),
    RefusalKind.LIST_WORKING_TYPE: (-1130, "Data sent for parameter 'workingType' is not valid."),
    RefusalKind.LIST_PENDING_TYPE: (-1130, "Data sent for parameter 'pendingQuantity' is not valid."),
    RefusalKind.PRICE_RELATIONSHIP: (-2010, "The relationship of the prices for the orders is not correct."),
    RefusalKind.DUPLICATE_LIST: (-2010, "Duplicate order sent."),
    RefusalKind.AMEND_INCREASE: (-2038, "Order amend (quantity increase) is not supported."),
    RefusalKind.AMEND_NO_CHANGE: (-2038, "The requested action would change no state; rejecting."),
    RefusalKind.AMEND_TOO_OFTEN: (-2038, "Order has been amended too many times."),
    RefusalKind.AMEND_BELOW_FILLED: (-2038, "Order amend would leave nothing to execute."),
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
    side, kind = read_side(params, "side"), read_type(params, "type")
    if kind in NEEDS_TIME_IN_FORCE:
        params.required("timeInForce")
    if kind is OrderType.MARKET and "quantity" not in params and "quoteOrderQty" not in params:
        raise errors.either("quantity", "quoteOrderQty")
    if kind in STOP_TYPES and "stopPrice" not in params and "trailingDelta" not in params:
        raise errors.either("stopPrice", "trailingDelta")
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=kind,
        quantity=params.amount("quantity"),
        quote_quantity=params.amount("quoteOrderQty"),
        price=params.amount("price"),
        stop_price=params.amount("stopPrice"),
        time_in_force=read_time_in_force(params, "timeInForce"),
        client_order_id=params.text("newClientOrderId", CLIENT_ORDER_ID),
        iceberg_quantity=params.amount("icebergQty") or None,
        trailing_delta_bips=params.integer("trailingDelta"),
        prevention=read_prevention(params),
        strategy=read_strategy(params, "strategyId", "strategyType"),
    )


def read_side(params: Parameters, name: str) -> Side:
    return params.required_choice(name, lambda text: Side[text], lambda: ApiError(-1117, "Invalid side."))


def read_type(params: Parameters, name: str) -> OrderType:
    return params.required_choice(name, lambda text: OrderType[text], lambda: ApiError(-1116, "Invalid orderType."))


def read_time_in_force(params: Parameters, name: str) -> TimeInForce | None:
    return params.choice(name, _TIMES_IN_FORCE.__getitem__, lambda: ApiError(-1115, "Invalid timeInForce."))


def read_prevention(params: Parameters) -> SelfTradePrevention | None:
    """`None`: the symbol's default."""
    if params.text("selfTradePreventionMode") == "TRANSFER":  # for accounts of one trade group, which there are none of
        raise ApiError(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    name = "selfTradePreventionMode"
    return params.choice(name, SelfTradePrevention, lambda: errors.invalid_value(name))


def read_strategy(params: Parameters, id_name: str, type_name: str) -> Strategy | None:
    """`None`: neither was given."""
    strategy_id, strategy_type = params.integer(id_name), params.integer(type_name)
    if strategy_type is not None and strategy_type < 1_000_000:
        raise ApiError(-1134, "strategyType was less than 1000000.")
    return None if strategy_id is None and strategy_type is None else Strategy(strategy_id, strategy_type)
