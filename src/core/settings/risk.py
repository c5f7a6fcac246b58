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
    """Loss of the UTC day in % of the equity at its start that sets NO_ENTRY."""
    max_quote_age_s: float = Field(default=5.0, gt=0)
    """Real time."""
    max_candle_age_s: float = Field(default=20.0, gt=0)
    """Real time between a candle's close and the decision on it."""
    max_balance_age_s: float = Field(default=60.0, gt=0)
    """Real time since the account's balances were last known to be right."""
    approval_valid_s: float = Field(default=5.0, gt=0)
    """Real time in which an approved entry may leave; exits and protection don't expire."""
