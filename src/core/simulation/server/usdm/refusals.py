"""The engine's refusals in the words of USD-M: codes and texts as in the error codes of Binance's futures."""

from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.server import errors
from core.simulation.server.errors import ApiError

_WORDS: dict[RefusalKind, tuple[int, str]] = {
    RefusalKind.PRICE_FILTER: (-4014, "Price not increased by tick size."),
    RefusalKind.LOT_SIZE: (-4003, "Quantity less than or equal to zero."),
    RefusalKind.MARKET_LOT_SIZE: (-4005, "Quantity greater than max quantity."),
    RefusalKind.NOTIONAL: (-4164, "Order's notional must be no smaller than {} (unless you choose reduce only)."),
    RefusalKind.MAX_NUM_ORDERS: (-2025, "Reach max open order limit."),
    RefusalKind.MAX_NUM_ALGO_ORDERS: (-4045, "Reach max stop order limit."),
    RefusalKind.INSUFFICIENT_BALANCE: (-2018, "Balance is insufficient."),
    RefusalKind.WOULD_MATCH: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    RefusalKind.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    RefusalKind.DUPLICATE_ORDER: (-4116, "ClientOrderId is duplicated."),
    RefusalKind.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RefusalKind.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RefusalKind.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    RefusalKind.SYMBOL_NOT_TRADING: (-4108, "This symbol is not available for trading."),
    RefusalKind.MARGIN_INSUFFICIENT: (-2019, "Margin is insufficient."),
    RefusalKind.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    RefusalKind.MAX_POSITION: (-2027, "Exceeded the maximum allowable position at current leverage."),
    RefusalKind.LEVERAGE_TOO_LOW: (-2028, "Leverage is smaller than permitted: insufficient margin balance."),
    RefusalKind.PRICE_TOO_HIGH: (-4016, "Limit price can't be higher than {}."),
    RefusalKind.PRICE_TOO_LOW: (-4024, "Limit price can't be lower than {}."),
    RefusalKind.LEVERAGE: (-4028, "Leverage {} is not valid"),
    RefusalKind.SAME_MARGIN_TYPE: (-4046, "No need to change margin type."),
    RefusalKind.MARGIN_TYPE_OPEN_ORDERS: (-4047, "Margin type cannot be changed if there exists open orders."),
    RefusalKind.MARGIN_TYPE_POSITION: (-4048, "Margin type cannot be changed if there exists position."),
    RefusalKind.NOT_ISOLATED: (-4049, "Add margin only support for isolated position."),
    RefusalKind.CROSS_BALANCE: (-4050, "Cross balance insufficient."),
    RefusalKind.ISOLATED_BALANCE: (-4051, "Isolated balance insufficient."),
    RefusalKind.NO_POSITION: (-4054, "Cannot add position margin: position is 0."),
    RefusalKind.SAME_POSITION_MODE: (-4059, "No need to change position side."),
    RefusalKind.POSITION_SIDE: (-4061, "Order's position side does not match user's setting."),
    RefusalKind.POSITION_MODE_OPEN_ORDERS: (-4067, "Position side cannot be changed if there exists open orders."),
    RefusalKind.POSITION_MODE_POSITION: (-4068, "Position side cannot be changed if there exists position."),
    RefusalKind.CALLBACK_RATE: (-2007, "Invalid callBack rate."),
    RefusalKind.ACTIVATION_PRICE: (-4135, "Invalid activation price."),
    RefusalKind.CLOSE_POSITION_EXISTS: (
        -4130,
        "An open stop or take profit order with GTE and closePosition in the direction is existing.",
    ),
    RefusalKind.GOOD_TILL_DATE: (
        -5040,
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
        "253402300799000.",
    ),
    RefusalKind.NOT_A_LIMIT_ORDER: (-5025, "Only limit order is supported."),
    RefusalKind.SAME_ORDER: (-5027, "No need to modify the order."),
}


def in_words(refusal: Refusal) -> ApiError:
    if refusal.kind is RefusalKind.MISSING_PARAMETER:
        return errors.mandatory(refusal.detail)
    if refusal.kind is RefusalKind.UNNEEDED_PARAMETER:
        return errors.not_required(refusal.detail)
    if refusal.kind not in _WORDS:
        return ApiError(-1013, f"Filter failure: {refusal.kind.value}")
    code, message = _WORDS[refusal.kind]
    return ApiError(code, message.format(refusal.detail))
