"""What the API tells of a running daemon beside its status; taken from its parts when somebody asks."""

from core.api.lines import candle_line
from core.api.live_view import Parts
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.pictures import CandlesShown, FeedLine
from core.market.feed_states import FeedStatus
from core.ports.clock import MonotonicClock
from core.runtime.turns import in_turns

FEEDS_A_TURN = 100


class LiveDetails:
    """Called on the loop; no answer holds it up for more than a millisecond."""

    def __init__(self, monotonic: MonotonicClock) -> None:
        self._monotonic = monotonic
        self._parts: Parts | None = None

    def attach(self, parts: Parts) -> None:
        """From now on there is something to tell."""
        self._parts = parts

    async def feeds(self) -> tuple[FeedLine, ...]:
        """Empty while starting. In several turns of the loop, none of which takes long."""
        if self._parts is None:
            return ()
        feeds = self._parts.market.feeds.status(self._monotonic.now_ns())
        return tuple([_feed_line(each) async for each in in_turns(feeds, FEEDS_A_TURN)])

    def candles(self, symbol: str, timeframe: str | None, limit: int) -> CandlesShown:
        """`timeframe` `None`: the shortest. Empty for a series that is not held."""
        keys = [] if self._parts is None else [each for each in self._parts.keys if each.instrument_id == symbol]
        keys.sort(key=lambda key: key.timeframe.ms)
        wanted = keys[:1] if timeframe is None else [each for each in keys if each.timeframe is Timeframe(timeframe)]
        if self._parts is None or not wanted:
            return CandlesShown(symbol, timeframe or "", (), None)
        return self._series(self._parts, wanted[0], limit)

    def _series(self, parts: Parts, key: SeriesKey, limit: int) -> CandlesShown:
        window = parts.market.candles.window(key, limit)
        closed = zip(*(column.tolist() for column in window.columns), strict=True)
        forming = parts.market.candles.forming(key)
        return CandlesShown(
            symbol=InstrumentId(key.instrument_id),
            timeframe=key.timeframe.value,
            candles=tuple(candle_line(Candle(*each)) for each in closed),
            forming=None if forming is None else candle_line(forming),
        )


def _feed_line(feed: FeedStatus) -> FeedLine:
    return FeedLine(
        symbol=feed.instrument_id,
        channel=str(feed.channel),
        state=str(feed.state),
        age_s=feed.age_s,
        lag_s=feed.lag_s,
        on_rest=feed.on_rest,
        cures=feed.cures,
    )
