"""Who is entered, from what a venue answers: its candles, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from core.domain.candles import Candle, Timeframe
from core.domain.errors import VenueUnavailable
from core.domain.instruments import InstrumentId
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.settings.universe import UniverseSettings
from core.universe_watch import UniverseWatch
from tests.unit.instruments import quote, spot

pytestmark = pytest.mark.asyncio

HOUR_MS = 3_600_000
NOW_MS = 500_000 * HOUR_MS + 1
A, B = InstrumentId("A/USDT"), InstrumentId("B/USDT")


@dataclass
class World:
    """Answers like a fetcher; time is what it says."""

    settings: UniverseSettings
    volume: dict[InstrumentId, float | None] = field(default_factory=lambda: {A: 10.0, B: 20.0})
    """Of an hour; `None`: the venue does not answer for it."""
    days: int = 1_000
    held: set[InstrumentId] = field(default_factory=set)
    now_s: float = 0.0
    asked: list[tuple[InstrumentId, Timeframe]] = field(default_factory=list)

    def __post_init__(self) -> None:
        book = {A: quote("99", "101"), B: None}
        self.watch = UniverseWatch(
            (A, B),
            self.settings,
            fetcher=cast(MarketFetcher, self),
            market=cast(MarketPicture, SimpleNamespace(quote=book.get)),
            instruments=lambda: {A: spot(), B: spot()},
            is_held=self.held.__contains__,
            clock=cast(Any, SimpleNamespace(now_ns=lambda: NOW_MS * 1_000_000)),
            monotonic=cast(Any, SimpleNamespace(now_ns=lambda: int(self.now_s * 1e9))),
        )

    async def recent(self, symbol: InstrumentId, timeframe: Timeframe, count: int) -> Sequence[Candle]:
        self.asked.append((symbol, timeframe))
        volume = self.volume[symbol]
        if volume is None:
            raise VenueUnavailable("no answer")
        count = min(count, self.days) if timeframe is Timeframe.D1 else count
        first_ms = timeframe.open_ms(NOW_MS) - (count - 1) * timeframe.ms
        return [Candle(first_ms + n * timeframe.ms, 1.0, 1.0, 1.0, 1.0 + n % 2, 0.0, volume) for n in range(count)]

    async def quote(self, symbol: InstrumentId) -> None:
        """The book is empty."""

    async def look(self, after_s: float = 0.0) -> dict[InstrumentId, str]:
        """Who is out then, and why."""
        self.now_s += after_s
        await self.watch.look_if_due()
        found = {each: self.watch.no_entry(each) for each in (A, B)}
        return {each: why.details["filter"] for each, why in found.items() if why is not None}


async def test_without_filters_nothing_is_asked() -> None:
    world = World(UniverseSettings())
    assert await world.look() == {}
    assert world.asked == []


async def test_who_leaves_is_wound_down_and_who_comes_back_is_entered() -> None:
    world = World(UniverseSettings(least_daily_volume=300))
    world.held.add(B)
    with structlog.testing.capture_logs() as said:
        assert await world.look() == {A: "volume"}
        world.volume = {A: 30.0, B: 1.0}
        assert await world.look(60) == {A: "volume"}, "not before its hour has passed"
        assert await world.look(3_600) == {B: "volume"}
    assert [(each["event"], each["symbol"]) for each in said] == [
        ("universe_left", A),
        ("universe_left", B),
        ("universe_joined", A),
    ]
    assert (said[1]["held"], said[1]["daily_volume"]) == (True, 24.0)
    assert world.watch.is_wanted(B), "it is still held"
    world.held.clear()
    await world.look(3_600)
    assert not world.watch.is_wanted(B)
    assert world.watch.is_wanted(A)


async def test_a_venue_without_answer_changes_nothing_and_is_asked_again_soon() -> None:
    world = World(UniverseSettings(least_daily_volume=300))
    world.volume = {A: None, B: None}
    assert await world.look() == {}
    world.volume[B] = 20.0
    assert await world.look(300) == {A: "volume"}, "of which nothing is known"
    world.volume = {A: 40.0, B: None}
    assert await world.look(300) == {}, "what was known of the one that does not answer counts"


async def test_other_settings_count_from_the_next_look() -> None:
    world = World(UniverseSettings(deny=("A/*",)))
    assert await world.look() == {A: "denied"}
    world.watch.use(UniverseSettings(deny=("B/*",)))
    assert await world.look(10) == {B: "denied"}
    world.watch.use(UniverseSettings())
    assert await world.look(10) == {}


@pytest.mark.parametrize(
    ("settings", "out"),
    [
        (UniverseSettings(most_spread_bps=150), {A: "spread", B: "spread"}),
        (UniverseSettings(most_spread_bps=250), {B: "spread"}),
        (UniverseSettings(least_age_days=30), {}),
        (UniverseSettings(least_age_days=31), {A: "too_young", B: "too_young"}),
        (UniverseSettings(most_volatility_pct=1), {A: "volatility", B: "volatility"}),
        (UniverseSettings(most_symbols=1), {A: "crowded_out"}),
    ],
)
async def test_each_filter_has_what_it_needs(settings: UniverseSettings, out: dict[InstrumentId, str]) -> None:
    assert await World(settings, days=31).look() == out
