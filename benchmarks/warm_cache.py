"""One million one-minute bars from the warm cache into pandas, checksums verified, against `pd.read_csv` of the same
bars; and a load of what is already there, which must not ask for anything. Both sides parse times to UTC.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pandas as pd
import pyarrow as pa
from benchmarks._daemon import claim

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.frames import BAR_COLUMNS, read_frame
from core.history.cache.layout import shelf_of
from core.history.cache.store import HistoryCache
from core.history.loading.loader import HistoryLoader, lanes_for
from core.history.loading.request import LoadRequest
from core.history.series import BARS, TIME
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings

N_BARS = 1_000_000
ROUNDS = 7
START_MS = 1_672_531_200_000
SPAN = (START_MS, START_MS + N_BARS * Timeframe.M1.ms)
NAME = SeriesName("counted", SeriesKind.CANDLES, "BTC/USDT", Timeframe.M1)
TARGET = 20.0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        cache = HistoryCache(Path(folder) / "cache")
        cache.store(shelf_of(NAME), {NAME.symbol: bars()}, SPAN, SPAN[1])
        expected = read_frame(cache, NAME, SPAN)
        file = Path(folder) / "bars.csv"
        expected.to_csv(file, index=False)
        ours_s, frame = fastest(lambda: read_frame(cache, NAME, SPAN))
        csv_s, other = fastest(lambda: pd.read_csv(file, parse_dates=["open_time"]))
        assert len(frame) == N_BARS
        for column in BAR_COLUMNS:
            assert (frame[column].to_numpy() == other[column].to_numpy()).all(), column
        requests = asyncio.run(load_again(cache))
    ratio = csv_s / ours_s
    status = claim(
        "history: a million bars from the warm cache into pandas, times as fast as pd.read_csv",
        round(ratio, 1),
        TARGET,
        ratio >= TARGET,
        bars_per_s=round(N_BARS / ours_s),
        ours_ms=round(1e3 * ours_s, 1),
        read_csv_ms=round(1e3 * csv_s, 1),
    )
    return status | claim("history: requests where nothing is missing", requests, 0, requests == 0)


def bars() -> pa.Table:
    """A walk: prices in cents, volumes in ten millionths."""
    dice = np.random.default_rng(7)
    close = np.round(30_000 * np.exp(np.cumsum(dice.normal(0, 5e-4, N_BARS))), 2)
    opened = np.round(close * (1 + dice.normal(0, 1e-4, N_BARS)), 2)
    spread = np.abs(dice.normal(0, 1e-4, (2, N_BARS)))
    columns = {
        "open_time": pa.array(np.arange(*SPAN, Timeframe.M1.ms)).cast(TIME),
        "open": opened,
        "high": np.round(np.maximum(opened, close) * (1 + spread[0]), 2),
        "low": np.round(np.minimum(opened, close) * (1 - spread[1]), 2),
        "close": close,
        "volume": np.round(dice.gamma(1, 10, N_BARS), 7),
        "vwap": pa.nulls(N_BARS, pa.float64()),
        "n_trades": pa.nulls(N_BARS, pa.int64()),
    }
    return pa.table(columns, schema=BARS)


def fastest(read: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    times, frame = [], read()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        frame = read()
        times.append(time.perf_counter() - began)
    return min(times), frame


class CountedSource:
    """Has the series, and counts who asks."""

    def __init__(self) -> None:
        self.requests = 0

    @property
    def abilities(self) -> HistoryAbilities:
        return HistoryAbilities("counted", {SeriesKind.CANDLES: KindTraits(frozenset(Timeframe))})

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage:
        self.requests += 1
        return HistoryPage({}, None)

    def listing(self) -> Sequence[SeriesName] | None:
        return None

    def close(self) -> None:
        pass


async def load_again(cache: HistoryCache) -> int:
    source, settings = CountedSource(), HistorySettings()
    async with AsyncFeatureComputer(ComputeSettings(backend="threads"), lanes=lanes_for(settings)) as computer:
        loader = HistoryLoader(source, cache, computer, settings)
        request = LoadRequest((NAME.symbol,), (NAME.kind,), Timeframe.M1, SPAN)
        found = [each async for each in loader.stream(request)]
    assert len(found[0].series[0]) == N_BARS
    return source.requests


if __name__ == "__main__":
    sys.exit(main())
