"""Who is entered by what their candles say, judged where workers judge."""

import pytest

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.errors import ComputeError
from core.domain.instruments import InstrumentId
from core.history_watch import HistoryWatch
from core.market.candle_store import CandleStore
from core.settings.compute import ComputeSettings

pytestmark = pytest.mark.asyncio

GOOD, BAD = (SeriesKey(InstrumentId(f"{base}/USDT"), Timeframe.M1) for base in ("GOOD", "BAD"))
MINUTE_MS = Timeframe.M1.ms
WINDOW = 60


def candles(first: int, n: int, *, is_broken: bool) -> list[Candle]:
    """Of a quiet market; of a broken one, every third is lower at its high than at its low."""
    found = []
    for at in range(first, first + n):
        price = 100.0 + at % 7
        high, low = (price - 2, price + 2) if is_broken and at % 3 == 0 else (price + 2, price - 2)
        found.append(Candle(at * MINUTE_MS, price, high, low, price, 1.0, None))
    return found


def filled() -> CandleStore:
    store = CandleStore([GOOD, BAD], capacity=WINDOW + 10)
    for key in (GOOD, BAD):
        store.backfill(key, candles(28_000_000, WINDOW, is_broken=key is BAD), 28_000_100 * MINUTE_MS)
    return store


def watch_of(store: CandleStore, computer: AsyncFeatureComputer) -> HistoryWatch:
    return HistoryWatch(dict.fromkeys((GOOD, BAD), WINDOW), store, computer, venue="simulated", min_quality=0.75)


async def test_a_symbol_whose_candles_contradict_themselves_is_refused_until_they_have_left_the_window():
    store = filled()
    async with AsyncFeatureComputer(ComputeSettings(backend="threads")) as computer:
        watch = watch_of(store, computer)
        await watch.look()
        reason = watch.no_entry(BAD.instrument_id)
        assert watch.no_entry(GOOD.instrument_id) is None
        assert reason is not None
        assert reason.code == "HISTORY_REFUSED"
        assert reason.details["timeframe"] == "1m"
        assert float(reason.details["quality"]) < 0.75
        assert "contradiction: 20 of 60" in reason.details["why"]
        assert watch.no_entry(BAD.instrument_id) is reason
        store.backfill(BAD, candles(28_000_000 + WINDOW, WINDOW, is_broken=False), 28_000_200 * MINUTE_MS)
        await watch.look()
        assert watch.no_entry(BAD.instrument_id) is None
    store.close()


async def test_what_cannot_be_judged_now_keeps_its_judgement():
    store = filled()
    computer = AsyncFeatureComputer(ComputeSettings(backend="threads"))
    async with computer:
        watch = watch_of(store, computer)
        await watch.look()
    with pytest.raises(ComputeError):
        await computer.run(abs, 1, kind=Kind.CPU, deadline_s=1.0)
    await watch.look()
    assert watch.no_entry(BAD.instrument_id) is not None
    assert watch.no_entry(GOOD.instrument_id) is None
    store.close()
