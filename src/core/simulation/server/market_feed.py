"""The door through which another venue's market comes in: a WebSocket on the admin port.

The newest connection is the feed; an older one is closed. When the feed ends, the market is lost: what rests, rests.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, isfinite

import msgspec
import structlog
from websockets.frames import CloseCode

from core.domain.instruments import InstrumentId
from core.simulation.engine.forwarded import Forwarded, ForwardedMarket, MarketLost, QuoteShown, TradeSeen
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.feed_messages import (
    MOST_EVENTS,
    PATH,
    FeedAnswer,
    FeedMessage,
    QuoteMessage,
    TradeMessage,
)
from core.simulation.server.socket import Socket, SocketHandler

_NEAR = 1e-4
"""Floats this close to a whole number of steps are that number."""
_MOST_STEPS = 1e18

_messages = msgspec.json.Decoder(list[FeedMessage])
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedStatistics:
    is_connected: bool
    taken: int
    refused: int
    """Events, and messages, that meant nothing."""


class MarketFeed:
    """A `SocketHandler` and its own `SocketRoutes`. Events wait in the market for the venue's next turn."""

    def __init__(self, market: ForwardedMarket, specs: Iterable[SymbolSpec]) -> None:
        self._market = market
        self._specs = {spec.instrument.id: spec for spec in specs}
        self._socket: Socket | None = None
        self._taken = self._refused = 0

    def route(self, path: str) -> SocketHandler | None:
        return self if path.rstrip("/") == PATH else None

    def opened(self, socket: Socket, path: str, query: str) -> None:
        before, self._socket = self._socket, socket
        if before is not None:
            before.close(CloseCode.POLICY_VIOLATION, "another feed came")
            self._market.lose()
        _log.info("market_feed_opened", address=socket.address)

    def message(self, socket: Socket, text: bytes) -> None:
        if socket is self._socket:
            socket.send(msgspec.json.encode(self.take(text)))

    def control_frame(self, socket: Socket) -> None:
        pass

    def goodbye(self, now_ms: int) -> None:
        """The daemon feeds its own child: there is nothing to tell it."""

    def closed(self, socket: Socket) -> None:
        if socket is self._socket:
            self._socket = None
            self._market.lose()
            _log.info("market_feed_closed", taken=self._taken, refused=self._refused)

    def take(self, text: bytes) -> FeedAnswer:
        """Give one message's events to the market; never raises."""
        try:
            messages = _messages.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._refuse(str(error))
        if len(messages) > MOST_EVENTS:
            return self._refuse(f"{len(messages)} events in one message, at most {MOST_EVENTS} are taken")
        events: list[Forwarded] = []
        reasons: list[str] = []
        for message in messages:
            try:
                events += self._events(message)
            except ValueError as error:
                reasons.append(str(error))
        if not self._market.offer(events):
            return FeedAnswer(is_full=True, reason="too many events wait for the venue's next turn")
        self._taken += len(messages) - len(reasons)
        self._refused += len(reasons)
        return FeedAnswer(len(messages) - len(reasons), len(reasons), reasons[0] if reasons else "")

    def statistics(self) -> FeedStatistics:
        return FeedStatistics(self._socket is not None, self._taken, self._refused)

    def _refuse(self, reason: str) -> FeedAnswer:
        self._refused += 1
        return FeedAnswer(refused=1, reason=reason)

    def _events(self, message: FeedMessage) -> list[Forwarded]:
        """Raises ValueError for an instrument that is not listed here, and for numbers that are none."""
        if isinstance(message, QuoteMessage):
            return [self._quote(message)]
        if isinstance(message, TradeMessage):
            return [self._trade(message)]
        return [MarketLost(self._spec(name).name) for name in message.instrument_ids]

    def _quote(self, message: QuoteMessage) -> QuoteShown:
        """Prices between ticks go to the worse side, and quantities to whole lots, down."""
        spec = self._spec(message.instrument_id)
        bid_lots = floor(_steps(message.bid_quantity, spec.quantity_float(1)) + _NEAR)
        ask_lots = floor(_steps(message.ask_quantity, spec.quantity_float(1)) + _NEAR)
        bid = floor(_steps(message.bid, spec.price_float(1)) + _NEAR)
        ask = ceil(_steps(message.ask, spec.price_float(1)) - _NEAR)
        for price, lots in ((bid, bid_lots), (ask, ask_lots)):
            if lots and not spec.min_price <= price <= spec.max_price:
                raise ValueError(f"{message.instrument_id}: a price of {spec.price_text(price)} is out of range")
        if bid_lots and ask_lots and bid >= ask:
            raise ValueError(f"{message.instrument_id}: bid {message.bid} is not below ask {message.ask}")
        return QuoteShown(spec.name, bid, bid_lots, ask, ask_lots)

    def _trade(self, message: TradeMessage) -> TradeSeen:
        """A price between ticks goes to where it reaches fewer orders."""
        spec = self._spec(message.instrument_id)
        price = _amount(message.price, spec.instrument.tick_size)
        lots = floor(_amount(message.quantity, spec.instrument.lot_size))
        ticks = ceil(price) if message.buyer_is_maker else floor(price)
        if not (lots > 0 and spec.min_price <= ticks <= spec.max_price):
            raise ValueError(f"{message.instrument_id}: no trade of {message.quantity} at {message.price} can be")
        return TradeSeen(spec.name, ticks, lots, message.buyer_is_maker, message.event_ns)

    def _spec(self, instrument_id: str) -> SymbolSpec:
        spec = self._specs.get(InstrumentId(instrument_id))
        if spec is None:
            raise ValueError(f"{instrument_id} is not listed here")
        return spec


def _steps(value: float, step: float) -> float:
    if not (isfinite(value) and 0 <= value / step < _MOST_STEPS):
        raise ValueError(f"{value} is neither a price nor a quantity")
    return value / step


def _amount(text: str, step: Decimal) -> Decimal:
    """In steps."""
    try:
        value = Decimal(text)
        steps = value / step
    except ArithmeticError:
        raise ValueError(f"{text!r} is no number") from None
    if not (value.is_finite() and 0 <= steps < _MOST_STEPS):
        raise ValueError(f"{text!r} is neither a price nor a quantity")
    return steps
