"""Tells a quiet market from a dead feed, and prescribes the cure: a pure state machine over events and time.

Evidence, in this order: is the connection there (interrupted), does anything come on it (half-open), is something
missing (gapped), is one feed silent that should not be (mute), is what comes old (lagging). Silence of quotes, trades
or books is an illness only if the instrument itself trades, which its candles tell, or if its candles are silent too.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from core.domain.candles import Timeframe
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.domain.market import (
    BookChanged,
    CandleChanged,
    MarkChanged,
    MarketEvent,
    QuoteChanged,
    StreamInterrupted,
    StreamRestored,
    TradePrinted,
)
from core.market.feed_states import (
    Channel,
    Cure,
    FeedChanged,
    FeedLimits,
    FeedState,
    FeedStatus,
    Reconnect,
    RestFallback,
    Resubscribe,
)
from core.ports.clock import TradingClock
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import NS_PER_S

_MAX_CHANGES = 10_000


class _Kind(Enum):
    RESUBSCRIBE = 1
    RECONNECT = 2
    REST = 3


_PLANS = {
    FeedState.INTERRUPTED: (_Kind.REST,),
    FeedState.HALF_OPEN: (_Kind.RECONNECT, _Kind.REST, _Kind.RECONNECT, _Kind.REST),
    FeedState.GAPPED: (_Kind.REST,),
    FeedState.MUTE: (_Kind.RESUBSCRIBE, _Kind.RESUBSCRIBE, _Kind.RECONNECT),
    FeedState.LAGGING: (_Kind.RECONNECT,),
}
"""Cures in the order they are tried; after the last one REST stands in until the feed is back, with a new subscription
every tenth time. A reconnection costs all siblings their feed for a moment, so one silent instrument asks for one."""
_RESUBSCRIBE_EVERY = 10


class _Feed:
    __slots__ = (
        "channel",
        "cures",
        "event_ns",
        "gapped",
        "instrument_id",
        "interrupted_ns",
        "next_cure_ns",
        "on_rest",
        "received_ns",
        "since_ns",
        "state",
        "subscribed_ns",
    )

    def __init__(self, instrument_id: InstrumentId, channel: Channel) -> None:
        self.instrument_id = instrument_id
        self.channel = channel
        self.state = FeedState.STARTING
        self.since_ns = 0
        self.received_ns: int | None = None
        self.event_ns: int | None = None
        self.subscribed_ns: int | None = None
        self.interrupted_ns: int | None = None
        self.gapped = False
        self.on_rest = False
        self.cures = 0
        self.next_cure_ns = 0

    @property
    def heard_ns(self) -> int | None:
        """Last event or last acknowledged subscription; `None` before either."""
        if self.received_ns is None or self.subscribed_ns is None:
            return self.received_ns if self.subscribed_ns is None else self.subscribed_ns
        return max(self.received_ns, self.subscribed_ns)

    def age_s(self, now_ns: int) -> float | None:
        """0 where something came since `now_ns`; `None` before the first event."""
        return None if self.received_ns is None else max(now_ns - self.received_ns, 0) / NS_PER_S


class _Activity:
    """When an instrument last traded, as its candles of the finest timeframe tell."""

    __slots__ = ("timeframe", "traded_ns", "volume")

    def __init__(self, timeframe: Timeframe) -> None:
        self.timeframe = timeframe
        self.volume = 0.0
        self.traded_ns: int | None = None


class FeedHealth:
    """`shards` are the instruments of each connection, which are siblings, and so are those of no connection named.
    `now_ns` is monotonic time throughout, the same clock that stamps `received_ns`."""

    def __init__(
        self,
        subscriptions: StreamSubscriptions,
        trading_clock: TradingClock,
        shards: Sequence[Sequence[InstrumentId]] = (),
    ) -> None:
        self._clock = trading_clock
        self._limits = FeedLimits()
        self._silences_s = {
            Channel.QUOTES: self._limits.quote_silence_s,
            Channel.TRADES: self._limits.trade_silence_s,
            Channel.BOOK: self._limits.book_silence_s,
        }
        self._activity: dict[InstrumentId, _Activity] = {}
        self._feeds: dict[Channel, dict[InstrumentId, _Feed]] = {channel: {} for channel in Channel}
        self._changes: deque[FeedChanged] = deque(maxlen=_MAX_CHANGES)
        for key in subscriptions.candles:
            self._add(Channel.CANDLES, key.instrument_id)
            activity = self._activity.setdefault(key.instrument_id, _Activity(key.timeframe))
            activity.timeframe = min(activity.timeframe, key.timeframe, key=lambda timeframe: timeframe.ms)
        for channel, ids in (
            (Channel.QUOTES, subscriptions.quotes),
            (Channel.TRADES, subscriptions.trades),
            (Channel.BOOK, subscriptions.books),
        ):
            for instrument_id in ids:
                self._add(channel, instrument_id)
        self._shards = self._group(shards)

    def observe(self, event: MarketEvent) -> None:
        """Takes every event of the streams; constant time."""
        if isinstance(event, StreamInterrupted | StreamRestored):
            self._observe_stream(event)
            return
        channel = _CHANNEL_OF.get(type(event))
        feed = None if channel is None else self._feeds[channel].get(event.instrument_id)
        if feed is None or isinstance(event, MarkChanged):
            return
        feed.received_ns = event.received_ns
        feed.event_ns = event.event_ns
        feed.interrupted_ns = None
        if isinstance(event, CandleChanged):
            self._observe_trading(event)
        elif isinstance(event, TradePrinted) and (activity := self._activity.get(feed.instrument_id)) is not None:
            activity.traded_ns = event.received_ns

    def gapped(self, instrument_id: InstrumentId, channel: Channel) -> None:
        """The store found something missing (`CandleStore`: GAP, `Books`: GAP)."""
        self._set_gapped(instrument_id, channel, gapped=True)

    def mended(self, instrument_id: InstrumentId, channel: Channel) -> None:
        """Nothing is missing any more."""
        self._set_gapped(instrument_id, channel, gapped=False)

    def check(self, now_ns: int) -> list[Cure]:
        """Judges all feeds and returns what to do now. Call about once a second."""
        due: dict[tuple[_Kind, Channel | None], dict[InstrumentId, None]] = defaultdict(dict)
        now = self._moment(now_ns)
        for feeds in self._shards:
            heard = [heard_ns for feed in feeds if (heard_ns := feed.heard_ns) is not None]
            is_half_open = bool(heard) and now_ns - max(heard) > self._limits.half_open_s * NS_PER_S
            for feed in feeds:
                self._enter(feed, self._judge(feed, now, is_half_open=is_half_open), now_ns)
                kind = self._next_cure(feed, now_ns)
                if kind is not None:
                    due[kind, feed.channel if kind is _Kind.REST else None][feed.instrument_id] = None
        return [_cure(kind, channel, tuple(ids)) for (kind, channel), ids in due.items()]

    def drain_changes(self, at_most: int = _MAX_CHANGES) -> list[FeedChanged]:
        """State changes that were not handed out yet, oldest first (at most 10,000 are kept)."""
        return [self._changes.popleft() for _ in range(min(at_most, len(self._changes)))]

    def status(self, now_ns: int) -> Iterator[FeedStatus]:
        """Of each feed that is there now, made as it is taken: a thousand are too many for one turn of the loop."""
        now = self._moment(now_ns)
        feeds = [feed for shard in self._shards for feed in shard]
        return (_status(feed, now) for feed in feeds)

    def age_s(self, instrument_id: InstrumentId, channel: Channel, now_ns: int) -> float | None:
        """Since its last event; `None` before the first, and for feeds that are not subscribed."""
        feed = self._feeds[channel].get(instrument_id)
        return None if feed is None else feed.age_s(now_ns)

    def state(self, instrument_id: InstrumentId, channel: Channel) -> FeedState | None:
        """As of the last `check`; `None` for feeds that are not subscribed."""
        feed = self._feeds[channel].get(instrument_id)
        return feed.state if feed is not None else None

    def summary(self, instrument_id: InstrumentId) -> str:
        """The instrument's worst feed in one word: a `FeedState`, or `rest` while REST stands in."""
        ill = [feed for feed in self._of_instrument(instrument_id) if not feed.state.is_healthy]
        if not ill:
            return str(FeedState.LIVE)
        if all(feed.on_rest for feed in ill):
            return "rest"
        return str(min((feed.state for feed in ill), key=_BY_WEIGHT.index))

    def _add(self, channel: Channel, instrument_id: InstrumentId) -> None:
        self._feeds[channel].setdefault(instrument_id, _Feed(instrument_id, channel))

    def _group(self, shards: Sequence[Sequence[InstrumentId]]) -> list[list[_Feed]]:
        shard_of = {instrument_id: number for number, shard in enumerate(shards) for instrument_id in shard}
        groups: dict[int | None, list[_Feed]] = defaultdict(list)
        for by_id in self._feeds.values():
            for instrument_id, feed in by_id.items():
                groups[shard_of.get(instrument_id)].append(feed)
        return list(groups.values())

    def _observe_stream(self, event: StreamInterrupted | StreamRestored) -> None:
        for instrument_id in event.instrument_ids:
            for feed in self._of_instrument(instrument_id):
                if isinstance(event, StreamRestored):
                    feed.subscribed_ns = event.received_ns
                    feed.interrupted_ns = None
                elif feed.interrupted_ns is None:
                    feed.interrupted_ns = event.received_ns

    def _observe_trading(self, event: CandleChanged) -> None:
        activity = self._activity[event.instrument_id]
        if event.timeframe is activity.timeframe and event.candle.volume != activity.volume:
            activity.volume = event.candle.volume
            if event.candle.volume > 0:
                activity.traded_ns = event.received_ns

    def _of_instrument(self, instrument_id: InstrumentId) -> Iterable[_Feed]:
        return (feed for by_id in self._feeds.values() if (feed := by_id.get(instrument_id)) is not None)

    def _set_gapped(self, instrument_id: InstrumentId, channel: Channel, *, gapped: bool) -> None:
        feed = self._feeds[channel].get(instrument_id)
        if feed is not None:
            feed.gapped = gapped

    def _moment(self, now_ns: int) -> Moment:
        return Moment(self._clock.now_ns(), now_ns, self._clock.speed)

    def _judge(self, feed: _Feed, now: Moment, *, is_half_open: bool) -> FeedState:
        heard_ns, now_ns = feed.heard_ns, now.monotonic_ns
        if feed.interrupted_ns is not None:
            return FeedState.INTERRUPTED
        if heard_ns is None:
            return FeedState.STARTING
        if is_half_open:
            return FeedState.HALF_OPEN
        if feed.gapped:
            return FeedState.GAPPED
        if now_ns - heard_ns > self._silence_s(feed, now.speed) * NS_PER_S:
            return FeedState.MUTE if self._should_speak(feed, heard_ns, now) else FeedState.QUIET
        if feed.received_ns is None:
            return FeedState.STARTING
        lag_s = _lag_s(feed, now)
        return FeedState.LAGGING if lag_s is not None and lag_s > self._limits.lag_s else FeedState.LIVE

    def _silence_s(self, feed: _Feed, speed: float) -> float:
        if feed.channel is Channel.CANDLES:
            timeframe = self._activity[feed.instrument_id].timeframe
            return timeframe.ms / 1_000 / speed + self._limits.candle_grace_s
        return self._silences_s[feed.channel]

    def _should_speak(self, feed: _Feed, heard_ns: int, now: Moment) -> bool:
        """A candle feed speaks at every close at least. The others must if the instrument traded since they last did,
        or if no candle can vouch for the calm."""
        candles = self._feeds[Channel.CANDLES].get(feed.instrument_id)
        if feed.channel is Channel.CANDLES or candles is None:
            return True
        received_ns = candles.received_ns
        if received_ns is None or now.monotonic_ns - received_ns > self._silence_s(candles, now.speed) * NS_PER_S:
            return True
        traded_ns = self._activity[feed.instrument_id].traded_ns
        return traded_ns is not None and traded_ns > heard_ns + NS_PER_S

    def _enter(self, feed: _Feed, state: FeedState, now_ns: int) -> None:
        if state is feed.state:
            return
        self._changes.append(FeedChanged(feed.instrument_id, feed.channel, feed.state, state))
        feed.state = state
        feed.since_ns = now_ns
        if state.is_healthy:
            feed.on_rest = False
            feed.cures = 0
            feed.next_cure_ns = 0

    def _next_cure(self, feed: _Feed, now_ns: int) -> _Kind | None:
        plan = _PLANS.get(feed.state)
        if plan is None or now_ns < feed.next_cure_ns:
            return None
        bridged_ns = feed.since_ns + int(self._limits.interrupted_s * NS_PER_S)
        if feed.state is FeedState.INTERRUPTED and now_ns < bridged_ns:
            return None
        if feed.cures < len(plan):
            kind = plan[feed.cures]
        else:
            kind = _Kind.RESUBSCRIBE if feed.cures % _RESUBSCRIBE_EVERY == 0 else _Kind.REST
        feed.cures += 1
        feed.on_rest = feed.on_rest or kind is _Kind.REST
        pause_s = min(self._limits.backoff_s * 2 ** (feed.cures - 1), self._limits.max_backoff_s)
        feed.next_cure_ns = now_ns + int((self._limits.rest_every_s if feed.on_rest else pause_s) * NS_PER_S)
        return kind


