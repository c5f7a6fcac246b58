"""Keeping one book in step with the venue: buffer diffs, take a snapshot, apply, and start over at a gap.

A pure state machine. The rules are the venue's own ("How to manage a local order book correctly", Binance spot and
USD-M): update ids chain by `first_sequence` on spot, by `previous_sequence` where the venue sends one.
"""

from collections import deque
from enum import Enum

from core.domain.market import BookChanged
from core.market.order_book import OrderBook

MAX_BUFFERED = 2_000
"""Diffs kept while waiting for a snapshot; beyond it the oldest go, which the snapshot then shows as a gap."""


class SyncState(Enum):
    WAITING = "waiting"
    """No usable book: a snapshot is needed. Diffs are buffered meanwhile."""
    LIVE = "live"


class Step(Enum):
    """What became of an event."""

    APPLIED = "applied"
    BUFFERED = "buffered"
    IGNORED = "ignored"
    """Older than the book, or seen before."""
    GAP = "gap"
    """Diffs were missed: the book is void until the next snapshot."""
    TOO_OLD = "too_old"
    """The snapshot does not reach the first buffered diff: a newer one is needed."""


class BookSync:
    """One instrument's book and its place in the venue's sequence."""

    __slots__ = ("_buffer", "_fresh", "book", "gaps", "last_sequence", "state")

    def __init__(self) -> None:
        self.book = OrderBook()
        self.state = SyncState.WAITING
        self.last_sequence = 0
        self.gaps = 0
        self._buffer: deque[BookChanged] = deque(maxlen=MAX_BUFFERED)
        self._fresh = False  # a snapshot was applied and no diff since: the first one may overlap it

    def apply(self, event: BookChanged) -> Step:
        """Takes a diff or a snapshot. After GAP and TOO_OLD the owner must fetch a (newer) snapshot."""
        if event.is_snapshot:
            return self._apply_snapshot(event)
        if self.state is SyncState.WAITING:
            self._buffer.append(event)
            return Step.BUFFERED
        return self._apply_diff(event)

    def invalidate(self) -> None:
        """The stream was interrupted: what it missed is unknown, so the book is void until the next snapshot."""
        self.state = SyncState.WAITING
        self._buffer.clear()
        self.book.clear()

    def _apply_snapshot(self, snapshot: BookChanged) -> Step:
        if self.state is SyncState.LIVE and snapshot.last_sequence <= self.last_sequence:
            return Step.IGNORED
        buffered = [diff for diff in self._buffer if not _is_past(diff, snapshot.last_sequence)]
        if buffered and not _continues_snapshot(buffered[0], snapshot.last_sequence):
            self.state = SyncState.WAITING
            return Step.TOO_OLD
        self.book.replace(snapshot.bids, snapshot.asks)
        self.last_sequence = snapshot.last_sequence
        self._fresh = True
        self.state = SyncState.LIVE
        self._buffer.clear()
        for position, diff in enumerate(buffered):
            if self._apply_diff(diff) is Step.GAP:
                self._buffer.extend(buffered[position + 1 :])
                return Step.GAP
        return Step.APPLIED

    def _apply_diff(self, diff: BookChanged) -> Step:
        last = self.last_sequence
        if self._fresh:
            if _is_past(diff, last):
                return Step.IGNORED
            if not _continues_snapshot(diff, last):
                return self._gap(diff)
            self._fresh = False
        elif diff.last_sequence <= last:
            return Step.IGNORED
        elif not _continues_diff(diff, last):
            return self._gap(diff)
        self.book.update(diff.bids, diff.asks)
        self.last_sequence = diff.last_sequence
        return Step.APPLIED

    def _gap(self, diff: BookChanged) -> Step:
        self.gaps += 1
        self.invalidate()
        self._buffer.append(diff)
        return Step.GAP


def _is_past(diff: BookChanged, snapshot_sequence: int) -> bool:
    """Whether the snapshot already holds this diff: spot drops u <= lastUpdateId, USD-M drops u < lastUpdateId."""
    if diff.previous_sequence is None:
        return diff.last_sequence <= snapshot_sequence
    return diff.last_sequence < snapshot_sequence


def _continues_snapshot(diff: BookChanged, snapshot_sequence: int) -> bool:
    """First diff after a snapshot. Spot: U <= lastUpdateId + 1 <= u. USD-M: U <= lastUpdateId <= u, or the diff names
    the snapshot's own id as its predecessor."""
    if diff.previous_sequence is None:
        return diff.first_sequence <= snapshot_sequence + 1 <= diff.last_sequence
    return diff.first_sequence <= snapshot_sequence <= diff.last_sequence or diff.previous_sequence == snapshot_sequence


def _continues_diff(diff: BookChanged, last_sequence: int) -> bool:
    """Spot: U = previous u + 1. USD-M: pu = previous u."""
    if diff.previous_sequence is None:
        return diff.first_sequence == last_sequence + 1
    return diff.previous_sequence == last_sequence
