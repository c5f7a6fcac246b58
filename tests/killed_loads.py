"""Loads that are killed at random instants, each in a process of its own, and what is left of them."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.store import HistoryCache
from core.history.loading.loader import HistoryLoader, lanes_for
from core.history.loading.request import LoadRequest
from core.history.series import BARS, TIME
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings

SYMBOLS = ("A", "B", "C", "D", "E", "F")
START_MS = 1_704_067_200_000
SPAN = (START_MS, START_MS + 180 * Timeframe.D1.ms)
TIMEFRAME = Timeframe.M15
_SOURCE = "steady"
_WAIT_S = 0.004
_PAGE_ROWS = 400


class SteadySource:
    """A price for every quarter of an hour, always the same one, a page at a time."""

    @property
    def abilities(self) -> HistoryAbilities:
        kinds = {SeriesKind.CANDLES: KindTraits(frozenset(Timeframe), symbols_per_request=2)}
        return HistoryAbilities(_SOURCE, kinds, page_rows=_PAGE_ROWS)

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage:
        import pyarrow as pa

        time.sleep(_WAIT_S)
        start = int(token or query.start_ms)
        end = min(query.end_ms, start + _PAGE_ROWS * TIMEFRAME.ms)
        times = list(range(start, end, TIMEFRAME.ms))
        rows = {}
        for symbol in query.symbols:
            prices = [float(each % 977 + ord(symbol)) for each in times]
            columns = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), prices)
            opened = pa.array(times, pa.int64()).cast(TIME)
            rows[symbol] = pa.table({"open_time": opened, **columns, "n_trades": [1] * len(times)}, schema=BARS)
        return HistoryPage(rows, str(end) if end < query.end_ms else None)

    def listing(self) -> None:
        return None

    def close(self) -> None:
        pass


def load(folder: Path) -> None:
    asyncio.run(_load(folder))


async def _load(folder: Path) -> None:
    settings = HistorySettings(requests_at_once=4)
    computer = AsyncFeatureComputer(ComputeSettings(backend="threads"), lanes=lanes_for(settings))
    async with computer:
        loader = HistoryLoader(SteadySource(), HistoryCache(folder), computer, settings)
        request = LoadRequest(SYMBOLS, (SeriesKind.CANDLES,), TIMEFRAME, SPAN)
        assert len([each async for each in loader.ready(request)]) == len(SYMBOLS)
        assert loader.report().is_complete


def require_whole_files(folder: Path) -> None:
    cache = HistoryCache(folder)
    for shelf in cache.shelves():
        assert cache.verify(shelf) == [], shelf
    assert not list(folder.glob("**/*.torn"))


def require_same(folder: Path, undisturbed: Path) -> None:
    require_whole_files(folder)
    names = [SeriesName(_SOURCE, SeriesKind.CANDLES, symbol, TIMEFRAME) for symbol in SYMBOLS]
    ours, theirs = HistoryCache(folder), HistoryCache(undisturbed)
    assert ours.covered(names) == theirs.covered(names)
    for name in names:
        assert ours.read(name, SPAN).rows.equals(theirs.read(name, SPAN).rows), name


def in_child(work: Callable[[], None], *, kill_after_s: float | None = None) -> int:
    """The status of a forked process, which must have nothing of Arrow's threads: call no Arrow in this one."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_loads(folder: Path, kills: int, *, per_cache: int = 5, seed: int = 1) -> dict[str, int]:
    """Kill so many loads, `per_cache` of each cache, and let each be resumed: how many were hit, and how many caches
    ended like the undisturbed one. Raises `AssertionError` where one did not, or a file was torn."""
    undisturbed = folder / "undisturbed"
    began = time.monotonic()
    assert in_child(lambda: load(undisturbed)) == 0
    whole_s = time.monotonic() - began
    dice, hit, caches = random.Random(seed), 0, 0
    while hit < kills:
        caches += 1
        cache = folder / f"cache-{caches}"
        for _ in range(per_cache):
            status = in_child(lambda cache=cache: load(cache), kill_after_s=dice.uniform(0.0, whole_s))
            hit += status == -signal.SIGKILL
            if cache.exists():
                assert in_child(lambda cache=cache: require_whole_files(cache)) == 0, "a torn file"
            if status == 0:
                break
        assert in_child(lambda cache=cache: load(cache)) == 0
        assert in_child(lambda cache=cache: require_same(cache, undisturbed)) == 0, "another end"
    return {"kills": hit, "caches": caches, "load_ms": round(1e3 * whole_s)}
