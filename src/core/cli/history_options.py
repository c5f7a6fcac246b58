"""Options of `history`, and what they mean."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import settings_of
from core.domain.candles import Timeframe
from core.domain.errors import SettingsError
from core.domain.series import SeriesKind

if TYPE_CHECKING:
    from core.history.cache.layout import Shelf
    from core.history.cache.store import HistoryCache
    from core.settings.tree import Settings

Kinds = Annotated[str | None, typer.Option("--kinds", metavar="A,B", help="Only these kinds.")]
Symbols = Annotated[str | None, typer.Option("--symbols", metavar="A,B", help="Only these symbols.")]
Before = Annotated[str | None, typer.Option("--before", metavar="YYYY-MM-DD", help="Only months that end before it.")]
_LONGEST_SYMBOL = 64


def history_dir(settings: "Settings") -> Path:
    return settings.history.dir or settings.storage.data_dir / "history"


def require_history_dir(config: list[Path] | None) -> "HistoryCache":
    """The cache. Raises `SettingsError` where there is none yet."""
    from core.history.cache.store import HistoryCache

    folder = history_dir(settings_of(config).settings)
    if not folder.is_dir():
        raise SettingsError(f"there is no history in {folder} yet: `history load` makes it (history.dir says where)")
    return HistoryCache(folder)


def matching(cache: "HistoryCache", source: str | None, kinds: str | None, symbols: str | None) -> "Iterator[Shelf]":
    """`None`: any. Raises `SettingsError`."""
    wanted_kinds = None if kinds is None else kinds_of(kinds)
    wanted = None if symbols is None else symbols_of(symbols)
    for shelf in cache.shelves():
        if (
            (source is None or shelf.source == source)
            and (wanted_kinds is None or shelf.kind in wanted_kinds)
            and (wanted is None or shelf.symbol in wanted)
        ):
            yield shelf


def symbols_of(text: str) -> tuple[str, ...]:
    """Each once, in order. Raises `SettingsError`."""
    symbols = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if not symbols:
        raise SettingsError("--symbols: none given; for example --symbols SPY,QQQ")
    for symbol in symbols:
        if len(symbol) > _LONGEST_SYMBOL or not symbol.isprintable() or " " in symbol:
            raise SettingsError(f"--symbols: {symbol[:_LONGEST_SYMBOL]!r} is no symbol")
    return symbols


def kinds_of(text: str) -> tuple[SeriesKind, ...]:
    """Raises `SettingsError` that names the known ones."""
    kinds = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            kinds.append(SeriesKind(each))
        except ValueError:
            raise SettingsError(f"--kinds: {each!r} is none; known: {', '.join(SeriesKind)}") from None
    if not kinds:
        raise SettingsError(f"--kinds: none given; known: {', '.join(SeriesKind)}")
    return tuple(dict.fromkeys(kinds))


def timeframe_of(text: str) -> Timeframe:
    try:
        return Timeframe(text)
    except ValueError:
        known = ", ".join(each.value for each in Timeframe)
        raise SettingsError(f"--timeframe: {text!r} is none; known: {known}") from None


def day_ms(option: str, text: str) -> int:
    """The start of that day, UTC ms. Raises `SettingsError`."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1_000)
    except ValueError:
        raise SettingsError(f"{option}: {text!r} is no day; write it as 2024-01-31") from None
