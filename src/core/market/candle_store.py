"""The candles of all subscribed series: closed ones in shared-memory rings, the forming one apart.

A ring is gapless: its candles are one timeframe apart, so indicators may count rows. A candle that does not continue
its ring waits aside, the series is *gapped*, and a backfill from REST closes the gap. Where REST itself has no candle
(the venue was down) a flat one stands in: the last close, no volume.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.market.candle_memory import RingHandle, Segment
from core.market.candle_ring import RingVersion, RingWindow, RingWriter, rows_for

_RINGS_A_SEGMENT = 64


class Applied(Enum):
    """What became of a candle."""

    FORMING = "forming"
    CLOSED = "closed"
    """Appended to the ring: decide on it."""
    DUPLICATE = "duplicate"
    OLDER = "older"
    """Before all that is stored."""
    REVISED = "revised"
    """A stored candle has other values now."""
    GAP = "gap"
    """One or more closed candles are missing before it: backfill the series."""
    MISALIGNED = "misaligned"
    """Its open time is no multiple of its timeframe; dropped."""
    UNKNOWN_SERIES = "unknown_series"


@dataclass(frozen=True, slots=True)
class Gap:
    """The series lacks the candles that open in [missing_from_ms, resumes_at_ms)."""

    key: SeriesKey
    missing_from_ms: int
    resumes_at_ms: int


@dataclass(frozen=True, slots=True)
class CandleStatistics:
    series: int
    gapped: int
    closed: int
    duplicates: int
    revised: int
    gaps: int
    flat: int
    """Stand-ins for candles that the venue itself does not have."""
    segments: int


class _Series:
    __slots__ = ("forming", "key", "ring", "step_ms", "waiting")

    def __init__(self, key: SeriesKey, ring: RingWriter) -> None:
        self.key = key
        self.step_ms = key.timeframe.ms
        self.ring = ring
        self.forming: Candle | None = None
        self.waiting: dict[int, Candle] = {}  # closed candles beyond a gap, by open time

    @property
    def gap(self) -> Gap | None:
        last_ms = self.ring.last_open_ms
        resumes_ms = min(self.waiting, default=None)
        if resumes_ms is None and self.forming is not None:
            resumes_ms = self.forming.open_ms
        if last_ms is None or resumes_ms is None:
            return None
        expected_ms = last_ms + self.step_ms
        return Gap(self.key, expected_ms, resumes_ms) if resumes_ms > expected_ms else None


_NONE: dict[Timeframe, _Series] = {}


class CandleStore:
    """`capacity` closed candles a series. Not safe for two threads: the loop owns it; workers read through `handle`."""

    def __init__(self, keys: Iterable[SeriesKey], *, capacity: int = 1_000) -> None:
        self._capacity = capacity
        self._rows = rows_for(capacity)
        self._segments: list[Segment] = []
        self._series: dict[SeriesKey, _Series] = {}
        self._by_id: dict[InstrumentId, dict[Timeframe, _Series]] = {}  # the same: cheaper to ask thousands of times
        self._counts = dict.fromkeys(Applied, 0)
        self._flat = 0
        for key in keys:
            self.add(key)

    def add(self, key: SeriesKey) -> None:
        """Makes room for one more series; one that exists stays as it is."""
        if key in self._series:
            return
        if not self._segments or self._segments[-1].is_full:
            self._segments.append(Segment(_RINGS_A_SEGMENT, self._capacity, self._rows))
        series = self._series[key] = _Series(key, RingWriter(*self._segments[-1].allocate()))
        self._by_id.setdefault(key.instrument_id, {})[key.timeframe] = series

    def apply(self, event: CandleChanged) -> Applied:
        """Takes one candle of the stream."""
        series = self._by_id.get(event.instrument_id, _NONE).get(event.timeframe)
        outcome = self._apply(series, event) if series is not None else Applied.UNKNOWN_SERIES
        self._counts[outcome] += 1
        return outcome

    def backfill(self, key: SeriesKey, candles: Sequence[Candle], now_ms: int) -> None:
        """Merges candles from REST (oldest first; the last one may still form at `now_ms`, trading time).

        REST is the auditor: where it differs from what is stored, its values win and the revision is counted. Holes
        after the first candle are the venue's own and filled flat; a page that begins after the newest stored candle's
        successor replaces what is stored. Raises KeyError for a series that was never added.
        """
        series = self._series[key]
        step_ms = series.step_ms
        candles = [candle for candle in candles if candle.open_ms % step_ms == 0]
        closed = [candle for candle in candles if candle.open_ms + step_ms <= now_ms]
        if candles and candles[-1].open_ms + step_ms > now_ms:
            self._take_forming(series, candles[-1])
        stored = series.ring.candles()
        merged = self._merge(series, stored, closed)
        if merged != stored:
            series.ring.rewrite(merged)
        self._let_in(series)

    def window(self, key: SeriesKey, n: int) -> RingWindow:
        """Copies of the newest `n` closed candles (fewer while there are fewer). Raises KeyError."""
        return self._series[key].ring.window(n)

    def forming(self, key: SeriesKey) -> Candle | None:
        """The candle that is not closed yet; `None` before the first one came. Raises KeyError."""
        return self._series[key].forming

    def last_closed_ms(self, key: SeriesKey) -> int | None:
        """Open time of the newest closed candle; `None` while empty. Raises KeyError."""
        return self._series[key].ring.last_open_ms

    def count(self, key: SeriesKey) -> int:
        """Closed candles held. Raises KeyError."""
        return len(self._series[key].ring)

    def gap(self, key: SeriesKey) -> Gap | None:
        """What is missing now; `None` when the series is whole. Raises KeyError."""
        return self._series[key].gap

    def handle(self, key: SeriesKey) -> RingHandle:
        """For `candle_ring.attach` in a worker process. Raises KeyError."""
        return self._series[key].ring.handle

    def version(self, key: SeriesKey) -> RingVersion:
        """What is computed from the closed candles holds for as long as this is the same. Raises KeyError."""
        return self._series[key].ring.version

    def keys(self) -> tuple[SeriesKey, ...]:
        return tuple(self._series)

    @property
    def gaps(self) -> int:
        """Found since the start, those that are mended included."""
        return self._counts[Applied.GAP]

    def statistics(self) -> CandleStatistics:
        return CandleStatistics(
            series=len(self._series),
            gapped=sum(series.gap is not None for series in self._series.values()),
            closed=self._counts[Applied.CLOSED],
            duplicates=self._counts[Applied.DUPLICATE],
            revised=self._counts[Applied.REVISED],
            gaps=self.gaps,
            flat=self._flat,
            segments=len(self._segments),
        )

    def close(self) -> None:
        for segment in self._segments:
            segment.close()

    def _apply(self, series: _Series, event: CandleChanged) -> Applied:
        candle, step_ms = event.candle, series.step_ms
        if candle.open_ms % step_ms:
            return Applied.MISALIGNED
        if not event.closed:
            return self._take_forming(series, candle)
        last_ms = series.ring.last_open_ms
        if last_ms is None or candle.open_ms == last_ms + step_ms:
            series.ring.append(candle)
            self._let_in(series)
            return Applied.CLOSED
        if candle.open_ms <= last_ms:
            return _compare(series.ring, candle)
        series.waiting[candle.open_ms] = candle
        self._forget_oldest_waiting(series)
        return Applied.GAP

    def _take_forming(self, series: _Series, candle: Candle) -> Applied:
        if series.forming is not None and series.forming.open_ms == candle.open_ms:
            series.forming = candle
            return Applied.FORMING
        last_ms = series.ring.last_open_ms
        if last_ms is not None and candle.open_ms <= last_ms:
            return Applied.OLDER
        if series.forming is not None and candle.open_ms < series.forming.open_ms:
            return Applied.OLDER
        was_whole = series.gap is None
        series.forming = candle
        return Applied.GAP if was_whole and series.gap is not None else Applied.FORMING

    def _let_in(self, series: _Series) -> None:
        """Appends the waiting candles that now continue the ring, and forgets those it has passed."""
        last_ms = series.ring.last_open_ms
        while last_ms is not None and (candle := series.waiting.pop(last_ms + series.step_ms, None)) is not None:
            series.ring.append(candle)
            last_ms = candle.open_ms
        if last_ms is None:
            return
        series.waiting = {open_ms: candle for open_ms, candle in series.waiting.items() if open_ms > last_ms}
        if series.forming is not None and series.forming.open_ms <= last_ms:
            series.forming = None

    def _forget_oldest_waiting(self, series: _Series) -> None:
        while len(series.waiting) > self._capacity:
            del series.waiting[min(series.waiting)]

    def _merge(self, series: _Series, stored: list[Candle], fresh: list[Candle]) -> list[Candle]:
        """Stored and fresh candles as one gapless run that ends with the newest of them; fresh values win."""
        if not fresh:
            return stored
        by_time = {candle.open_ms: candle for candle in stored}
        for candle in fresh:
            held = by_time.get(candle.open_ms) or series.waiting.get(candle.open_ms)
            if held is None or not _same(held, candle):
                self._counts[Applied.REVISED] += held is not None
                by_time[candle.open_ms] = candle
            else:
                by_time[candle.open_ms] = held
        run: list[Candle] = []
        for open_ms in sorted(by_time):
            if run and open_ms != run[-1].open_ms + series.step_ms:
                if run[-1].open_ms + series.step_ms >= fresh[0].open_ms and open_ms <= fresh[-1].open_ms:
                    run.extend(self._flat_between(run[-1], open_ms, series.step_ms))
                else:
                    run.clear()  # what lies between was not asked for
            run.append(by_time[open_ms])
        return run[-self._capacity :]

    def _flat_between(self, before: Candle, next_ms: int, step_ms: int) -> list[Candle]:
        price = before.close
        first_ms = max(before.open_ms + step_ms, next_ms - self._capacity * step_ms)
        flat = [Candle(open_ms, price, price, price, price, 0.0) for open_ms in range(first_ms, next_ms, step_ms)]
        self._flat += len(flat)
        return flat


def _compare(ring: RingWriter, candle: Candle) -> Applied:
    held = ring.at(candle.open_ms)
    if held is None:
        return Applied.OLDER
    if _same(held, candle):
        return Applied.DUPLICATE
    ring.revise(candle)
    return Applied.REVISED


def _same(a: Candle, b: Candle) -> bool:
    """Equal in what a ring stores (trade counts and quote volumes are not in it)."""
    return (a.open, a.high, a.low, a.close, a.volume) == (b.open, b.high, b.low, b.close, b.volume)
