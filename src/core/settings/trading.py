"""`[trading]`: what is traded, by which strategies."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from core.domain.candles import Timeframe
from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId, InstrumentKind, kind_of
from core.domain.tickets import MANUAL
from core.settings.section import Section

T = TypeVar("T")


def _symbol(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+(-[A-Z0-9]+)*)?", text):
        raise ValueError(
            f'"{text}" is not a symbol; wanted BASE/QUOTE in capitals, such as BTC/USDT, or BTC/USDT:USDT (a perpetual)'
        )
    return text


def _timeframe(text: str) -> str:
    known = [each.value for each in Timeframe]
    if text not in known:
        raise ValueError(f'"{text}" is not a timeframe; wanted one of {", ".join(known)}')
    return text


def _at_least_one(items: tuple[T, ...]) -> tuple[T, ...]:
    if not items:
        raise ValueError("the list is empty; wanted at least one")
    return items


def _once_each(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [symbol for index, symbol in enumerate(symbols) if symbol in symbols[:index]]:
        raise ValueError(f"{twice[0]} is listed twice")
    return symbols


Symbols = Annotated[
    tuple[Annotated[str, AfterValidator(_symbol)], ...],
    AfterValidator(_at_least_one),
    AfterValidator(_once_each),
]


def _not_by_hand(name: str | None) -> str | None:
    if name == MANUAL:
        raise ValueError(f'"{name}" is what orders by hand are called; wanted another name')
    return name


class StrategySettings(Section):
    """`[[trading.strategies]]`: one strategy with its parameters."""

    use: str
    """A built-in (`ema_cross`, `rsi_reversion`, `donchian_breakout`, `model`), a dotted path `package.module:Class`, or
    a name of a strategy in `strategies_dir`."""
    name: Annotated[str | None, AfterValidator(_not_by_hand)] = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """What decisions call it; `None`: its own name. Needed where one strategy trades a symbol twice."""
    timeframe: Annotated[str, AfterValidator(_timeframe)] | None = None
    """`None`: the strategy's own default."""
    symbols: Symbols | None = None
    """`None`: all of `[trading] symbols`."""
    parameters: dict[str, Any] = Field(default_factory=dict)


class TradingSettings(Section):
    mode: Literal["paper", "observe", "live"] = "paper"
    accept_live_trading: bool = False
    """Live needs this, or `--i-accept-live-trading`, on top of `mode = "live"` and keys."""
    symbols: Symbols = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT")
    strategies: Annotated[tuple[StrategySettings, ...], AfterValidator(_at_least_one)] = (
        StrategySettings(use="ema_cross"),
    )
    strategies_dir: str | None = None
    """Folder whose `*.py` files may define strategies; `None`: none."""
    order_books: bool = False
    """Keep full order books too (some ten messages a second and symbol): their touch bridges a silent quote feed."""
    symbol_timeout_s: float = Field(default=30.0, gt=0)
    """Real time one symbol may take for one cycle."""
    observe_equity: Decimal = Decimal(100_000)
    """What observe mode sizes its decisions on, in the settle asset of the symbols."""
    close_on_stop: bool = False
    """Cancel working entries on a clean stop (protective orders always stay)."""

    @property
    def kind(self) -> InstrumentKind:
        """Of all symbols. Raises `SettingsError` where they are of several kinds: a venue may list them side by side, a
        daemon trades one."""
        first: dict[InstrumentKind, str] = {}
        for symbol in self.symbols:
            first.setdefault(kind_of(InstrumentId(symbol)), symbol)
        if len(first) > 1:
            raise SettingsError(
                f"trading.symbols: {first[InstrumentKind.SPOT]} is spot and {first[InstrumentKind.PERPETUAL]} a"
                " perpetual; one daemon trades one kind: start a second one for the other, with storage.data_dir and"
                " api.port of its own"
            )
        return next(iter(first))

    @model_validator(mode="after")
    def _names_tell_apart(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for strategy in self.strategies:
            name = strategy.name or strategy.use
            for symbol in strategy.symbols or self.symbols:
                if (name, symbol) in seen:
                    raise ValueError(f'two strategies called "{name}" trade {symbol}; give one of them another name')
                seen.add((name, symbol))
        return self

    @model_validator(mode="after")
    def _strategies_within_symbols(self) -> Self:
        for strategy in self.strategies:
            for symbol in strategy.symbols or ():
                if symbol not in self.symbols:
                    raise ValueError(f'strategy "{strategy.use}" wants {symbol}, which is not in trading.symbols')
        return self
