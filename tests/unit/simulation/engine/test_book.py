"""The side of a book against a plain list of (price, owner, lots) in order of arrival."""

from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.simulation.engine.book import BookSide
from core.simulation.engine.resting import RestingOrder

PRICES = st.integers(99, 101)
LOTS = st.integers(1, 20)


class _Order:
    def __init__(self, order_id: int, lots: int) -> None:
        self.order_id = order_id
        self.remaining = lots
        self.iceberg = self.shown = 0

    @property
    def displayed(self) -> int:
        return self.remaining


def joined(entries: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(owner, lots) with neighbouring stretches of the house (-1) taken together."""
    result: list[tuple[int, int]] = []
    for owner, lots in entries:
        if owner < 0 and result and result[-1][0] < 0:
            result[-1] = (owner, result[-1][1] + lots)
        else:
            result.append((owner, lots))
    return result


class SideMachine(RuleBasedStateMachine):
    is_bid = True

    def __init__(self) -> None:
        super().__init__()
        self.side = BookSide(is_bid=self.is_bid)
        self.entries: list[tuple[int, _Order | None, int]] = []
        """(key, order or None for the house, lots) in order of arrival."""
        self.n_orders = 0

    @rule(price=PRICES, lots=LOTS)
    def the_house_adds(self, price: int, lots: int) -> None:
        key = price * self.side.sign
        self.side.add_house(key, lots)
        self.entries.append((key, None, lots))

    @rule(price=PRICES, lots=LOTS)
    def an_account_adds(self, price: int, lots: int) -> None:
        self.n_orders += 1
        order, key = _Order(self.n_orders, lots), price * self.side.sign
        self.side.add_order(key, cast(RestingOrder, order))
        self.entries.append((key, order, lots))

    @precondition(lambda self: any(order for _, order, _ in self.entries))
    @rule(data=st.data())
    def an_account_cancels(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from([entry for entry in self.entries if entry[1] is not None]))
        assert entry[1] is not None
        self.side.remove_order(entry[0], cast(RestingOrder, entry[1]))
        self.entries.remove(entry)

    @rule(price=PRICES, lots=LOTS)
    def the_house_takes_back(self, price: int, lots: int) -> None:
        key = price * self.side.sign
        removed = self.side.remove_house(key, lots)
        here = [index for index, entry in enumerate(self.entries) if entry[0] == key and entry[1] is None]
        assert removed == min(lots, sum(self.entries[index][2] for index in here))
        for index in reversed(here):
            _, _, there = self.entries[index]
            taken = min(there, removed)
            removed -= taken
            self.entries[index] = (key, None, there - taken)
        self.entries = [entry for entry in self.entries if entry[2]]

    @invariant()
    def levels_are_the_sums_of_their_entries(self) -> None:
        totals: dict[int, int] = {}
        for key, _, lots in self.entries:
            totals[key] = totals.get(key, 0) + lots
        assert self.side.lots == totals
        assert self.side.keys == sorted(totals)

    @invariant()
    def queues_keep_the_order_of_arrival(self) -> None:
        with_orders = {key for key, order, _ in self.entries if order is not None}
        assert set(self.side.queues) == with_orders
        for key in with_orders:
            expected = [(order.order_id if order else -1, lots) for there, order, lots in self.entries if there == key]
            queue = [
                (max(entry_id, -1), entry[0] if isinstance(entry, list) else entry.remaining)
                for entry_id, entry in self.side.queues[key].items()
            ]
            assert joined(queue) == joined(expected)

    @invariant()
    def changed_levels_end_up_as_they_are(self) -> None:
        for key, lots in self.side.changed.items():
            assert self.side.lots.get(key, 0) == lots


class AskMachine(SideMachine):
    is_bid = False


TestBids = SideMachine.TestCase
TestAsks = AskMachine.TestCase
TestBids.settings = TestAsks.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_best_and_top_look_from_the_best_price() -> None:
    bids, asks = BookSide(is_bid=True), BookSide(is_bid=False)
    for price in (99, 98, 100):
        bids.add_house(price, price)
        asks.add_house(-(price + 10), price)
    assert (bids.best_price(), bids.best_lots()) == (100, 100)
    assert (asks.best_price(), asks.best_lots()) == (108, 98)
    assert bids.top(2) == ((100, 100), (99, 99))
    assert asks.top(9) == ((108, 98), (109, 99), (110, 100))
    assert asks.top(0) == ()


def test_available_counts_no_further_than_the_limit_and_what_is_wanted() -> None:
    asks = BookSide(is_bid=False)
    for price in (100, 101, 102):
        asks.add_house(-price, 10)
    assert asks.available(-101, 100) == 20
    assert asks.available(-102, 15) == 15
    assert asks.available(-99, 15) == 0
