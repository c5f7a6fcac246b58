"""The book against a naive one that is sorted from scratch each time."""

from hypothesis import given
from hypothesis import strategies as st

from core.market.order_book import Level, OrderBook

prices = st.integers(1, 60).map(lambda tick: tick / 100)
quantities = st.sampled_from([0.0, 0.0, 0.5, 1.0, 7.25])
sides = st.lists(st.tuples(prices, quantities), max_size=12)
steps = st.lists(st.tuples(sides, sides), max_size=30)


class NaiveBook:
    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def update(self, bids: list[Level], asks: list[Level]) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in levels:
                side.pop(price, None)
                if quantity:
                    side[price] = quantity

    def best_first(self) -> tuple[list[Level], list[Level]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())


def agrees(book: OrderBook, naive: NaiveBook) -> bool:
    bids, asks = naive.best_first()
    return (
        book.best_bid == (bids[0] if bids else None)
        and book.best_ask == (asks[0] if asks else None)
        and book.bids(5) == bids[:5]
        and book.asks(5) == asks[:5]
        and len(book) == len(bids) + len(asks)
    )


@given(sides, sides, steps)
def test_any_run_of_updates_leaves_the_levels_a_naive_book_has(
    bids: list[Level], asks: list[Level], updates: list[tuple[list[Level], list[Level]]]
) -> None:
    book, naive = OrderBook(), NaiveBook()
    book.replace(bids, asks)
    naive.update(bids, asks)
    assert agrees(book, naive)
    for update in updates:
        book.update(*update)
        naive.update(*update)
        assert agrees(book, naive)


@given(st.integers(0, 2**32 - 1))
def test_removed_levels_are_swept_and_leave_no_trace(seed: int) -> None:
    """Many more levels come and go than stay: the sweep runs, and memory stays in proportion to what is there."""
    book = OrderBook()
    for number in range(40):
        fresh = [(1_000.0 + (seed + number * 131 + step) % 50_000, 1.0) for step in range(100)]
        book.update(fresh, [])
        book.update([(price, 0.0) for price, _ in fresh[10:]], [])
    naive = NaiveBook()
    for number in range(40):
        fresh = [(1_000.0 + (seed + number * 131 + step) % 50_000, 1.0) for step in range(100)]
        naive.update(fresh, [])
        naive.update([(price, 0.0) for price, _ in fresh[10:]], [])
    assert agrees(book, naive)
    assert len(book._bids._quantities) <= 3 * len(book) + 1_100


def test_an_empty_book_has_no_best_levels() -> None:
    book = OrderBook()
    assert (book.best_bid, book.best_ask, book.bids(3), len(book)) == (None, None, [], 0)


def test_a_cleared_book_is_empty() -> None:
    book = OrderBook()
    book.replace([(9.0, 1.0)], [(10.0, 1.0)])
    book.clear()
    assert (book.best_bid, book.best_ask, len(book)) == (None, None, 0)
