"""One order book: all known levels of both sides, cheap to update many levels at a time.

Prices are float64, read from the venue's decimal text: the nearest float of equal texts is equal, so levels match by
key exactly. A side is one dictionary and one heap over its prices. An update is a single `dict.update`: a removed level
stays in the dictionary with quantity 0 until it comes to the top of the heap or a sweep takes it, and the prices that
are new are the last ones of the dictionary, which keeps insertion order.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush, nlargest, nsmallest
from itertools import islice

Level = tuple[float, float]
"""(price, quantity in base units)."""
_SLACK = 1_000


class _Side:
    """`sign` is 1 for asks, whose best price is the lowest, and -1 for bids. The heap holds sign x price of every key
    of the dictionary, once."""

    __slots__ = ("_heap", "_quantities", "_sign", "_sweep_at")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._quantities: dict[float, float] = {}
        self._heap: list[float] = []
        self._sweep_at = _SLACK

    def replace(self, levels: Iterable[Level]) -> None:
        self._quantities = dict(levels)
        self._sweep()

    def update(self, levels: Sequence[Level]) -> None:
        quantities = self._quantities
        size = len(quantities)
        quantities.update(levels)
        n_new = len(quantities) - size
        if n_new:
            for price in islice(reversed(quantities), n_new):
                heappush(self._heap, self._sign * price)
            if size + n_new > self._sweep_at:
                self._sweep()

    def best(self) -> Level | None:
        while self._heap:
            price = self._sign * self._heap[0]
            quantity = self._quantities[price]
            if quantity:
                return price, quantity
            heappop(self._heap)
            del self._quantities[price]
        return None

    def levels(self) -> Iterator[Level]:
        """In no order."""
        return (level for level in self._quantities.items() if level[1])

    def _sweep(self) -> None:
        self._quantities = {price: quantity for price, quantity in self._quantities.items() if quantity}
        self._heap = [self._sign * price for price in self._quantities]
        heapify(self._heap)
        self._sweep_at = 3 * len(self._heap) + _SLACK


class OrderBook:
    """Bids and asks of one instrument. Levels beyond what the venue's snapshot showed are unknown until they change."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = _Side(-1.0)
        self._asks = _Side(1.0)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forgets everything and takes these levels (those of quantity 0 are left out)."""
        self._bids.replace(bids)
        self._asks.replace(asks)

    def update(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Sets each level's quantity; 0 removes it."""
        self._bids.update(bids)
        self._asks.update(asks)

    def clear(self) -> None:
        self.replace((), ())

    @property
    def best_bid(self) -> Level | None:
        """Highest bid; `None` when there is no bid. Amortised constant time."""
        return self._bids.best()

    @property
    def best_ask(self) -> Level | None:
        """Lowest ask; `None` when there is no ask. Amortised constant time."""
        return self._asks.best()

    def bids(self, depth: int) -> list[Level]:
        """The best `depth` bids, best first. Looks at every level: for decisions, not for every update."""
        return nlargest(depth, self._bids.levels())

    def asks(self, depth: int) -> list[Level]:
        """The best `depth` asks, best first. Looks at every level: for decisions, not for every update."""
        return nsmallest(depth, self._asks.levels())

    def __len__(self) -> int:
        """Number of levels on both sides, counted."""
        return sum(1 for side in (self._bids, self._asks) for _ in side.levels())
