"""What all of Binance's markets answer alike by REST, account or none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.domain.candles import Candle, Timeframe
from core.domain.errors import VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import BookChanged
from core.ports.clock import MonotonicClock
from core.ports.venue import VenueCapabilities
from core.venues.binance.calls import Send, SignedCalls
from core.venues.binance.client import BinanceClient
from core.venues.binance.decode import UNREADABLE, DepthAnswer, Kline
from core.venues.binance.instruments import Symbols, venue_symbol
from core.venues.binance.tariff import limits_in
from core.venues.guarded_calls import ClientStatistics


@dataclass(frozen=True, slots=True)
class Market:
    """One of Binance's markets."""

    capabilities: Callable[[int], VenueCapabilities]
    """Of a recvWindow in ms."""
    exchange_info: Callable[[BinanceClient], str]
    """Its address."""
    instruments_of: Callable[[bytes], dict[InstrumentId, Instrument]]
    """Raises one of `UNREADABLE`."""
    klines: Send
    max_klines: int


class PublicMarket:
    """The part of `VenueRest` that needs no account, with the methods that a market's adapter builds its own part on.
    Thread-safe."""

    def __init__(
        self, market: Market, calls: SignedCalls, monotonic_clock: MonotonicClock, symbols: Symbols | None
    ) -> None:
        """`symbols` is filled by `instruments()`."""
        self._market = market
        self._calls = calls
        self._monotonic = monotonic_clock
        self._symbols = symbols if symbols is not None else Symbols()

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._market.capabilities(self._calls.window_ms)

    def server_time_ms(self) -> int:
        return self._calls.server_time_ms()

    def epoch_id(self) -> str | None:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._calls.epoch.id()

    def clock_speed(self) -> float:
        """As of the last `server_time_ms`; asks once when there was none."""
        return self._calls.epoch.clock_speed()

    def instruments(self) -> dict[InstrumentId, Instrument]:
        body = self._calls.client.download(self._market.exchange_info(self._calls.client))
        try:
            found = self._market.instruments_of(body)
        except UNREADABLE as error:
            raise VenueUnavailable(f"unreadable exchangeInfo: {error}") from error
        self._symbols.learn(found.values())
        self._calls.learn_limits(limits_in(body))
        return found

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        """Raises ValueError for a limit below 1 or above `capabilities.max_klines`."""
        if not 1 <= limit <= self._market.max_klines:
            raise ValueError(f"limit must be 1 to {self._market.max_klines}, not {limit}")
        parameters: dict[str, Any] = {
            "symbol": venue_symbol(instrument_id),
            "interval": timeframe.value,
            "limit": limit,
        }
        if since_ms is not None:
            parameters["startTime"] = since_ms
        rows = self._calls.read(lambda ccxt: self._market.klines(ccxt, parameters), list[Kline])
        return [
            Candle(row.open_ms, row.open, row.high, row.low, row.close, row.volume, row.quote_volume, row.n_trades)
            for row in rows
        ]

    def statistics(self) -> ClientStatistics:
        return self._calls.client.statistics()

    def close(self) -> None:
        self._calls.client.close()

    def _book(self, instrument_id: InstrumentId, answer: DepthAnswer, event_ns: int) -> BookChanged:
        """A full picture, as it arrives now."""
        return BookChanged(
            instrument_id=instrument_id,
            bids=answer.bids,
            asks=answer.asks,
            first_sequence=answer.last_update_id,
            last_sequence=answer.last_update_id,
            is_snapshot=True,
            event_ns=event_ns,
            received_ns=self._monotonic.now_ns(),
        )

    def _known_id(self, symbol: str) -> InstrumentId:
        self._learn_symbols()
        return self._symbols.instrument_id(symbol)

    def _learn_symbols(self) -> None:
        if not self._symbols:
            self.instruments()
