"""The daemon's end of the forwarded market: from its own streams into the embedded venue."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, QuoteChanged, StreamInterrupted, TradePrinted
from core.simulation.server.feed_messages import (
    MOST_EVENTS,
    PATH,
    FeedAnswer,
    FeedMessage,
    LostMessage,
    QuoteMessage,
    TradeMessage,
)
from core.simulation.server.probe import RunningVenue

MOST_TRADES = 20_000
"""Trades that may wait; beyond them the oldest are dropped and counted."""
_PACE_S = 0.005
"""Between two messages: what comes meanwhile travels together."""
_FULL_PAUSE_S = 0.05
_DIAL_PAUSE_S = 0.5
_ANSWER_TIMEOUT_S = 10.0

_Waiting = tuple[int, FeedMessage]
"""Its number, and what it says."""

_answers = msgspec.json.Decoder(FeedAnswer)
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ForwardingStatistics:
    is_connected: bool
    connections: int
    quotes: int
    """Sent."""
    trades: int
    """Sent."""
    conflated: int
    """Quotes that a newer one of their symbol overtook before they were sent."""
    trades_dropped: int
    """Trades that the venue never saw: too many waited, or it was not there."""
    refused: int
    """Events that the venue did not take."""


class MarketForwarder:
    """Call `offer` on the loop with every event of the market; give `run` to the supervisor.

    Of quotes the newest of each symbol waits, of trades at most `most_trades`. A venue that was away gets the newest
    quotes again; what traded meanwhile it never saw.
    """

    def __init__(
        self,
        venue: Callable[[], Awaitable[RunningVenue]],
        *,
        venue_time_ns: Callable[[int], int] = lambda event_ns: event_ns,
        most_trades: int = MOST_TRADES,
    ) -> None:
        """`venue` waits until the venue listens and tells where; `venue_time_ns` translates a time of the market into
        that venue's."""
        self._venue = venue
        self._venue_time_ns = venue_time_ns
        self._most_trades = most_trades
        self._number = 0
        """Of the last event; quotes and trades travel in the order of their numbers."""
        self._quotes: dict[InstrumentId, _Waiting] = {}
        self._lost: dict[InstrumentId, _Waiting] = {}
        self._trades: deque[_Waiting] = deque()
        self._known: dict[InstrumentId, FeedMessage] = {}
        """The newest quote of each symbol whose stream is up."""
        self._wake = asyncio.Event()
        self._is_connected = False
        self._was_said = False
        self._connections = self._sent_quotes = self._sent_trades = 0
        self._conflated = self._dropped = self._refused = 0

    def offer(self, event: MarketEvent) -> None:
        """Take one event; never blocks, never raises. Events that the venue has no use for are passed over."""
        if isinstance(event, QuoteChanged):
            message = QuoteMessage(event.instrument_id, event.bid, event.bid_quantity, event.ask, event.ask_quantity)
            self._known[event.instrument_id] = message
            self._queue_quote(event.instrument_id, message)
        elif isinstance(event, TradePrinted):
            event_ns = self._venue_time_ns(event.event_ns)
            self._queue_trade(
                TradeMessage(event.instrument_id, event.price, event.quantity, event.buyer_is_maker, event_ns)
            )
        elif isinstance(event, StreamInterrupted):
            self._forget(event.instrument_ids)

    async def run(self) -> None:
        """Until cancelled, which closes the connection; dials again whenever the venue is gone."""
        while True:
            venue = await self._venue()
            try:
                async with connect(
                    f"ws{venue.admin_url.removeprefix('http')}{PATH}", compression=None, proxy=None, close_timeout=1.0
                ) as connection:
                    await self._serve(connection)
            except (OSError, WebSocketException) as error:
                self._went_down(error)
            await asyncio.sleep(_DIAL_PAUSE_S)

    def statistics(self) -> ForwardingStatistics:
        return ForwardingStatistics(
            is_connected=self._is_connected,
            connections=self._connections,
            quotes=self._sent_quotes,
            trades=self._sent_trades,
            conflated=self._conflated,
            trades_dropped=self._dropped,
            refused=self._refused,
        )

    # The queue

    def _queue_quote(self, instrument_id: InstrumentId, message: FeedMessage) -> None:
        self._conflated += instrument_id in self._quotes
        self._quotes[instrument_id] = self._numbered(message)

    def _queue_trade(self, message: TradeMessage) -> None:
        if not self._is_connected:
            self._dropped += 1
            return
        if len(self._trades) >= self._most_trades:
            self._trades.popleft()
            self._dropped += 1
        self._trades.append(self._numbered(message))

    def _forget(self, instrument_ids: Iterable[InstrumentId]) -> None:
        for instrument_id in instrument_ids:
            self._known.pop(instrument_id, None)
            self._quotes.pop(instrument_id, None)
            self._lost[instrument_id] = self._numbered(LostMessage((instrument_id,)))

    def _numbered(self, message: FeedMessage) -> _Waiting:
        self._number += 1
        self._wake.set()
        return self._number, message

    def _next_batch(self) -> list[FeedMessage]:
        """The oldest trades that wait, and what else came before the last of them."""
        chosen = [self._trades.popleft() for _ in range(min(len(self._trades), MOST_EVENTS // 2))]
        last = chosen[-1][0] if self._trades else self._number
        for waiting in (self._lost, self._quotes):
            due = [each for each, (number, _) in waiting.items() if number <= last]
            chosen += [waiting.pop(each) for each in due[: MOST_EVENTS - len(chosen)]]
        if not (self._trades or self._lost or self._quotes):
            self._wake.clear()
        return [message for _, message in sorted(chosen, key=itemgetter(0))]

    # The connection

    async def _serve(self, connection: ClientConnection) -> None:
        self._came_up()
        batch: list[FeedMessage] = []
        watch = asyncio.create_task(self._wake_at_the_end(connection), name="market feed's end")
        try:
            while True:
                await self._wake.wait()
                batch = self._next_batch()
                await self._send(connection, _encode(batch))
                self._sent_trades += _n_trades(batch)
                self._sent_quotes += sum(isinstance(message, QuoteMessage) for message in batch)
                batch = []
                await asyncio.sleep(_PACE_S)
        finally:
            watch.cancel()
            self._is_connected = False
            self._dropped += _n_trades(batch) + len(self._trades)
            self._trades.clear()

    async def _wake_at_the_end(self, connection: ClientConnection) -> None:
        """With nothing to send nobody would notice that it is over."""
        await connection.wait_closed()
        self._wake.set()

    async def _send(self, connection: ClientConnection, batch: bytes) -> None:
        """Send it until it is taken."""
        while True:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await connection.send(batch)
                answer = _answers.decode(await connection.recv())
            if not answer.is_full:
                break
            await asyncio.sleep(_FULL_PAUSE_S)
        if answer.refused:
            if not self._refused:
                _log.error("forwarded_market_refused", reason=answer.reason)
            self._refused += answer.refused

    def _came_up(self) -> None:
        """Begin with the quotes that hold now."""
        self._is_connected = True
        self._connections += 1
        self._was_said = False
        self._lost.clear()
        self._quotes = {each: self._numbered(message) for each, message in self._known.items()}
        _log.info("forwarding_market", symbols=len(self._known), trades_dropped=self._dropped)

    def _went_down(self, error: Exception) -> None:
        """Said once for each time."""
        if not self._was_said:
            self._was_said = True
            _log.warning("forwarding_interrupted", reason=f"{type(error).__name__}: {error}")


def _n_trades(batch: Iterable[FeedMessage]) -> int:
    return sum(isinstance(message, TradeMessage) for message in batch)
