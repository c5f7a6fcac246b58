"""The house's hands in one symbol: liquidity that belongs to no account and never runs out of money."""

from typing import Protocol

from core.simulation.engine.book import BookSide
from core.simulation.engine.listing import Listing
from core.simulation.engine.resting import RestingOrder


class Matching(Protocol):
    """What the house asks of a matcher: `matching.Matcher`, or that of perpetuals."""

    def take(self, listing: Listing, side: BookSide, lots: int, limit_key: int, now_ns: int, /) -> int: ...

    def fill_resting(
        self, listing: Listing, side: BookSide, order: RestingOrder, lots: int, now_ns: int, /
    ) -> None: ...

    def run_stops(self, listing: Listing, now_ns: int, /) -> None: ...


class Clearing(Protocol):
    """What the house asks of a settlement."""

    def log_balances(self, now_ns: int, /) -> None: ...


class House:
    """Prices in ticks, quantities in lots. `log` closes an operation: until then its book changes are not logged."""

    __slots__ = ("_listing", "_matcher", "_settlement", "asks", "bids")

    def __init__(self, listing: Listing, matcher: Matching, settlement: Clearing) -> None:
        self._listing = listing
        self._matcher = matcher
        self._settlement = settlement
        self.bids: BookSide = listing.bids
        self.asks: BookSide = listing.asks

    @property
    def is_halted(self) -> bool:
        """Nothing may trade now: keep your hands off."""
        return self._listing.is_halted

    def take(self, side: BookSide, lots: int, limit_price: int, now_ns: int) -> int:
        """Trade up to `lots` against `side`, no worse than `limit_price`; the lots that found nobody."""
        return self._matcher.take(self._listing, side, lots, limit_price * side.sign, now_ns)

    def fill(self, side: BookSide, order: RestingOrder, lots: int, now_ns: int) -> None:
        """Trade `lots` with one resting order of `side` at its price, whoever stands before it in the queue."""
        self._matcher.fill_resting(self._listing, side, order, lots, now_ns)

    def print_trade(self, price: int, lots: int, now_ns: int, *, buyer_is_maker: bool) -> None:
        """Put a trade on the tape that leaves the book alone: both its sides are elsewhere."""
        self._listing.begin_taker()
        self._listing.print_trade(price, lots, buyer_is_maker, now_ns)

    def log(self, now_ns: int) -> None:
        """Let stops react to what traded, then log the changed levels as one BookChanged, and changed balances."""
        if self._listing.traded_high >= 0:
            self._matcher.run_stops(self._listing, now_ns)
        self._listing.log_book(now_ns)
        self._settlement.log_balances(now_ns)
