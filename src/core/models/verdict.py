"""What validation found out about a model."""

import msgspec


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number with the bounds of its confidence interval; both `None` where none was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Out of sample. Intervals hold the truth with a confidence of 1 - alpha."""

    samples: int
    skill_p_value: float
    """Of the timing of the models' scores, before calibration and costs."""
    has_skill: bool
    """The p-value is at most alpha."""
    entry_p_value: float
    """Of the trades' timing: the share of random entries that would have earned as much."""
    information_coefficient: Metric
    """Correlation of the scores' ranks, within their folds, with the outcomes."""
    hit_rate: Metric
    """Share of the samples with a position that were right; 0 where there was none."""
    brier_gain: Metric
    """How much closer to what happened than the share that rose; above 0 is better."""
    net_bps_a_day: Metric
    """After costs, on the capital."""
    net_return_pct: float
    buy_and_hold_pct: float
    random_entry_pct: float
    """What the same trades earn on average at other times, after the same costs."""
    max_drawdown_pct: float
    turnover_a_day: float
    """Of the capital."""
    share_in_market_pct: float
    gain_over_parent: Metric | None = None
    """How much closer to what happened (Brier) than the model that was live, on samples that neither has learned from.
    `None`: none was, or they can't be compared."""

    @property
    def is_worth_it(self) -> bool:
        """Skill, and more than it costs."""
        return self.has_skill and self.net_return_pct > 0.0
