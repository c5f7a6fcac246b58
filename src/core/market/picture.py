"""All that is known of the market now: candles, quotes, and the health of the feeds that bring them."""

from collections.abc import Sequence

from core.domain.candles import Candle, SeriesKey
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged, MarketEvent, QuoteChanged, StreamInterrupted, TradePrinted
from core.market.candle_store import Applied, CandleStore
from core.market.feed_states import Channel, Cure
from core.market.feeds import FeedHealth
from core.market.quotes import Quotes


class MarketPicture:
    """One door for market events. Owned by the loop."""

    def __init__(self, candles: CandleStore, quotes: Quotes, feeds: FeedHealth) -> None:
        self.candles = candles
        self.quotes = quotes
        self.feeds = feeds
        self.messages = 0
        self.interruptions = 0
        self._checked_ns = 0
        finest_last = sorted(candles.keys(), key=lambda key: key.timeframe.ms, reverse=True)
        self._finest = {key.instrument_id: key for key in finest_last}

    def apply(self, event: MarketEvent) -> Applied | None:
        """Takes one event; what became of it if it was a candle, else `None`."""
        self.messages += 1
        self.feeds.observe(event)
        if isinstance(event, QuoteChanged | TradePrinted):
            self.quotes.apply(event)
        elif isinstance(event, CandleChanged):
            applied = self.candles.apply(event)
            if applied is Applied.GAP:
                self.feeds.gapped(event.instrument_id, Channel.CANDLES)
            return applied
        elif isinstance(event, StreamInterrupted):
            self.interruptions += 1
            self.quotes.interrupted(event)
        return None

    def backfill(self, key: SeriesKey, candles: Sequence[Candle], now_ms: int) -> tuple[Candle, ...]:
        """Candles from REST; gives back those that are new at the end of the series. `now_ms` is trading time."""
        fresh = self.candles.backfill(key, candles, now_ms)
        if self.candles.gap(key) is None:
            self.feeds.mended(key.instrument_id, Channel.CANDLES)
        return fresh

    def check(self, now_ns: int) -> list[Cure]:
        """Judge all feeds now (monotonic time); what to do about those that are ill."""
        self._checked_ns = now_ns
        return self.feeds.check(now_ns)

    def price(self, instrument_id: InstrumentId) -> float | None:
        """What one unit is worth now: the middle of the quote or, while there is none, the newest candle's close;
        `None` before anything came."""
        quote = self.quotes.quote(instrument_id)
        if quote is not None and quote.bid > 0 and quote.ask > 0:
            return (quote.bid + quote.ask) / 2
        key = self._finest.get(instrument_id)
        if key is None:
            return None
        forming = self.candles.forming(key)
        if forming is not None:
            return forming.close
        closes = self.candles.window(key, 1).close
        return float(closes[-1]) if len(closes) else None

    def quote_confirmed_ns(self, instrument_id: InstrumentId) -> int:
        """Monotonic time of the last proof that the held quote still holds: its arrival or, since an unchanged quote is
        not sent again, the last check that found its feed well."""
        quote = self.quotes.quote(instrument_id)
        received_ns = quote.received_ns if quote is not None else 0
        state = self.feeds.state(instrument_id, Channel.QUOTES)
        return max(received_ns, self._checked_ns) if state is not None and state.is_healthy else received_ns
