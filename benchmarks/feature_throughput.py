"""The built-in features of 500 symbols over 500 candles each, by one worker process over shared memory: how many
symbols a second, transfer included, a fresh candle of every symbol before each call and nothing from the cache.

The worker answers with the newest value of each column, and computes what needs the last candles only over these. The
same columns in full length by bare TA-Lib calls are measured in the same worker, in turn with it. The loop's lag
meanwhile stands beside that of an idle loop in the same run.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import uvloop
from benchmarks._daemon import claim, many_symbols
from benchmarks._raw_talib import raw_us
from tests.unit.features.reference import reference
from tests.unit.random_walks import last, walk

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.lag import LagMonitor
from core.domain.candles import Candle, CandleWindow, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.features.standard import STANDARD
from core.features.tickers import TickerFeatures
from core.market.candle_store import Applied, CandleStore
from core.market.ring_windows import RingRequest
from core.runtime.loop import freeze_long_lived, tune_interpreter
from core.settings.compute import ComputeSettings

SYMBOLS = 500
CANDLES = 500
ROUNDS = 12
CALLS_A_ROUND = 5
IDLE_S = 3.0
NOISY_MS = 2.0
KEYS = [SeriesKey(InstrumentId(name), Timeframe.M1) for name in many_symbols(SYMBOLS)]


def main() -> int:
    tune_interpreter(ComputeSettings().switch_interval_s)
    return max(uvloop.run(measure()), exactness())


async def measure() -> int:
    markets = {key: walk(seed, CANDLES + ROUNDS * CALLS_A_ROUND) for seed, key in enumerate(KEYS)}
    store = filled(markets)
    lag = LagMonitor(blame_after_s=None)
    watching = asyncio.create_task(lag.run())
    async with AsyncFeatureComputer(ComputeSettings(workers=1)) as computer:
        features = TickerFeatures(computer, store, n_candles=CANDLES)
        await features.compute_features_async(KEYS)
        freeze_long_lived()  # as the daemon does when it has started
        await asyncio.sleep(1.0)
        lag.reset()
        await asyncio.sleep(IDLE_S)
        floor = lag.statistics().run_ms
        rates, raw, busy = [], [], LagMonitor(blame_after_s=None)
        busy_watching = asyncio.create_task(busy.run())
        for number in range(ROUNDS):
            spent_s = 0.0
            for call in range(CALLS_A_ROUND):
                await close_candles(store, markets, CANDLES + number * CALLS_A_ROUND + call)
                began = time.perf_counter()
                await features.compute_features_async(KEYS, deadline_s=60)
                spent_s += time.perf_counter() - began
            rates.append(SYMBOLS * CALLS_A_ROUND / spent_s)
            raw.append(await computer.run(raw_us, requests(store), 2, kind=Kind.CPU, deadline_s=60))
        lagged = busy.statistics().run_ms
        hits = features.statistics().hits
    for task in (watching, busy_watching):
        task.cancel()
    assert hits == 0, "something came from the cache"
    return report(rates, raw, floor_ms=floor.p99 or 0.0, p95_ms=lagged.p95 or 0.0, p99_ms=lagged.p99 or 0.0)


def report(rates: list[float], raw: list[float], *, floor_ms: float, p95_ms: float, p99_ms: float) -> int:
    rate, raw_rate = statistics.median(rates), 1e6 / statistics.median(raw)
    share = statistics.median(each * us / 1e6 for each, us in zip(rates, raw, strict=True))
    details = {"columns": len(STANDARD.columns), "symbols": SYMBOLS, "candles": CANDLES}
    status = claim("symbols a second, built-in features, one worker", round(rate), 5_000, rate >= 5_000, **details)
    details = {"raw_per_s": round(raw_rate), "rounds": ROUNDS}
    status |= claim("share of bare TA-Lib's rate, transfer included", round(share, 2), 0.7, share >= 0.7, **details)
    above_ms = p99_ms - floor_ms
    holds = None if floor_ms > NOISY_MS else above_ms < 5.0 and p95_ms - floor_ms < 2.0
    details = {"lag_p95": p95_ms, "lag_p99": p99_ms, "idle_floor_p99": floor_ms}
    return status | claim("loop lag p99 above the idle floor beside it, ms", round(above_ms, 2), 5.0, holds, **details)


def exactness() -> int:
    """Values that differ from the definitions by more than 1e-9 of them, or are NaN in one place only: of whole columns
    and of the newest values, which are computed over less."""
    differing = compared = 0
    for seed in range(10):
        window = last(walk(seed, CANDLES), CANDLES)
        expected = reference(window)
        newest = zip(STANDARD.columns, STANDARD.newest(window), strict=True)
        pairs = [(column, expected[name]) for name, column in STANDARD.compute(window).items()]
        pairs += [(value, expected[name].iloc[-1:]) for name, value in newest]
        for ours, theirs in pairs:
            differing += int((~np.isclose(ours, theirs, rtol=1e-9, atol=1e-12, equal_nan=True)).sum())
            compared += len(theirs)
    name = "values that differ from their definitions by more than 1e-9"
    return claim(name, differing, 0, differing == 0, compared=compared)


def filled(markets: dict[SeriesKey, CandleWindow]) -> CandleStore:
    store = CandleStore(KEYS, capacity=CANDLES + 100)
    for key, window in markets.items():
        first = [candle(window, at) for at in range(CANDLES)]
        store.backfill(key, first, first[-1].open_ms + key.timeframe.ms)
    return store


async def close_candles(store: CandleStore, markets: dict[SeriesKey, CandleWindow], at: int) -> None:
    """As a feed does: a few at a time, the loop breathing in between."""
    for number, (key, window) in enumerate(markets.items()):
        closed = candle(window, at)
        event = CandleChanged(key.instrument_id, key.timeframe, closed, True, closed.open_ms + key.timeframe.ms, 0)
        if store.apply(event) is not Applied.CLOSED:
            raise RuntimeError(f"{key} did not take candle {at}")
        if number % 20 == 0:
            await asyncio.sleep(0)


def candle(window: CandleWindow, at: int) -> Candle:
    prices = (float(column[at]) for column in (window.open, window.high, window.low, window.close, window.volume))
    return Candle(int(window.open_ms[at]), *prices)


def requests(store: CandleStore) -> list[RingRequest]:
    return [RingRequest(key.instrument_id, store.handle(key), store.version(key).last_open_ms, CANDLES) for key in KEYS]


if __name__ == "__main__":
    sys.exit(main())
