"""Candles of one symbol, folded from its trades.

Trades make the minute; a closed minute becomes part of the 3m and 5m candles, a closed 5m candle part of the 15m one,
and so on up to the month. A forming candle of any length is therefore the closed parts on the way down to the minute,
and the minute itself.
"""

from collections.abc import Mapping

import msgspec

from core.simulation.engine.events import Candle
from core.simulation.engine.intervals import Interval
from core.simulation.engine.series import CandleSeries, Rows, to_candle

_MINUTE_MS = 60_000

PART_OF: dict[Interval, tuple[Interval, ...]] = {
    Interval.M1: (Interval.M3, Interval.M5),
    Interval.M5: (Interval.M15,),
    Interval.M15: (Interval.M30,),
    Interval.M30: (Interval.H1,),
    Interval.H1: (Interval.H2,),
    Interval.H2: (Interval.H4, Interval.H6),
    Interval.H4: (Interval.H8,),
    Interval.H6: (Interval.H12,),
    Interval.H12: (Interval.D1,),
    Interval.D1: (Interval.D3, Interval.W1, Interval.MONTH),
}
_PART: dict[Interval, Interval] = {whole: part for part, wholes in PART_OF.items() for whole in wholes}


def merge(first: Candle | None, second: Candle, open_ms: int, close_ms: int) -> Candle:
    """One candle of two that follow each other; one without trades counts only where neither has any."""
    if first is None or (first.n_trades == 0 and second.n_trades):
        return Candle(open_ms, close_ms, *_values(second))
    if second.n_trades == 0:
        return Candle(open_ms, close_ms, *_values(first))
    return Candle(
        open_ms,
        close_ms,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.volume + second.volume,
        first.quote_volume + second.quote_volume,
        first.n_trades + second.n_trades,
        first.taker_buy_volume + second.taker_buy_volume,
        first.taker_buy_quote_volume + second.taker_buy_quote_volume,
        first.first_trade_id if first.first_trade_id >= 0 else second.first_trade_id,
        second.last_trade_id,
    )


