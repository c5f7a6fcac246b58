"""The candle that has closed: from the stream where that brings it, by REST where it does not."""

import asyncio
import math
from collections.abc import Sequence

from core.domain.candles import SeriesKey
from core.domain.errors import ComputeError, VenueUnavailable
from core.domain.reason_codes import ReasonCode, because
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.ports.clock import TradingClock
from core.runtime.clocks import NS_PER_MS


class CandleMissing(Exception):
    """No fault of the symbol: the next candle that comes is decided on. `reason` says more."""

    def __init__(self, **details: object) -> None:
        self.reason = because(ReasonCode.CANDLE_MISSING, **details)


class ClosedCandles:
    """Belongs to one event loop."""

    def __init__(
        self,
        market: MarketPicture,
        fetcher: MarketFetcher,
        clock: TradingClock,
        *,
        ask_again_s: Sequence[float],
        patience_s: float,
    ) -> None:
        """`ask_again_s`: real time before a candle that could not be had is asked for again, a pause a try;
        `patience_s`: how much of it makes sense at most."""
        self._market = market
        self._fetcher = fetcher
        self._clock = clock
        self._ask_again_s = tuple(ask_again_s)
        self._patience_s = patience_s

    async def fetch(self, key: SeriesKey, window: int, close_ms: int) -> None:
        """See that the store holds the candle that closed at `close_ms`, and no gap before it: from the stream where
        that is fresh, by the blocking REST call in a thread of the data lane where it is not. One refusal by a venue
        in trouble is not its last word. Raises `CandleMissing`, where older ones would be taken for it otherwise, and
        what `MarketFetcher.candles` raises besides. Cancelling is safe."""
        await self._ask(key, window, close_ms)
        if not self._holds(key, close_ms):
            raise CandleMissing(newest_ms=self._market.candles.last_closed_ms(key))

    async def _ask(self, key: SeriesKey, window: int, close_ms: int) -> None:
        pauses_s = iter(self._ask_again_s)
        while not self._holds(key, close_ms) or self._market.candles.gap(key) is not None:
            try:
                await self._fetcher.candles(key, window)
            except ComputeError as error:  # the lane's trouble
                raise CandleMissing(error=error) from error
            except VenueUnavailable as error:
                pause_s = max(next(pauses_s, math.inf), error.retry_after_s or 0.0)
                if pause_s > self._left_s(key, close_ms):
                    raise CandleMissing(error=error) from error
                await asyncio.sleep(pause_s)
            else:
                return

    def _left_s(self, key: SeriesKey, close_ms: int) -> float:
        """Real time for which it makes sense to wait for this candle: soon the next one closes."""
        now_ms = self._clock.now_ns() // NS_PER_MS
        return min((close_ms + key.timeframe.ms - now_ms) / 1_000 / self._clock.speed, self._patience_s)

    def _holds(self, key: SeriesKey, close_ms: int) -> bool:
        last_ms = self._market.candles.last_closed_ms(key)
        return last_ms is not None and last_ms + key.timeframe.ms >= close_ms
