"""Series: names and the one schema of each kind."""

import pyarrow as pa
import pytest

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.series import SCHEMAS, Series


def test_each_kind_has_a_schema_that_begins_with_a_time():
    for kind in SeriesKind:
        assert pa.types.is_timestamp(SCHEMAS[kind].field(0).type)
        assert not SCHEMAS[kind].field(0).nullable


def test_a_name_reads_as_its_parts():
    assert str(SeriesName("binance", SeriesKind.CANDLES, "BTC/USDT", Timeframe.M1)) == "binance candles BTC/USDT 1m"
    assert str(SeriesName("alpaca", SeriesKind.OPTION_CHAIN, "SPY")) == "alpaca option_chain SPY"


def test_rows_of_another_kind_are_refused():
    name = SeriesName("binance", SeriesKind.FUNDING, "BTC/USDT:USDT")
    with pytest.raises(ValueError, match="are not those of funding"):
        Series(name, SCHEMAS[SeriesKind.TRADES].empty_table())
    assert len(Series(name, SCHEMAS[SeriesKind.FUNDING].empty_table())) == 0
