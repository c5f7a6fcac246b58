"""When a sitting of training is begun: as soon as something is due, but not again and again for the same thing.

The roster says when each symbol is due; this says when it is worth to start a process for it. A sitting that leaves
work waiting that could have been done, whatever ended it, counts as a failure, and the next one waits. Pure.
"""

from collections.abc import Collection, Iterable

from core.domain.instruments import InstrumentId
from core.models.coverage import Coverage, Queued, Training
from core.models.schedule import TrainingPolicy


class Turns:
    """Of one market. Times are UTC ms."""

    def __init__(self, policy: TrainingPolicy) -> None:
        self._policy = policy
        self._failures = 0
        self._not_before_ms: int | None = None

    @property
    def not_before_ms(self) -> int | None:
        """Until then nothing is begun, since the last sitting failed; `None`: it did not."""
        return self._not_before_ms

    def is_due(self, wanted: Collection[InstrumentId], records: Iterable[Coverage], now_ms: int) -> bool:
        """`wanted`: who shall have a model."""
        return (self._not_before_ms is None or now_ms >= self._not_before_ms) and _waits(wanted, records, now_ms)

    def ended(self, wanted: Collection[InstrumentId], records: Iterable[Coverage], now_ms: int) -> bool:
        """A sitting is over, and `records` are what it left. Whether it did what it could."""
        if not _waits(wanted, records, now_ms):
            self._failures, self._not_before_ms = 0, None
            return True
        self._failures += 1
        self._not_before_ms = now_ms + self._policy.backoff_ms(self._failures)
        return False


def _waits(wanted: Collection[InstrumentId], records: Iterable[Coverage], now_ms: int) -> bool:
    known = {each.symbol: each for each in records}
    return any(_is_waiting(known.get(symbol), now_ms) for symbol in wanted)


def _is_waiting(coverage: Coverage | None, now_ms: int) -> bool:
    """`None`: nothing is known of the symbol, so it is new."""
    if coverage is None or coverage.left_at_ms is not None:
        return True
    if isinstance(coverage.state, Queued | Training):  # under way without a sitting: cut off
        return True
    return coverage.due_at_ms is not None and coverage.due_at_ms <= now_ms
