"""Why the exchange refuses a request. A refusal changes nothing: no order, no event, no lock."""

from enum import StrEnum


class RefusalKind(StrEnum):
    """The venue's definite no. Values of filters are Binance's filter names (`Filter failure: <value>`, -1013)."""

    PRICE_FILTER = "PRICE_FILTER"
    LOT_SIZE = "LOT_SIZE"
    MARKET_LOT_SIZE = "MARKET_LOT_SIZE"
    NOTIONAL = "NOTIONAL"
    PERCENT_PRICE_BY_SIDE = "PERCENT_PRICE_BY_SIDE"
    MAX_NUM_ORDERS = "MAX_NUM_ORDERS"
    MAX_NUM_ALGO_ORDERS = "MAX_NUM_ALGO_ORDERS"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    """-2010 Account has insufficient balance for requested action."""
    WOULD_MATCH = "would_match"
    """-2010 Order would immediately match and take."""
    WOULD_TRIGGER = "would_trigger"
    """-2010 Stop price would trigger immediately."""
    DUPLICATE_ORDER = "duplicate_order"
    """-2010 Duplicate order sent. (the client order id belongs to an open order of this account and symbol)"""
    UNKNOWN_ORDER = "unknown_order"
    """-2011 Unknown order sent. (cancelling what is not open)"""
    UNKNOWN_SYMBOL = "unknown_symbol"
    """-1121 Invalid symbol."""
    UNKNOWN_ACCOUNT = "unknown_account"
    SYMBOL_NOT_TRADING = "symbol_not_trading"
    """-1013 Market is closed."""
    MISSING_PARAMETER = "missing_parameter"
    """-1102: this order type needs it; `detail` is its name in the protocol (`timeInForce`)."""
    UNNEEDED_PARAMETER = "unneeded_parameter"
    """-1106: this order type does not take it; `detail` is its name in the protocol."""

    # Perpetuals alone; codes and texts of Binance's USD-M `errors.md`. There DUPLICATE_ORDER is -4116, WOULD_TRIGGER
    # -2021, WOULD_MATCH -5022, NOTIONAL -4164, PRICE_FILTER -4014, MAX_NUM_ORDERS -2025, MAX_NUM_ALGO_ORDERS -4045.
    MARGIN_INSUFFICIENT = "perpetual.margin_insufficient"
    """-2019 Margin is insufficient."""
    REDUCE_ONLY = "perpetual.reduce_only"
    """-2022 ReduceOnly Order is rejected. (nothing to reduce; in hedge mode: more than the position)"""
    MAX_POSITION = "perpetual.max_position"
    """-2027 Exceeded the maximum allowable position at current leverage."""
    LEVERAGE_TOO_LOW = "perpetual.leverage_too_low"
    """-2028 Leverage is smaller than permitted: insufficient margin balance."""
    PRICE_TOO_HIGH = "perpetual.price_too_high"
    """-4016 Limit price can't be higher than %s. (`detail`)"""
    PRICE_TOO_LOW = "perpetual.price_too_low"
    """-4024 Limit price can't be lower than %s. (`detail`)"""
    LEVERAGE = "perpetual.leverage"
    """-4028 Leverage %s is not valid (`detail`)"""
    LEVERAGE_REDUCTION = "perpetual.leverage_reduction"
    """-4161 Leverage reduction is not supported in Isolated Margin Mode with open positions."""
    SAME_MARGIN_TYPE = "perpetual.same_margin_type"
    """-4046 No need to change margin type."""
    MARGIN_TYPE_OPEN_ORDERS = "perpetual.margin_type_open_orders"
    """-4047 Margin type cannot be changed if there exists open orders."""
    MARGIN_TYPE_POSITION = "perpetual.margin_type_position"
    """-4048 Margin type cannot be changed if there exists position."""
    NOT_ISOLATED = "perpetual.not_isolated"
    """-4049 Add margin only support for isolated position."""
    CROSS_BALANCE = "perpetual.cross_balance"
    """-4050 Cross balance insufficient."""
    ISOLATED_BALANCE = "perpetual.isolated_balance"
    """-4051 Isolated balance insufficient."""
    SAME_POSITION_MODE = "perpetual.same_position_mode"
    """-4059 No need to change position side."""
    POSITION_SIDE = "perpetual.position_side"
    """-4061 Order's position side does not match user's setting."""
    POSITION_MODE_OPEN_ORDERS = "perpetual.position_mode_open_orders"
    """-4067 Position side cannot be changed if there exists open orders."""
    POSITION_MODE_POSITION = "perpetual.position_mode_position"
    """-4068 Position side cannot be changed if there exists position."""
    CALLBACK_RATE = "perpetual.callback_rate"
    """-2007 Invalid callBack rate."""
    ACTIVATION_PRICE = "perpetual.activation_price"
    """-4135 Invalid activation price."""
    CLOSE_POSITION_EXISTS = "perpetual.close_position_exists"
    """-4130 An open stop or take profit order with GTE and closePosition in the direction is existing."""
    GOOD_TILL_DATE = "perpetual.good_till_date"
    """-5040 The goodTillDate timestamp must be greater than the current time plus 600 seconds."""
    NOT_A_LIMIT_ORDER = "perpetual.not_a_limit_order"
    """-5025 Only limit order is supported. (amending)"""
    SAME_ORDER = "perpetual.same_order"
    """-5027 No need to modify the order."""
    NO_POSITION = "perpetual.no_position"
    """-4054 Cannot add position margin: position is 0."""

    @property
    def is_filter(self) -> bool:
        return self.value.isupper()

    @property
    def label(self) -> str:
        """Its name among the refusals of its exchange."""
        return self.value.removeprefix("perpetual.")

    @property
    def is_of_perpetuals(self) -> bool:
        """The spot exchange never says it."""
        return self.value.startswith("perpetual.")


class Refusal(Exception):
    """`kind` decides the answer, `detail` is for people and logs."""

    def __init__(self, kind: RefusalKind, detail: str = "") -> None:
        super().__init__(f"{kind.value}: {detail}" if detail else kind.value)
        self.kind = kind
        self.detail = detail
