"""Feed health: each illness told from a quiet market, each with its own cure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import (
    BookChanged,
    CandleChanged,
    MarketEvent,
    QuoteChanged,
    StreamInterrupted,
    StreamRestored,
    TradePrinted,
)
from core.market.feed_states import Channel, Cure, FeedLimits, FeedState, Reconnect, RestFallback, Resubscribe
from core.market.feeds import FeedHealth
from core.ports.venue import StreamSubscriptions

A, B, C = InstrumentId("A/USDT"), InstrumentId("B/USDT"), InstrumentId("C/USDT")
S = 1_000_000_000
SUBSCRIPTIONS = StreamSubscriptions(
    candles=tuple(SeriesKey(each, Timeframe.M1) for each in (A, B, C)),
    quotes=(A, B, C),
    trades=(A,),
    books=(A,),
)
ALL = (A, B, C)


class World:
    """Monotonic and trading time, `speed` apart, and feed health under them."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        shards: tuple[tuple[InstrumentId, ...], ...] = (),
        subscriptions: StreamSubscriptions = SUBSCRIPTIONS,
    ) -> None:
        self.real_s = 1_000.0
        self.speed = speed
        self.health = FeedHealth(subscriptions, self, shards)
        self.volume = dict.fromkeys(ALL, 1.0)

    def now_ns(self) -> int:
        """Trading time."""
        return int(1_800_000_000 * S + self.real_s * self.speed * S)

    @property
    def real_ns(self) -> int:
        return int(self.real_s * S)

    def tell(self, event: MarketEvent) -> None:
        self.health.observe(event)

    def subscribe(self, *ids: InstrumentId) -> None:
        self.tell(StreamRestored(ids or ALL, self.real_ns))

    def quote(self, each: InstrumentId) -> None:
        self.tell(QuoteChanged(each, 1.0, 1.0, 2.0, 1.0, 1, None, self.real_ns))

    def candle(self, each: InstrumentId, *, traded: bool = False, late_s: float = 0.0) -> None:
        if traded:
            self.volume[each] += 1.0
        candle = Candle(0, 1.0, 1.0, 1.0, 1.0, self.volume[each])
        event_ns = self.now_ns() - int(late_s * self.speed * S)
        self.tell(CandleChanged(each, Timeframe.M1, candle, False, event_ns, self.real_ns))

    def run(
        self, seconds: float, *, quotes: tuple[InstrumentId, ...] = (), candles: tuple[InstrumentId, ...] = ()
    ) -> list[Cure]:
        """Half-second steps with these feeds alive; all cures prescribed meanwhile."""
        cures: list[Cure] = []
        for _ in range(int(seconds * 2)):
            self.real_s += 0.5
            for each in quotes:
                self.quote(each)
            for each in candles:
                self.candle(each)
            cures += self.health.check(self.real_ns)
        return cures

    def state(self, each: InstrumentId, channel: Channel = Channel.QUOTES) -> FeedState | None:
        return self.health.state(each, channel)


def only_quotes_and_candles() -> StreamSubscriptions:
    return StreamSubscriptions(candles=SUBSCRIPTIONS.candles, quotes=ALL)


def world(**options: Any) -> World:
    made = World(subscriptions=only_quotes_and_candles(), **options)
    made.subscribe()
    return made


def test_feeds_that_speak_are_live_and_need_nothing() -> None:
    w = world()
    assert w.run(120, quotes=ALL, candles=ALL) == []
    assert {status.state for status in w.health.status(w.real_ns)} == {FeedState.LIVE}
    assert w.health.summary(A) == "live"
    assert all(status.age_s == 0 and status.cures == 0 for status in w.health.status(w.real_ns))


def test_before_the_first_subscription_a_feed_is_starting() -> None:
    w = World(subscriptions=only_quotes_and_candles())
    assert w.run(100) == []
    assert w.state(A) is FeedState.STARTING
    assert next(w.health.status(w.real_ns)).age_s is None
    assert w.health.summary(A) == "starting"


