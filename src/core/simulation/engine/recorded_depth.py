"""The recorded book of one symbol, folded from what the recording says of it.

Two sources tell of one book: changes of all levels, a while late, and the best bid and ask, at once. Whichever has the
higher update id is believed: a newer best quote takes the place of every level that is better than it, until changes
that are newer still have said what became of those.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged

Change = tuple[int, int, int]
"""(key, lots before, lots now) of one level; keys as in `BookSide`."""


class DepthSide:
    """Levels by key: the price of a bid, the negated price of an ask, so that the best is always last."""

    __slots__ = ("_by_changes", "_keys", "_of_quote", "lots", "sign")

    def __init__(self, *, is_bid: bool) -> None:
        self.sign = 1 if is_bid else -1
        self.lots: dict[int, int] = {}
        """What is believed, by key; only levels that have some."""
        self._keys: list[int] = []
        """Of `lots`, ascending."""
        self._by_changes: dict[int, int] = {}
        """What the changes alone say."""
        self._of_quote: set[int] = set()
        """Keys where a best quote says something else."""

    def best(self) -> tuple[int, int]:
        """(price, lots); (0, 0): the side is empty."""
        return (self._keys[-1] * self.sign, self.lots[self._keys[-1]]) if self._keys else (0, 0)

    def start(self, levels: Iterable[tuple[int, int]]) -> list[Change]:
        self._by_changes = {price * self.sign: lots for price, lots in levels if lots}
        self._of_quote.clear()
        return self._believe({key: self._by_changes.get(key, 0) for key in (*self.lots, *self._by_changes)})

    def change(self, levels: Iterable[tuple[int, int]]) -> list[Change]:
        news = dict.fromkeys(self._of_quote, 0)
        self._of_quote.clear()
        for price, lots in levels:
            key = price * self.sign
            news[key] = 0
            if lots:
                self._by_changes[key] = lots
            else:
                self._by_changes.pop(key, None)
        for key in news:
            news[key] = self._by_changes.get(key, 0)
        return self._believe(news)

    def quote(self, price: int, lots: int) -> list[Change]:
        """The best level; `lots` 0: there is none."""
        touch = price * self.sign
        first_better = bisect_left(self._keys, touch) if lots else 0
        news = dict.fromkeys(self._keys[first_better:], 0)
        if lots:
            news[touch] = lots
        self._of_quote.update(news)
        return self._believe(news)

    def _believe(self, news: dict[int, int]) -> list[Change]:
        changes = []
        believed = self.lots
        for key, lots in news.items():
            before = believed.get(key, 0)
            if before == lots:
                continue
            changes.append((key, before, lots))
            if not before:
                insort(self._keys, key)
            if lots:
                believed[key] = lots
            else:
                del believed[key]
                del self._keys[bisect_left(self._keys, key)]
        return changes


class RecordedDepth:
    """Both sides; each method returns the changes of the bids and of the asks."""

    __slots__ = ("_book_id", "_quote", "asks", "bids")

    def __init__(self) -> None:
        self.bids = DepthSide(is_bid=True)
        self.asks = DepthSide(is_bid=False)
        self._book_id = 0
        self._quote: BestQuoted | None = None

    @property
    def is_crossed(self) -> bool:
        (bid, bid_lots), (ask, ask_lots) = self.bids.best(), self.asks.best()
        return bool(bid_lots and ask_lots and bid >= ask)

    def apply(self, event: BookStarted | LevelsChanged | BestQuoted) -> tuple[list[Change], list[Change]]:
        """Believe what is newer than what is known; a quote that is older changes nothing."""
        if isinstance(event, BestQuoted):
            if event.update_id < self._book_id:
                return [], []
            self._quote = event
            return self._show_quote(event)
        self._book_id = event.update_id
        if isinstance(event, BookStarted):
            changes = self.bids.start(event.bids), self.asks.start(event.asks)
        else:
            changes = self.bids.change(event.bids), self.asks.change(event.asks)
        quote = self._quote
        if quote is None or quote.update_id <= event.update_id:
            return changes
        return _joined(changes, self._show_quote(quote))

    def _show_quote(self, quote: BestQuoted) -> tuple[list[Change], list[Change]]:
        return self.bids.quote(quote.bid, quote.bid_lots), self.asks.quote(quote.ask, quote.ask_lots)


def _joined(
    first: tuple[list[Change], list[Change]], second: tuple[list[Change], list[Change]]
) -> tuple[list[Change], list[Change]]:
    """What two steps changed together: a level that the second puts back has not changed."""
    bids, asks = (_joined_side(*steps) for steps in zip(first, second, strict=True))
    return bids, asks


def _joined_side(first: list[Change], second: list[Change]) -> list[Change]:
    whole = {key: (before, now) for key, before, now in first}
    for key, before, now in second:
        whole[key] = (whole[key][0] if key in whole else before, now)
    return [(key, before, now) for key, (before, now) in whole.items() if before != now]
