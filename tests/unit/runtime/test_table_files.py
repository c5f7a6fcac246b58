"""Tables in files; the layouts that use them test what each kind of file is refused for."""

from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import DataFileError
from core.runtime.table_files import format_of, read_table

ARCHIVE = dict(enumerate(("open_time", "open", "high", "low", "close", "volume")))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "CSV"), ("a.CSV", "CSV"), ("a.csv.gz", "CSV"), ("a.b.parquet", "Parquet"), ("a.gz", None), ("a", None)],
)
def test_the_name_says_the_kind_of_file(name: str, kind: str | None):
    assert format_of(Path(name)) == kind


def test_columns_have_plain_names_and_lines_are_an_editor_s(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("Open Time,O,Quote asset volume\n2022-01-01,1,2\n2022-01-02,,x\n")
    table = read_table(path, {})
    assert table.times_ms().tolist() == [1_640_995_200_000, 1_641_081_600_000]
    assert np.isnan(table.numbers("open", blanks=True)).tolist() == [False, True]
    with pytest.raises(DataFileError, match=r"a\.csv, line 3: open is not a number: nan"):
        table.numbers("open")
    with pytest.raises(DataFileError, match="line 3: quote_asset_volume is not a number: 'x'"):
        table.numbers("quote_asset_volume")
    with pytest.raises(
        DataFileError, match="no column 'close'; has open_time, open, quote_asset_volume, wants a time and"
    ):
        table.numbers("close")


def test_numbers_instead_of_names_are_rows(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("1640995200000,1,2,0.5,1,7\n1640995260000,1,2,0.5,bad,7\n")
    table = read_table(path, ARCHIVE)
    assert table.numbers("high").tolist() == [2.0, 2.0]
    with pytest.raises(DataFileError, match="line 2: close is not a number: 'bad'"):
        table.numbers("close")
