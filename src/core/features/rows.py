"""The newest features of many symbols as one matrix: a worker's job over the daemon's candle rings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.features.schema import FeatureSchema
from core.features.validity import check_window
from core.market.ring_windows import RingRequest, over_rings


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """One row a symbol, one column a feature."""

    columns: tuple[str, ...]
    instrument_ids: tuple[InstrumentId, ...]
    values: NDArray[np.float64]  # (n_symbols, n_columns)
    faults: tuple[Reason | None, ...]  # (n_symbols,)
    """Why a symbol has none: its row is NaN throughout. `None`: it has."""


def compute_rows(schema: FeatureSchema, requests: Sequence[RingRequest]) -> FeatureRows:
    """The last row of each window, or the reason why there is none: too few candles, or candles that are none. Raises
    `ComputeError` where a ring kept changing under the computation."""
    rows = over_rings(requests, lambda windows: [_row(schema, window) for _, window in windows], "features")
    return _matrix(schema, tuple(request.instrument_id for request in requests), rows)


def rows_of(schema: FeatureSchema, windows: Sequence[tuple[InstrumentId, CandleWindow]]) -> FeatureRows:
    """As `compute_rows`, of windows that are at hand."""
    return _matrix(schema, tuple(symbol for symbol, _ in windows), [_row(schema, window) for _, window in windows])


def _matrix(
    schema: FeatureSchema, symbols: tuple[InstrumentId, ...], rows: Sequence[list[float] | Reason]
) -> FeatureRows:
    nothing = [np.nan] * len(schema.columns)
    values = np.array([nothing if isinstance(row, Reason) else row for row in rows]).reshape(-1, len(nothing))
    faults = tuple(row if isinstance(row, Reason) else None for row in rows)
    return FeatureRows(schema.columns, symbols, values, faults)


def _row(schema: FeatureSchema, window: CandleWindow) -> list[float] | Reason:
    if len(window) < schema.warmup:
        return because(ReasonCode.WARMUP_MISSING, have=len(window), need=schema.warmup)
    if (fault := check_window(window)) is not None:
        return fault
    return schema.newest(window)
