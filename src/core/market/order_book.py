"""One order book: all known levels of both sides, cheap to update one level at a time.

Prices are float64, read from the venue's decimal text: the nearest float of equal texts is equal, so levels match by
key exactly. A side is a dictionary of quantities and a sorted list of its prices; most updates change a quantity only
and touch no list.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

Level = tuple[float, float]
"""(price, quantity in base units)."""


class OrderBook:
    """Bids and asks of one instrument. Levels beyond what the venue's snapshot showed are unknown until they change."""

    __slots__ = ("_ask_prices", "_asks", "_bid_prices", "_bids")

    def __init__(self) -> None:
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_prices: list[float] = []
        self._ask_prices: list[float] = []

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forgets everything and takes these levels (those of quantity 0 are left out)."""
        self._bids = {price: quantity for price, quantity in bids if quantity}
        self._asks = {price: quantity for price, quantity in asks if quantity}
        self._bid_prices = sorted(self._bids)
        self._ask_prices = sorted(self._asks)

    def update(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Sets each level's quantity; 0 removes it."""
        _set_levels(self._bids, self._bid_prices, bids)
        _set_levels(self._asks, self._ask_prices, asks)

    def clear(self) -> None:
        self.replace((), ())

    @property
    def best_bid(self) -> Level | None:
        """Highest bid; `None` when there is no bid."""
        if not self._bid_prices:
            return None
        price = self._bid_prices[-1]
        return price, self._bids[price]

    @property
    def best_ask(self) -> Level | None:
        """Lowest ask; `None` when there is no ask."""
        if not self._ask_prices:
            return None
        price = self._ask_prices[0]
        return price, self._asks[price]

    @property
    def is_crossed(self) -> bool:
        """A bid at or above an ask: a book that no venue can have."""
        return bool(self._bid_prices and self._ask_prices and self._bid_prices[-1] >= self._ask_prices[0])

    def bids(self, depth: int) -> list[Level]:
        """The best `depth` bids, best first."""
        return [(price, self._bids[price]) for price in self._bid_prices[: -depth - 1 : -1]]

    def asks(self, depth: int) -> list[Level]:
        """The best `depth` asks, best first."""
        return [(price, self._asks[price]) for price in self._ask_prices[:depth]]

    def __len__(self) -> int:
        """Number of levels on both sides."""
        return len(self._bids) + len(self._asks)


def _set_levels(quantities: dict[float, float], prices: list[float], levels: Iterable[Level]) -> None:
    for price, quantity in levels:
        if quantity:
            if price not in quantities:
                insort(prices, price)
            quantities[price] = quantity
        elif price in quantities:
            del quantities[price]
            del prices[bisect_left(prices, price)]