def test_a_quiet_market_is_not_an_illness() -> None:
    """No quote, but the candles tick and show no trade."""
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    assert w.run(300, quotes=(B, C), candles=ALL) == []
    assert w.state(A) is FeedState.QUIET
    assert w.health.summary(A) == "live"


def test_a_quote_feed_is_mute_when_its_instrument_trades_without_it() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.run(9, quotes=(B, C), candles=ALL)
    w.candle(A, traded=True)
    assert w.state(A) is FeedState.LIVE
    cures = w.run(3, quotes=(B, C), candles=ALL)
    assert w.state(A) is FeedState.MUTE
    assert cures == [Resubscribe((A,))]


def test_a_trade_too_is_proof_that_quotes_are_missing() -> None:
    subscriptions = StreamSubscriptions(candles=SUBSCRIPTIONS.candles, quotes=ALL, trades=(A,))
    w = World(subscriptions=subscriptions)
    w.subscribe()
    w.run(5, quotes=ALL, candles=ALL)
    w.run(11, quotes=(B, C), candles=ALL)
    assert w.state(A) is FeedState.QUIET
    w.tell(TradePrinted(A, 1, "1", "1", True, w.now_ns(), w.real_ns))
    assert w.run(1, quotes=(B, C), candles=ALL) == [Resubscribe((A,))]


def test_an_instrument_silent_in_all_channels_is_mute_while_siblings_speak() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.run(70, quotes=(B, C), candles=(B, C))
    assert (w.state(A), w.state(A, Channel.CANDLES)) == (FeedState.MUTE, FeedState.MUTE)
    assert w.state(B) is FeedState.LIVE


def test_a_candle_feed_may_be_silent_for_its_timeframe_and_no_longer() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    assert w.run(64, quotes=ALL, candles=(B, C)) == []
    assert w.run(2, quotes=ALL, candles=(B, C)) == [Resubscribe((A,))]
    assert w.state(A, Channel.CANDLES) is FeedState.MUTE


def test_at_twenty_times_real_time_a_minute_is_three_seconds() -> None:
    w = world(speed=20.0)
    w.run(5, quotes=ALL, candles=ALL)
    assert w.run(7.5, quotes=ALL, candles=(B, C)) == []
    assert w.run(1, quotes=ALL, candles=(B, C)) == [Resubscribe((A,))]


def test_a_mute_feed_gets_two_subscriptions_one_connection_and_then_rest() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    cures = w.run(400, quotes=ALL, candles=(B, C))
    assert cures[:3] == [Resubscribe((A,)), Resubscribe((A,)), Reconnect((A,))]
    assert cures[3:9] == [RestFallback(Channel.CANDLES, (A,))] * 6
    assert w.health.summary(A) == "rest"
    assert w.run(1, quotes=ALL, candles=ALL) == []
    assert w.health.summary(A) == "live"
    status = next(each for each in w.health.status(w.real_ns) if each.channel is Channel.CANDLES)
    assert (status.on_rest, status.cures) == (False, 0)


def test_a_connection_on_which_nothing_comes_is_half_open() -> None:
    w = world(shards=((A,), (B, C)))
    w.run(5, quotes=ALL, candles=ALL)
    cures = w.run(21, quotes=(B, C), candles=(B, C))
    assert cures == [Reconnect((A,))]
    assert w.state(A) is FeedState.HALF_OPEN
    assert w.state(B) is FeedState.LIVE
    assert RestFallback(Channel.QUOTES, (A,)) in w.run(10, quotes=(B, C), candles=(B, C))


def test_all_instruments_of_a_half_open_connection_come_in_one_cure() -> None:
    w = world(shards=((A,), (B, C)))
    w.run(5, quotes=ALL, candles=ALL)
    assert w.run(21, quotes=(A,), candles=(A,)) == [Reconnect((B, C))]


