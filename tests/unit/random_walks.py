"""Candle windows for tests: reproducible random walks."""

from dataclasses import replace
from typing import Any

import numpy as np

from core.domain.candles import CandleWindow

FIRST_OPEN_MS = 1_760_000_040_000


def walk(seed: int, n: int, *, volatility: float = 1e-3, start: float = 100.0) -> CandleWindow:
    """`n` one-minute candles; read-only columns, as the shared rings hand them out."""
    rng = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(rng.normal(0, volatility, n)))
    open_ = np.concatenate(([start], close[:-1]))[:n]
    spread = np.abs(rng.normal(0, volatility / 2, (2, n)))
    window = CandleWindow(
        open_ms=FIRST_OPEN_MS + 60_000 * np.arange(n, dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close) * (1 + spread[0]),
        low=np.minimum(open_, close) * (1 - spread[1]),
        close=close,
        volume=rng.exponential(10, n),
    )
    return frozen(window)


def of_closes(closes: list[float]) -> CandleWindow:
    """Candles that go straight from one close to the next."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate((close[:1], close[:-1]))
    return CandleWindow(
        open_ms=FIRST_OPEN_MS + 60_000 * np.arange(len(close), dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.ones(len(close)),
    )


def last(window: CandleWindow, n: int) -> CandleWindow:
    return _each(window, lambda column: column[len(column) - n :])


def first(window: CandleWindow, n: int) -> CandleWindow:
    return _each(window, lambda column: column[:n])


def with_value(window: CandleWindow, column: str, index: int, value: float) -> CandleWindow:
    changed = getattr(window, column).copy()
    changed[index] = value
    return replace(window, **{column: changed})


def frozen(window: CandleWindow) -> CandleWindow:
    def locked(column: Any) -> Any:
        column.setflags(write=False)
        return column

    return _each(window, locked)


def _each(window: CandleWindow, change: Any) -> CandleWindow:
    names = ("open_ms", "open", "high", "low", "close", "volume")
    return CandleWindow(**{name: change(getattr(window, name)) for name in names})
