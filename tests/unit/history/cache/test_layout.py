from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import Timeframe
from core.domain.errors import CacheError
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.layout import Shelf, by_month, folder_of, month_span, shelf_at, shelf_of
from unit.history.tables import DAY_MS, JAN_MS


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=12), st.sampled_from([None, Timeframe.M1, Timeframe.D1]))
def test_folders_lead_back_to_their_shelf_and_never_out_of_the_cache(symbol: str, timeframe: Timeframe | None) -> None:
    shelf = Shelf("binance", SeriesKind.CANDLES, symbol, timeframe)
    folder = folder_of(shelf)
    assert len(folder.parts) == 4
    assert ".." not in folder.parts
    assert shelf_at(folder) == shelf


@pytest.mark.parametrize("symbol", ["", "A" * 300])
def test_names_that_make_no_folder_are_refused(symbol: str) -> None:
    with pytest.raises(CacheError, match="empty or too long"):
        folder_of(Shelf("binance", SeriesKind.CANDLES, symbol, None))


def test_strange_folders_are_nobodys() -> None:
    assert shelf_at(PurePath("alpaca", "stock_bars", "SPY")) is None
    assert shelf_at(PurePath("alpaca", "horoscopes", "SPY", "1d")) is None


def test_contracts_of_one_underlying_share_a_shelf() -> None:
    def shelf(symbol: str, kind: SeriesKind) -> Shelf:
        return shelf_of(SeriesName("alpaca", kind, symbol, Timeframe.D1))

    assert shelf("SPY240119C00470000", SeriesKind.OPTION_BARS) == shelf("SPY240216P00470000", SeriesKind.OPTION_BARS)
    assert shelf("SPY", SeriesKind.STOCK_BARS).symbol == "SPY"


def test_months_are_cut_where_they_end() -> None:
    parts = list(by_month((JAN_MS + DAY_MS, JAN_MS + 61 * DAY_MS)))
    assert [month for month, _ in parts] == ["2024-01", "2024-02", "2024-03"]
    assert parts[0][1] == (JAN_MS + DAY_MS, month_span("2024-01")[1])
    assert parts[1][1] == month_span("2024-02")
    assert month_span("2023-12")[1] == JAN_MS
