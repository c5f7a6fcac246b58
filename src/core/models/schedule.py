"""When a symbol is trained: the grid of its schedule, the waiting after failures, the bounds of every retry."""

from dataclasses import dataclass

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class TrainingPolicy:
    """All in ms of trading time."""

    every_ms: int = 24 * _HOUR_MS
    """A symbol is trained once in each of these, counted from the beginning of its first training."""
    at_once: int = 1
    """Trainings that may run beside one another."""
    training_limit_ms: int = 2 * _HOUR_MS
    first_backoff_ms: int = 5 * _MINUTE_MS
    max_backoff_ms: int = 6 * _HOUR_MS
    """The waiting after a failure doubles with each one in a row, up to here."""
    min_retry_ms: int = 5 * _MINUTE_MS
    max_retry_ms: int = 24 * _HOUR_MS
    """A blocked symbol is looked at again no sooner and no later than this, whatever was asked for."""
    forget_after_ms: int = 30 * 24 * _HOUR_MS
    """What is known of a symbol is kept so long after it left the universe."""

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.every_ms < 1 or self.min_retry_ms < 1 or self.first_backoff_ms < 1:
            raise ValueError("a training policy needs at least one trainer and intervals above 0")

    def next_due_ms(self, anchor_ms: int, begun_ms: int) -> int:
        """The first time of the grid from `anchor_ms` after `begun_ms`: what passed by unserved is not made up for."""
        return anchor_ms + ((begun_ms - anchor_ms) // self.every_ms + 1) * self.every_ms

    def backoff_ms(self, failures: int) -> int:
        """`failures` in a row, from 1."""
        return int(min(self.max_backoff_ms, self.first_backoff_ms * 2 ** min(failures - 1, 32)))

    def retry_at_ms(self, wanted_ms: int, now_ms: int) -> int:
        return min(max(wanted_ms, now_ms + self.min_retry_ms), now_ms + self.max_retry_ms)
