"""Real candle rings of a few symbols, filled as the stream would."""

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.market.candle_store import Applied, CandleStore

MINUTE_MS = 60_000
FIRST_OPEN_MS = 1_800_000_000_000 - 1_800_000_000_000 % MINUTE_MS
SYMBOLS = tuple(InstrumentId(f"{base}/USDT") for base in ("AAA", "BBB", "CCC", "DDD"))
KEYS = tuple(SeriesKey(symbol, Timeframe.M1) for symbol in SYMBOLS)


class Rings:
    """Candle `n` of a series opens at minute `n` and closes at the price it was given."""

    def __init__(self, *, capacity: int = 1_000) -> None:
        self.store = CandleStore(KEYS, capacity=capacity)
        self.counts = dict.fromkeys(KEYS, 0)

    def close(self, key: SeriesKey, *prices: float) -> None:
        """One more closed candle a price."""
        for price in prices:
            open_ms = FIRST_OPEN_MS + self.counts[key] * MINUTE_MS
            candle = Candle(open_ms, price, price, price, price, 1.0)
            event = CandleChanged(key.instrument_id, key.timeframe, candle, True, close_ms(self.counts[key]), 0)
            assert self.store.apply(event) is Applied.CLOSED
            self.counts[key] += 1

    def last_close_ms(self, key: SeriesKey) -> int:
        return close_ms(self.counts[key] - 1)


def close_ms(number: int) -> int:
    """When candle `number` of a series closes."""
    return FIRST_OPEN_MS + (number + 1) * MINUTE_MS
