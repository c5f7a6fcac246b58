"""Where an account's orders stand in the queue of a recorded price level, of which only the total is known.

An order joins behind all that was shown when it came. Trades at the price take from the front. What leaves the level
otherwise has been cancelled, ahead of the order or behind it: where exactly was not recorded, so it is spread evenly,
the queue ahead shrinking by the share it has in the level (rounded against the order). That is the estimate of Rigtorp,
"Estimating order queue position" (https://rigtorp.se/2013/06/08/estimating-order-queue-position.html), with the
proportional rule that hftbacktest calls IdentityProbQueueModel
(https://hftbacktest.readthedocs.io/en/v1.8.4/reference/queue_models.html).

A trade and the shrinking of its level are recorded as two messages, in either order and some time apart. Neither must
count twice: what leaves the level waits `TOGETHER_NS` for a trade that explains it before it counts as cancelled, and
a trade explains what leaves within `TOGETHER_NS` after it.
"""

from collections import deque
from collections.abc import Iterable

TOGETHER_NS = 250_000_000
"""In the recordings at hand 99 in 100 trades are within 115 ms of what they did to the book."""


class LevelQueue:
    """One price level that holds orders of accounts. `lots`: the level's recorded total, as it is shown here."""

    __slots__ = ("_ahead", "_unexplained", "_unseen", "lots")

    def __init__(self, lots: int) -> None:
        self.lots = lots
        self._ahead: dict[int, int] = {}
        self._unexplained = _Waiting()
        """Left the level, and no trade has explained it yet."""
        self._unseen = _Waiting()
        """Traded, and has not left the level yet."""

    def ahead(self, order_id: int) -> int:
        """Lots that must trade before this order."""
        return self._ahead[order_id]

    def stand(self, order_ids: Iterable[int], lots: int) -> None:
        """The orders that are there now, and the lots of the house: what it lacks accounts have taken from the front.
        New orders join behind them."""
        taken, self.lots = max(0, self.lots - lots), lots
        known = self._ahead
        self._ahead = {each: max(0, known[each] - taken) if each in known else lots for each in order_ids}

    def show(self, lots: int, now_ns: int) -> None:
        """The recording shows this total."""
        self.settle(now_ns)
        gone, self.lots = self.lots - lots, lots
        if gone > 0:
            self._unexplained.add(gone - self._unseen.take(gone), now_ns)
            self._cap()

    def trade(self, orders: Iterable[tuple[int, int]], lots: int, left: int, now_ns: int) -> list[tuple[int, int]]:
        """`lots` have traded here, of which `left` come to this queue (orders at better prices had the rest). `orders`:
        (id, remaining) in their order. What each gets, those that get nothing left out."""
        self.settle(now_ns)
        self._unseen.add(lots - self._unexplained.take(lots), now_ns)
        filled = []
        for order_id, remaining in orders:
            ahead = self._ahead[order_id]
            self._ahead[order_id] = max(0, ahead - left)
            got = min(max(0, left - ahead), remaining)
            if got:
                filled.append((order_id, got))
                left -= got
        return filled

    def rejoin(self, order_id: int) -> None:
        """The order shows its next slice, behind all that is shown."""
        self._ahead[order_id] = self.lots

    def pass_through(self) -> None:
        """A trade beyond this price has happened: nobody stands ahead any more."""
        self._ahead = dict.fromkeys(self._ahead, 0)

    def settle(self, now_ns: int) -> None:
        """Count as cancelled what no trade has explained in time."""
        cancelled = self._unexplained.expire(now_ns)
        self._unseen.expire(now_ns)
        if cancelled:
            now = self.lots + self._unexplained.total
            before = now + cancelled
            self._ahead = {each: -(-ahead * now // before) for each, ahead in self._ahead.items()}

    def _cap(self) -> None:
        """No more can stand ahead than there is, or was until just now."""
        most = self.lots + self._unexplained.total
        self._ahead = {each: min(ahead, most) for each, ahead in self._ahead.items()}


class _Waiting:
    """Lots that wait for their counterpart, oldest first."""

    __slots__ = ("_parts", "total")

    def __init__(self) -> None:
        self._parts: deque[tuple[int, int]] = deque()
        """(since when, lots)."""
        self.total = 0

    def add(self, lots: int, now_ns: int) -> None:
        if lots:
            self._parts.append((now_ns, lots))
            self.total += lots

    def take(self, lots: int) -> int:
        """Take out up to `lots`; how many there were."""
        taken = left = min(lots, self.total)
        self.total -= taken
        while left:
            since_ns, there = self._parts.popleft()
            if there > left:
                self._parts.appendleft((since_ns, there - left))
            left -= min(left, there)
        return taken

    def expire(self, now_ns: int) -> int:
        """Drop what has waited for too long; how many lots."""
        dropped = 0
        while self._parts and now_ns - self._parts[0][0] > TOGETHER_NS:
            dropped += self._parts.popleft()[1]
        self.total -= dropped
        return dropped