def test_an_interruption_is_left_to_the_adapter_and_bridged_by_rest() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.tell(StreamInterrupted((A,), "CONNECTION_CLOSED code=1006", w.real_ns))
    assert w.run(4, quotes=(B, C), candles=(B, C)) == []
    assert w.state(A) is FeedState.INTERRUPTED
    assert w.health.summary(A) == "interrupted"
    cures = w.run(8, quotes=(B, C), candles=(B, C))
    assert set(cures) == {RestFallback(Channel.CANDLES, (A,)), RestFallback(Channel.QUOTES, (A,))}
    w.subscribe(A)
    w.run(1, quotes=ALL, candles=ALL)
    assert w.health.summary(A) == "live"


def test_a_subscription_that_the_venue_refused_is_asked_for_again_now_and_then() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.tell(StreamInterrupted((A,), "SUBSCRIBE_REFUSED code=2", w.real_ns))
    cures = w.run(300, quotes=(B, C), candles=(B, C))
    n_resubscriptions = sum(cure == Resubscribe((A,)) for cure in cures)
    assert 3 <= n_resubscriptions <= len(cures) / 9
    assert w.health.summary(A) == "rest"


def test_a_subscription_after_an_interruption_gets_its_time_to_speak() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.tell(StreamInterrupted(ALL, "CONNECTION_SILENT", w.real_ns))
    w.real_s += 100
    w.subscribe()
    assert w.run(9) == []
    assert w.state(A) is not FeedState.INTERRUPTED


def test_what_is_missing_is_fetched_until_it_is_mended() -> None:
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.health.gapped(A, Channel.CANDLES)
    cures = w.run(11, quotes=ALL, candles=ALL)
    assert len(cures) == 3 and set(cures) == {RestFallback(Channel.CANDLES, (A,))}
    assert w.state(A, Channel.CANDLES) is FeedState.GAPPED
    w.health.mended(A, Channel.CANDLES)
    assert w.run(5, quotes=ALL, candles=ALL) == []
    assert w.state(A, Channel.CANDLES) is FeedState.LIVE


def test_a_gap_of_a_feed_nobody_subscribed_is_nothing() -> None:
    w = world()
    w.health.gapped(A, Channel.BOOK)
    assert w.health.state(A, Channel.BOOK) is None


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_events_that_are_old_on_arrival_are_lagging(speed: float) -> None:
    w = world(speed=speed)
    w.run(5, quotes=ALL, candles=ALL)
    w.candle(A, late_s=4.0)
    assert w.health.check(w.real_ns) == []
    w.candle(A, late_s=6.0)
    assert w.health.check(w.real_ns) == [Reconnect((A,))]
    assert w.state(A, Channel.CANDLES) is FeedState.LAGGING
    status = next(each for each in w.health.status(w.real_ns) if each.channel is Channel.CANDLES)
    assert status.lag_s == pytest.approx(6.0, abs=1e-3)


def test_a_fresh_event_that_is_long_ago_is_not_lagging() -> None:
    """Age is not lag: a minute later the last candle is a minute old, and arrived in time."""
    w = world()
    w.run(5, quotes=ALL, candles=ALL)
    w.run(60, quotes=ALL, candles=(B, C))
    status = next(each for each in w.health.status(w.real_ns) if each.channel is Channel.CANDLES)
    assert status.age_s == 60.0 and status.lag_s == pytest.approx(0.0, abs=1e-6)
    assert w.state(A, Channel.CANDLES) is FeedState.LIVE


def test_books_and_trades_have_feeds_of_their_own() -> None:
    w = World()
    w.subscribe()
    w.run(5, quotes=ALL, candles=ALL)
    w.tell(BookChanged(A, [], [], 1, 1, False, w.now_ns(), w.real_ns))
    w.tell(TradePrinted(A, 1, "1", "1", True, w.now_ns(), w.real_ns))
    w.run(1, quotes=ALL, candles=ALL)
    assert (w.state(A, Channel.BOOK), w.state(A, Channel.TRADES)) == (FeedState.LIVE, FeedState.LIVE)
    assert w.state(B, Channel.BOOK) is None


