"""`[trading]`: what is traded, by which strategies."""

from typing import Any, Literal

from pydantic import Field

from core.settings.section import Section


class StrategySettings(Section):
    """`[[trading.strategies]]`: one strategy with its parameters."""

    use: str
    """A built-in (`ema_cross`, `rsi_reversion`, `donchian_breakout`), a dotted path `package.module:Class`, or a name of
    a strategy in `strategies_dir`."""
    timeframe: str | None = None
    """`None`: the strategy's own default."""
    symbols: tuple[str, ...] | None = None
    """`None`: all of `[trading] symbols`."""
    parameters: dict[str, Any] = Field(default_factory=dict)


class TradingSettings(Section):
    mode: Literal["paper", "observe", "live"] = "paper"
    accept_live_trading: bool = False
    """Live needs this, or `--i-accept-live-trading`, on top of `mode = "live"` and keys."""
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT")
    strategies: tuple[StrategySettings, ...] = (StrategySettings(use="ema_cross"),)
    strategies_dir: str | None = None
    """Folder whose `*.py` files may define strategies; `None`: none."""
    symbol_timeout_s: float = Field(default=30.0, gt=0)
    """Real time one symbol may take for one cycle."""
    close_on_stop: bool = False
    """Cancel working entries on a clean stop (protective orders always stay)."""
