"""Public market data of USD-M."""

from collections.abc import Callable

from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import RateLimit, RequestLimits
from core.simulation.server.market_questions import MarketQuestions, chosen_symbols
from core.simulation.server.parameters import Parameters
from core.simulation.server.payloads import Json
from core.simulation.server.time_span import TimeSpan, page
from core.simulation.server.usdm import market_payloads
from core.simulation.server.usdm.digits import price, quantity
from core.simulation.server.usdm.exchange_info import exchange_info
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.limits import ORDER_LIMITS

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
_MAX_KLINES = 1_500


class UsdmMarketEndpoints(MarketQuestions):
    def __init__(self, floor: UsdmFloor, limits: RequestLimits, orders: tuple[RateLimit, ...] = ORDER_LIMITS) -> None:
        super().__init__(floor, market_payloads, max_klines=_MAX_KLINES)
        self._floor = floor
        self._limits = limits
        self._orders = orders
        self._exchange = floor.exchange

    def exchange_info(self, call: Call) -> object:
        limits = self._limits.table(self._orders)
        return exchange_info(self._exchange.contracts.values(), limits, self._floor.clock.shown_ms())

    def depth(self, call: Call) -> object:
        spec = self._spec(call.params)
        limit = depth_limit(call.params)
        now_ms = self._floor.clock.shown_ms()
        trades = self._exchange.recent_trades(spec.name, 1)
        changed_ms = trades[-1].time_ns // NS_PER_MS if trades else now_ms
        return market_payloads.depth(spec, self._exchange.depth(spec.name, limit), changed_ms, now_ms)

    def ticker_24h(self, call: Call) -> object:
        return self._rows(call, lambda spec: market_payloads.ticker(spec, self._exchange.ticker_24h(spec.name)))

    def ticker_price(self, call: Call) -> object:
        now_ms = self._floor.clock.shown_ms()
        return self._rows(
            call,
            lambda spec: {
                "symbol": spec.name,
                "price": price(spec, self._exchange.last_price(spec.name)),
                "time": now_ms,
            },
        )

    def book_ticker(self, call: Call) -> object:
        now_ms = self._floor.clock.shown_ms()
        return self._rows(call, lambda spec: market_payloads.book_ticker(spec, self._exchange.best(spec.name), now_ms))

    def premium_index(self, call: Call) -> object:
        now_ms = self._floor.clock.shown_ms()
        return self._rows(
            call, lambda spec: market_payloads.premium_index(self._exchange.mark_price(spec.name), now_ms)
        )

    def mark_price_klines(self, call: Call) -> object:
        candles = self._chosen(call.params, self._spec(call.params), self._exchange.mark_candles)
        return [market_payloads.mark_kline(candle) for candle in candles]

    def funding_rates(self, call: Call) -> object:
        params = call.params
        names = chosen_symbols(self._floor, params)
        limit, span = params.limit(100, 1_000), TimeSpan.read(params)
        found = sorted(
            (paid for name in names for paid in self._exchange.funding_rates(name) if span.holds(paid.time_ns)),
            key=lambda paid: paid.time_ns,
        )
        wanted = page(found, limit, from_start=bool(span.start_ms))
        return [market_payloads.funding_rate(paid) for paid in wanted]

    def funding_info(self, call: Call) -> object:
        return [market_payloads.funding_info(contract) for contract in self._exchange.contracts.values()]

    def open_interest(self, call: Call) -> object:
        spec = self._spec(call.params)
        lots = self._exchange.open_interest(spec.name)
        return {"openInterest": quantity(spec, lots), "symbol": spec.name, "time": self._floor.clock.shown_ms()}

    def _rows(self, call: Call, row: Callable[[SymbolSpec], Json]) -> object:
        """One row for `symbol`; without it a list of all."""
        rows = [row(spec) for spec in self._wanted(call.params)]
        return rows[0] if "symbol" in call.params else rows


def depth_limit(params: Parameters) -> int:
    """Raises `ApiError` -4021 for others than the venue's few."""
    limit = params.integer("limit")
    if limit is None:
        return 500
    if limit not in DEPTH_LIMITS:
        raise ApiError(-4021, f"Depth limit {limit} is not valid.")
    return limit
