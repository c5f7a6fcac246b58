"""What an exchange can do, read off its ccxt class without a request.

`has` and `features` are ccxt's own tables. Whether an order can be named by us ccxt has no word for: the class is taken
at its byte code, which mentions `clientOrderId` where it puts one into a request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from core.domain.candles import Timeframe
from core.domain.orders import OrderType, TimeInForce
from core.ports.venue import VenueCapabilities

REPLICA_LAG_MS = 5_000
"""Nobody promises a bound; the same as where one exchange was measured."""
_LEAST_KLINES = 100
"""Where ccxt does not say how many candles come at once."""
_DEPTH = 4
"""How many calls below a unified method its request is put together."""
_CREDENTIALS = ("apiKey", "secret", "password")
"""Those that there are settings for."""
_FOR_ORDERS = {
    "createOrder": "orders can't be placed",
    "cancelOrder": "orders can't be cancelled",
    "fetchOrder": "an order can't be asked after",
    "fetchOpenOrders": "open orders can't be listed",
    "fetchMyTrades": "fills can't be listed",
    "fetchBalance": "balances can't be read",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """One exchange as its ccxt class describes it. Two tuples of reasons: empty where nothing is in the way."""

    name: str
    timeframes: tuple[Timeframe, ...]
    """Candles that it has, of those that we know."""
    max_klines: int
    has_time: bool
    finds_by_client_id: bool
    cancels_by_client_id: bool
    lists_all_orders: bool
    history_days: int | None
    """Longest span of one question for trades or orders; `None`: any."""
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    native_stops: bool
    market_buys_count_quote: bool
    """A market order to buy says there how much to spend, not how much to get."""
    not_for_market: tuple[str, ...]
    not_for_live: tuple[str, ...]

    def capabilities(self) -> VenueCapabilities:
        """No request window: what ccxt calls so differs from exchange to exchange, so absence is never proven."""
        return VenueCapabilities(
            name=self.name,
            order_types=self.order_types,
            native_stops=self.native_stops,
            request_window_ms=None,
            replica_lag_ms=REPLICA_LAG_MS,
            max_klines=self.max_klines,
            short_selling=False,
            times_in_force=self.times_in_force,
        )


def traits_of(kind: Any) -> Traits:
    """Of a ccxt class, synchronous or not."""
    exchange = kind()
    has, features = exchange.has, (exchange.features or {}).get("spot") or {}
    timeframes = tuple(each for each in Timeframe if each.value in (exchange.timeframes or {}))
    placing = features.get("createOrder") or {}
    stops = _has_native_stops(features)
    return Traits(
        name=exchange.id,
        timeframes=timeframes,
        max_klines=max((features.get("fetchOHLCV") or {}).get("limit") or _LEAST_KLINES, 1),
        has_time=bool(has.get("fetchTime")),
        finds_by_client_id=mentions(kind, "fetch_order", "clientOrderId"),
        cancels_by_client_id=mentions(kind, "cancel_order", "clientOrderId"),
        lists_all_orders=bool(has.get("fetchOrders")),
        history_days=_history_days(features),
        order_types=_order_types(placing, stops),
        times_in_force=_times_in_force(placing),
        native_stops=stops,
        market_buys_count_quote=bool(placing.get("marketBuyRequiresPrice")),
        not_for_market=tuple(_not_for_market(has, timeframes)),
        not_for_live=tuple(_not_for_live(kind, exchange, features)),
    )


def mentions(kind: Any, method: str, word: str) -> bool:
    """Whether the method, or what it calls of its own exchange, has that word among its constants."""
    return any(word in _words(code) for code in _codes(kind, method, _DEPTH, set()))


def _not_for_market(has: Any, timeframes: tuple[Timeframe, ...]) -> Iterator[str]:
    if not has.get("fetchOHLCV") or not timeframes:
        yield "it has no candles"
    if not has.get("fetchOrderBook"):
        yield "it shows no order book"


def _not_for_live(kind: Any, exchange: Any, features: Any) -> Iterator[str]:
    yield from (words for method, words in _FOR_ORDERS.items() if not exchange.has.get(method))
    if exchange.has.get("createOrder") and not mentions(kind, "create_order", "clientOrderId"):
        yield "orders can't carry an id of ours, so one whose answer was lost could not be found again"
    if (features.get("fetchOpenOrders") or {}).get("symbolRequired"):
        yield "open orders are listed only symbol by symbol"
    needed = [name for name, is_needed in exchange.requiredCredentials.items() if is_needed]
    if unknown := [name for name in needed if name not in _CREDENTIALS]:
        yield f"it wants credentials that there is no setting for: {', '.join(unknown)}"


def _order_types(placing: Any, stops: bool) -> frozenset[OrderType]:
    types = {OrderType.MARKET, OrderType.LIMIT}
    if (placing.get("timeInForce") or {}).get("PO"):
        types.add(OrderType.LIMIT_MAKER)
    if stops:
        types |= {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT}
        if placing.get("takeProfitPrice"):
            types |= {OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
    return frozenset(types)


def _times_in_force(placing: Any) -> frozenset[TimeInForce]:
    """All that ccxt has a word for where the exchange's class does not say: then the exchange itself does."""
    said = placing.get("timeInForce")
    immediate = (TimeInForce.IOC, TimeInForce.FOK)
    return frozenset({TimeInForce.GTC, *(each for each in immediate if not said or said.get(each.value))})


def _has_native_stops(features: Any) -> bool:
    """Only where stops are orders like others: some exchanges keep them in a book of their own, with ids of its own."""
    asked_apart = any((features.get(method) or {}).get("trigger") for method in ("fetchOrder", "fetchOpenOrders"))
    return bool((features.get("createOrder") or {}).get("stopLossPrice")) and not asked_apart


def _history_days(features: Any) -> int | None:
    spans = [(features.get(method) or {}).get("untilDays") for method in ("fetchMyTrades", "fetchOrders")]
    return min((int(days) for days in spans if days), default=None)


def _codes(kind: Any, method: str, depth: int, seen: set[str]) -> Iterator[CodeType]:
    code = getattr(_own(kind, method), "__code__", None)
    if code is None or method in seen:
        return
    seen.add(method)
    yield code
    if depth:
        for called in code.co_names:
            yield from _codes(kind, called, depth - 1, seen)


def _own(kind: Any, method: str) -> Any:
    """The method as the exchange (or the one it is a variant of) wrote it; `None` for what all of ccxt shares."""
    for each in kind.__mro__:
        if each.__name__ in ("Exchange", "BaseExchange"):
            return None
        if method in each.__dict__:
            return each.__dict__[method]
    return None


def _words(code: CodeType) -> set[str]:
    words: set[str] = set()
    for constant in code.co_consts:
        if isinstance(constant, str):
            words.add(constant)
        elif isinstance(constant, tuple):
            words.update(each for each in constant if isinstance(each, str))
        elif isinstance(constant, CodeType):
            words |= _words(constant)
    return words
