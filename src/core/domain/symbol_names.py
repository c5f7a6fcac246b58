"""Symbols as people and files write them: `BTC/USDT`, `BTC-USDT` and `btcusdt` all name the same."""

import difflib
from collections.abc import Iterable

_SHOWN = 5
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")


def find_symbol(asked: str, symbols: Iterable[str]) -> str | None:
    """The one that is meant; `None` where it is none of them."""
    return {_letters(each): each for each in symbols}.get(_letters(asked))


def nearest_symbols(asked: str, symbols: Iterable[str]) -> list[str]:
    """The likeliest that may have been meant; the first few where none is like it."""
    by_letters = {_letters(each): each for each in symbols}
    close = difflib.get_close_matches(_letters(asked), by_letters, n=3)
    return [by_letters[each] for each in close] or list(by_letters.values())[:_SHOWN]


def _letters(symbol: str) -> str:
    return "".join(each for each in symbol.upper() if each.isalnum())


def split_name(name: str) -> tuple[str, str] | None:
    """Base and quote of a name like `BTCUSDT`; `None`: it ends in no quote that is known here."""
    quote = next((quote for quote in QUOTES if name.endswith(quote) and name != quote), None)
    return None if quote is None or not name.isalnum() else (name.removesuffix(quote), quote)
