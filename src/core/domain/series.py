"""Names of recorded series: who recorded what, of which symbol, at which timeframe."""

from dataclasses import dataclass
from enum import StrEnum

from core.domain.candles import Timeframe


class SeriesKind(StrEnum):
    """What the rows of a series are; the columns of each kind are in `core.history.series`."""

    CANDLES = "candles"  # crypto, spot or perpetual
    MARK_CANDLES = "mark_candles"  # mark price of a perpetual
    FUNDING = "funding"  # funding payments of a perpetual
    TRADES = "trades"
    QUOTES = "quotes"  # best bid and ask; with a timeframe: as they stood at the end of each bar
    STOCK_BARS = "stock_bars"
    OPTION_BARS = "option_bars"  # of one contract
    OPTION_CHAIN = "option_chain"  # quotes and greeks of all contracts of an underlying, one snapshot after another


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """One series of one source. `symbol` is written as the source writes it (`BTC/USDT`, `SPY`, `SPY240119C00470000`);
    `timeframe` is `None` for kinds whose rows have no length (trades, funding, chains)."""

    source: str
    kind: SeriesKind
    symbol: str
    timeframe: Timeframe | None = None

    def __str__(self) -> str:
        parts = (self.source, self.kind.value, self.symbol, self.timeframe.value if self.timeframe else "")
        return " ".join(each for each in parts if each)
