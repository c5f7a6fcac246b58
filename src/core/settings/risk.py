"""`[risk]` and `[sizing]`: how much, and when not at all. `None` switches a check off."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from core.settings.section import Section


class SizingSettings(Section):
    method: Literal["volatility_target", "fixed_fraction"] = "volatility_target"
    target_volatility_pct: float = Field(default=20.0, gt=0)
    """Annualised volatility that one position shall contribute, in % of equity (volatility_target)."""
    fraction_pct: float = Field(default=5.0, gt=0, le=100)
    """Share of equity of one position (fixed_fraction)."""
    max_fraction_pct: float = Field(default=15.0, gt=0, le=100)
    """Upper bound of one position in % of equity, whatever the method says."""
    rebalance_band_pct: float = Field(default=25.0, ge=0)
    """A position that differs from its target by less than this share of the target is left alone."""
    entry_order: Literal["market", "limit"] = "limit"
    """`limit` is marketable, IOC, at most `max_slippage_bps` through the touch. Exits are always market orders."""
    max_slippage_bps: float = Field(default=20.0, ge=0)


AlarmLevel = Literal["NO_ENTRY", "REDUCE_ONLY", "FLATTEN"]
"""What the kill switch does when a limit is reached. All of them last until `live_bot.py resume`."""


class RiskSettings(Section):
    max_order_notional_usd: Decimal | None = Decimal(50_000)
    max_symbol_notional_usd: Decimal | None = Decimal(100_000)
    max_gross_exposure_pct: float | None = 100.0
    """Sum of absolute position values, reservations included, in % of equity."""
    max_open_positions: int | None = 20
    max_orders_per_minute: int | None = 120
    """Entries; exits and protection are never throttled by this."""
    price_collar_bps: float | None = 100.0
    """A limit further than this through the opposite touch is refused."""
    cooldown_s: float = 0.0
    """Trading time after an exit in which the symbol takes no new entry."""
    max_daily_loss_pct: float | None = 5.0
    """Loss of the UTC day in % of the equity at its start that sets `daily_loss_level`."""
    daily_loss_level: AlarmLevel = "NO_ENTRY"
    max_drawdown_pct: float | None = Field(default=20.0, gt=0)
    """Fall of the equity in % of its peak, deposits apart, that sets `drawdown_level`. The peak is counted from the
    first start, or from the last `resume`."""
    drawdown_level: AlarmLevel = "NO_ENTRY"
    max_order_errors_pct: float | None = Field(default=50.0, gt=0, le=100)
    """Share of the requests of the last `order_errors_window_s` that were refused or whose answer was lost; counts from
    `min_order_errors` of them on."""
    min_order_errors: int = Field(default=20, ge=1)
    order_errors_window_s: float = Field(default=300.0, gt=0)
    """Real time."""
    order_errors_level: AlarmLevel = "NO_ENTRY"
    max_stale_symbols_pct: float | None = Field(default=50.0, gt=0, le=100)
    """Share of the symbols whose market has not been live for `stale_feeds_s`. A stale symbol is not traded anyway:
    this is for an outage so long that a person should look before trading goes on."""
    stale_feeds_s: float = Field(default=1_800.0, ge=0)
    """Real time."""
    stale_feeds_level: AlarmLevel = "NO_ENTRY"
    reconciliation_break_level: AlarmLevel | None = "NO_ENTRY"
    """For a position at the venue that no known trade explains, and for balances that lack more than
    `max_unexplained_pct`. What a `resume` has seen is no break any more."""
    max_unexplained_pct: float = Field(default=1.0, ge=0)
    """Worth of what is missing of an asset, in % of equity."""
    max_loop_lag_ms: float | None = Field(default=1_000.0, gt=0)
    """The loop's p99 lateness over a minute that, kept up for `loop_lag_s`, sets `loop_lag_level`."""
    loop_lag_s: float = Field(default=180.0, ge=0)
    """Longer than a minute, so that one long pause is none."""
    loop_lag_level: AlarmLevel = "NO_ENTRY"
    max_quote_age_s: float = Field(default=5.0, gt=0)
    """Real time."""
    max_candle_age_s: float = Field(default=20.0, gt=0)
    """Real time between a candle's close and the decision on it."""
    max_balance_age_s: float = Field(default=60.0, gt=0)
    """Real time since the account's balances were last known to be right."""
    approval_valid_s: float = Field(default=5.0, gt=0)
    """Real time in which an approved entry may leave; exits and protection don't expire."""
