"""Loads from ccxt's binance and from Deribit's public API, each as the simulated venue speaks it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from core.cli import simulate
from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.cache.store import HistoryCache
from core.history.loading.loader import HistoryLoader, lanes_for
from core.history.loading.request import LoadedSymbol, LoadRequest
from core.ports.history import HistoryQuery, HistorySource
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings
from core.settings.venue import VenueSettings
from core.venues.budget.sharing import own_ledgers
from core.venues.ccxt_import import exchange_class
from core.venues.deribit.history import DeribitHistory
from core.venues.generic.bulk_history import CcxtHistory
from tests.venues import VenueProcess
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.processes]

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MINUTE_MS = Timeframe.M1.ms
SETTINGS = HistorySettings(requests_per_min=1e6)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    options = ("--latency-ms", "0", "--limits", "relaxed")
    process = VenueProcess(tmp_path_factory.mktemp("exchanges"), symbols=(SPOT, PERPETUAL), options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture
def binance(venue: VenueProcess) -> Iterator[CcxtHistory]:
    there = VenueSettings(name="binance", ccxt=simulate.ccxt_options(venue.url, venue.ws_url))
    source = CcxtHistory("binance", SETTINGS, there, clock=SyncedClock(SystemMonotonicClock()), ledgers=own_ledgers)
    yield source
    source.close()


@pytest.fixture
def deribit(venue: VenueProcess) -> Iterator[DeribitHistory]:
    source = DeribitHistory(SETTINGS.model_copy(update={"base_url": venue.url}), ledgers=own_ledgers)
    yield source
    source.close()


def now_ms() -> int:
    return int(time.time() * 1_000)


async def loaded(
    folder: Path, source: HistorySource, kind: SeriesKind, *symbols: str, minutes: int, end_ms: int | None = None
) -> dict[str, Any]:
    """By symbol, the report and the rows of `minutes` until `end_ms` (`None`: now, whole minutes)."""
    end_ms = end_ms or now_ms() // MINUTE_MS * MINUTE_MS
    timeframe = Timeframe.M1 if source.abilities.kinds[kind].timeframes else None
    request = LoadRequest(symbols, (kind,), timeframe, (end_ms - minutes * MINUTE_MS, end_ms))
    computer = AsyncFeatureComputer(ComputeSettings(backend="threads"), lanes=lanes_for(SETTINGS))
    async with computer:
        loader = HistoryLoader(source, HistoryCache(folder), computer, SETTINGS)
        found: list[LoadedSymbol] = [each async for each in loader.stream(request)]
    return {each.report.symbol: each for each in found}


def require_every_minute(loaded_symbol: LoadedSymbol, minutes: int) -> None:
    rows = loaded_symbol.series[0].rows
    times = rows.column("open_time").cast("int64").to_pylist()
    assert times == list(range(times[0], times[0] + minutes * MINUTE_MS, MINUTE_MS))
    assert pc.all(pc.less_equal(rows.column("low"), rows.column("high"))).as_py()


async def test_candles_from_the_first_page_to_the_last(tmp_path: Path, binance: CcxtHistory) -> None:
    found = await loaded(tmp_path, binance, SeriesKind.CANDLES, SPOT, PERPETUAL, minutes=1_400)
    for each in found.values():
        require_every_minute(each, 1_400)
        assert each.report.requests >= 2


async def test_candles_from_the_newest_page_back(
    tmp_path: Path, binance: CcxtHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of exchanges that do not listen to `since`."""
    kind = exchange_class("binance")
    fetch = kind.fetch_ohlcv

    def newest(self: Any, symbol: str, timeframe: str, since: int, limit: int, params: dict[str, Any]) -> Any:
        return fetch(self, symbol, timeframe, None, 400, params)

    monkeypatch.setattr(kind, "fetch_ohlcv", newest)
    ago_ms = now_ms() // MINUTE_MS * MINUTE_MS - 300 * MINUTE_MS
    found = await loaded(tmp_path, binance, SeriesKind.CANDLES, SPOT, minutes=900, end_ms=ago_ms)
    require_every_minute(found[SPOT], 900)
    assert found[SPOT].report.requests >= 4


async def test_funding_of_which_there_is_none_yet(tmp_path: Path, binance: CcxtHistory) -> None:
    found = await loaded(tmp_path, binance, SeriesKind.FUNDING, PERPETUAL, minutes=600)
    assert found[PERPETUAL].report.problems == ("no rows of funding: is the symbol right?",)


async def test_candles_of_the_mark_price(tmp_path: Path, binance: CcxtHistory) -> None:
    found = await loaded(tmp_path, binance, SeriesKind.MARK_CANDLES, PERPETUAL, minutes=1_200)
    require_every_minute(found[PERPETUAL], 1_200)


async def test_trades(tmp_path: Path, binance: CcxtHistory) -> None:
    def query() -> HistoryQuery:
        return HistoryQuery(SeriesKind.TRADES, (SPOT,), None, now_ms() - 60 * MINUTE_MS, now_ms())

    await eventually(lambda: binance.page(query(), None).rows)
    found = await loaded(tmp_path, binance, SeriesKind.TRADES, SPOT, minutes=60, end_ms=now_ms())
    trades = found[SPOT].series[0].rows
    assert trades.num_rows > 0
    assert len(set(trades.column("trade_id").to_pylist())) == trades.num_rows
    assert set(trades.column("side").to_pylist()) <= {"buy", "sell"}


async def test_a_symbol_that_there_is_not_is_named_and_the_other_goes_on(tmp_path: Path, binance: CcxtHistory) -> None:
    found = await loaded(tmp_path, binance, SeriesKind.CANDLES, "NO/SUCH", SPOT, minutes=60)
    require_every_minute(found[SPOT], 60)
    assert "NO/SUCH" in found["NO/SUCH"].report.problems[0]


async def test_deribit_candles_over_more_than_a_page(tmp_path: Path, deribit: DeribitHistory) -> None:
    found = await loaded(tmp_path, deribit, SeriesKind.CANDLES, "BTC-PERPETUAL", "NO-SUCH", minutes=6_000)
    times = found["BTC-PERPETUAL"].series[0].rows.column("open_time").cast("int64").to_pylist()
    assert times == sorted(set(times))
    assert 5_900 < len(times) <= 6_000, "not a trade in every minute"
    assert "NO-SUCH" in found["NO-SUCH"].report.problems[0]


async def test_deribit_chain_bars_of_a_contract_and_funding(tmp_path: Path, deribit: DeribitHistory) -> None:
    chain = (await loaded(tmp_path, deribit, SeriesKind.OPTION_CHAIN, "BTC", minutes=1))["BTC"].series[0].rows
    assert chain.num_rows > 400
    contract = chain.column("contract")[0].as_py()
    bars = await loaded(tmp_path, deribit, SeriesKind.CANDLES, contract, minutes=120)
    assert bars[contract].report.problems == ()
    funding = await loaded(tmp_path, deribit, SeriesKind.FUNDING, "BTC-PERPETUAL", minutes=60 * 48)
    assert funding["BTC-PERPETUAL"].series[0].rows.num_rows in (47, 48)
