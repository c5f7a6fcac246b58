"""Rows as the API writes them: one-letter keys, prices as numbers, times as RFC 3339 text."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.underlyings.bars import Bars

NS_PER_S = 1_000_000_000


class Bar(msgspec.Struct, frozen=True, gc=False):
    t: str
    o: float
    h: float
    l: float  # noqa: E741 - the API's name
    c: float
    v: int
    n: int
    vw: float


class _Quote(msgspec.Struct, frozen=True, gc=False):
    t: str
    ax: str
    ap: float
    as_: int = msgspec.field(name="as")
    bx: str
    bp: float
    bs: int


class StockQuote(_Quote, frozen=True, gc=False):
    c: tuple[str, ...]
    z: str


class OptionQuote(_Quote, frozen=True, gc=False):
    c: str


class _Trade(msgspec.Struct, frozen=True, gc=False):
    t: str
    x: str
    p: float
    s: int


class StockTrade(_Trade, frozen=True, gc=False):
    c: tuple[str, ...]
    i: int
    z: str


class OptionTrade(_Trade, frozen=True, gc=False):
    c: str


class OptionGreeks(msgspec.Struct, frozen=True, gc=False):
    delta: float
    gamma: float
    rho: float
    theta: float
    vega: float


class OptionSnapshot(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """Greeks and volatility are left out where the vendor has none."""

    latest_quote: OptionQuote
    latest_trade: OptionTrade | None = None
    implied_volatility: float | None = None
    greeks: OptionGreeks | None = None


class StockSnapshot(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    latest_trade: StockTrade
    latest_quote: StockQuote
    minute_bar: Bar | None = None
    daily_bar: Bar | None = None
    prev_daily_bar: Bar | None = None

    def as_json(self) -> dict[str, object]:
        """Its keys as the API has them."""
        named = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        return {key: value for key, name in named if (value := getattr(self, name)) is not None}


def bars_as_rows(bars: Bars) -> list[Bar]:
    columns: list[list[Any]] = [
        *(column.tolist() for column in (bars.open, bars.high, bars.low, bars.close)),
        bars.volume.astype(np.int64).tolist(),
        bars.trades.tolist(),
        bars.vwap.tolist(),
    ]
    return [Bar(*row) for row in zip(times_as_text(bars.time_s), *columns, strict=True)]


def times_as_text(times_s: NDArray[np.int64]) -> list[str]:
    """Whole seconds: `2022-01-03T09:00:00Z`."""
    return [f"{each}Z" for each in np.datetime_as_string(times_s.astype("datetime64[s]"), unit="s").tolist()]


def time_as_text(time_s: float) -> str:
    """With nanoseconds, as quotes and trades bear them."""
    moment_ns = np.datetime64(int(time_s * NS_PER_S), "ns")
    return f"{np.datetime_as_string(moment_ns, unit='ns')}Z"
