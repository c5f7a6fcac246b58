"""The newest features of symbols, by a real worker over real rings."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.features.schema import Feature, FeatureSchema
from core.features.standard import STANDARD
from core.features.tickers import TickerFeatures
from core.market.candle_store import Applied, CandleStore
from core.settings.compute import ComputeSettings
from tests.unit.random_walks import last, walk

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.processes]

KEYS = tuple(SeriesKey(InstrumentId(f"{base}/USDT"), Timeframe.M1) for base in ("AAA", "BBB", "CCC"))
WINDOWS = {key: walk(seed, 600) for seed, key in enumerate(KEYS)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def computer() -> AsyncIterator[AsyncFeatureComputer]:
    async with AsyncFeatureComputer(ComputeSettings(workers=1, worker_niceness=0)) as running:
        yield running


@pytest.fixture
def candles() -> CandleStore:
    store = CandleStore(KEYS, capacity=600)
    for key, window in WINDOWS.items():
        columns = (window.open_ms, window.open, window.high, window.low, window.close, window.volume)
        rows = [Candle(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
        store.backfill(key, rows, rows[-1].open_ms + 60_000)
    return store


def expected(key: SeriesKey) -> list[float]:
    return [column[-1] for column in STANDARD.compute(last(WINDOWS[key], 500)).values()]


async def test_one_row_a_symbol_in_the_order_asked(computer: AsyncFeatureComputer, candles: CandleStore) -> None:
    rows = await TickerFeatures(computer, candles).compute_features_async(KEYS[::-1])
    assert rows.columns == STANDARD.columns
    assert rows.instrument_ids == tuple(key.instrument_id for key in KEYS[::-1])
    assert rows.faults == (None, None, None)
    np.testing.assert_allclose(rows.values, [expected(key) for key in KEYS[::-1]], rtol=1e-9)


async def test_what_is_known_of_a_candle_is_not_computed_again(
    computer: AsyncFeatureComputer, candles: CandleStore
) -> None:
    features = TickerFeatures(computer, candles)
    first = await features.async_get_ticker_features(KEYS[0])
    again = await features.compute_features_async(KEYS[:2])
    assert list(first.values.values()) == again.values[0].tolist()
    assert features.statistics()[:2] == (1, 2)
    revised = candles.window(KEYS[0], 1)
    candle = Candle(int(revised.open_ms[0]), *(float(column[0]) * 1.01 for column in revised.columns[1:]))
    event = CandleChanged(KEYS[0].instrument_id, Timeframe.M1, candle, True, candle.open_ms + 60_000, 0)
    assert candles.apply(event) is Applied.REVISED
    assert await features.async_get_ticker_features(KEYS[0]) != first


async def test_a_symbol_without_enough_candles_says_so_and_costs_the_others_nothing(
    computer: AsyncFeatureComputer, candles: CandleStore
) -> None:
    new = SeriesKey(InstrumentId("NEW/USDT"), Timeframe.M1)
    candles.add(new)
    rows = await TickerFeatures(computer, candles).compute_features_async([KEYS[0], new, KEYS[1]])
    assert [fault and fault.code for fault in rows.faults] == [None, "WARMUP_MISSING", None]
    assert np.isnan(rows.values[1]).all()
    np.testing.assert_allclose(rows.values[2], expected(KEYS[1]), rtol=1e-9)
    only = await TickerFeatures(computer, candles).async_get_ticker_features(new)
    assert not only.values and only.fault is not None


async def test_no_more_is_kept_than_was_said(computer: AsyncFeatureComputer, candles: CandleStore) -> None:
    features = TickerFeatures(computer, candles, cached_rows=2)
    await features.compute_features_async(KEYS)
    assert features.statistics() == (0, 3, 2)
    assert (await features.compute_features_async([])).values.shape == (0, len(STANDARD.columns))


async def test_a_window_too_short_for_the_schema_is_refused(
    computer: AsyncFeatureComputer, candles: CandleStore
) -> None:
    with pytest.raises(ValueError, match="100 candles are fewer than the 500 that the features need"):
        TickerFeatures(computer, candles, schema=FeatureSchema((Feature.of("ema", period=100),)), n_candles=100)
    with pytest.raises(KeyError):
        strange = SeriesKey(InstrumentId("XXX/USDT"), Timeframe.M1)
        await TickerFeatures(computer, candles).compute_features_async([strange])
