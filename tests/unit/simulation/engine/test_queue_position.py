"""Orders in the queue of a recorded level: they wait for what is ahead, and get no more than traded."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.queue_position import TOGETHER_NS, LevelQueue

OURS = 1


def joined(lots: int, behind: int = 0) -> LevelQueue:
    """A level of `lots` that our order has joined, and `behind` that came later."""
    queue = LevelQueue(lots)
    queue.stand([OURS], lots)
    queue.show(lots + behind, 0)
    return queue


def trade(queue: LevelQueue, lots: int, now_ns: int = 0, remaining: int = 100) -> int:
    return sum(got for _, got in queue.trade([(OURS, remaining)], lots, lots, now_ns))


def test_the_queue_ahead_trades_first_then_the_order_in_parts() -> None:
    queue = joined(10)
    assert trade(queue, 4) == 0
    assert queue.ahead(OURS) == 6
    assert trade(queue, 9, remaining=5) == 3
    assert trade(queue, 9, remaining=2) == 2


def test_a_cancellation_is_spread_evenly_over_the_queue() -> None:
    queue = joined(10, behind=30)
    queue.show(20, 0)
    assert queue.ahead(OURS) == 10, "a trade may still explain it"
    queue.settle(TOGETHER_NS + 1)
    assert queue.ahead(OURS) == 5


def test_it_is_rounded_against_the_order() -> None:
    queue = joined(10, behind=5)
    queue.show(14, 0)
    queue.settle(TOGETHER_NS + 1)
    assert queue.ahead(OURS) == 10


def test_no_more_stands_ahead_than_there_is() -> None:
    queue = joined(10)
    queue.show(3, 0)
    queue.settle(TOGETHER_NS + 1)
    queue.show(50, TOGETHER_NS + 2)
    assert queue.ahead(OURS) == 3


def test_a_trade_that_follows_its_change_of_the_level_does_not_count_twice() -> None:
    queue = joined(10)
    queue.show(7, 0)
    assert trade(queue, 3, now_ns=TOGETHER_NS) == 0
    queue.settle(3 * TOGETHER_NS)
    assert queue.ahead(OURS) == 7


def test_nor_does_one_that_comes_before_it() -> None:
    queue = joined(10, behind=10)
    assert trade(queue, 3) == 0
    queue.show(17, TOGETHER_NS)
    queue.settle(3 * TOGETHER_NS)
    assert queue.ahead(OURS) == 7


def test_long_after_a_trade_a_change_is_a_cancellation() -> None:
    queue = joined(10, behind=10)
    assert trade(queue, 4) == 0
    queue.show(18, 2 * TOGETHER_NS)
    queue.settle(4 * TOGETHER_NS)
    assert queue.ahead(OURS) == 6 * 18 // 20 + 1


def test_what_an_account_took_came_from_the_front() -> None:
    queue = joined(10)
    queue.stand([OURS], 6)
    assert queue.ahead(OURS) == 6


def test_orders_stand_in_the_order_they_came() -> None:
    queue = joined(10)
    queue.show(15, 0)
    queue.stand([OURS, 2], 15)
    assert queue.trade([(OURS, 4), (2, 4)], 12, 12, 0) == [(OURS, 2)]
    assert queue.trade([(OURS, 2), (2, 4)], 8, 8, 0) == [(OURS, 2), (2, 1)]


def test_a_trade_through_the_level_takes_all_that_was_ahead() -> None:
    queue = joined(10)
    queue.pass_through()
    assert trade(queue, 2) == 2


@dataclass
class Life:
    """Our order's life in a level, and what may at most have left the queue ahead of it."""

    start: int
    queue: LevelQueue = field(init=False)
    lots: int = 0
    now_ns: int = 0
    traded: int = 0
    gone: int = 0
    filled: int = 0

    def __post_init__(self) -> None:
        self.lots = self.start
        self.queue = joined(self.start)

    def show(self, lots: int) -> None:
        self.gone += max(0, self.lots - lots)
        self.lots = lots
        self.queue.show(lots, self.now_ns)

    def trade(self, lots: int, quantity: int) -> None:
        self.traded += lots
        if quantity > self.filled:
            self.filled += trade(self.queue, lots, self.now_ns, quantity - self.filled)


STEPS = st.lists(
    st.tuples(st.sampled_from(["show", "trade", "wait"]), st.integers(0, 60)).filter(lambda step: step[1] > 0),
    max_size=40,
)


@given(st.integers(0, 50), st.integers(1, 80), STEPS)
def test_nothing_fills_before_the_queue_ahead_has_gone(start: int, quantity: int, steps: list[tuple[str, int]]) -> None:
    life = Life(start)
    ahead = start
    for what, amount in steps:
        if what == "show":
            life.show(amount - 1)
        elif what == "trade":
            life.trade(amount, quantity)
        else:
            life.now_ns += amount * 10_000_000
            life.queue.settle(life.now_ns)
        assert 0 <= life.queue.ahead(OURS) <= ahead, "it never moves back"
        ahead = life.queue.ahead(OURS)
        assert life.filled <= max(0, life.traded - (start - min(start, life.gone)))
        assert life.filled <= quantity


@given(st.integers(0, 50), st.lists(st.integers(1, 20), max_size=30))
def test_by_trades_alone_it_fills_with_exactly_what_is_left_of_them(start: int, trades: list[int]) -> None:
    life = Life(start)
    for lots in trades:
        life.trade(lots, 10_000)
    assert life.filled == max(0, sum(trades) - start)


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=30))
def test_the_order_of_a_trade_and_its_change_of_the_level_does_not_matter(
    start: int, trades: list[tuple[int, bool]]
) -> None:
    life = Life(start)
    for lots, change_first in trades:
        left = max(0, life.lots - lots)
        if change_first:
            life.show(left)
        life.trade(lots, 10_000)
        if not change_first:
            life.show(left)
        life.now_ns += 1_000_000
    assert life.filled == max(0, sum(lots for lots, _ in trades) - start)
