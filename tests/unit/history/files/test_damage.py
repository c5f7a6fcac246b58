"""Files with any byte changed or missing: what can be read is read, anything else is a `DataFileError` that names the
file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import DataFileError
from core.history.files.discovery import series_in
from core.history.files.reading import read_series
from core.history.quality.examine import examine
from unit.history.files.making import ROWS, table, write_json, write_table, write_zip
from unit.history.files.test_lean import DAILY, OPTION, QUOTES
from unit.history.files.test_recordings import EXCHANGE_MS, SPOT, write

MAKERS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda folder: write_table(table(), folder / "BTC-USDT-1m.csv"),
    "csv.gz": lambda folder: write_table(table(), folder / "BTC-USDT-1m.csv.gz"),
    "parquet": lambda folder: write_table(table(), folder / "BTC-USDT-1m.parquet"),
    "feather": lambda folder: write_table(table(), folder / "BTC-USDT-1m.feather"),
    "freqtrade": lambda folder: write_json([list(row) for row in ROWS], folder / "BTC_USDT-1m.json"),
    "freqtrade.gz": lambda folder: write_json([list(row) for row in ROWS], folder / "BTC_USDT-1m.json.gz"),
    "lean": lambda folder: write_zip(folder / "equity/usa/daily/aapl.zip", {"aapl.csv": DAILY}),
    "lean options": lambda folder: write_zip(
        folder / "option/usa/minute/goog/20151224_quote_american.zip",
        {OPTION.format(what="quote", right="call"): QUOTES},
    ),
    "recording": lambda folder: write(folder / "day.gz", SPOT % EXCHANGE_MS),
}


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_named(tmp_path: Path, kind: str, data: st.DataObject):
    path = MAKERS[kind](tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        for series in series_in(path).series:
            examine(read_series(series))
    except DataFileError as error:
        assert str(path) in str(error)
