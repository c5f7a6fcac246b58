"""Bars that contradict themselves, and prices and volumes that cannot have been."""

import numpy as np

from core.history.quality.bars import PRICES, Bars
from core.history.quality.marks import Flags, marked
from core.history.quality.report import Finding, FindingKind

_ROUNDING = 1e-9
"""Relative; prices that went through arithmetic differ in their last bits."""


def price_findings(bars: Bars) -> tuple[list[Finding], Flags]:
    """What is wrong with single bars, and which bars can be looked at further. A bar without any price is no defect:
    its source says that nothing traded."""
    table = np.column_stack([getattr(bars, name) for name in PRICES])  # (n, 4)
    untraded = np.isnan(table).all(axis=1)
    bad = ~untraded & ~(np.isfinite(table) & (table > 0)).all(axis=1)
    usable = ~untraded & ~bad
    highest, lowest = table[:, [0, 3]].max(axis=1), table[:, [0, 3]].min(axis=1)
    with np.errstate(invalid="ignore"):
        torn = usable & (
            (bars.high < highest * (1 - _ROUNDING))
            | (bars.low > lowest * (1 + _ROUNDING))
            | (bars.high < bars.low * (1 - _ROUNDING))
        )
        bad_volume = (bars.volume < 0) | np.isinf(bars.volume) | (np.isnan(bars.volume) & usable)
    if np.isnan(bars.volume).all():
        bad_volume[:] = False  # a source without volumes (mark prices)
    n = len(bars)

    def words(row: int) -> str:
        return ", ".join(f"{name} {getattr(bars, name)[row]:g}" for name in (*PRICES, "volume"))

    findings = (
        marked(FindingKind.BAD_PRICE, bad, bars.times, n, words),
        marked(FindingKind.CONTRADICTION, torn, bars.times, n, words),
        marked(FindingKind.BAD_VOLUME, bad_volume, bars.times, n, words),
    )
    return [each for each in findings if each is not None], usable