def _lag_s(feed: _Feed, now: Moment) -> float | None:
    if feed.event_ns is None or feed.received_ns is None:
        return None
    received_at_ns = now.trading_ns - (now.monotonic_ns - feed.received_ns) * now.speed
    return (received_at_ns - feed.event_ns) / now.speed / NS_PER_S


def _status(feed: _Feed, now: Moment) -> FeedStatus:
    return FeedStatus(
        instrument_id=feed.instrument_id,
        channel=feed.channel,
        state=feed.state,
        age_s=feed.age_s(now.monotonic_ns),
        lag_s=_lag_s(feed, now),
        on_rest=feed.on_rest,
        cures=feed.cures,
    )


_CHANNEL_OF: dict[type, Channel] = {
    CandleChanged: Channel.CANDLES,
    QuoteChanged: Channel.QUOTES,
    TradePrinted: Channel.TRADES,
    BookChanged: Channel.BOOK,
}
_BY_WEIGHT = (
    FeedState.HALF_OPEN,
    FeedState.INTERRUPTED,
    FeedState.GAPPED,
    FeedState.MUTE,
    FeedState.LAGGING,
    FeedState.STARTING,
)


def _cure(kind: _Kind, channel: Channel | None, ids: tuple[InstrumentId, ...]) -> Cure:
    if kind is _Kind.RESUBSCRIBE:
        return Resubscribe(ids)
    if kind is _Kind.RECONNECT or channel is None:
        return Reconnect(ids)
    return RestFallback(channel, ids)
