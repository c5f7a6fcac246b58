"""The rolling 24 hours of one symbol, folded from its minutes: 1,439 closed ones and the forming one."""

import numpy as np

from core.simulation.engine.candles import CandleBook
from core.simulation.engine.events import Candle
from core.simulation.engine.intervals import Interval
from core.simulation.engine.series import bounded_sums
from core.simulation.engine.tape import Tape
from core.simulation.engine.views import Ticker

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000


class DayTicker:
    """Sums the closed minutes once a minute, and adds the forming one when asked."""

    __slots__ = ("_candles", "_closed", "_closed_end_ms", "_first_ids", "_previous_close", "_symbol", "_tape")

    def __init__(self, symbol: str, candles: CandleBook, tape: Tape) -> None:
        self._symbol = symbol
        self._candles = candles
        self._tape = tape
        self._closed: Candle | None = None
        self._closed_end_ms = -1
        self._previous_close = 0
        self._first_ids: list[tuple[int, int]] = []
        """(open_ms, first trade id) of the minutes of this session, within the window."""

    def minute_closed(self, candle: Candle) -> None:
        """Remember which trade a closed minute began with."""
        if candle.first_trade_id >= 0:
            self._first_ids.append((candle.open_ms, candle.first_trade_id))
            if len(self._first_ids) > 2 * _DAY_MS // _MINUTE_MS:
                del self._first_ids[: _DAY_MS // _MINUTE_MS]

    def ticker(self) -> Ticker:
        forming = self._candles.forming(Interval.M1)
        window_ms = forming.open_ms + _MINUTE_MS - _DAY_MS
        if forming.open_ms != self._closed_end_ms:
            self._sum_closed(window_ms)
            self._closed_end_ms = forming.open_ms
        parts = [part for part in (self._closed, forming) if part is not None and part.n_trades]
        first, last_trade = parts[0] if parts else forming, self._tape.last()
        return Ticker(
            self._symbol,
            window_ms,
            forming.close_ms,
            first.open,
            max((part.high for part in parts), default=forming.close),
            min((part.low for part in parts), default=forming.close),
            forming.close,
            last_trade.quantity if last_trade is not None else 0,
            self._previous_close or first.open,
            sum(part.volume for part in parts),
            sum(part.quote_volume for part in parts),
            sum(part.n_trades for part in parts),
            self._first_id(window_ms, forming),
            last_trade.trade_id if last_trade is not None and last_trade.time_ns // 1_000_000 >= window_ms else -1,
        )

    def _first_id(self, window_ms: int, forming: Candle) -> int:
        return next((first for open_ms, first in self._first_ids if open_ms >= window_ms), forming.first_trade_id)

    def _sum_closed(self, window_ms: int) -> None:
        rows = self._candles.minutes_since(window_ms - _MINUTE_MS)
        before, inside = rows[rows[:, 0] < window_ms], rows[rows[:, 0] >= window_ms]
        self._previous_close = int(before[-1, 4]) if len(before) else 0
        traded = inside[inside[:, 7] > 0]
        if not len(traded):
            self._closed = None
            return
        sums = bounded_sums(traded[:, 5:], np.zeros(1, dtype=np.int64))[0].tolist()
        self._closed = Candle(
            window_ms,
            0,
            int(traded[0, 1]),
            int(traded[:, 2].max()),
            int(traded[:, 3].min()),
            int(traded[-1, 4]),
            *sums,
        )
