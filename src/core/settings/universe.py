"""`[universe]`: which of `trading.symbols` are entered, looked at anew from time to time. Nothing set: all of them."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from core.settings.section import Section

Patterns = tuple[Annotated[str, Field(min_length=1)], ...]
"""A shell's: `*/USDT`."""


class UniverseSettings(Section):
    """The filters are asked in this order. `None`: not filtered."""

    refresh_s: float = Field(default=3_600.0, ge=10)
    """Real time between two looks at the market."""
    deny: Patterns = ()
    allow: Annotated[Patterns, Field(min_length=1)] = ("*",)
    least_age_days: int | None = Field(default=None, ge=1, le=900)
    """Whole days for which the venue has candles."""
    least_daily_volume: float | None = Field(default=None, gt=0)
    """Of the last 24 hours, in the quote asset."""
    most_spread_bps: float | None = Field(default=None, gt=0)
    """Of the moment at which it is looked at."""
    least_volatility_pct: float | None = Field(default=None, gt=0)
    """Standard deviation of a day's return, from the hours of the last week."""
    most_volatility_pct: float | None = Field(default=None, gt=0)
    most_symbols: int | None = Field(default=None, ge=1)
    """Of those that pass, the ones with the largest daily volume."""

    @model_validator(mode="after")
    def _least_is_below_most(self) -> Self:
        least, most = self.least_volatility_pct, self.most_volatility_pct
        if least is not None and most is not None and least > most:
            raise ValueError(f"least_volatility_pct = {least:g} is above most_volatility_pct = {most:g}")
        return self

    @property
    def is_filtered(self) -> bool:
        """Whether anything is kept out by anything."""
        return self.model_copy(update={"refresh_s": 3_600.0}) != UniverseSettings()
