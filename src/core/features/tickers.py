"""The newest features of symbols, asked for by the loop and computed in a worker."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.candles import SeriesKey
from core.domain.reasons import Reason
from core.features.rows import FeatureRows, compute_rows
from core.features.schema import FeatureSchema
from core.features.standard import STANDARD
from core.market.candle_ring import RingVersion
from core.market.candle_store import CandleStore
from core.market.ring_windows import RingRequest

Row = NDArray[np.float64] | Reason  # (n_columns,)


class TickerRow(NamedTuple):
    """The newest features of one symbol."""

    values: dict[str, float]
    """By column; empty where there are none."""
    fault: Reason | None
    """Why there are none; `None` where there are."""


class CacheStatistics(NamedTuple):
    hits: int
    misses: int
    rows: int


class _Candle(NamedTuple):
    """What a row was computed from: nothing else changes it."""

    key: SeriesKey
    schema: str
    version: RingVersion


class TickerFeatures:
    """Belongs to one event loop. What was computed for a candle is kept until `cached_rows` newer ones came."""

    def __init__(
        self,
        computer: AsyncFeatureComputer,
        candles: CandleStore,
        *,
        schema: FeatureSchema = STANDARD,
        n_candles: int = 500,
        cached_rows: int = 5_000,
    ) -> None:
        """`n_candles`: the window that features are computed over. Raises ValueError where the schema needs more."""
        if n_candles < schema.warmup:
            raise ValueError(f"{n_candles} candles are fewer than the {schema.warmup} that the features need")
        self.schema = schema
        self._computer = computer
        self._candles = candles
        self._n_candles = n_candles
        self._cached_rows = cached_rows
        self._cache: OrderedDict[_Candle, Row] = OrderedDict()
        self._hits = self._misses = 0

    async def compute_features_async(
        self, keys: Sequence[SeriesKey], *, priority: Priority = Priority.NORMAL, deadline_s: float | None = None
    ) -> FeatureRows:
        """The features at the newest closed candle of each series: one job for all that are not known yet.

        Raises KeyError for a series that is not stored, and what `AsyncFeatureComputer.run` raises. Cancelling is safe
        and frees the worker.
        """
        candles = [_Candle(key, self.schema.hash, self._candles.version(key)) for key in keys]
        rows = {each: self._cache[each] for each in candles if each in self._cache}
        missing = [each for each in dict.fromkeys(candles) if each not in rows]
        self._hits += len(rows)
        self._misses += len(missing)
        rows |= await self._computed(missing, priority, deadline_s)
        return self._as_rows(candles, rows)

    async def async_get_ticker_features(self, key: SeriesKey) -> TickerRow:
        """Of one symbol; as `compute_features_async`."""
        rows = await self.compute_features_async([key])
        if rows.faults[0] is not None:
            return TickerRow({}, rows.faults[0])
        return TickerRow(dict(zip(rows.columns, rows.values[0].tolist(), strict=True)), None)

    def statistics(self) -> CacheStatistics:
        return CacheStatistics(self._hits, self._misses, len(self._cache))

    async def _computed(
        self, candles: Sequence[_Candle], priority: Priority, deadline_s: float | None
    ) -> dict[_Candle, Row]:
        if not candles:
            return {}
        requests = [
            RingRequest(key.instrument_id, self._candles.handle(key), version.last_open_ms, self._n_candles)
            for key, _, version in candles
        ]
        computed = await self._computer.run(
            compute_rows,
            self.schema,
            requests,
            kind=Kind.CPU,
            priority=priority,
            deadline_s=deadline_s,
            operation="features",
        )
        answers = [fault or row for fault, row in zip(computed.faults, computed.values, strict=True)]
        rows = dict(zip(candles, answers, strict=True))
        self._cache |= rows
        while len(self._cache) > self._cached_rows:
            self._cache.popitem(last=False)
        return rows

    def _as_rows(self, candles: Sequence[_Candle], rows: Mapping[_Candle, Row]) -> FeatureRows:
        found = [rows[each] for each in candles]
        nothing = np.full(len(self.schema.columns), np.nan)
        values = [nothing if isinstance(row, Reason) else row for row in found]
        return FeatureRows(
            self.schema.columns,
            tuple(each.key.instrument_id for each in candles),
            np.array(values).reshape(-1, len(nothing)),
            tuple(row if isinstance(row, Reason) else None for row in found),
        )
