"""One side of an order book: price levels in price-time priority.

A level holds liquidity of the house (a number) and resting orders of accounts. As long as nobody but the house is on a
level it is a number and nothing else; the first account's order makes it a queue, in which what the house had before
stands first.
"""

from bisect import bisect_left, insort
from collections import OrderedDict

from core.simulation.engine.accounts import Account
from core.simulation.engine.resting import RestingOrder

HouseLots = list[int]
"""One stretch of the house's lots in a queue: a list of one number, so that it can shrink in place."""
Queue = OrderedDict[int, RestingOrder | HouseLots]
"""Oldest first. Orders stand under their order id, stretches of the house under negative numbers."""


class BookSide:
    """Levels sorted by *key*, which is the price of a bid and the negated price of an ask: the best is always last,
    and a taker with limit `price` may take every level whose key is at least `sign * price`.
    """

    __slots__ = ("_next_stretch", "changed", "keys", "lots", "queues", "sign")

    def __init__(self, *, is_bid: bool) -> None:
        self.sign = 1 if is_bid else -1
        self.keys: list[int] = []
        """Ascending; the best level last."""
        self.lots: dict[int, int] = {}
        """Total lots by key, of house and accounts together; only levels that have some."""
        self.queues: dict[int, Queue] = {}
        """By key, of levels where an account has an order."""
        self.changed: dict[int, int] = {}
        """Levels changed since the last BookChanged, with their new total."""
        self._next_stretch = -1

    def best_price(self) -> int:
        """0 when the side is empty."""
        return self.keys[-1] * self.sign if self.keys else 0

    def best_lots(self) -> int:
        return self.lots[self.keys[-1]] if self.keys else 0

    def top(self, limit: int) -> tuple[tuple[int, int], ...]:
        """The best `limit` levels as (price, lots), best first."""
        sign, lots = self.sign, self.lots
        return tuple([(key * sign, lots[key]) for key in self.keys[: -limit - 1 : -1]])

    def add_house(self, key: int, lots: int) -> None:
        """The house joins the end of a level's queue with `lots` > 0."""
        total = self.lots.get(key)
        if total is None:
            insort(self.keys, key)
            total = 0
        elif self.queues and (queue := self.queues.get(key)) is not None:
            self._append_house(queue, lots)
        self.lots[key] = self.changed[key] = total + lots

    def remove_house(self, key: int, lots: int) -> int:
        """The house takes back up to `lots`, what came last first; how many it had there."""
        total = self.lots.get(key)
        if total is None:
            return 0
        queue = self.queues.get(key) if self.queues else None
        removed = min(lots, total) if queue is None else _shrink_house(queue, lots)
        if removed:
            self._set(key, total - removed)
        return removed

    def add_order(self, key: int, order: RestingOrder) -> None:
        """An account's order joins the end of its level's queue."""
        total = self.lots.get(key)
        if total is None:
            insort(self.keys, key)
            self.queues[key] = OrderedDict({order.order_id: order})
            total = 0
        else:
            queue = self.queues.get(key)
            if queue is None:
                queue = self.queues[key] = OrderedDict()
                self._append_house(queue, total)
            queue[order.order_id] = order
        self.lots[key] = self.changed[key] = total + (order.shown if order.iceberg else order.remaining)

    def remove_order(self, key: int, order: RestingOrder) -> None:
        """Take a resting order out; it must be there."""
        queue = self.queues[key]
        del queue[order.order_id]
        self._set(key, self.lots[key] - (order.shown if order.iceberg else order.remaining))
        self.drop_queue_without_orders(key, queue)

    def order_traded(self, key: int, order: RestingOrder, lots: int) -> None:
        """A resting order that shows all it has has lost `lots`, which its `remaining` no longer counts."""
        self.order_shrank(key, order, order.remaining + lots)

    def order_shrank(self, key: int, order: RestingOrder, displayed_before: int, *, requeue: bool = False) -> None:
        """A resting order has lost lots, wherever in its queue it stands, and shows other ones than before; one with
        nothing left is taken out. `requeue`: what it shows now joins the end of the queue."""
        queue = self.queues[key]
        if not order.remaining:
            del queue[order.order_id]
        elif requeue:
            queue.move_to_end(order.order_id)
        self._set(key, self.lots[key] - displayed_before + order.displayed)
        self.drop_queue_without_orders(key, queue)

    def stretch_traded(self, key: int, stretch_id: int, lots: int) -> None:
        """A stretch of the house in a level's queue has traded `lots`."""
        queue = self.queues[key]
        stretch = queue[stretch_id]
        assert isinstance(stretch, list)  # noqa: S101 negative ids are stretches of the house
        stretch[0] -= lots
        if not stretch[0]:
            del queue[stretch_id]
        self._set(key, self.lots[key] - lots)

    def orders(self) -> list[tuple[int, RestingOrder]]:
        """All resting orders of accounts with their keys, in price-time priority."""
        if not self.queues:
            return []
        return [
            (key, entry)
            for key in sorted(self.queues, reverse=True)
            for entry in self.queues[key].values()
            if not isinstance(entry, list)
        ]

    def house_lots(self, key: int) -> int:
        """What the house has on a level."""
        queue = self.queues.get(key) if self.queues else None
        if queue is None:
            return self.lots.get(key, 0)
        return sum(entry[0] for entry in queue.values() if isinstance(entry, list))

    def drop_queue_without_orders(self, key: int, queue: Queue) -> None:
        """A level that is the house's alone again needs no queue."""
        for entry_id in queue:
            if entry_id > 0:
                return
        self.queues.pop(key, None)

    def clear_best(self) -> None:
        """The best level has been taken whole."""
        key = self.keys.pop()
        del self.lots[key]
        self.queues.pop(key, None)
        self.changed[key] = 0

    def available(self, limit_key: int, wanted: int, spared: Account | None = None) -> int:
        """Lots a taker with that limit would find, counted up to `wanted`; `spared` as in `takeable`."""
        found = 0
        for key in reversed(self.keys):
            if key < limit_key or found >= wanted:
                break
            found += self.takeable(key, spared)
        return min(found, wanted)

    def takeable(self, key: int, spared: Account | None = None) -> int:
        """Lots a taker finds on a level, the hidden ones of icebergs included.

        `spared`: an account whose orders it does not trade with; `None`: it trades with all.
        """
        found = self.lots[key]
        queue = self.queues.get(key) if self.queues else None
        if queue is None:
            return found
        for entry in queue.values():
            if isinstance(entry, list):
                continue
            if entry.account is spared:
                found -= entry.displayed
            elif entry.iceberg:
                found += entry.remaining - entry.shown
        return found

    def _append_house(self, queue: Queue, lots: int) -> None:
        if queue and (last := next(reversed(queue))) < 0:
            stretch = queue[last]
            assert isinstance(stretch, list)  # noqa: S101 - negative ids are stretches of the house
            stretch[0] += lots
            return
        queue[self._next_stretch] = [lots]
        self._next_stretch -= 1

    def _set(self, key: int, total: int) -> None:
        self.changed[key] = total
        if total:
            self.lots[key] = total
            return
        del self.lots[key]
        self.queues.pop(key, None)
        del self.keys[bisect_left(self.keys, key)]


def _shrink_house(queue: Queue, lots: int) -> int:
    removed = 0
    for entry_id in [entry_id for entry_id in reversed(queue) if entry_id < 0]:
        stretch = queue[entry_id]
        assert isinstance(stretch, list)  # noqa: S101 - negative ids are stretches of the house
        taken = min(stretch[0], lots - removed)
        removed += taken
        if taken == stretch[0]:
            del queue[entry_id]
        else:
            stretch[0] -= taken
        if removed == lots:
            break
    return removed
