"""Public questions that every market answers in its own shapes: time, trades, candles."""

from typing import Protocol

from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade
from core.simulation.server import errors
from core.simulation.server.clock import VenueClock
from core.simulation.server.endpoint import Call
from core.simulation.server.market_rules import MarketRules
from core.simulation.server.parameters import SYMBOL, Parameters
from core.simulation.server.payloads import Json
from core.simulation.server.time_span import TimeSpan, page


class MarketFloor(Protocol):
    """What public questions need of a floor."""

    @property
    def exchange(self) -> MarketData: ...

    @property
    def clock(self) -> VenueClock: ...

    @property
    def rules(self) -> MarketRules: ...


class MarketShapes(Protocol):
    """How a market spells its answers: the module `payloads` for spot."""

    def kline(self, spec: SymbolSpec, candle: Candle, /) -> list[object]: ...

    def trade(self, spec: SymbolSpec, record: Trade, /) -> Json: ...

    def aggregate_trade(self, spec: SymbolSpec, record: AggregateTrade, /) -> Json: ...


class CandleSelection(Protocol):
    """`MarketData.candles`, or the like of another price."""

    def __call__(
        self, symbol: str, interval: Interval, /, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]: ...


class MarketQuestions:
    def __init__(self, floor: MarketFloor, shapes: MarketShapes, *, max_klines: int) -> None:
        self._market_floor = floor
        self._market = floor.exchange
        self._shapes = shapes
        self._max_klines = max_klines

    def ping(self, call: Call) -> object:
        return {}

    def time(self, call: Call) -> object:
        return {"serverTime": self._market_floor.clock.shown_ms()}

    def trades(self, call: Call) -> object:
        spec = self._spec(call.params)
        limit = call.params.limit(500, 1_000)
        found = self._market.recent_trades(spec.name, limit, from_id=call.params.integer("fromId"))
        return [self._shapes.trade(spec, record) for record in found]

    def aggregate_trades(self, call: Call) -> object:
        spec, params = self._spec(call.params), call.params
        limit, from_id = params.limit(500, 1_000), params.integer("fromId")
        span = TimeSpan.read(params)
        if from_id is None and span.is_named:
            found = [
                record for record in self._market.aggregate_trades(spec.name, 100_000) if span.holds(record.time_ns)
            ]
            found = page(found, limit, from_start=span.start_ms is not None)
        else:
            found = self._market.aggregate_trades(spec.name, limit, from_id=from_id)
        return [self._shapes.aggregate_trade(spec, record) for record in found]

    def klines(self, call: Call) -> object:
        spec = self._spec(call.params)
        return [self._shapes.kline(spec, candle) for candle in self._chosen(call.params, spec, self._market.candles)]

    def _chosen(self, params: Parameters, spec: SymbolSpec, select: CandleSelection) -> list[Candle]:
        return select(
            spec.name,
            params.required_choice("interval", Interval, lambda: errors.ApiError(-1120, "Invalid interval.")),
            start_ms=params.integer("startTime"),
            end_ms=params.integer("endTime"),
            limit=params.limit(500, self._max_klines),
        )

    def _spec(self, params: Parameters) -> SymbolSpec:
        return required_symbol(self._market_floor, params)

    def _wanted(self, params: Parameters) -> list[SymbolSpec]:
        """The symbols of `symbol` or `symbols`; all when neither is sent."""
        one, many = params.text("symbol", SYMBOL), params.symbol_list()
        if one is not None and many is not None:
            raise errors.bad_combination()
        if one is not None:
            return [find_symbol(self._market_floor, one)]
        if many is not None:
            return [find_symbol(self._market_floor, name) for name in many]
        return [spec for spec in self._market.symbols.values() if self._market_floor.rules.is_listed(spec.name)]


def required_symbol(floor: MarketFloor, params: Parameters) -> SymbolSpec:
    """That of `symbol`."""
    return find_symbol(floor, params.required("symbol", SYMBOL))


def chosen_symbol(floor: MarketFloor, params: Parameters) -> str | None:
    """That of `symbol`, by name; `None`: it was not sent, which stands for all."""
    name = params.text("symbol", SYMBOL)
    return None if name is None else find_symbol(floor, name).name


def chosen_symbols(floor: MarketFloor, params: Parameters) -> list[str]:
    """That of `symbol`; all when it was not sent."""
    name = chosen_symbol(floor, params)
    return list(floor.exchange.symbols) if name is None else [name]


def find_symbol(floor: MarketFloor, name: str) -> SymbolSpec:
    """Raises `ApiError` -1121."""
    spec = floor.exchange.symbols.get(name)
    if spec is None or not floor.rules.is_listed(name):
        raise errors.invalid_symbol()
    return spec
