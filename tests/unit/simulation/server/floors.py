"""A trading floor without sockets or disk: one exchange, a house that stands still, a clock moved by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.floor import TradingFloor
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.stream_hub import StreamHub
from tests.unit.instruments import spot

START_NS = 1_700_000_000_000_000_000
MINUTE_NS = 60_000_000_000


@dataclass
class HandClock:
    time_ns: int = START_NS
    speed: float = 1.0

    def now_ns(self) -> int:
        return self.time_ns

    def now_ms(self) -> int:
        return self.time_ns // 1_000_000

    def shown_ms(self) -> int:
        return self.now_ms()


class StillMarket:
    """Opens a book of ten levels around `mid` ticks, then only closes candles; `trade` makes the house trade."""

    def __init__(self, exchange: Exchange, mid: int = 6_000_000) -> None:
        self._exchange = exchange
        self._mid = mid
        self._is_open = False

    def advance(self, now_ns: int) -> list[Event]:
        for symbol in self._exchange.symbols:
            house = self._exchange.house(symbol)
            if not self._is_open:
                for step in range(1, 11):
                    house.bids.add_house(self._mid - step, 100_000)
                    house.asks.add_house(-(self._mid + step), 100_000)
                house.log(now_ns)
        self._is_open = True
        self._exchange.close_due(now_ns)
        return self._exchange.take_events(now_ns)

    def trade(self, symbol: str, lots: int, now_ns: int) -> list[Event]:
        """The house buys `lots` from the asks."""
        house = self._exchange.house(symbol)
        house.take(house.asks, lots, self._mid + 1_000, now_ns)
        house.log(now_ns)
        return self._exchange.take_events(now_ns)


@dataclass
class MemoryStore:
    """Keeps events and runs their callbacks when told that the disk is done."""

    events: list[Any] = field(default_factory=list)
    accounts: list[Any] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def append(self, events: Sequence[Any], then: Callable[[], None] | None = None, *, opened: Any = None) -> None:
        self.events += events
        self.accounts += [] if opened is None else [opened]
        if then is not None:
            self.callbacks.append(then)

    def commit(self) -> None:
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()

    async def durable(self) -> None:
        self.commit()


@dataclass
class Venue:
    floor: TradingFloor
    market: StillMarket
    clock: HandClock
    store: MemoryStore
    hub: StreamHub
    publisher: MarketPublisher
    told: list[Any]
    """Private events that have been told."""


def quiet_venue(*symbols: str) -> Venue:
    specs = [
        SymbolSpec.of(
            spot(symbol, price_band_up=Decimal(5), price_band_down=Decimal("0.2"), max_notional=Decimal(9_000_000))
        )
        for symbol in symbols or ("BTC/USDT",)
    ]
    exchange = Exchange(specs, fees=FeeSchedule(), start_ns=START_NS)
    market, clock, store, hub = StillMarket(exchange), HandClock(), MemoryStore(), StreamHub()
    publisher = MarketPublisher(exchange, hub, clock.now_ms, turn_ms=20)
    told: list[Any] = []
    floor = TradingFloor(
        exchange=exchange,
        market=market,
        clock=clock,
        store=store,
        publisher=publisher,
        hub=hub,
        tell_private=told.extend,
    )
    floor.open_account("alice", "secret", {"USDT": Decimal(100_000), "BTC": Decimal(1)})
    store.commit()
    told.clear()
    return Venue(floor, market, clock, store, hub, publisher, told)


class Listener:
    """Stands for a connection in the hub: collects frames."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.sent: list[bytes] = []

    def queue(self, frame: bytes) -> bool:
        self.frames.append(frame)
        return len(self.frames) == 1

    def flush(self) -> None:
        self.sent += self.frames
        self.frames = []

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)
