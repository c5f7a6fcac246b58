"""The house's resting liquidity in one symbol: where its quotes stand, how deep, and how they follow the price."""

from dataclasses import dataclass

from core.simulation.engine.book import BookSide
from core.simulation.engine.draws import Draws
from core.simulation.engine.house import House

LEVELS_SHOWN = 70
"""Levels a side never fewer than after the house has had its turn (the venue promises 50)."""
LEVELS_KEPT = 110
"""Beyond these the farthest are taken back."""
_ALL = 1 << 62
_NEAR_LEVELS_ADDED = 8
"""At most so many new levels behind the best in one turn: a book recovers from a jump in a few turns."""
_TRIMMED = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """What a symbol's book looks like."""

    gap_ticks: float
    """Mean distance between neighbouring levels."""
    level_lots: float
    """Median size of a level."""
    best_factor: float = 8.0
    """The best level is so much larger."""


class Liquidity:
    """Prices in ticks, quantities in lots. Nothing is logged here: the market logs once a turn."""

    __slots__ = ("_draws", "_house", "_shape")

    def __init__(self, house: House, shape: Shape, draws: Draws) -> None:
        self._house = house
        self._shape = shape
        self._draws = draws

    def move_to(self, bid: int, ask: int, traded_lots: int, now_ns: int) -> None:
        """Bring the house's best quotes to `bid` < `ask`.

        Quotes in the way are withdrawn, except for `traded_lots` that are traded as the price passes them (0: none).
        Orders of accounts in the way always trade, each at its own price.
        """
        asks, bids = self._house.asks, self._house.bids
        if asks.keys and -asks.keys[-1] < ask:
            self._clear(asks, bid, -ask, traded_lots, now_ns)
        if bids.keys and bids.keys[-1] > bid:
            self._clear(bids, ask, bid, traded_lots, now_ns)
        self._stand_at(bids, bid)
        self._stand_at(asks, -ask)

    def trade(self, side: BookSide, lots: int, reach_ticks: int, now_ns: int) -> None:
        """An anonymous taker trades `lots` against the best of `side`, at most `reach_ticks` deep."""
        if side.keys:
            self._house.take(side, lots, side.best_price() - side.sign * reach_ticks, now_ns)

    def print_at(self, side: BookSide, price: int, lots: int, now_ns: int) -> None:
        """Trade exactly `lots` at `price`, the best of `side`; accounts' orders there are served in their turn."""
        key = price * side.sign
        missing = lots - side.lots.get(key, 0)
        if missing > 0:
            side.add_house(key, missing)
        self._house.take(side, lots, price, now_ns)

    def add_somewhere(self, side: BookSide) -> None:
        """One anonymous limit order, the likelier the nearer to the best."""
        if side.keys:
            levels_away = 5.0 * self._draws.exponential()
            self._add(side, side.keys[-1] - int(levels_away * self._shape.gap_ticks), 1.0)

    def withdraw_somewhere(self, side: BookSide) -> None:
        """One anonymous cancellation behind the best."""
        depth = int(12.0 * self._draws.exponential()) + 2
        if depth <= len(side.keys):
            key = side.keys[-depth]
            side.remove_house(key, 1 + int(side.lots[key] * self._draws.uniform()))

    def tidy(self) -> None:
        """Keep between `LEVELS_SHOWN` and `LEVELS_KEPT` levels a side, by the far end."""
        self._tidy(self._house.bids, self._house.asks)
        self._tidy(self._house.asks, self._house.bids)

    def _tidy(self, side: BookSide, opposite: BookSide) -> None:
        n_levels = len(side.keys)
        if n_levels > LEVELS_KEPT:
            for key in side.keys[: min(_TRIMMED, n_levels - LEVELS_SHOWN)]:
                side.remove_house(key, _ALL)
        key = side.keys[0] if side.keys else -opposite.keys[-1]
        while len(side.keys) < LEVELS_SHOWN:
            key -= self._gap()
            if key * side.sign <= 0:
                return
            self._add(side, key, 1.0)

    def _clear(self, side: BookSide, limit_price: int, inside_key: int, traded_lots: int, now_ns: int) -> None:
        """Withdraw the house from levels better than `inside_key`, trade what is left no worse than `limit_price`."""
        limit_key = limit_price * side.sign
        passed = []
        for key in reversed(side.keys):
            if key <= inside_key:
                break
            passed.append(key)
        traded_at = min((key for key in passed if key >= limit_key), default=None) if traded_lots else None
        for key in passed:
            excess = side.lots[key] - (traded_lots if key == traded_at else 0)
            if excess > 0:
                side.remove_house(key, excess)
        if side.keys and side.keys[-1] >= limit_key:
            self._house.take(side, _ALL, limit_price, now_ns)

    def _stand_at(self, side: BookSide, key: int) -> None:
        """Have lots at `key`, the house's best, and no gap behind it that is much wider than usual."""
        if key not in side.lots:
            self._add(side, key, self._shape.best_factor)
        keys = side.keys
        if len(keys) < 2:
            return
        below = keys[-2]
        widest = int(3 * self._shape.gap_ticks) + 1
        for _ in range(_NEAR_LEVELS_ADDED):
            key -= self._gap()
            if key - below <= widest or key * side.sign <= 0:
                return
            self._add(side, key, 1.0)

    def _add(self, side: BookSide, key: int, factor: float) -> None:
        if key * side.sign > 0:
            side.add_house(key, 1 + int(self._shape.level_lots * factor * self._draws.size()))

    def _gap(self) -> int:
        return 1 + int(self._shape.gap_ticks * self._draws.exponential())
