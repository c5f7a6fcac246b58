"""Public market data."""

from core.simulation.engine.intervals import Interval
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors, payloads
from core.simulation.server.endpoint import Call
from core.simulation.server.exchange_info import exchange_info
from core.simulation.server.floor import TradingFloor
from core.simulation.server.limits import SPOT_ORDERS, RateLimit, RequestLimits
from core.simulation.server.parameters import SYMBOL, Parameters

_MAX_KLINES = 1_000
_MAX_DEPTH = 5_000


class MarketEndpoints:
    def __init__(self, floor: TradingFloor, limits: RequestLimits, orders: tuple[RateLimit, ...] = SPOT_ORDERS) -> None:
        self._floor = floor
        self._limits = limits
        self._orders = orders
        self._exchange = floor.exchange

    def ping(self, call: Call) -> object:
        return {}

    def time(self, call: Call) -> object:
        return {"serverTime": self._floor.clock.shown_ms()}

    def exchange_info(self, call: Call) -> object:
        specs = self._wanted(call.params)
        call.params.boolean("showPermissionSets")
        return exchange_info(specs, self._limits.table(self._orders), self._floor.clock.shown_ms())

    def nothing_listed(self, call: Call) -> object:
        """exchangeInfo of a product that this venue does not have; clients ask all products for their symbols."""
        nothing: dict[str, list[object]] = {"optionContracts": [], "optionAssets": [], "optionSymbols": []}
        return exchange_info((), self._limits.table(), self._floor.clock.now_ms()) | nothing

    def depth(self, call: Call) -> object:
        spec = self._spec(call.params)
        return payloads.depth(spec, self._exchange.depth(spec.name, call.params.limit(100, _MAX_DEPTH)))

    def trades(self, call: Call) -> object:
        spec = self._spec(call.params)
        limit = call.params.limit(500, 1_000)
        found = self._exchange.recent_trades(spec.name, limit, from_id=call.params.integer("fromId"))
        return [payloads.trade(spec, record) for record in found]

    def aggregate_trades(self, call: Call) -> object:
        spec, params = self._spec(call.params), call.params
        limit, from_id = params.limit(500, 1_000), params.integer("fromId")
        start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
        if from_id is None and (start_ms is not None or end_ms is not None):
            found = [
                record
                for record in self._exchange.aggregate_trades(spec.name, 100_000)
                if (start_ms or 0) <= record.time_ns // payloads.NS_PER_MS <= (end_ms or 1 << 62)
            ]
            found = found[:limit] if start_ms is not None else found[-limit:]
        else:
            found = self._exchange.aggregate_trades(spec.name, limit, from_id=from_id)
        return [payloads.aggregate_trade(spec, record) for record in found]

    def klines(self, call: Call) -> object:
        spec, params = self._spec(call.params), call.params
        interval = params.required_choice("interval", Interval, lambda: errors.ApiError(-1120, "Invalid interval."))
        candles = self._exchange.candles(
            spec.name,
            interval,
            start_ms=params.integer("startTime"),
            end_ms=params.integer("endTime"),
            limit=params.limit(500, _MAX_KLINES),
        )
        return [payloads.kline(spec, candle) for candle in candles]

    def average_price(self, call: Call) -> object:
        spec = self._spec(call.params)
        trades = self._exchange.recent_trades(spec.name, 1)
        now_ms = self._floor.clock.now_ms()
        return {
            "mins": 5,
            "price": spec.price_text(self._exchange.average_price(spec.name)),
            "closeTime": trades[-1].time_ns // payloads.NS_PER_MS if trades else now_ms,
        }

    def ticker_24h(self, call: Call) -> object:
        kind = call.params.text("type") or "FULL"
        if kind not in ("FULL", "MINI"):
            raise errors.ApiError(-1139, "Invalid ticker type.")
        rows = [self._ticker(spec, kind) for spec in self._wanted(call.params)]
        return rows[0] if "symbol" in call.params else rows

    def ticker_price(self, call: Call) -> object:
        rows = [
            {"symbol": spec.name, "price": spec.price_text(self._exchange.last_price(spec.name))}
            for spec in self._wanted(call.params)
        ]
        return rows[0] if "symbol" in call.params else rows

    def book_ticker(self, call: Call) -> object:
        rows = [payloads.book_ticker(spec, self._exchange.best(spec.name)) for spec in self._wanted(call.params)]
        return rows[0] if "symbol" in call.params else rows

    def _ticker(self, spec: SymbolSpec, kind: str) -> object:
        ticker = self._exchange.ticker_24h(spec.name)
        if kind == "MINI":
            return payloads.ticker_mini(spec, ticker)
        return payloads.ticker_full(spec, ticker, self._exchange.best(spec.name))

    def _spec(self, params: Parameters) -> SymbolSpec:
        return find_symbol(self._floor, params.required("symbol", SYMBOL))

    def _wanted(self, params: Parameters) -> list[SymbolSpec]:
        """The symbols of `symbol` or `symbols`; all when neither is sent."""
        one, many = params.text("symbol", SYMBOL), params.symbol_list()
        if one is not None and many is not None:
            raise errors.ApiError(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [find_symbol(self._floor, one)]
        if many is not None:
            return [find_symbol(self._floor, name) for name in many]
        return list(self._exchange.symbols.values())


def find_symbol(floor: TradingFloor, name: str) -> SymbolSpec:
    """Raises `ApiError` -1121."""
    spec = floor.exchange.symbols.get(name)
    if spec is None:
        raise errors.invalid_symbol()
    return spec
