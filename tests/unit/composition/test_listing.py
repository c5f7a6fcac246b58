"""What is known of the venue's rules, and when it is looked at anew."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import RequestRefused, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId, InstrumentStatus
from core.listing import Listing, LookTimes, differences, relisted
from core.runtime.clocks import VirtualClock
from core.runtime.scheduler import Scheduler
from unit.instruments import spot

BTC, ETH, SOL = (spot(f"{base}/USDT") for base in ("BTC", "ETH", "SOL"))
COARSE = replace(BTC, tick_size=Decimal("0.1"), lot_size=Decimal("0.001"))
HALTED = replace(ETH, status=InstrumentStatus.HALTED)
EVERY_S = 1_800.0
_NS = 1_000_000_000


def listed(*instruments: Instrument) -> dict[InstrumentId, Instrument]:
    return {each.id: each for each in instruments}


class Venue:
    """What it lists; whom an account could be set up for."""

    def __init__(self, *instruments: Instrument) -> None:
        self.listed = listed(*instruments)
        self.looks = 0
        self.refuses: RequestRefused | VenueUnavailable | None = None
        self.prepared: list[InstrumentId] = []
        self.clock = VirtualClock(0)

    async def look(self) -> Mapping[InstrumentId, Instrument]:
        self.looks += 1
        if self.refuses is not None:
            raise self.refuses
        return self.listed

    async def prepare(self, instrument_ids: Iterable[InstrumentId]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.prepared += instrument_ids

    def listing(self, *, rules_stay: bool = False) -> Listing:
        traded = (BTC.id, ETH.id)
        return Listing(self.listed, traded, self.look, self.clock, look_every_s=EVERY_S, rules_stay=rules_stay)

    def after(self, seconds: float, listing: Listing) -> None:
        self.clock.jump(seconds)
        asyncio.run(listing.look_if_due(self.prepare))


def test_new_rules_are_learned_by_the_interval_and_not_before() -> None:
    venue = Venue(BTC, ETH, SOL)
    listing = venue.listing()
    venue.listed = listed(COARSE, ETH, SOL)
    venue.after(EVERY_S - 1, listing)
    assert listing.traded() == listed(BTC, ETH)
    venue.after(1, listing)
    assert (listing.traded(), listing.all()) == (listed(COARSE, ETH), listed(COARSE, ETH, SOL))


def test_a_doubt_calls_for_a_look_that_no_two_follow_within_ten_seconds() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    venue.after(60, listing)
    assert venue.looks == 0
    listing.doubt()
    venue.listed = listed(COARSE, ETH)
    venue.after(0, listing)
    assert (venue.looks, listing.traded()[BTC.id]) == (1, COARSE)
    listing.doubt()
    venue.after(9, listing)
    assert venue.looks == 1
    venue.after(1, listing)
    assert venue.looks == 2


async def test_a_doubt_has_the_scheduler_look_at_once() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    scheduler = Scheduler(venue.clock)
    listing.begin(scheduler, None)
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0)
    venue.clock.jump(10)
    venue.listed = listed(COARSE, replace(ETH, status=InstrumentStatus.CANCEL_ONLY))
    listing.doubt()
    async with asyncio.timeout(5):
        while listing.traded()[BTC.id] != COARSE:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_doubts_that_lead_to_nothing_new_are_heeded_ever_less_often() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    for _ in range(3_600):
        listing.doubt()
        venue.after(1, listing)
    assert venue.looks < 20
    venue.listed = listed(COARSE, ETH)
    venue.after(300, listing)
    assert listing.traded()[BTC.id] == COARSE
    venue.listed = listed(BTC, ETH)
    listing.doubt()
    venue.after(10, listing)
    assert listing.traded()[BTC.id] == BTC


def test_what_was_halted_at_the_start_is_set_up_and_taken_up_within_minutes() -> None:
    venue = Venue(BTC, HALTED)
    listing = venue.listing()
    assert listing.trading() == (BTC.id,)
    venue.listed = listed(BTC, ETH)
    venue.after(300, listing)
    assert (listing.trading(), venue.prepared) == ((BTC.id, ETH.id), [ETH.id])
    venue.listed = listed(BTC, HALTED)
    venue.after(EVERY_S, listing)
    venue.listed = listed(BTC, ETH)
    venue.after(300, listing)
    assert (listing.trading(), venue.prepared) == ((BTC.id, ETH.id), [ETH.id])


def test_what_the_account_cannot_be_set_up_for_waits() -> None:
    venue = Venue(BTC, HALTED)
    listing = venue.listing()
    venue.listed = listed(COARSE, ETH)
    refusal = RequestRefused("no")

    async def refuse(_: Iterable[InstrumentId]) -> None:
        raise refusal

    venue.clock.jump(300)
    asyncio.run(listing.look_if_due(refuse))
    assert listing.traded() == listed(COARSE, HALTED)
    assert listing.all()[ETH.id] == HALTED
    venue.after(300, listing)
    assert listing.traded() == listed(COARSE, ETH)


def test_what_is_taken_off_the_list_stays_in_view_and_may_come_back() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    venue.listed = listed(BTC)
    venue.after(EVERY_S, listing)
    gone = replace(ETH, status=InstrumentStatus.DELISTED)
    assert (listing.traded()[ETH.id], listing.all()[ETH.id]) == (gone, gone)
    venue.listed = listed(BTC, ETH)
    venue.after(300, listing)
    assert listing.traded() == listed(BTC, ETH)


@pytest.mark.parametrize("refusal", [VenueUnavailable("down"), None], ids=["a failure", "an empty list"])
def test_a_look_that_fails_changes_nothing_and_is_repeated(refusal: VenueUnavailable | None) -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    venue.refuses, venue.listed = refusal, {}
    venue.clock.jump(EVERY_S)
    with pytest.raises(VenueUnavailable):
        asyncio.run(listing.look_if_due(venue.prepare))
    assert listing.traded() == listed(BTC, ETH)
    venue.refuses, venue.listed = None, listed(COARSE, ETH)
    venue.after(300, listing)
    assert listing.traded() == listed(COARSE, ETH)


def test_a_doubt_outlives_a_look_that_fails() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing()
    listing.doubt()
    venue.refuses = VenueUnavailable("down")
    venue.clock.jump(10)
    with pytest.raises(VenueUnavailable):
        asyncio.run(listing.look_if_due(venue.prepare))
    venue.refuses, venue.listed = None, listed(COARSE, ETH)
    venue.after(10, listing)
    assert listing.traded()[BTC.id] == COARSE


def test_rules_that_are_anothers_stay_and_halts_count() -> None:
    venue = Venue(BTC, ETH)
    listing = venue.listing(rules_stay=True)
    venue.listed = listed(replace(COARSE, status=InstrumentStatus.CANCEL_ONLY))
    venue.after(EVERY_S, listing)
    assert listing.traded() == listed(
        replace(BTC, status=InstrumentStatus.CANCEL_ONLY), replace(ETH, status=InstrumentStatus.DELISTED)
    )


SYMBOLS = st.sampled_from([BTC, ETH, SOL, COARSE, HALTED])
LISTS = st.lists(SYMBOLS, max_size=5).map(lambda each: listed(*each))


@given(LISTS, LISTS)
def test_nothing_that_was_known_is_forgotten_and_all_that_is_listed_is_known(
    known: dict[InstrumentId, Instrument], found: dict[InstrumentId, Instrument]
) -> None:
    after = relisted(known, found)
    assert after.keys() == known.keys() | found.keys()
    assert {each: after[each] for each in found} == found
    assert all(after[each].status is InstrumentStatus.DELISTED for each in known.keys() - found.keys())


@given(st.lists(st.tuples(st.floats(0, 400), st.booleans(), st.booleans()), max_size=60))
def test_looks_keep_their_distance_whatever_is_doubted(steps: list[tuple[float, bool, bool]]) -> None:
    now_ns, looked_ns, times = 0, [0], LookTimes(EVERY_S, 0)
    for seconds, is_doubted, is_news in steps:
        now_ns += int(seconds * _NS)
        if is_doubted:
            times.doubt()
        if times.is_due(now_ns, is_waiting=False):
            looked_ns.append(now_ns)
            times.looked(times.looking(now_ns), is_news=is_news)
        assert now_ns - looked_ns[-1] < EVERY_S * _NS
    assert all(after - before >= 10 * _NS for before, after in pairwise(looked_ns))


def test_changes_are_told_by_field() -> None:
    assert differences(BTC, COARSE) == {"tick_size": "0.01 -> 0.1", "lot_size": "0.00001 -> 0.001"}
    assert differences(BTC, BTC) == {}
