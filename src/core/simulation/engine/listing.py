"""One listed symbol: its book, waiting stops, tape and candles, and the house's side of its trades."""

from collections.abc import Mapping
from math import ceil, floor

from core.simulation.engine.book import BookSide
from core.simulation.engine.candles import CandleBook
from core.simulation.engine.event_log import EventLog
from core.simulation.engine.events import BookChanged, CandleClosed, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.order_lists import OrderGroup
from core.simulation.engine.series import Rows
from core.simulation.engine.stops import StopOrders
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.tape import Tape
from core.simulation.engine.ticker import DayTicker
from core.simulation.engine.trailing import TrailingStops
from core.simulation.engine.views import Best, Depth

_NEVER = 1 << 62
_AVERAGE_MINUTES = 5


class Listing:
    __slots__ = (
        "_average",
        "_band",
        "_candle_end_ns",
        "_log",
        "_name",
        "_new_taker",
        "aggregate_id",
        "asks",
        "bids",
        "candles",
        "day",
        "due_lists",
        "house_base",
        "house_quote",
        "is_halted",
        "last_price",
        "prevented_match_id",
        "spec",
        "stops",
        "tape",
        "trade_id",
        "traded_high",
        "traded_low",
        "trailing",
        "update_id",
    )

    def __init__(self, spec: SymbolSpec, log: EventLog, start_ns: int, history: Mapping[Interval, Rows]) -> None:
        self.spec = spec
        self._name = spec.name
        self._log = log
        self.bids = BookSide(is_bid=True)
        self.asks = BookSide(is_bid=False)
        self.stops = StopOrders()
        self.is_halted = False
        """Nothing trades: markets leave it alone."""
        self.trailing = TrailingStops()
        self.due_lists: list[OrderGroup] = []
        """Lists whose working order has filled: their pending orders' turn comes after the present taker."""
        self.tape = Tape()
        self.candles = CandleBook(start_ns // 1_000_000, history)
        self.day = DayTicker(spec.name, self.candles, self.tape)
        self._candle_end_ns = self.candles.end_ms * 1_000_000
        self.last_price = self.candles.last_price
        self.trade_id = self.aggregate_id = self.update_id = 0
        """Last numbers given."""
        self.prevented_match_id = -1
        """The last number given."""
        self._new_taker = True
        self.traded_low, self.traded_high = _NEVER, -_NEVER
        """Range of the prices traded since stops were last looked at."""
        self._average = 0
        """Average price of the last minutes; 0: to be counted."""
        self._band = (0, _NEVER)
        self.house_base = self.house_quote = 0
        """Atoms the house has gained (or, negative, paid) in trades with accounts."""

    def begin_taker(self) -> None:
        """The next trade is another taker's than the one before."""
        self._new_taker = True

    def print_trade(self, price: int, quantity: int, buyer_is_maker: bool, time_ns: int) -> int:
        """Put one trade on the tape and into the candles; its id."""
        if time_ns >= self._candle_end_ns:
            self.close_candles(time_ns)
        if self._new_taker or price != self.last_price:
            self._new_taker = False
            self.aggregate_id += 1
        self.trade_id = trade_id = self.trade_id + 1
        log = self._log
        log.sequence = sequence = log.sequence + 1
        trade = Trade(sequence, time_ns, self._name, trade_id, self.aggregate_id, price, quantity, buyer_is_maker)
        log.pending.append(trade)
        self.tape.append(trade)
        self.candles.add(price, quantity, trade_id, buyer_is_maker)
        self.last_price = price
        if not self.traded_low <= price <= self.traded_high:
            self.traded_low, self.traded_high = min(price, self.traded_low), max(price, self.traded_high)
        if self.trailing.orders:
            self.trailing.see(price, time_ns)
        return trade_id

    def stops_reached(self) -> bool:
        """Whether a price traded since the last `forget_traded_range` reached a stop."""
        return self.traded_high >= self.stops.rising or self.traded_low <= self.stops.falling

    def forget_traded_range(self) -> None:
        self.traded_low, self.traded_high = _NEVER, -_NEVER

    def close_candles(self, now_ns: int) -> None:
        """Close and log what ends by `now_ns`."""
        if now_ns < self._candle_end_ns:
            return
        log, name = self._log, self.spec.name
        for interval, candle in self.candles.close_due(now_ns // 1_000_000):
            if interval is Interval.M1:
                self.day.minute_closed(candle)
            ended_ns = (candle.close_ms + 1) * 1_000_000
            log.pending.append(CandleClosed(log.next(), ended_ns, name, interval, candle))
        self._candle_end_ns = self.candles.end_ms * 1_000_000
        self._average = 0

    def log_book(self, time_ns: int) -> None:
        """Log the levels changed since the last time, if any."""
        bids, asks = self.bids, self.asks
        changed_bids, changed_asks = bids.changed, asks.changed
        n_changed = len(changed_bids) + len(changed_asks)
        if not n_changed:
            return
        log = self._log
        log.sequence = sequence = log.sequence + 1
        update_id = self.update_id
        self.update_id = last_update_id = update_id + n_changed
        best_bid = bids.keys[-1] if bids.keys else 0
        best_ask = asks.keys[-1] if asks.keys else 0
        log.pending.append(
            BookChanged(
                sequence,
                time_ns,
                self._name,
                update_id + 1,
                last_update_id,
                tuple(changed_bids.items()),
                tuple([(-key, lots) for key, lots in changed_asks.items()]),
                best_bid,
                bids.lots[best_bid] if best_bid else 0,
                -best_ask,
                asks.lots[best_ask] if best_ask else 0,
            )
        )
        changed_bids.clear()
        changed_asks.clear()

    def average_price(self) -> int:
        """Volume-weighted price of the last five minutes, counted once a minute; the last price if nothing traded."""
        if self._average == 0:
            self._average = average = self._count_average()
            up, down = self.spec.price_band_up, self.spec.price_band_down
            self._band = (
                0 if down is None else ceil(average * down),
                _NEVER if up is None or not average else floor(average * up),
            )
        return self._average

    def price_band(self) -> tuple[int, int]:
        """The lowest and highest limit price that the average allows now."""
        if self._average == 0:
            self.average_price()
        return self._band

    def best(self) -> Best:
        bids, asks = self.bids, self.asks
        return Best(self.update_id, bids.best_price(), bids.best_lots(), asks.best_price(), asks.best_lots())

    def depth(self, limit: int) -> Depth:
        return Depth(self.update_id, self.bids.top(limit), self.asks.top(limit))

    def _count_average(self) -> int:
        minutes = self.candles.select(Interval.M1, None, None, _AVERAGE_MINUTES)
        volume = sum(minute.volume for minute in minutes)
        if not volume:
            return self.last_price
        return sum(minute.quote_volume for minute in minutes) // volume
