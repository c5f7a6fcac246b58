"""Where orders go, and that the streams of the other venue are heard twice."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.domain.candles import SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, QuoteChanged, StreamInterrupted, TradePrinted
from core.paper_venue import ForwardedStreams, PaperVenue, orders_venue, takes_anothers_market, without_keys
from core.ports.venue import MarketStreams, StreamSubscriptions
from core.runtime.clocks import VirtualClock
from core.runtime.synced_clock import SyncedClock
from core.settings.load import load_settings
from core.settings.tree import Settings
from core.simulation.server.probe import RunningVenue
from core.venues.adapter import VenueAdapter, build_adapter
from unit.instruments import spot

BTC = InstrumentId("BTC/USDT")
QUOTE = QuoteChanged(BTC, 1.0, 1.0, 2.0, 1.0, 1, None, 0)
EVENTS = (QUOTE, TradePrinted(BTC, 1, "1", "1", True, 0, 0), StreamInterrupted((BTC,), "GONE", 0))
FOUND = RunningVenue("http://127.0.0.1:7", "ws://127.0.0.1:7", "http://127.0.0.1:8", "epoch", 1.0)


def settings(mode: str, venue: str, **more: str) -> Settings:
    given = {"trading": {"mode": mode, "symbols": ["BTC/USDT"]}, "venue": {"name": venue, **more}}
    return load_settings(arguments=given).settings


class Streams:
    """Tells `EVENTS` once; notes what it is asked for."""

    shards = ((BTC,),)

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[InstrumentId]]] = []
        self.wanted: StreamSubscriptions | None = None

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        for event in EVENTS:
            publish(event)

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        self.asked.append(("resubscribe", instrument_ids))

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        self.asked.append(("reconnect", instrument_ids))


@pytest.mark.parametrize(
    ("mode", "venue", "orders"),
    [
        ("paper", "sim", "sim"),
        ("paper", "binance", "sim"),
        ("observe", "binance", None),
        ("observe", "sim", None),
        ("live", "binance", "binance"),
    ],
)
def test_the_mode_says_where_orders_go(mode: str, venue: str, orders: str | None) -> None:
    assert orders_venue(settings(mode, venue)) == orders
    assert takes_anothers_market(settings(mode, venue)) is (mode == "paper" and venue == "binance")


def test_keys_of_the_other_venue_are_left_out() -> None:
    venue = settings("paper", "binance").venue.model_copy(update={"api_key": SecretStr("k"), "secret": SecretStr("s")})
    bare = without_keys(venue)
    assert (bare.api_key, bare.secret, bare.name) == (None, None, "binance")


async def test_streams_are_heard_twice_and_cured_as_ever() -> None:
    streams, also, published = Streams(), list[MarketEvent](), list[MarketEvent]()
    both = ForwardedStreams(streams, also.append)
    await both.run(published.append)
    await both.resubscribe([BTC])
    await both.reconnect([BTC])
    assert tuple(also) == tuple(published) == EVENTS
    assert streams.asked == [("resubscribe", [BTC]), ("reconnect", [BTC])]
    assert both.shards == streams.shards


def paper_venue(tmp_path: Path, **more: str) -> tuple[PaperVenue, VenueAdapter, SyncedClock]:
    monotonic = VirtualClock()
    market_clock = SyncedClock(monotonic)
    given = settings("paper", "binance", **more)
    given = given.model_copy(update={"storage": given.storage.model_copy(update={"data_dir": tmp_path})})
    venue = PaperVenue(given, {BTC: spot()}, market_clock, monotonic)
    return venue, build_adapter(given.venue, market_clock, monotonic), market_clock


def test_one_venue_is_made_of_both(tmp_path: Path) -> None:
    paper, market, _ = paper_venue(tmp_path)
    adapter = paper.adapter(market, FOUND, lambda: None)
    try:
        assert adapter.market is market.rest
        assert adapter.rest is not market.rest
        assert adapter.clock is paper.clock
        assert adapter.user_stream is not None
        assert adapter.on_quote == paper.forwarder.offer
        account = paper.venue(FOUND)
        assert (account.name, account.base_url, account.ws_base_url) == ("sim", FOUND.url, FOUND.ws_url)
    finally:
        adapter.close()


def test_trades_are_asked_for_besides_what_decisions_need(tmp_path: Path) -> None:
    paper, market, _ = paper_venue(tmp_path)
    wanted: list[StreamSubscriptions] = []

    def streams(subscriptions: StreamSubscriptions) -> MarketStreams:
        wanted.append(subscriptions)
        return Streams()

    noting = VenueAdapter(market.rest, market.clock, None, market.rest, streams)
    adapter = paper.adapter(noting, FOUND, lambda: None)
    try:
        adapter.streams(StreamSubscriptions(candles=(SeriesKey(BTC, Timeframe.M1),), quotes=(BTC,)))
        assert [(each.quotes, each.trades) for each in wanted] == [((BTC,), (BTC,))]
    finally:
        adapter.close()
