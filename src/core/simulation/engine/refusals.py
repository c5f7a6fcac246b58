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

    @property
    def is_filter(self) -> bool:
        return self.value.isupper()


class Refusal(Exception):
    """`kind` decides the answer, `detail` is for people and logs."""

    def __init__(self, kind: RefusalKind, detail: str = "") -> None:
        super().__init__(f"{kind.value}: {detail}" if detail else kind.value)
        self.kind = kind
        self.detail = detail
