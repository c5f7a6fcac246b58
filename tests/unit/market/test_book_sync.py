"""Staying in step with a venue that drops, repeats and delays what it sends."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, CandleChanged, QuoteChanged, TradePrinted
from core.market.book_sync import MAX_BUFFERED, BookSync, Step, SyncState
from core.market.order_book import OrderBook
from tests.unit.market.recorded_book import SPOT, USDM, replay

ID = InstrumentId("BTC/USDT")


def diff(first: int, last: int, previous: int | None = None, bid: float = 10.0, quantity: float = 1.0) -> BookChanged:
    return BookChanged(ID, [(bid, quantity)], [], first, last, False, last, last, previous)


def snapshot(number: int, bids: list[tuple[float, float]] | None = None) -> BookChanged:
    return BookChanged(ID, bids or [(9.0, 1.0)], [(20.0, 1.0)], number, number, True, number, number)


class Venue:
    """The true book; each update is one or more ids wide, as a 100 ms diff is."""

    def __init__(self, *, linked: bool) -> None:
        self.linked = linked
        self.book = OrderBook()
        self.last = 100
        self.book.replace([(9.0, 1.0)], [(20.0, 1.0)])

    def diff(self, width: int, tick: int, quantity: float) -> BookChanged:
        previous, first, last = self.last, self.last + 1, self.last + width
        self.last = last
        bids = [(9.0 + tick / 10, quantity)]
        self.book.update(bids, [])
        return BookChanged(ID, bids, [], first, last, False, 0, 0, previous if self.linked else None)

    def snapshot(self) -> BookChanged:
        return BookChanged(ID, self.book.bids(1_000), self.book.asks(1_000), self.last, self.last, True, 0, 0)


actions = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "deliver", "deliver", "drop", "repeat", "snapshot", "late snapshot"]),
        st.integers(1, 5),
        st.integers(0, 20),
        st.sampled_from([0.0, 1.0, 2.5]),
    ),
    max_size=60,
)


@given(actions, st.booleans())
def test_a_live_book_is_the_venues_book_at_that_sequence(
    script: list[tuple[str, int, int, float]], linked: bool
) -> None:
    """Whatever is dropped, repeated or late: a book that says it is live equals what the venue had at its sequence."""
    venue, sync = Venue(linked=linked), BookSync()
    history = {venue.last: (venue.book.bids(99), venue.book.asks(99))}
    stale = venue.snapshot()
    delivered = diff(1, 1)
    for what, width, tick, quantity in script:
        if what == "snapshot":
            sync.apply(venue.snapshot())
        elif what == "late snapshot":
            sync.apply(stale)
            stale = venue.snapshot()
        elif what == "repeat":
            sync.apply(delivered)
        else:
            update = venue.diff(width, tick, quantity)
            history[venue.last] = (venue.book.bids(99), venue.book.asks(99))
            if what == "deliver":
                delivered = update
                sync.apply(update)
        if sync.state is SyncState.LIVE:
            assert (sync.book.bids(99), sync.book.asks(99)) == history[sync.last_sequence]


@given(st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_a_snapshot_within_the_buffered_diffs_brings_the_book_up_to_date(before: int, after: int, linked: bool) -> None:
    venue, sync = Venue(linked=linked), BookSync()
    for number in range(before):
        assert sync.apply(venue.diff(1 + number % 3, number, 1.0)) is Step.BUFFERED
    picture = venue.snapshot()
    for number in range(after):
        sync.apply(venue.diff(1 + number % 2, number + 1, 2.0))
    assert sync.apply(picture) is Step.APPLIED
    assert sync.last_sequence == venue.last
    assert sync.book.bids(99) == venue.book.bids(99)


def test_a_missing_diff_voids_the_book_until_a_snapshot() -> None:
    sync = BookSync()
    assert sync.apply(snapshot(100)) is Step.APPLIED
    assert sync.apply(diff(101, 103)) is Step.APPLIED
    assert sync.apply(diff(105, 106)) is Step.GAP
    assert (sync.state, sync.gaps, len(sync.book)) == (SyncState.WAITING, 1, 0)
    assert sync.apply(diff(107, 108)) is Step.BUFFERED
    assert sync.apply(snapshot(106)) is Step.APPLIED
    assert (sync.state, sync.last_sequence) == (SyncState.LIVE, 108)


def test_a_snapshot_older_than_the_first_diff_is_too_old() -> None:
    sync = BookSync()
    sync.apply(diff(110, 112))
    assert sync.apply(snapshot(105)) is Step.TOO_OLD
    assert sync.state is SyncState.WAITING
    assert sync.apply(snapshot(109)) is Step.APPLIED
    assert sync.last_sequence == 112


def test_the_first_diff_after_a_snapshot_may_overlap_it() -> None:
    spot, linked = BookSync(), BookSync()
    spot.apply(snapshot(100))
    assert spot.apply(diff(95, 103)) is Step.APPLIED
    assert spot.apply(diff(103, 110)) is Step.GAP
    linked.apply(snapshot(100))
    assert linked.apply(diff(90, 100, previous=80)) is Step.APPLIED
    assert linked.apply(diff(104, 110, previous=100)) is Step.APPLIED
    assert linked.apply(diff(112, 115, previous=111)) is Step.GAP


def test_what_the_book_has_seen_is_ignored() -> None:
    sync = BookSync()
    sync.apply(snapshot(100))
    assert sync.apply(diff(90, 100)) is Step.IGNORED
    assert sync.apply(diff(101, 102)) is Step.APPLIED
    assert sync.apply(diff(101, 102)) is Step.IGNORED
    assert sync.apply(snapshot(101)) is Step.IGNORED
    assert sync.last_sequence == 102


def test_an_interruption_voids_the_book() -> None:
    sync = BookSync()
    sync.apply(snapshot(100))
    sync.invalidate()
    assert (sync.state, len(sync.book)) == (SyncState.WAITING, 0)


def test_the_buffer_is_bounded() -> None:
    sync = BookSync()
    for number in range(MAX_BUFFERED + 50):
        sync.apply(diff(number, number))
    assert sync.apply(snapshot(20)) is Step.TOO_OLD
    assert sync.apply(snapshot(MAX_BUFFERED + 10)) is Step.APPLIED
    assert sync.last_sequence == MAX_BUFFERED + 49


@pytest.mark.parametrize(("file", "comparisons"), [(SPOT, 564), (USDM, 629)])
def test_the_rebuilt_book_agrees_with_every_recorded_quote_of_the_same_update(
    recorded_data: Path, file: str, comparisons: int
) -> None:
    recording = replay(recorded_data / file)
    sync, compared = BookSync(), 0
    for event in recording.events:
        if not isinstance(event, BookChanged):
            continue
        step = sync.apply(event)
        assert step in (Step.APPLIED, Step.BUFFERED)
        quote = recording.quotes.get(event.last_sequence)
        if quote is None or event.is_snapshot or sync.state is not SyncState.LIVE:
            continue
        assert sync.book.best_bid == (quote.bid, quote.bid_quantity)
        assert sync.book.best_ask == (quote.ask, quote.ask_quantity)
        compared += 1
    assert compared == comparisons
    assert sync.gaps == 0


def test_every_recorded_frame_decodes(recorded_data: Path) -> None:
    counts: dict[str, int] = {}
    for file in (SPOT, USDM):
        for event in replay(recorded_data / file).events:
            counts[type(event).__name__] = counts.get(type(event).__name__, 0) + 1
    assert counts == {
        QuoteChanged.__name__: 28_040 + 66_089,
        TradePrinted.__name__: 9_757 + 21_313,
        BookChanged.__name__: 3_451 + 6_551 + 2,
    }
    assert CandleChanged.__name__ not in counts
