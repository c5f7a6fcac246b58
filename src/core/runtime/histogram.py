"""Durations in buckets: constant memory for months of samples, percentiles to within 3 per cent."""

from collections.abc import Sequence
from dataclasses import dataclass

_LINEAR_BITS = 6
_HALF = 1 << (_LINEAR_BITS - 1)


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """In ms; `None` before the first sample."""

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Histogram:
    """Log-linear buckets over whole microseconds, as HdrHistogram has them: 32 steps to each doubling, so a
    percentile is at most 1/32 above the true sample. The largest sample is kept exactly. Not thread-safe: one
    owner."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._sum_us = 0
        self._max_us = 0

    @property
    def count(self) -> int:
        return self._count

    def record_ns(self, duration_ns: int, times: int = 1) -> None:
        """Negative durations count as 0."""
        us = max(0, duration_ns) // 1_000
        index = _index(us)
        self._buckets[index] = self._buckets.get(index, 0) + times
        self._count += times
        self._sum_us += us * times
        self._max_us = max(self._max_us, us)

    def merge(self, other: "Histogram") -> None:
        for index, count in other._buckets.items():
            self._buckets[index] = self._buckets.get(index, 0) + count
        self._count += other._count
        self._sum_us += other._sum_us
        self._max_us = max(self._max_us, other._max_us)

    def percentile_ms(self, quantile: float) -> float | None:
        """Smallest bucket's upper edge below which `quantile` (0 to 1) of the samples lie; `None` without samples."""
        if not self._count:
            return None
        wanted = quantile * self._count
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return min(_upper_us(index), self._max_us) / 1_000
        return self._max_us / 1_000

    @property
    def sum_ms(self) -> float:
        return self._sum_us / 1_000

    def at_most(self, bounds_ms: Sequence[float]) -> tuple[int, ...]:
        """How many samples are no longer than each of `bounds_ms`, which ascend; a sample counts by its bucket's upper
        edge."""
        found, seen = [], 0
        left = sorted(self._buckets.items(), reverse=True)
        for bound_ms in bounds_ms:
            while left and _upper_us(left[-1][0]) <= bound_ms * 1_000:
                seen += left.pop()[1]
            found.append(seen)
        return tuple(found)

    def summary(self) -> LatencySummary:
        if not self._count:
            return LatencySummary()
        return LatencySummary(
            count=self._count,
            mean=self._sum_us / self._count / 1_000,
            p50=self.percentile_ms(0.50),
            p95=self.percentile_ms(0.95),
            p99=self.percentile_ms(0.99),
            max=self._max_us / 1_000,
        )


def _index(us: int) -> int:
    """Values below 64 us have a bucket each; above, the leading 6 bits name the bucket."""
    shift = max(0, us.bit_length() - _LINEAR_BITS)
    return (shift * _HALF) + (us >> shift)


def _upper_us(index: int) -> int:
    """Largest value that falls into a bucket."""
    if index < 2 * _HALF:
        return index
    shift, rest = divmod(index, _HALF)
    shift -= 1
    return ((rest + _HALF + 1) << shift) - 1
