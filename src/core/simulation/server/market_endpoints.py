"""Public market data of spot."""

from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import Depth
from core.simulation.server import errors, payloads
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.endpoint import Call
from core.simulation.server.exchange_info import exchange_info, symbol_info
from core.simulation.server.floor import TradingFloor
from core.simulation.server.limits import SPOT_ORDERS, RateLimit, RequestLimits
from core.simulation.server.market_questions import MarketQuestions

_MAX_KLINES = 1_000
_MAX_DEPTH = 5_000


class MarketEndpoints(MarketQuestions):
    def __init__(self, floor: TradingFloor, limits: RequestLimits, orders: tuple[RateLimit, ...] = SPOT_ORDERS) -> None:
        super().__init__(floor, payloads, max_klines=_MAX_KLINES)
        self._floor = floor
        self._limits = limits
        self._orders = orders
        self._exchange = floor.exchange

    def exchange_info(self, call: Call) -> object:
        specs = self._wanted(call.params)
        call.params.boolean("showPermissionSets")
        rows = [self._floor.rules.shown(spec, symbol_info(spec)) for spec in specs]
        return exchange_info(rows, self._limits.table(self._orders), self._floor.clock.shown_ms())

    def nothing_listed(self, call: Call) -> object:
        """exchangeInfo of a product that this venue does not have; clients ask all products for their symbols."""
        nothing: dict[str, list[object]] = {"optionContracts": [], "optionAssets": [], "optionSymbols": []}
        return exchange_info((), self._limits.table(), self._floor.clock.now_ms()) | nothing

    def depth(self, call: Call) -> object:
        spec = self._spec(call.params)
        book = self._exchange.depth(spec.name, call.params.limit(100, _MAX_DEPTH))
        if not self._floor.rules.shows_market(spec.name):
            book = Depth(book.last_update_id, (), ())
        return payloads.depth(spec, book)

    def average_price(self, call: Call) -> object:
        spec = self._spec(call.params)
        trades = self._exchange.recent_trades(spec.name, 1)
        now_ms = self._floor.clock.now_ms()
        return {
            "mins": 5,
            "price": spec.price_text(self._exchange.average_price(spec.name)),
            "closeTime": trades[-1].time_ns // NS_PER_MS if trades else now_ms,
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
