"""Candles as samples: what was known at each close, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import HistoryUnfit
from core.features.schema import FeatureSchema
from core.features.validity import check_window
from core.models.encoding import encode
from core.models.labels import label
from core.models.recipe import Recipe
from core.models.training.market import Market

Mask = NDArray[np.bool_]  # (n_samples,)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Ordered by time, then by symbol."""

    known_ms: NDArray[np.int64]  # (n_samples,) UTC; close of the candle: when its features could be known
    exit_ms: NDArray[np.int64]  # (n_samples,) UTC; when its outcome was known
    features: NDArray[np.float64]  # (n_samples, n_columns), the symbol's encoding included
    outcome: NDArray[np.float64]  # (n_samples,) return of a long, before costs
    symbol: NDArray[np.int64]  # (n_samples,) index into the trained symbols

    def __len__(self) -> int:
        return len(self.known_ms)

    @property
    def is_up(self) -> Mask:
        """What a model is asked to foresee."""
        return self.outcome > 0

    def where(self, mask: Mask) -> "Samples":
        return Samples(*(getattr(self, name)[mask] for name in self.__slots__))


def build_samples(market: Market, schema: FeatureSchema, recipe: Recipe) -> Samples:
    """Of all symbols together; a symbol's index is its place in `market`. Raises `HistoryUnfit` where candles
    contradict themselves, and where a feature has no value at all."""
    parts = [_of_symbol(number, market, schema, recipe) for number in range(len(market.series))]
    whole = _joined(parts)
    order = np.lexsort((whole.symbol, whole.known_ms))
    return Samples(*(getattr(whole, name)[order] for name in whole.__slots__))


def shuffled(samples: Samples, seed: int) -> Samples:
    """The same features, each with the outcome of another sample: there is nothing left to learn."""
    order = np.random.default_rng(seed).permutation(len(samples))
    return replace(samples, outcome=samples.outcome[order])


def _of_symbol(number: int, market: Market, schema: FeatureSchema, recipe: Recipe) -> Samples:
    symbol, timeframe = market.symbols[number], market.timeframe
    window = market.series[symbol]
    if (fault := check_window(window)) is not None:
        raise HistoryUnfit(f"{symbol}: {fault}")
    columns = schema.compute(window)
    values = np.column_stack(tuple(columns.values())) if len(window) else np.empty((0, len(columns)))
    labels = label(window, timeframe, recipe.label)
    is_warm = _whole_candles(window, timeframe) >= schema.warmup
    if is_warm.any():
        empty = [name for name, column in columns.items() if not np.isfinite(column[is_warm]).any()]
        if empty:
            raise HistoryUnfit(f"{symbol}: the feature {empty[0]} has no value on any candle")
    usable = is_warm & labels.is_known & np.isfinite(values).all(axis=1)
    n = int(usable.sum())
    return Samples(
        (window.open_ms + timeframe.ms)[usable],
        labels.exit_ms[usable],
        np.hstack((values[usable], encode(np.full(n, number), len(market.series), recipe.encoding))),
        labels.outcome[usable],
        np.full(n, number, np.int64),
    )


def _whole_candles(window: CandleWindow, timeframe: Timeframe) -> NDArray[np.int64]:
    """How many candles without a gap end with each."""
    n = len(window)
    starts = np.concatenate(([True], np.diff(window.open_ms) != timeframe.ms)) if n else np.zeros(0, bool)
    since = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    return np.arange(n) - since + 1


def _joined(parts: Sequence[Samples]) -> Samples:
    return Samples(*(np.concatenate([getattr(each, name) for each in parts]) for name in Samples.__slots__))
