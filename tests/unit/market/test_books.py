"""Asking for snapshots: at once, one at a time, and with patience when it keeps failing."""

from itertools import pairwise

from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged
from core.market.book_sync import Step
from core.market.books import Books

A, B = InstrumentId("A/USDT"), InstrumentId("B/USDT")
S = 1_000_000_000


def diff(first: int, last: int, at_s: float = 0.0, instrument: InstrumentId = A) -> BookChanged:
    return BookChanged(instrument, [(10.0, 1.0)], [], first, last, False, 0, int(at_s * S))


def snapshot(number: int, at_s: float = 0.0) -> BookChanged:
    return BookChanged(A, [(9.0, 1.0)], [(11.0, 1.0)], number, number, True, 0, int(at_s * S))


def test_the_first_diff_asks_for_a_snapshot_once() -> None:
    asked: list[InstrumentId] = []
    books = Books(asked.append)
    for number in range(3):
        assert books.apply(diff(10 + number, 10 + number)) is Step.BUFFERED
    books.apply(diff(1, 1, instrument=B))
    assert asked == [A, B]
    assert books.book(A) is None
    assert books.apply(snapshot(10)) is Step.APPLIED
    book = books.book(A)
    assert book is not None and book.best_bid == (10.0, 1.0)
    assert books.statistics().live == 1


def test_a_gap_soon_after_the_last_snapshot_waits() -> None:
    asked: list[InstrumentId] = []
    books = Books(asked.append)
    books.apply(diff(10, 10))
    books.apply(snapshot(10))
    assert books.apply(diff(15, 15, at_s=2.0)) is Step.GAP
    assert len(asked) == 1
    books.check(int(2.5 * S))
    assert len(asked) == 1
    books.check(3 * S)
    assert len(asked) == 2
    books.check(4 * S)
    assert len(asked) == 2, "one is on its way"


def test_a_gap_after_a_long_calm_is_mended_at_once() -> None:
    asked: list[InstrumentId] = []
    books = Books(asked.append, max_delay_s=60.0)
    books.apply(diff(10, 10))
    books.apply(snapshot(10))
    assert books.apply(diff(15, 15, at_s=100.0)) is Step.GAP
    assert len(asked) == 2


def test_snapshots_that_never_fit_are_asked_for_ever_more_rarely() -> None:
    asked_at_s: list[int] = []
    now_s = 0
    books = Books(lambda _: asked_at_s.append(now_s), max_delay_s=8.0)
    books.apply(diff(100, 100))
    for now_s in range(32):
        books.check(now_s * S)
        if asked_at_s[-1] == now_s:
            assert books.apply(snapshot(5, at_s=now_s)) is Step.TOO_OLD
    assert [later - earlier for earlier, later in pairwise(asked_at_s)] == [1, 2, 4, 8, 8, 8]


def test_a_failed_request_is_repeated_by_check() -> None:
    asked: list[InstrumentId] = []
    books = Books(asked.append)
    books.apply(diff(10, 10))
    books.snapshot_failed(A, 5 * S)
    books.snapshot_failed(B, 5 * S)
    books.check(5 * S)
    assert asked == [A]
    books.check(6 * S)
    assert asked == [A, A]


def test_an_interruption_voids_only_the_books_named() -> None:
    asked: list[InstrumentId] = []
    books = Books(asked.append)
    books.apply(diff(10, 10))
    books.apply(snapshot(10))
    books.interrupted([B])
    assert books.book(A) is not None
    books.interrupted([A, B])
    assert books.book(A) is None
