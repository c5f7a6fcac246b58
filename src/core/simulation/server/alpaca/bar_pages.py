"""Pages of bars: symbols in order, each with its bars, until the page is full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.simulation.engine.underlyings.bars import Bars
from core.simulation.server.alpaca import errors
from core.simulation.server.alpaca.query import decode_token, encode_token
from core.simulation.server.alpaca.shapes import Bar, bars_as_rows


class BarSource(Protocol):
    def __call__(self, symbol: str, first_s: float, last_s: float, /, *, at_most: int) -> Bars:
        """In the order of the request's `sort`; none for a symbol that nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class BarPage:
    bars: dict[str, list[Bar]]
    """Symbols without any are not in it."""
    next_page_token: str | None

    @property
    def n_rows(self) -> int:
        return sum(len(rows) for rows in self.bars.values())


def bar_page(
    source: BarSource,
    symbols: Sequence[str],
    start_s: float,
    end_s: float,
    *,
    limit: int,
    newest_first: bool,
    token: str | None,
) -> BarPage:
    """`symbols` are sorted. Raises `AlpacaError` for a token that does not belong to them."""
    found: dict[str, list[Bar]] = {}
    room = limit
    for symbol, begin_s, finish_s in _rest(symbols, start_s, end_s, token, newest_first):
        bars = source(symbol, begin_s, finish_s, at_most=room + 1)
        if len(bars) > room:
            if room:
                found[symbol] = bars_as_rows(bars.take(slice(0, room)))
            return BarPage(found, encode_token(symbol, str(int(bars.time_s[room]))))
        if len(bars):
            found[symbol] = bars_as_rows(bars)
        room -= len(bars)
    return BarPage(found, None)


def _rest(
    symbols: Sequence[str], start_s: float, end_s: float, token: str | None, newest_first: bool
) -> list[tuple[str, float, float]]:
    """What is left from the token on: symbols with their spans of time."""
    parts = decode_token(token, 2)
    whole = [(symbol, start_s, end_s) for symbol in symbols]
    if parts is None:
        return whole
    symbol, text = parts
    if symbol not in symbols or not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise errors.invalid("page_token", token or "")
    first = symbols.index(symbol)
    at_s = float(text)
    begun = (symbol, start_s, min(end_s, at_s)) if newest_first else (symbol, max(start_s, at_s), end_s)
    return [begun, *whole[first + 1 :]]
