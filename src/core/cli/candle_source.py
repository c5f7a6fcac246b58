"""Where training gets its candles: files, a symbol each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import DataFileError
from core.domain.instruments import InstrumentId
from core.simulation.server.candle_files import read_candles, symbol_of


class FileCandles:
    """CSV, Parquet and Feather files, each read when its symbol is asked for. Raises `DataFileError` with file and
    line."""

    def __init__(self, files: Mapping[InstrumentId, Path]) -> None:
        self._files = files

    @staticmethod
    def of(paths: list[Path]) -> "FileCandles":
        """A folder stands for the files in it. Raises `DataFileError` where two files name the same symbol."""
        files: dict[InstrumentId, Path] = {}
        for path in _expanded(paths):
            symbol = symbol_of(path)
            if symbol in files:
                raise DataFileError(f"{path}: {files[symbol]} already holds {symbol}; give one file a symbol")
            files[symbol] = path
        return FileCandles(files)

    @property
    def symbols(self) -> tuple[InstrumentId, ...]:
        return tuple(self._files)

    def timeframe(self) -> Timeframe:
        """That of the first file's candles. Raises `DataFileError` where no timeframe is as long as they are apart."""
        symbol, file = next(iter(self._files.items()))
        steps = np.diff(self._window(symbol).open_ms)
        apart_ms = int(np.median(steps)) if len(steps) else 0
        found = next((each for each in Timeframe if each.ms == apart_ms), None)
        if found is None:
            raise DataFileError(f"{file}: candles {apart_ms / 1_000:g} s apart are of no timeframe; say --timeframe")
        return found

    def candles(self, symbol: InstrumentId, timeframe: Timeframe) -> CandleWindow:
        window = self._window(symbol)
        off = np.flatnonzero(window.open_ms % timeframe.ms)
        if len(off):
            raise DataFileError(f"{self._files[symbol]}: candle {off[0]} does not open on a grid of {timeframe.value}")
        return window

    def _window(self, symbol: InstrumentId) -> CandleWindow:
        candles = read_candles(self._files[symbol])
        prices = (
            np.array([getattr(each, name) for each in candles]) for name in ("open", "high", "low", "close", "volume")
        )
        return CandleWindow(np.array([each.open_ms for each in candles], np.int64), *prices)


def _expanded(paths: list[Path]) -> list[Path]:
    found = [sorted(path.iterdir()) if path.is_dir() else [path] for path in paths]
    return [file for files in found for file in files if not file.name.startswith(".")]
