"""Zip archives of CSVs without headers, as LEAN has them."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from core.domain.errors import DataFileError


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Raises `DataFileError` for what is no zip, was cut short, or may not be read, also while members are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise DataFileError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise DataFileError(f"{path}: not a zip file, or cut short or damaged: {error}") from error
    except OSError as error:
        raise DataFileError(f"{path}: can't be read: {error.strerror or error}") from error


def members(path: Path) -> list[str]:
    """Names of the files in it. Raises `DataFileError`."""
    with opened(path) as archive:
        return [each for each in archive.namelist() if not each.endswith("/")]


def read_csv(path: Path, archive: zipfile.ZipFile, member: str, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """One member; nothing in it gives no rows. Raises `DataFileError` with the row, counted from 1."""
    content = archive.read(member)
    if not content.strip():
        return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    try:
        return csv.read_csv(
            BytesIO(content),
            read_options=csv.ReadOptions(column_names=list(columns), use_threads=False),
            convert_options=csv.ConvertOptions(column_types=dict(columns), null_values=["", "NaN"]),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        wanted = ", ".join(columns)
        first = str(error).splitlines()[0]
        raise DataFileError(f"{path}, {member}: not the rows of {wanted} that its name says: {first}") from error