class CandleBook:
    """`end_ms` is when the present minute ends: `close_due` must be called before a trade at or after it is added."""

    __slots__ = (
        "_close",
        "_ends_ms",
        "_first_id",
        "_high",
        "_last_id",
        "_low",
        "_n_trades",
        "_open",
        "_parts",
        "_quote_volume",
        "_series",
        "_taker_buy_quote_volume",
        "_taker_buy_volume",
        "_volume",
        "end_ms",
    )

    def __init__(self, start_ms: int, history: Mapping[Interval, Rows] | None = None) -> None:
        """`history`: candles that begin before the start, by interval; missing intervals begin empty. One that ends
        after the start is left out: its closed parts are taken over instead."""
        self._series = {interval: CandleSeries(interval) for interval in Interval}
        self._parts: dict[Interval, Candle | None] = dict.fromkeys(Interval)
        """What is closed already of each forming candle; `None`: nothing."""
        open_ms = Interval.M1.open_ms(start_ms)
        self._ends_ms = {each: each.next_open_ms(each.open_ms(open_ms)) for each in Interval}
        self.end_ms = open_ms + _MINUTE_MS
        self._close = 0
        """Last price ever; 0: none yet."""
        self._open = self._high = self._low = 0
        self._volume = self._quote_volume = self._n_trades = 0
        self._taker_buy_volume = self._taker_buy_quote_volume = 0
        self._first_id = self._last_id = -1
        for interval, rows in (history or {}).items():
            self._series[interval].extend(rows[rows[:, 0] < interval.open_ms(open_ms)])
        self._take_over_parts(open_ms)

    @property
    def last_price(self) -> int:
        """Ticks; 0: nothing has ever traded."""
        return self._close

    def add(self, price: int, quantity: int, trade_id: int, buyer_is_maker: bool) -> None:
        """Fold one trade into the present minute."""
        if self._n_trades == 0:
            self._open = self._high = self._low = price
            self._first_id = trade_id
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._n_trades += 1
        self._last_id = trade_id
        self._volume += quantity
        steps = price * quantity
        self._quote_volume += steps
        if not buyer_is_maker:
            self._taker_buy_volume += quantity
            self._taker_buy_quote_volume += steps

    def close_due(self, now_ms: int) -> list[tuple[Interval, Candle]]:
        """Close every candle that ends by `now_ms`, in order of their ends, shortest first."""
        closed: list[tuple[Interval, Candle]] = []
        while now_ms >= self.end_ms:
            minute = self._minute()
            self.end_ms += _MINUTE_MS
            self._start_minute()
            self._ends_ms[Interval.M1] = self.end_ms
            if self._close:
                self._close_one(Interval.M1, minute, closed)
            else:
                self._skip_empty(minute.close_ms + 1)
        return closed

    def forming(self, interval: Interval) -> Candle:
        """The candle being built; all prices 0 while nothing has ever traded."""
        open_ms = interval.open_ms(self.end_ms - _MINUTE_MS)
        close_ms = interval.next_open_ms(open_ms) - 1
        pieces = [self._minute()]
        while interval is not Interval.M1:
            if (part := self._parts[interval]) is not None:
                pieces.append(part)
            interval = _PART[interval]
        whole: Candle | None = None
        for piece in sorted(pieces, key=lambda candle: candle.open_ms):
            whole = merge(whole, piece, open_ms, close_ms)
        assert whole is not None  # noqa: S101 - the minute is always there
        return whole

    def select(self, interval: Interval, start_ms: int | None, end_ms: int | None, limit: int) -> list[Candle]:
        """As `Exchange.candles`."""
        if limit <= 0:
            return []
        forming = self.forming(interval)
        wants_forming = (end_ms is None or forming.open_ms <= end_ms) and forming.close > 0
        if start_ms is None:
            closed = self._series[interval].select(None, end_ms, limit - wants_forming) if limit > wants_forming else []
            return [*closed, forming] if wants_forming else closed
        candles = self._series[interval].select(start_ms, end_ms, limit)
        if wants_forming and forming.open_ms >= start_ms and len(candles) < limit:
            candles.append(forming)
        return candles

    def closed_rows(self) -> dict[Interval, Rows]:
        """Closed candles of every interval."""
        return {interval: series.rows_since(0) for interval, series in self._series.items()}

    def minutes_since(self, open_ms: int) -> Rows:
        """Closed minutes that open at `open_ms` or later."""
        return self._series[Interval.M1].rows_since(open_ms)

    def _take_over_parts(self, now_ms: int) -> None:
        last = self._series[Interval.M1].last()
        if last is not None:
            self._close = self._open = self._high = self._low = last.close
        for whole, part in _PART.items():
            for row in self._series[part].rows_since(whole.open_ms(now_ms)).tolist():
                candle = to_candle(row, part)
                self._parts[whole] = merge(self._parts[whole], candle, candle.open_ms, candle.close_ms)

    def _start_minute(self) -> None:
        self._open = self._high = self._low = self._close
        self._volume = self._quote_volume = self._n_trades = 0
        self._taker_buy_volume = self._taker_buy_quote_volume = 0
        self._first_id = self._last_id = -1

    def _minute(self) -> Candle:
        return Candle(
            self.end_ms - _MINUTE_MS,
            self.end_ms - 1,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._quote_volume,
            self._n_trades,
            self._taker_buy_volume,
            self._taker_buy_quote_volume,
            self._first_id,
            self._last_id,
        )

    def _close_one(self, interval: Interval, candle: Candle, closed: list[tuple[Interval, Candle]]) -> None:
        self._series[interval].append(candle)
        closed.append((interval, candle))
        for whole in PART_OF.get(interval, ()):
            part = self._parts[whole]
            grown = merge(part, candle, part.open_ms if part is not None else candle.open_ms, candle.close_ms)
            end_ms = self._ends_ms[whole]
            if candle.close_ms + 1 < end_ms:
                self._parts[whole] = grown
                continue
            self._parts[whole] = None
            self._ends_ms[whole] = whole.next_open_ms(end_ms)
            open_ms = whole.open_ms(candle.open_ms)
            self._close_one(whole, Candle(open_ms, end_ms - 1, *_values(grown)), closed)

    def _skip_empty(self, now_ms: int) -> None:
        for interval, end_ms in self._ends_ms.items():
            if interval is not Interval.M1 and now_ms >= end_ms:
                self._ends_ms[interval] = interval.next_open_ms(end_ms)


def _values(candle: Candle) -> tuple[int, ...]:
    """All but the times."""
    return msgspec.structs.astuple(candle)[2:]
