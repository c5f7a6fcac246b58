"""Memory of a load of 23 symbols and two years of one-minute bars from a simulated Alpaca: all processes of the load
together, the workers that decode included, sampled ten times a second.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import psutil
from benchmarks._daemon import claim
from benchmarks._vendor import simulated_vendor
from benchmarks.history_stall import SYMBOLS

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.cache.store import HistoryCache
from core.history.loading.loader import PRELOAD, HistoryLoader, lanes_for
from core.history.loading.memory import keep_memory_low
from core.history.loading.request import LoadReport, LoadRequest
from core.history.quality.judge import judge
from core.ports.venue import Credentials
from core.runtime.loop import tune_interpreter
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings
from core.venues.alpaca.history import AlpacaHistory
from core.venues.budget.sharing import own_ledgers

LONG = True
PER_MIN = 10_000_000
TARGET_MB = 500.0
VENDOR = f"[simulation.alpaca]\nrequests_per_minute = {PER_MIN}\n"


class Peak:
    """Proportional set sizes: what processes share is counted once."""

    def __init__(self) -> None:
        self.mb = 0.0
        self.by_process: list[int] = []
        """At the peak, in MB: the loader's own first, then its workers'."""
        self._others = {child.pid for child in psutil.Process().children(recursive=True)}

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            found = await asyncio.to_thread(self._now_mb)
            if sum(found) > self.mb:
                self.mb, self.by_process = sum(found), [round(each) for each in found]

    def _now_mb(self) -> list[float]:
        me, found = psutil.Process(), list[float]()
        for each in (me, *me.children(recursive=True)):
            with suppress(psutil.Error):
                if each.pid not in self._others:
                    found.append(each.memory_full_info().pss / 1e6)
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=len(SYMBOLS))
    parser.add_argument("--days", type=int, default=730)
    options = parser.parse_args()
    tune_interpreter(ComputeSettings().switch_interval_s)
    keep_memory_low()
    with simulated_vendor(VENDOR) as url, tempfile.TemporaryDirectory() as folder:
        peak, report = asyncio.run(load(url, Path(folder), SYMBOLS[: options.symbols], options.days))
    rows = sum(each.rows for each in report.symbols)
    more = {
        "by_process": peak.by_process,
        "rows": rows,
        "requests": report.requests,
        "seconds": round(report.seconds, 1),
    }
    return claim("history: memory while loading, MB", round(peak.mb, 1), TARGET_MB, peak.mb < TARGET_MB, **more)


async def load(url: str, folder: Path, symbols: list[str], days: int) -> tuple[Peak, LoadReport]:
    settings = HistorySettings(base_url=url, requests_per_min=PER_MIN)
    source = AlpacaHistory(settings, Credentials("paper", "paper"), ledgers=own_ledgers)
    computer = AsyncFeatureComputer(ComputeSettings(), lanes=lanes_for(settings), preload=PRELOAD, spares=0)
    now_ms, peak = int(time.time() * 1_000) // 60_000 * 60_000, Peak()
    request = LoadRequest(
        tuple(symbols), (SeriesKind.STOCK_BARS,), Timeframe.M1, (now_ms - days * Timeframe.D1.ms, now_ms)
    )
    async with computer:
        watching = asyncio.create_task(peak.watch())
        judging = partial(judge, min_quality=0.5)
        loader = HistoryLoader(source, HistoryCache(folder), computer, settings, judge=judging)
        async for each in loader.stream(request):
            assert each.series, each.report
        watching.cancel()
    source.close()
    return peak, loader.report()


if __name__ == "__main__":
    sys.exit(main())
