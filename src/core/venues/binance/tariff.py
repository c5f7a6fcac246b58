"""What Binance charges for requests: rows of weight as its documentation lists them, and how its limits are named.

Sources: `rest-api.md` of binance/binance-spot-api-docs (weights of each endpoint, "Limits"). A row of exchangeInfo's
`rateLimits` says what holds now; what is written here holds until one has been read.
"""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec

from core.ports.request_lane import RequestLane
from core.venues.binance.decode import UNREADABLE
from core.venues.budget.toll import Charge, Tariff
from core.venues.budget.windows import ORDER_SHARES, WEIGHT_SHARES, RateLimit

Query = Mapping[str, list[str]]
Weight = int | Callable[[Query], int]
ORDERS, ACCOUNT, MARKET = RequestLane.ORDERS, RequestLane.ACCOUNT, RequestLane.MARKET

WEIGHT_1M, REQUESTS_5M = "weight 1m", "requests 5m"
ORDERS_10S, ORDERS_1M, ORDERS_1D = "orders 10s", "orders 1m", "orders 1d"
ADDRESS_LIMITS = (
    RateLimit(WEIGHT_1M, 6_000, 60.0, WEIGHT_SHARES),
    RateLimit(REQUESTS_5M, 61_000, 300.0, WEIGHT_SHARES),
)
ACCOUNT_LIMITS = (
    RateLimit(ORDERS_10S, 50, 10.0, ORDER_SHARES),
    RateLimit(ORDERS_1D, 160_000, 86_400.0, ORDER_SHARES),
)
HEADERS = {"x-mbx-used-weight-1m": WEIGHT_1M}
ORDER_HEADERS = {
    "x-mbx-order-count-10s": ORDERS_10S,
    "x-mbx-order-count-1m": ORDERS_1M,
    "x-mbx-order-count-1d": ORDERS_1D,
}
_KINDS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders", "RAW_REQUESTS": "requests"}


def number(query: Query, name: str, otherwise: int) -> int:
    value = query.get(name, [""])[0]
    return int(value) if value.isdecimal() else otherwise


def one_or_all(one: int, everything: int) -> Weight:
    return lambda query: one if "symbol" in query else everything


def _depth(query: Query) -> int:
    limit = number(query, "limit", 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


Row = tuple[Weight, RequestLane]
Rows = Mapping[tuple[str, str], Row]
_ROWS: Rows = {
    ("GET", "/api/v3/ping"): (1, ACCOUNT),
    ("GET", "/api/v3/time"): (1, ACCOUNT),
    ("GET", "/api/v3/exchangeInfo"): (20, ACCOUNT),
    ("GET", "/api/v3/depth"): (_depth, MARKET),
    ("GET", "/api/v3/klines"): (2, MARKET),
    ("GET", "/api/v3/trades"): (25, MARKET),
    ("GET", "/api/v3/aggTrades"): (4, MARKET),
    ("GET", "/api/v3/ticker/24hr"): (one_or_all(2, 80), MARKET),
    ("GET", "/api/v3/ticker/price"): (one_or_all(2, 4), MARKET),
    ("GET", "/api/v3/ticker/bookTicker"): (one_or_all(2, 4), MARKET),
    ("POST", "/api/v3/order"): (1, ORDERS),
    ("DELETE", "/api/v3/order"): (1, ORDERS),
    ("DELETE", "/api/v3/openOrders"): (1, ORDERS),
    ("POST", "/api/v3/order/cancelReplace"): (1, ORDERS),
    ("PUT", "/api/v3/order/amend/keepPriority"): (4, ORDERS),
    ("POST", "/api/v3/orderList/oco"): (1, ORDERS),
    ("POST", "/api/v3/orderList/oto"): (1, ORDERS),
    ("POST", "/api/v3/orderList/otoco"): (1, ORDERS),
    ("DELETE", "/api/v3/orderList"): (1, ORDERS),
    ("GET", "/api/v3/orderList"): (4, ACCOUNT),
    ("GET", "/api/v3/openOrderList"): (6, ACCOUNT),
    ("GET", "/api/v3/allOrderList"): (20, ACCOUNT),
    ("GET", "/api/v3/order"): (4, ACCOUNT),
    ("GET", "/api/v3/openOrders"): (one_or_all(6, 80), ACCOUNT),
    ("GET", "/api/v3/allOrders"): (20, ACCOUNT),
    ("GET", "/api/v3/myTrades"): (lambda query: 5 if "orderId" in query else 20, ACCOUNT),
    ("GET", "/api/v3/account"): (20, ACCOUNT),
}
_PLACES = frozenset(
    {"/api/v3/order", "/api/v3/order/cancelReplace"} | {f"/api/v3/orderList/{kind}" for kind in ("oco", "oto", "otoco")}
)
_LEGS = {"/api/v3/orderList/oco": 2, "/api/v3/orderList/oto": 2, "/api/v3/orderList/otoco": 3}
_UNLISTED: Row = (20, ACCOUNT)
"""An endpoint of an account that no row names is charged as the dear ones are."""


def tariff(rows: Rows, prefix: str, order_names: tuple[str, ...], places: frozenset[tuple[str, str]]) -> Tariff:
    """Of one market, whose paths begin with `prefix`; `order_names` are its limits of orders, which `places` count
    towards. Other paths (the wallet's, `/sapi`) are charged elsewhere and by limits of their own."""
    legs = dict.fromkeys(order_names, 1)

    def charge(method: str, url: str) -> Charge:
        parts = urlsplit(url)
        if not parts.path.startswith(prefix):
            return Charge(ACCOUNT)
        weight, lane = rows.get((method, parts.path), _UNLISTED)
        if not isinstance(weight, int):
            weight = weight(parse_qs(parts.query))
        n_legs = _LEGS.get(parts.path, 1)
        orders = {name: n * n_legs for name, n in legs.items()} if (method, parts.path) in places else {}
        return Charge(lane, {WEIGHT_1M: weight, REQUESTS_5M: 1}, orders)

    return Tariff(charge, HEADERS, ORDER_HEADERS)


SPOT = tariff(_ROWS, "/api/", (ORDERS_10S, ORDERS_1D), frozenset(("POST", path) for path in _PLACES))


class _Row(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _Limits(msgspec.Struct, rename="camel"):
    rate_limits: list[_Row] = []


_limits = msgspec.json.Decoder(_Limits)


def limits_in(exchange_info: bytes) -> dict[str, int]:
    """What an exchangeInfo says of the limits, by our names for them; nothing where it can't be read."""
    try:
        rows = _limits.decode(exchange_info).rate_limits
    except UNREADABLE:
        return {}
    return {
        f"{_KINDS[row.rate_limit_type]} {row.interval_num}{row.interval[:1].lower()}": row.limit
        for row in rows
        if row.rate_limit_type in _KINDS
    }
