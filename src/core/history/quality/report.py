"""What was found in a series, and the score that follows from it.

The score is the product, over the findings, of what each kind leaves: `1 - weight * x / (x + half)`. `x` is the share
that is wrong of what could have been wrong, or, for kinds that one place makes serious (a split), their plain number;
at `x = half` half of the weight is lost. Each factor falls as its count grows: one more defect never raises a score.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.domain.series import SeriesName


class FindingKind(StrEnum):
    """A kind of defect; `RULES` says what it costs."""

    EMPTY = "empty"  # no rows at all
    DUPLICATE = "duplicate"  # the same time (trade, contract) more than once
    DISORDER = "disorder"  # a row earlier than the one before it
    MISALIGNED = "misaligned"  # a bar that does not begin where bars of its length begin
    GAP = "gap"  # bars missing while the market was open
    TRUNCATED_DAY = "truncated_day"  # a session that begins late or stops early
    CLOSED_MARKET = "closed_market"  # bars while the exchange was closed, before and after hours included
    HALF_DAY = "half_day"  # bars after an early close, in a series of regular hours
    TIME_ZONE = "time_zone"  # sessions that are off by whole hours, or days by one
    CONTRADICTION = "contradiction"  # high below, or low above, another price of the bar
    BAD_PRICE = "bad_price"  # zero, negative or no number
    BAD_VOLUME = "bad_volume"  # negative or no number
    OUTLIER = "outlier"  # a price far off that is taken back at once
    STALE_COPY = "stale_copy"  # a bar or a day that repeats the one before
    SPLIT = "split"  # raw prices across a split, it seems
    SYMBOL_CHANGE = "symbol_change"  # rows of two holders of one name, it seems
    CROSSED_QUOTE = "crossed_quote"  # bid above ask
    ONE_SIDED_QUOTE = "one_sided_quote"  # a bid without an ask, or an ask without a bid where one would be expected
    EARLY_END = "early_end"  # a contract that is not quoted to its expiry
    MISSING_STRIKE = "missing_strike"  # a hole in the strikes of an expiry
    CLOCK_SKEW = "clock_skew"  # rows received before they happened


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind may cost at most (`weight`), and where half of that is lost (`half`: a share, or a number if
    `by_count`)."""

    weight: float
    half: float
    by_count: bool = False


RULES: dict[FindingKind, Rule] = {
    FindingKind.EMPTY: Rule(1.0, 0.0, by_count=True),
    FindingKind.DUPLICATE: Rule(0.6, 0.01),
    FindingKind.DISORDER: Rule(0.6, 0.01),
    FindingKind.MISALIGNED: Rule(0.6, 0.01),
    FindingKind.GAP: Rule(0.9, 0.05),
    FindingKind.TRUNCATED_DAY: Rule(0.7, 0.05),
    FindingKind.CLOSED_MARKET: Rule(0.8, 0.01),
    FindingKind.HALF_DAY: Rule(0.6, 0.01),
    FindingKind.TIME_ZONE: Rule(0.9, 0.02),
    FindingKind.CONTRADICTION: Rule(0.9, 0.005),
    FindingKind.BAD_PRICE: Rule(1.0, 0.002),
    FindingKind.BAD_VOLUME: Rule(0.4, 0.01),
    FindingKind.OUTLIER: Rule(0.8, 0.002),
    FindingKind.STALE_COPY: Rule(0.8, 0.01),
    FindingKind.SPLIT: Rule(0.6, 1.0, by_count=True),
    FindingKind.SYMBOL_CHANGE: Rule(0.9, 0.5, by_count=True),
    FindingKind.CROSSED_QUOTE: Rule(0.9, 0.01),
    FindingKind.ONE_SIDED_QUOTE: Rule(0.3, 0.2),
    FindingKind.EARLY_END: Rule(0.5, 0.05),
    FindingKind.MISSING_STRIKE: Rule(0.5, 0.05),
    FindingKind.CLOCK_SKEW: Rule(0.2, 0.5),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where: a time (UTC ms) and what is there in words."""

    time_ms: int
    words: str


@dataclass(frozen=True, slots=True)
class Finding:
    kind: FindingKind
    count: int
    """How many rows (bars, sessions, contracts: whatever the kind counts) are wrong; at least 1."""
    of: int
    """Out of how many; at least 1. What is added to a series by a defect is not counted here."""
    places: tuple[Place, ...]
    """The first few."""

    @property
    def weight(self) -> float:
        return RULES[self.kind].weight

    @property
    def cost(self) -> float:
        """The share of the score that this takes away, 0 to `weight`."""
        rule = RULES[self.kind]
        extent = float(self.count) if rule.by_count else self.count / self.of
        return rule.weight * extent / (extent + rule.half)

    @property
    def reason(self) -> str:
        """In words: kind, extent, first place."""
        first = f", first {self.places[0].words}" if self.places else ""
        return f"{self.kind.replace('_', ' ')}: {self.count:,} of {self.of:,}{first}"


@dataclass(frozen=True, slots=True)
class QualityReport:
    name: SeriesName
    n_rows: int
    first_ms: int | None
    """Time of the earliest row; `None`: there is none."""
    last_ms: int | None
    findings: tuple[Finding, ...]
    """At most one a kind, the costliest first."""

    @property
    def score(self) -> float:
        """0 (useless) to 1 (nothing found)."""
        return score_of(self.findings)

    def finding(self, kind: FindingKind) -> Finding | None:
        return next((each for each in self.findings if each.kind is kind), None)


def score_of(findings: Sequence[Finding]) -> float:
    """The score of a series in which just these were found."""
    return math.prod(1.0 - each.cost for each in findings)
