"""Puts the messages of one symbol's book in order, and proves that none is missing.

A recorder subscribes first and asks for a snapshot afterwards, so changes wait until it is there, and those that it
holds already are dropped (Binance, "How to manage a local order book correctly"). From then on each change must follow
the one before without a gap.
"""

from collections.abc import Iterator

from core.domain.errors import DataFileError
from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged, Recorded, TradeRecorded
from core.simulation.server.recorded_streams.messages import DepthDiff, DepthSnapshot, Print, Quote

_MOST_WAITING = 20_000


class BookSequence:
    """`add` messages of one symbol; what can be played of them comes out, in atoms, with the times given."""

    __slots__ = ("_last_id", "_old_snapshot", "_trade_ids", "_waiting", "n_late_quotes", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.n_late_quotes = 0
        """Quotes that came after a change that is newer."""
        self._last_id: int | None = None
        """Of the book; `None`: no snapshot yet."""
        self._waiting: list[DepthDiff] = []
        self._old_snapshot: DepthSnapshot | None = None
        self._trade_ids = [-1, -1]
        """The last ones: of trades, of aggregates."""

    def add(self, message: DepthDiff | DepthSnapshot | Quote | Print, time_ns: int) -> Iterator[Recorded]:
        """Raises `DataFileError` naming file and line for a gap, or trades out of order."""
        if isinstance(message, Quote):
            yield from self._quote(message, time_ns)
        elif isinstance(message, Print):
            yield from self._print(message, time_ns)
        elif isinstance(message, DepthDiff):
            yield from self._diff(message, time_ns)
        elif self._last_id is None:
            yield from self._start(message, time_ns)

    def check_end(self) -> None:
        """Raises `DataFileError` where changes have waited for a snapshot in vain."""
        if not self._waiting:
            return
        if self._old_snapshot is not None:
            raise self._old_snapshot.line.error(
                f"{self.symbol}: the snapshot (update {self._old_snapshot.last_id}) is older than the first recorded "
                f"change (update {self._waiting[0].first_id}), and no other follows"
            )
        raise DataFileError(
            f"{self._waiting[0].line.path}: {self.symbol}: changes of the book, and no snapshot that they change; "
            "give the file with the answers of /depth as well"
        )

    def _quote(self, quote: Quote, time_ns: int) -> Iterator[Recorded]:
        if self._last_id is not None and quote.update_id < self._last_id:
            self.n_late_quotes += 1
            return
        yield BestQuoted(
            self.symbol,
            time_ns,
            quote.update_id,
            quote.bid,
            quote.bid_quantity,
            quote.ask,
            quote.ask_quantity,
        )

    def _print(self, trade: Print, time_ns: int) -> Iterator[Recorded]:
        last_id = self._trade_ids[trade.is_aggregate]
        if trade.trade_id <= last_id:
            raise trade.line.error(f"{self.symbol}: trade {trade.trade_id} comes after trade {last_id}")
        self._trade_ids[trade.is_aggregate] = trade.trade_id
        yield TradeRecorded(self.symbol, time_ns, trade.price, trade.quantity, trade.buyer_is_maker)

    def _diff(self, diff: DepthDiff, time_ns: int) -> Iterator[Recorded]:
        if self._last_id is None:
            if len(self._waiting) == _MOST_WAITING:
                raise diff.line.error(f"{self.symbol}: still no snapshot after {_MOST_WAITING} changes")
            self._waiting.append(diff)
        elif diff.last_id > self._last_id:
            before = _follows(diff)
            if before > self._last_id:
                raise diff.line.error(
                    f"{self.symbol}: a gap: this change follows update {before}, the book is at {self._last_id}"
                )
            yield self._changed(diff, time_ns)

    def _start(self, snapshot: DepthSnapshot, time_ns: int) -> Iterator[Recorded]:
        newer = [diff for diff in self._waiting if diff.last_id > snapshot.last_id]
        if newer and _follows(newer[0]) > snapshot.last_id:
            self._old_snapshot = snapshot
            return
        self._last_id = snapshot.last_id
        self._waiting = []
        yield BookStarted(self.symbol, time_ns, snapshot.last_id, snapshot.bids, snapshot.asks)
        for diff in newer:
            yield from self._diff(diff, time_ns)

    def _changed(self, diff: DepthDiff, time_ns: int) -> Recorded:
        self._last_id = diff.last_id
        return LevelsChanged(self.symbol, time_ns, diff.last_id, diff.bids, diff.asks)


def _follows(diff: DepthDiff) -> int:
    """The update that a change follows."""
    return diff.first_id - 1 if diff.previous_id is None else diff.previous_id
