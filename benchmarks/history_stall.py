"""The stall, replayed: bars, chain and option bars of 100 contracts for each of 23 symbols, from a simulated Alpaca
whose answers take a hundredth of what they once took: a base and a cost per row, so that batching alone cannot win.

The old loader (alpaca-py's calls one after the other, blocking), the same in `asyncio.to_thread`, and ours; each also
without batching. Ours writes its cache and reads it back; the others keep nothing.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import uvloop
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import OptionBarsRequest, OptionChainRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from benchmarks._daemon import claim
from benchmarks._vendor import simulated_vendor

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.lag import LagMonitor
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.cache.store import HistoryCache
from core.history.loading.loader import PRELOAD, HistoryLoader, lanes_for
from core.history.loading.memory import keep_memory_low
from core.history.loading.request import LoadEvent, LoadRequest, PageFetched, SymbolDone
from core.history.quality.judge import judge
from core.ports.venue import Credentials
from core.runtime.loop import freeze_long_lived, tune_interpreter
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings
from core.venues.alpaca.history import AlpacaHistory
from core.venues.budget.sharing import own_ledgers

LONG = True
SYMBOLS = [
    *("SPY", "QQQ", "IWM", "DIA", "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AMD"),
    *("NFLX", "JPM", "BAC", "XOM", "CVX", "WMT", "DIS", "INTC", "GLD", "TLT", "XLF"),
]
KINDS = (SeriesKind.STOCK_BARS, SeriesKind.OPTION_CHAIN, SeriesKind.OPTION_BARS)
DAYS, CONTRACTS, CONTRACT_DAYS = 730, 100, 90
STOCK_BARS, CHAIN, OPTION_BARS = "GET /v2/stocks/bars", "GET /v1beta1/options/snapshots/*", "GET /v1beta1/options/bars"
LATENCIES = {STOCK_BARS: (50, 250), CHAIN: (30, 100), OPTION_BARS: (8, 300)}
"""(base in ms, a row in µs): a symbol's bars then take about 0.18 s, its chain 0.3 s, a contract's bars 0.03 s."""
UNLIMITED_PER_MIN = 10_000_000
LIMITED_PER_MIN = 120
TARGET, BOUND_PCT, LAG_MS = 25.0, 15.0, 5.0
Old = Callable[[], None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=len(SYMBOLS), help="so many of them")
    symbols = SYMBOLS[: parser.parse_args().symbols]
    tune_interpreter(ComputeSettings().switch_interval_s)
    keep_memory_low()
    with simulated_vendor(vendor(UNLIMITED_PER_MIN)) as url:
        load(url, symbols)  # what the vendor makes on demand is made now, for everybody
        ours, ours_unbatched = load(url, symbols), load(url, symbols, batching=False)
        old = {
            f"{way}{'' if batching else '_unbatched'}_s": round(
                sequential(url, symbols, ours.contracts, way, batching), 2
            )
            for way in ("blocking", "to_thread")
            for batching in (True, False)
        }
    with simulated_vendor(vendor(LIMITED_PER_MIN)) as url:
        limited = load(url, symbols, per_min=LIMITED_PER_MIN)
    ratio = old["blocking_unbatched_s"] / ours.seconds
    bound_s = max(0.0, limited.requests - LIMITED_PER_MIN) * 60 / LIMITED_PER_MIN
    figures = {"symbols": len(symbols), "rows": ours.rows, "requests": ours.requests, "ours_s": round(ours.seconds, 2)}
    figures |= {"ours_unbatched_s": round(ours_unbatched.seconds, 2), **old}
    status = claim("history: the stall against ours, times faster", round(ratio, 1), TARGET, ratio >= TARGET, **figures)
    first = ours.first_s / ours.first_own_s
    status |= claim(
        "history: first symbol ready, times the latency of its own requests",
        round(first, 2),
        2.0,
        first <= 2.0,
        first_s=round(ours.first_s, 3),
        own_s=round(ours.first_own_s, 3),
    )
    status |= claim("history: loop lag p99 while loading, ms", ours.lag_p99_ms, LAG_MS, ours.lag_p99_ms < LAG_MS)
    quiet_s = max(ours.quiet_s, limited.quiet_s)
    status |= claim("history: longest time without progress, s", round(quiet_s, 2), 1.0, quiet_s <= 1.0)
    over_pct = 100 * (limited.seconds / max(bound_s, ours.seconds) - 1)
    return status | claim(
        "history: above the bound of the rate limit, %",
        round(over_pct, 1),
        BOUND_PCT,
        over_pct <= BOUND_PCT,
        bound_s=round(bound_s, 2),
        ours_s=round(limited.seconds, 2),
        requests=limited.requests,
        per_min=LIMITED_PER_MIN,
    )


def span_ms() -> tuple[int, int]:
    """Closed bars only, for everybody: the vendor makes pages of them once."""
    end_ms = Timeframe.D1.open_ms(int(time.time() * 1_000)) - Timeframe.D1.ms
    return end_ms - DAYS * Timeframe.D1.ms, end_ms


def vendor(per_min: int) -> str:
    lines = ["[simulation.alpaca]", f"requests_per_minute = {per_min}", "[simulation.alpaca.latencies]"]
    lines += [f'"{route}" = {{base_ms = {base}, per_row_us = {row}}}' for route, (base, row) in LATENCIES.items()]
    return "\n".join(lines)


@dataclass
class Loaded:
    seconds: float = 0.0
    first_s: float = 0.0
    first_own_s: float = 0.0
    """Of the first symbol that was ready: what its requests took at the venue, one after another where they had to."""
    requests: int = 0
    rows: int = 0
    lag_p99_ms: float = 0.0
    quiet_s: float = 0.0
    contracts: dict[str, list[str]] = field(default_factory=dict)


def load(url: str, symbols: list[str], *, batching: bool = True, per_min: float = UNLIMITED_PER_MIN) -> Loaded:
    """Into a cache that stays until the end: ext4 makes files slowly for a while after many were deleted."""
    folder = Path(tempfile.mkdtemp(dir=_caches().name))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(url, symbols, folder, batching, per_min))


@cache
def _caches() -> tempfile.TemporaryDirectory[str]:
    """Deleted when the process ends."""
    return tempfile.TemporaryDirectory()


async def _load(url: str, symbols: list[str], folder: Path, batching: bool, per_min: float) -> Loaded:
    settings = HistorySettings(base_url=url, requests_per_min=per_min)
    keys = Credentials("paper", "paper")
    source = AlpacaHistory(settings, keys, ledgers=own_ledgers, batching=batching)
    computer = AsyncFeatureComputer(ComputeSettings(), lanes=lanes_for(settings), preload=PRELOAD, spares=0)
    lag, seen, pages = LagMonitor(), list[float](), list[PageFetched]()

    def on_event(event: LoadEvent) -> None:
        if isinstance(event, PageFetched | SymbolDone):
            seen.append(time.monotonic())
        if isinstance(event, PageFetched):
            pages.append(event)

    found = Loaded()
    async with computer:
        watching = asyncio.create_task(lag.run())
        loader = HistoryLoader(
            source, HistoryCache(folder), computer, settings, judge=partial(judge, min_quality=0.5), on_event=on_event
        )
        request = LoadRequest(tuple(symbols), KINDS, Timeframe.D1, span_ms(), CONTRACTS, CONTRACT_DAYS)
        await computer.run(abs, 1, kind=Kind.CPU, deadline_s=60.0)  # a worker is there, as in a daemon
        freeze_long_lived()  # as the command does
        began = time.monotonic()
        async for each in loader.stream(request):
            if not found.first_s:
                found.first_s = time.monotonic() - began
                first = each
            found.rows += each.report.rows
            found.contracts[each.report.symbol] = [
                series.name.symbol for series in each.series if series.name.kind is SeriesKind.OPTION_BARS
            ]
        found.seconds = time.monotonic() - began
        watching.cancel()
    source.close()
    ticks = [began, *seen, began + found.seconds]
    found.quiet_s = max(later - earlier for earlier, later in pairwise(ticks))
    found.requests = loader.report().requests
    found.lag_p99_ms = round(lag.statistics().run_ms.p99 or 0.0, 2)
    found.first_own_s = own_latency_s(first.report.symbol, {s.name.kind: len(s) for s in first.series[:2]}, pages)
    return found


def own_latency_s(symbol: str, rows: dict[SeriesKind, int], pages: list[PageFetched]) -> float:
    """Bars and chain beside each other, then the slowest of the requests for its contracts."""
    base, row = LATENCIES[CHAIN]
    n_chain = rows.get(SeriesKind.OPTION_CHAIN, 0)
    chain_s = (base * -(-n_chain // 1_000) + n_chain * row / 1e3) / 1e3
    base, row = LATENCIES[STOCK_BARS]
    bars_s = (base + rows.get(SeriesKind.STOCK_BARS, 0) * row / 1e3) / 1e3
    known = {rows.get(SeriesKind.STOCK_BARS, 0), *range(1_001)}
    mine = [page.rows for page in pages if page.symbols == (symbol,)]
    base, row = LATENCIES[OPTION_BARS]
    slowest = max((each for each in mine if each not in known), default=0)
    return max(chain_s, bars_s) + (base + slowest * row / 1e3) / 1e3


def sequential(url: str, symbols: list[str], contracts: dict[str, list[str]], way: str, batching: bool) -> float:
    """Seconds; alpaca-py as it comes."""
    stocks = StockHistoricalDataClient("paper", "paper", url_override=url)
    options = OptionHistoricalDataClient("paper", "paper", url_override=url)
    start, end = (datetime.fromtimestamp(each / 1_000, UTC) for each in span_ms())

    def bars_of(names: list[str]) -> None:
        request = OptionBarsRequest(symbol_or_symbols=names, timeframe=TimeFrame.Day, start=start, end=end)
        options.get_option_bars(request)

    def calls(symbol: str) -> list[Old]:
        bars = StockBarsRequest(symbol_or_symbols=symbol, timeframe=TimeFrame.Day, start=start, end=end)
        names = contracts[symbol]
        groups = [names] if batching else [[name] for name in names]
        return [
            lambda: stocks.get_stock_bars(bars),
            lambda: options.get_option_chain(OptionChainRequest(underlying_symbol=symbol)),
            *((lambda group=group: bars_of(group)) for group in groups if group),
        ]

    async def in_threads() -> None:
        for symbol in symbols:
            for call in calls(symbol):
                await asyncio.to_thread(call)

    began = time.monotonic()
    if way == "to_thread":
        asyncio.run(in_threads())
    else:
        for symbol in symbols:
            for call in calls(symbol):
                call()
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    sys.exit(main())
