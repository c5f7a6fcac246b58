"""What USD-M charges for requests: weights and limits as in Binance's futures documentation. See
`core.venues.binance.tariff`."""

from core.venues.binance.tariff import (
    ACCOUNT,
    MARKET,
    ORDERS,
    ORDERS_1M,
    ORDERS_10S,
    REQUESTS_5M,
    WEIGHT_1M,
    Query,
    Rows,
    number,
    one_or_all,
    tariff,
)
from core.venues.budget.windows import ORDER_SHARES, WEIGHT_SHARES, RateLimit

ADDRESS_LIMITS = (
    RateLimit(WEIGHT_1M, 2_400, 60.0, WEIGHT_SHARES),
    RateLimit(REQUESTS_5M, 61_000, 300.0, WEIGHT_SHARES),
)
ACCOUNT_LIMITS = (
    RateLimit(ORDERS_10S, 300, 10.0, ORDER_SHARES),
    RateLimit(ORDERS_1M, 1_200, 60.0, ORDER_SHARES),
)


def _depth(query: Query) -> int:
    limit = number(query, "limit", 500)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def _klines(query: Query) -> int:
    limit = number(query, "limit", 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


_ROWS: Rows = {
    ("GET", "/fapi/v1/ping"): (1, ACCOUNT),
    ("GET", "/fapi/v1/time"): (1, ACCOUNT),
    ("GET", "/fapi/v1/exchangeInfo"): (1, ACCOUNT),
    ("GET", "/fapi/v1/depth"): (_depth, MARKET),
    ("GET", "/fapi/v1/klines"): (_klines, MARKET),
    ("GET", "/fapi/v1/aggTrades"): (20, MARKET),
    ("GET", "/fapi/v1/premiumIndex"): (one_or_all(1, 10), MARKET),
    ("GET", "/fapi/v1/fundingRate"): (1, MARKET),
    ("POST", "/fapi/v1/order"): (1, ORDERS),
    ("PUT", "/fapi/v1/order"): (1, ORDERS),
    ("DELETE", "/fapi/v1/order"): (1, ORDERS),
    ("POST", "/fapi/v1/algoOrder"): (1, ORDERS),
    ("DELETE", "/fapi/v1/algoOrder"): (1, ORDERS),
    ("DELETE", "/fapi/v1/allOpenOrders"): (1, ORDERS),
    ("DELETE", "/fapi/v1/algoOpenOrders"): (1, ORDERS),
    ("POST", "/fapi/v1/countdownCancelAll"): (10, ORDERS),
    ("GET", "/fapi/v1/order"): (1, ACCOUNT),
    ("GET", "/fapi/v1/openOrders"): (one_or_all(1, 40), ACCOUNT),
    ("GET", "/fapi/v1/allOrders"): (5, ACCOUNT),
    ("GET", "/fapi/v1/userTrades"): (5, ACCOUNT),
    ("GET", "/fapi/v1/algoOrder"): (1, ACCOUNT),
    ("GET", "/fapi/v1/openAlgoOrders"): (one_or_all(1, 40), ACCOUNT),
    ("GET", "/fapi/v1/allAlgoOrders"): (5, ACCOUNT),
    ("GET", "/fapi/v3/account"): (5, ACCOUNT),
    ("GET", "/fapi/v3/positionRisk"): (5, ACCOUNT),
    ("GET", "/fapi/v1/income"): (30, ACCOUNT),
    ("GET", "/fapi/v1/positionSide/dual"): (30, ACCOUNT),
    ("POST", "/fapi/v1/leverage"): (1, ACCOUNT),
    ("POST", "/fapi/v1/marginType"): (1, ACCOUNT),
    ("POST", "/fapi/v1/listenKey"): (1, ACCOUNT),
    ("PUT", "/fapi/v1/listenKey"): (1, ACCOUNT),
}
_PLACES = frozenset({("POST", "/fapi/v1/order"), ("PUT", "/fapi/v1/order"), ("POST", "/fapi/v1/algoOrder")})

USDM = tariff(_ROWS, "/fapi/", (ORDERS_10S, ORDERS_1M), _PLACES)
