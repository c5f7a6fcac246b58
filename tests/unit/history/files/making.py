"""Small files in each layout."""

import gzip
import json
import zipfile
from pathlib import Path

import pandas as pd

FIRST_MS = 1_640_995_200_000  # 2022-01-01
ROWS = [
    (FIRST_MS, 100.0, 110.0, 95.0, 105.0, 12.5),
    (FIRST_MS + 60_000, 105.0, 106.0, 104.0, 104.5, 0.0),
    (FIRST_MS + 120_000, 104.5, 120.0, 104.5, 120.0, 3.25),
]
COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=COLUMNS).assign(**columns)


def write_table(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".csv" | ".gz":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case _:
            frame.to_feather(path)
    return path


def write_json(rows: object, path: Path) -> Path:
    content = json.dumps(rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_zip(path: Path, members: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
