"""Large orders in slices: how a parent is to be carried out."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class SliceStyle(StrEnum):
    TWAP = "twap"
    """Equal slices, spread evenly over a time."""
    ICEBERG = "iceberg"
    """A limit order that shows a part of itself at a time."""


class MissedSlices(StrEnum):
    """What becomes of slices whose time went by: an outage, a slice in doubt, a rest that did not fill."""

    MAKE_UP = "make_up"
    """The next ones are larger, at most `at_once` slices' worth."""
    SKIP = "skip"
    """They are not made up: what they would have traded is left to the rule for the rest."""


class RestRule(StrEnum):
    """What becomes of what is not filled when the time is over."""

    LEAVE = "leave"
    MARKET = "market"
    """Slices at market, without the limit, go on at the same pace, each at most `at_once` slices' worth."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """The terms of a parent order. Times are trading time."""

    style: SliceStyle
    slices: int
    """How many, at least 1. Of an iceberg: how many parts it shows, one after the other."""
    duration_ns: int | None
    """`None`: until it is filled or cancelled (icebergs only)."""
    visible: Decimal | None = None
    """What an iceberg shows, on the lot grid; `None` for TWAP."""
    jitter_pct: int = 50
    """How far into its share of the time a slice may be moved, 0 to 90. The draw is the intent's own: the same after
    every restart."""
    missed: MissedSlices = MissedSlices.MAKE_UP
    rest: RestRule = RestRule.LEAVE
    at_once: int = 3
    """No slice is ever larger than so many, whatever was missed."""

    @property
    def interval_ns(self) -> int | None:
        """From one slice to the next; `None` where there is no end."""
        return None if self.duration_ns is None else max(self.duration_ns // self.slices, 1)
