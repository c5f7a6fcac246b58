"""The recorded book: what two sources say of it, the newer one believed."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.recorded_depth import RecordedDepth
from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged

NAME = "BTCUSDT"


def started(update_id: int, bids: dict[int, int], asks: dict[int, int]) -> BookStarted:
    return BookStarted(NAME, 0, update_id, tuple(bids.items()), tuple(asks.items()))


def changed(update_id: int, bids: dict[int, int], asks: dict[int, int]) -> LevelsChanged:
    return LevelsChanged(NAME, 0, update_id, tuple(bids.items()), tuple(asks.items()))


def quoted(update_id: int, bid: int, bid_lots: int, ask: int, ask_lots: int) -> BestQuoted:
    return BestQuoted(NAME, 0, update_id, bid, bid_lots, ask, ask_lots)


def best(depth: RecordedDepth) -> tuple[int, int, int, int]:
    return (*depth.bids.best(), *depth.asks.best())


def test_a_newer_quote_is_believed_until_the_changes_have_caught_up() -> None:
    depth = RecordedDepth()
    depth.apply(started(10, {100: 5, 99: 4}, {101: 5, 102: 4}))
    depth.apply(quoted(12, 99, 3, 101, 6))
    assert best(depth) == (99, 3, 101, 6)
    depth.apply(changed(11, {98: 9}, {}))
    assert best(depth) == (99, 3, 101, 6), "the quote is newer still"
    depth.apply(changed(13, {100: 0, 99: 2}, {101: 6}))
    assert best(depth) == (99, 2, 101, 6)


def test_what_a_quote_hid_comes_back_when_the_changes_know_better() -> None:
    depth = RecordedDepth()
    depth.apply(started(10, {100: 5, 99: 4}, {101: 5}))
    depth.apply(quoted(11, 99, 4, 101, 5))
    depth.apply(changed(12, {98: 1}, {}))
    assert best(depth) == (100, 5, 101, 5)


def test_an_older_quote_changes_nothing() -> None:
    depth = RecordedDepth()
    depth.apply(started(10, {100: 5}, {101: 5}))
    assert depth.apply(quoted(9, 90, 1, 91, 1)) == ([], [])
    assert best(depth) == (100, 5, 101, 5)


def test_before_the_book_begins_there_is_the_quote_alone() -> None:
    depth = RecordedDepth()
    depth.apply(quoted(11, 100, 2, 101, 3))
    assert best(depth) == (100, 2, 101, 3)
    depth.apply(started(10, {100: 5, 99: 4}, {101: 5, 102: 4}))
    assert best(depth) == (100, 2, 101, 3)
    assert depth.bids.lots == {100: 2, 99: 4}


def test_a_side_may_be_empty() -> None:
    depth = RecordedDepth()
    depth.apply(started(10, {100: 5}, {101: 5}))
    depth.apply(quoted(11, 0, 0, 101, 5))
    assert best(depth) == (0, 0, 101, 5)


BIDS = st.dictionaries(st.integers(80, 100), st.integers(0, 5), max_size=8)
ASKS = st.dictionaries(st.integers(101, 120), st.integers(0, 5), max_size=8)
MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just("changed"), st.integers(0, 3), BIDS, ASKS),
        st.tuples(st.just("quoted"), st.integers(0, 3), st.integers(80, 100), st.integers(101, 120)),
    ),
    max_size=25,
)


@given(BIDS, ASKS, MESSAGES)
def test_the_changes_told_lead_from_one_book_to_the_next(
    bids: dict[int, int], asks: dict[int, int], messages: list[tuple[str, int, object, object]]
) -> None:
    depth, plain = RecordedDepth(), Plain()
    told: dict[int, int] = {}
    for event in [started(100, bids, asks), *_events(messages)]:
        for changes in depth.apply(event):
            for key, before, lots in changes:
                assert told.get(key, 0) == before != lots
                told[key] = lots
        plain.apply(event)
        assert {key: lots for key, lots in told.items() if lots} == depth.bids.lots | depth.asks.lots == plain.believed
        assert not depth.is_crossed


def _events(messages: list[tuple[str, int, object, object]]) -> Iterator[LevelsChanged | BestQuoted]:
    """Update ids of quotes run ahead of those of changes by one at most."""
    book_id = 100
    for what, newer, low, high in messages:
        book_id += newer
        if what == "changed":
            assert isinstance(low, dict)
            assert isinstance(high, dict)
            yield changed(book_id, low, high)
        else:
            assert isinstance(low, int)
            assert isinstance(high, int)
            yield quoted(book_id + 1, low, 1 + newer, high, 2)


class Plain:
    """The same book, kept in the simplest way: by key, bids positive, asks negative."""

    def __init__(self) -> None:
        self.by_changes: dict[int, int] = {}
        self.believed: dict[int, int] = {}
        self.quote: BestQuoted | None = None

    def apply(self, event: BookStarted | LevelsChanged | BestQuoted) -> None:
        if isinstance(event, BestQuoted):
            self.quote = event
        else:
            self.by_changes |= dict(event.bids) | {-price: lots for price, lots in event.asks}
            self.believed = {key: lots for key, lots in self.by_changes.items() if lots}
        if self.quote is not None and self.quote.update_id > event.update_id - isinstance(event, BestQuoted):
            bid, ask = self.quote.bid, self.quote.ask
            self.believed = {
                key: lots for key, lots in self.believed.items() if (0 < key < bid) or (key < 0 and -key > ask)
            } | {bid: self.quote.bid_lots, -ask: self.quote.ask_lots}
