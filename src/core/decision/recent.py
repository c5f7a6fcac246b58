"""The last decisions of each symbol, and how often each reason decided."""

from collections import Counter, deque
from collections.abc import Callable
from heapq import merge
from itertools import islice
from operator import attrgetter

from core.domain.instruments import InstrumentId
from core.domain.status import DecisionLine


class RecentDecisions:
    """Keeps `per_symbol` decisions of each symbol in memory, newest last; counts all of them."""

    def __init__(self, per_symbol: int = 500, on_record: Callable[[DecisionLine], None] = lambda _: None) -> None:
        """`on_record` is told each decision, and must not block."""
        self._per_symbol = per_symbol
        self._on_record = on_record
        self._lines: dict[str, deque[DecisionLine]] = {}
        self._codes: Counter[str] = Counter()
        self._cycles: Counter[str] = Counter()

    def record(self, line: DecisionLine) -> None:
        self._lines.setdefault(line.symbol, deque(maxlen=self._per_symbol)).append(line)
        self._codes[line.reason.partition(" ")[0]] += 1
        self._cycles[line.symbol] += 1
        self._on_record(line)

    def last(self, instrument_id: InstrumentId) -> DecisionLine | None:
        lines = self._lines.get(instrument_id)
        return lines[-1] if lines else None

    def of(self, symbol: str | None, limit: int) -> tuple[DecisionLine, ...]:
        """Newest first; of all symbols, by their candle's close, where `symbol` is `None`."""
        if symbol is not None:
            return tuple(islice(reversed(self._lines.get(symbol, ())), limit))
        newest_first = (reversed(lines) for lines in self._lines.values())
        return tuple(islice(merge(*newest_first, key=attrgetter("close_ms"), reverse=True), limit))

    def cycles(self, instrument_id: InstrumentId) -> int:
        return self._cycles[instrument_id]

    @property
    def total(self) -> int:
        return self._cycles.total()

    def by_code(self) -> dict[str, int]:
        return dict(self._codes.most_common())
