"""Cached series as pandas frames."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from core.domain.series import SeriesKind, SeriesName
from core.history.cache.frames import BAR_COLUMNS, read_frame
from core.history.cache.layout import shelf_of
from core.history.cache.store import HistoryCache
from core.history.series import BARS
from unit.history.tables import DAY_MS, JAN_MS, bars, name_of

SPY = name_of()
CALL, PUT = (name_of(symbol, SeriesKind.OPTION_BARS) for symbol in ("SPY240119C00470000", "SPY240119P00470000"))
SPAN = (JAN_MS, JAN_MS + 90 * DAY_MS)


def stored(cache: HistoryCache) -> None:
    times = range(*SPAN, DAY_MS)
    cache.store(shelf_of(SPY), {"SPY": bars(times, 3.0)}, SPAN, SPAN[1])
    cache.store(shelf_of(CALL), {CALL.symbol: bars(times, 1.0), PUT.symbol: bars(times, 2.0)}, SPAN, SPAN[1])


@pytest.mark.parametrize(("name", "price"), [(SPY, 3.0), (CALL, 1.0), (PUT, 2.0)])
def test_a_frame_has_what_the_series_has_within_the_span(tmp_path: Path, name: SeriesName, price: float) -> None:
    cache = HistoryCache(tmp_path)
    stored(cache)
    span = (JAN_MS + 20 * DAY_MS, JAN_MS + 70 * DAY_MS)
    frame = read_frame(cache, name, span)
    expected = cache.read(name, span).rows.select(list(BAR_COLUMNS)).to_pandas()
    pd.testing.assert_frame_equal(frame, expected)
    assert len(frame) == 50
    assert set(frame["close"]) == {price}


def test_its_prices_can_be_written_to(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    stored(cache)
    frame = read_frame(cache, SPY, SPAN)
    frame.loc[0, "close"] = 9.0
    assert frame["close"].iloc[0] == 9.0
    assert read_frame(cache, SPY, SPAN)["close"].iloc[0] == 3.0


def test_a_price_that_is_not_there_is_nan(tmp_path: Path) -> None:
    cache, rows = HistoryCache(tmp_path), bars(range(*SPAN, DAY_MS))
    rows = rows.set_column(4, BARS.field("close"), pa.array([None] * rows.num_rows, pa.float64()))
    cache.store(shelf_of(SPY), {"SPY": rows}, SPAN, SPAN[1])
    assert read_frame(cache, SPY, SPAN)["close"].isna().all()
    assert cache.read(SPY, SPAN).rows.equals(rows)


def test_nothing_gives_an_empty_frame_with_its_columns(tmp_path: Path) -> None:
    frame = read_frame(HistoryCache(tmp_path), SPY, SPAN)
    assert list(frame) == list(BAR_COLUMNS)
    assert len(frame) == 0
    assert str(frame["open_time"].dtype) == "datetime64[ms, UTC]"
