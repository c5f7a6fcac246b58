"""How a market spells its public events: the module `market_frames` does it for spot."""

from typing import Protocol

from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker
from core.simulation.server.market_frames import BookDiff
from core.simulation.server.payloads import Json


class MarketSpelling(Protocol):
    """See `market_frames` for what each function gets."""

    def trade(self, spec: SymbolSpec, event: Trade, event_ms: int, /) -> bytes: ...

    def aggregate_trade(self, spec: SymbolSpec, event: AggregateTrade, event_ms: int, /) -> bytes: ...

    def book_ticker(self, spec: SymbolSpec, best: Best, changed_ms: int, event_ms: int, /) -> bytes: ...

    def depth_update(self, spec: SymbolSpec, diff: BookDiff, event_ms: int, /) -> bytes: ...

    def partial_depth(self, spec: SymbolSpec, book: Depth, previous_id: int, event_ms: int, /) -> bytes: ...

    def kline(self, spec: SymbolSpec, interval: Interval, candle: Candle, *, closed: bool, event_ms: int) -> bytes: ...

    def mini_ticker(self, spec: SymbolSpec, ticker: Ticker, event_ms: int, /) -> Json: ...

    def full_ticker(self, spec: SymbolSpec, ticker: Ticker, best: Best, event_ms: int, /) -> Json: ...