def test_changes_are_told_once_each_way() -> None:
    w = world()
    w.run(1, quotes=ALL, candles=ALL)
    w.health.drain_changes()
    w.tell(StreamInterrupted((A,), "CONNECTION_SILENT", w.real_ns))
    w.run(3, quotes=(B, C), candles=(B, C))
    w.run(2, quotes=ALL, candles=ALL)
    changes = [(change.channel, change.previous, change.state) for change in w.health.drain_changes()]
    assert sorted(changes) == [
        (Channel.CANDLES, FeedState.INTERRUPTED, FeedState.LIVE),
        (Channel.CANDLES, FeedState.LIVE, FeedState.INTERRUPTED),
        (Channel.QUOTES, FeedState.INTERRUPTED, FeedState.LIVE),
        (Channel.QUOTES, FeedState.LIVE, FeedState.INTERRUPTED),
    ]
    assert w.health.drain_changes() == []


def test_changes_are_handed_out_some_at_a_time() -> None:
    w = world()
    w.subscribe()
    for each in ALL:
        w.quote(each)
    w.health.check(w.real_ns)
    first, rest = w.health.drain_changes(2), w.health.drain_changes()
    assert (len(first), len(rest)) == (2, 1)
    assert [each.instrument_id for each in (*first, *rest)] == list(ALL)
    assert w.health.drain_changes() == []


def test_a_feed_has_an_age_once_it_has_spoken() -> None:
    w = world()
    assert w.health.age_s(A, Channel.QUOTES, w.real_ns) is None
    w.quote(A)
    assert w.health.age_s(A, Channel.QUOTES, w.real_ns + 3 * S) == 3.0
    assert w.health.age_s(InstrumentId("X/USDT"), Channel.QUOTES, w.real_ns) is None


def test_events_of_instruments_nobody_subscribed_are_ignored() -> None:
    w = world()
    w.tell(QuoteChanged(InstrumentId("X/Y"), 1.0, 1.0, 2.0, 1.0, 1, None, 0))
    w.tell(StreamInterrupted((InstrumentId("X/Y"),), "CONNECTION_SILENT", 0))
    assert w.run(1, quotes=ALL, candles=ALL) == []


happenings = st.lists(
    st.tuples(
        st.sampled_from(["quote", "candle", "trade", "interrupted", "restored", "gap", "mended", "wait"]),
        st.sampled_from(ALL),
        st.floats(0.1, 30.0),
    ),
    max_size=120,
)


@given(happenings)
def test_whatever_happens_cures_are_spaced_and_only_for_the_ill(script: list[tuple[str, InstrumentId, float]]) -> None:
    """A feed gets at most one cure within the shortest pause, and none while it is healthy or starting."""
    w = world()
    limits = FeedLimits()
    last: dict[tuple[InstrumentId, str], float] = {}
    for what, each, seconds in script:
        if what == "quote":
            w.quote(each)
        elif what == "candle":
            w.candle(each, traded=True)
        elif what == "trade":
            w.tell(TradePrinted(each, 1, "1", "1", True, w.now_ns(), w.real_ns))
        elif what == "interrupted":
            w.tell(StreamInterrupted((each,), "CONNECTION_SILENT", w.real_ns))
        elif what == "restored":
            w.subscribe(each)
        elif what == "gap":
            w.health.gapped(each, Channel.CANDLES)
        elif what == "mended":
            w.health.mended(each, Channel.CANDLES)
        else:
            w.real_s += seconds
        cures = w.health.check(w.real_ns)
        changes = w.health.drain_changes()
        for cure in cures:
            for instrument in cure.instrument_ids:
                channels = [cure.channel] if isinstance(cure, RestFallback) else [Channel.CANDLES, Channel.QUOTES]
                states = [state for channel in channels if (state := w.state(instrument, channel)) is not None]
                assert any(not state.is_healthy and state is not FeedState.STARTING for state in states)
                if isinstance(cure, RestFallback):
                    key = (instrument, cure.channel)
                    was_healthy_since = any(
                        change.state.is_healthy or change.previous.is_healthy
                        for change in changes
                        if (change.instrument_id, str(change.channel)) == key
                    )
                    assert was_healthy_since or w.real_s - last.get(key, -1e9) >= limits.rest_every_s - 1e-6
                    last[key] = w.real_s
