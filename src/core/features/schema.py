"""Features by name: which indicators, with which parameters, how many candles they need, and a hash of all that."""

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.domain.candles import CandleWindow
from core.features.indicator import Column
from core.features.indicators import INDICATORS

Columns = Mapping[str, Column]
Compute = Callable[[CandleWindow], tuple[Column, ...]]


@dataclass(frozen=True)
class Feature:
    """One indicator with all its parameters. `Feature.of("ema", period=9)` has the one column `ema_9`."""

    indicator: str
    parameters: tuple[tuple[str, float], ...]

    @staticmethod
    def of(indicator: str, **parameters: float) -> "Feature":
        """Raises ValueError for an indicator or a parameter that does not exist."""
        if indicator not in INDICATORS:
            raise ValueError(f"no indicator {indicator!r}; there are {', '.join(INDICATORS)}")
        defaults = INDICATORS[indicator].defaults
        unknown = sorted(parameters.keys() - defaults.keys())
        if unknown:
            raise ValueError(f"{indicator} has no parameter {unknown[0]!r}; it has {', '.join(defaults)}")
        merged = {**defaults, **parameters}
        return Feature(indicator, tuple((name, float(value)) for name, value in merged.items()))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        numbers = "_".join(f"{value:g}" for _, value in self.parameters)
        stem = f"{self.indicator}_{numbers}" if numbers else self.indicator
        return tuple(f"{stem}_{output}" if output else stem for output in INDICATORS[self.indicator].outputs)

    @property
    def column(self) -> str:
        """The first column: the only one of most indicators."""
        return self.columns[0]

    @cached_property
    def warmup(self) -> int:
        return INDICATORS[self.indicator].warmup(dict(self.parameters))

    @property
    def is_windowed(self) -> bool:
        """As of its indicator."""
        return INDICATORS[self.indicator].is_windowed

    @cached_property
    def compute(self) -> Compute:
        """From a window to the columns, in order."""
        compute, numbers = INDICATORS[self.indicator].compute, dict(self.parameters)
        return lambda window: compute(window, numbers)

    def __reduce__(self) -> tuple[type["Feature"], tuple[str, tuple[tuple[str, float], ...]]]:
        """What is derived stays where it was derived."""
        return Feature, (self.indicator, self.parameters)


@dataclass(frozen=True)
class FeatureSchema:
    """The features of one strategy or model, in order."""

    features: tuple[Feature, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for feature in self.features for name in feature.columns)

    @cached_property
    def warmup(self) -> int:
        """Closed candles after which every last value stands, whatever the window began with."""
        return max((feature.warmup for feature in self.features), default=1)

    @cached_property
    def hash(self) -> str:
        """Of names, parameters and order: what was trained on one schema must not be fed from another."""
        text = repr([(feature.indicator, feature.parameters) for feature in self.features])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def compute(self, window: CandleWindow) -> dict[str, Column]:
        """All columns over the window, float64 (n_candles,), NaN where it is too short for a value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = [column for feature in self.features for column in feature.compute(window)]
        return dict(zip(self.columns, values, strict=True))

    def newest(self, window: CandleWindow) -> list[float]:
        """The last value of each column, in order, of a window of at least one candle. What needs the last candles only
        is computed over these."""
        recent = window.last(self._longest)
        with np.errstate(divide="ignore", invalid="ignore"):
            return [
                column[-1]
                for compute, is_windowed in self._computations
                for column in compute(recent if is_windowed else window)
            ]

    @cached_property
    def _computations(self) -> tuple[tuple[Compute, bool], ...]:
        return tuple((feature.compute, feature.is_windowed) for feature in self.features)

    @cached_property
    def _longest(self) -> int:
        """Candles that every windowed feature finds its own in."""
        return max((feature.warmup for feature in self.features if feature.is_windowed), default=1)

    def __reduce__(self) -> tuple[type["FeatureSchema"], tuple[tuple[Feature, ...]]]:
        """As of `Feature`."""
        return FeatureSchema, (self.features,)


def last_row(columns: Columns) -> dict[str, float]:
    """The newest value of each column; NaN for an empty one."""
    return {name: float(column[-1]) if len(column) else float("nan") for name, column in columns.items()}


def row_hash(row: Mapping[str, float]) -> str:
    """16 hex characters of names and exact values: two decisions with the same hash saw the same features."""
    digest = hashlib.blake2b(digest_size=8)
    for name, value in sorted(row.items()):
        digest.update(name.encode() + b"\0" + struct.pack("<d", value))
    return digest.hexdigest()
