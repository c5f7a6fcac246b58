"""Series that training expects, recorded or not."""

from pathlib import Path

import pytest

from core.cli.candle_source import expected
from core.domain.candles import Timeframe
from core.domain.errors import HistoryShort
from core.domain.instruments import InstrumentId
from core.settings.storage import StorageSettings
from core.settings.tree import Settings

HOUR_OF_CANDLES = 60


def test_what_is_not_recorded_waits_an_hour_and_holds_up_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "BTC-USDT-1m.csv"
    file.write_text("timestamp,open,high,low,close,volume\n1760000040000,1,1,1,1,1\n")
    settings = Settings(storage=StorageSettings(data_dir=tmp_path))
    series = expected(settings, [file], ["BTC/USDT", "ETH/USDT"], Timeframe.M1)
    assert series[InstrumentId("BTC/USDT")]().rows.num_rows == 1
    with pytest.raises(HistoryShort, match=r"ETH/USDT: no 1m candles are recorded") as short:
        series[InstrumentId("ETH/USDT")]()
    assert short.value.missing == HOUR_OF_CANDLES
    assert list(expected(settings, [], ["BTC/USDT"], Timeframe.M1)) == [InstrumentId("BTC/USDT")]
