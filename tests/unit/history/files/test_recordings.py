"""Trades in recordings of streams."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.domain.errors import DataFileError
from core.history.files.discovery import series_in
from core.history.files.reading import delays_of, read_series

EXCHANGE_MS = 1_640_995_200_000
SPOT = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":7,"p":"100.5","q":"2","T":%d,"m":true,"M":true}}'
)
PERPETUAL = '{"data":{"e":"trade","s":"ETHUSDT","t":8,"p":"9","q":"1","T":%d,"m":false,"X":"MARKET"}}'
DEPTH = '{"stream":"btcusdt@depth","data":{"e":"depthUpdate","s":"BTCUSDT"}}'


def write(path: Path, *messages: str) -> Path:
    local_ns = (EXCHANGE_MS - 1_270) * 1_000_000
    lines = [f"{local_ns + number} {message}\n" for number, message in enumerate(messages)]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def test_trades_are_named_by_the_exchange_s_clock(tmp_path: Path):
    write(tmp_path / "day.gz", DEPTH, SPOT % EXCHANGE_MS, PERPETUAL % EXCHANGE_MS)
    spot, perpetual = series_in(tmp_path).series
    assert (str(spot.name), str(perpetual.name)) == ("files trades BTC/USDT", "files trades ETH/USDT:USDT")
    assert read_series(spot).rows.to_pylist() == [
        {"time": datetime(2022, 1, 1, tzinfo=UTC), "trade_id": "7", "price": 100.5, "size": 2.0, "side": "sell"}
    ]
    delays_ms = delays_of(spot)
    assert delays_ms is not None
    assert delays_ms.tolist() == pytest.approx([-1_270], abs=0.01)


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path):
    with pytest.raises(DataFileError, match=r"day\.gz: a recording without a trade"):
        series_in(write(tmp_path / "day.gz", DEPTH))
    with pytest.raises(DataFileError, match=r"day\.gz, line 2: not a trade as Binance writes it"):
        series_in(write(tmp_path / "day.gz", DEPTH, SPOT.replace('"t":7', '"t":"x"') % EXCHANGE_MS))
    path = write(tmp_path / "day.gz", *[SPOT % EXCHANGE_MS] * 100)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFileError, match="the gzipped data ends early"):
        series_in(path)


def test_a_price_that_is_no_number(tmp_path: Path):
    path = write(tmp_path / "day.gz", SPOT.replace("100.5", "many") % EXCHANGE_MS)
    with pytest.raises(DataFileError, match=r"day\.gz: a trade of BTC/USDT without a price"):
        read_series(series_in(path).series[0])
