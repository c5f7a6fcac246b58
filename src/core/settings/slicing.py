"""`[slicing]`: large intents of strategies in slices instead of one order. Times are trading time."""

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings.section import Section

_LEAST_INTERVAL_S = 1.0


class SlicingSettings(Section):
    entries: Literal["whole", "twap", "iceberg"] = "whole"
    """`twap`: equal slices over `duration_s`, each within the price that `sizing` allows. `iceberg`: rests at the touch
    of its own side for `duration_s`, showing `visible_pct` at a time."""
    exits: Literal["whole", "twap"] = "whole"
    """`twap`: slices at market; what is left keeps its stop meanwhile."""
    above_usd: Decimal = Field(default=Decimal(10_000), gt=0)
    """Intents worth less are one order; in the asset that the symbol settles in."""
    duration_s: float = Field(default=600.0, gt=0)
    slices: int = Field(default=20, ge=1, le=500)
    """Fewer where the venue would not take so small orders."""
    jitter_pct: int = Field(default=50, ge=0, le=90)
    """How far into its share of the time a slice may be moved, drawn from the intent's name."""
    visible_pct: float = Field(default=20.0, ge=1, le=100)
    """Share of an iceberg that is shown at a time."""
    missed: Literal["make_up", "skip"] = "make_up"
    """What becomes of slices whose time went by in an outage: the next ones are larger, or they are left out."""
    at_once: int = Field(default=3, ge=1)
    """No slice is larger than so many, whatever was missed."""
    entry_rest: Literal["leave", "market"] = "leave"
    """What becomes of an entry that is not filled when the time is over. At market it goes on in slices as before,
    without a limit. Exits always do."""

    @model_validator(mode="after")
    def _not_too_close(self) -> Self:
        if self.duration_s / self.slices < _LEAST_INTERVAL_S:
            raise ValueError(
                f"{self.slices} slices in {self.duration_s:g} s are less than {_LEAST_INTERVAL_S:g} s apart; wanted"
                f" fewer slices, at most {max(int(self.duration_s / _LEAST_INTERVAL_S), 1)}, or a longer duration_s"
            )
        return self
