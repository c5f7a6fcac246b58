"""How a model of many symbols is told which one it looks at."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.domain.instruments import InstrumentId


class TrainingMode(StrEnum):
    SINGLE_SYMBOL = "single_symbol"
    MULTI_SYMBOL = "multi_symbol"


class SymbolEncoding(StrEnum):
    NONE = "none"
    """Not at all: it may be asked about symbols that it was not trained on."""
    INDEX = "index"
    """One column with the symbol's number."""
    ONE_HOT = "one_hot"
    """One column a symbol."""


def encode(symbols: NDArray[np.int64], n_symbols: int, encoding: SymbolEncoding) -> NDArray[np.float64]:
    """Columns to put behind the features: (n_samples, 0, 1 or n_symbols). `symbols` are numbers below `n_symbols`."""
    if encoding is SymbolEncoding.INDEX:
        return symbols.astype(np.float64).reshape(-1, 1)
    if encoding is SymbolEncoding.ONE_HOT:
        return np.eye(n_symbols)[symbols]
    return np.empty((len(symbols), 0))


def encoded_columns(symbols: tuple[InstrumentId, ...], encoding: SymbolEncoding) -> tuple[str, ...]:
    """Names of those columns."""
    if encoding is SymbolEncoding.INDEX:
        return ("symbol",)
    return tuple(f"symbol {each}" for each in symbols) if encoding is SymbolEncoding.ONE_HOT else ()
