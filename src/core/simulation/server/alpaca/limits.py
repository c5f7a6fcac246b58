"""Requests by key: a bucket that holds a minute's worth and fills evenly, in real time, as clients wait in it.

The headers are those of the OpenAPI document: the limit of a minute, what is left of it, and the UNIX time at which
that changes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

_KEYS_KEPT = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """After a request. `is_refused`: there was nothing left."""

    is_refused: bool
    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }


class RequestBuckets:
    def __init__(self, per_minute: int, *, monotonic_s: Callable[[], float], wall_s: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str) -> Standing:
        """One request of `key`."""
        now_s, rate = self._monotonic_s(), self._per_minute / 60
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _KEYS_KEPT:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[key] = _Bucket(self._per_minute, now_s)
        bucket.tokens = min(self._per_minute, bucket.tokens + (now_s - bucket.at_s) * rate)
        bucket.at_s = now_s
        is_refused = bucket.tokens < 1
        if not is_refused:
            bucket.tokens -= 1
        wait_s = (math.floor(bucket.tokens) + 1 - bucket.tokens) / rate
        return Standing(is_refused, self._per_minute, int(bucket.tokens), math.ceil(self._wall_s() + wait_s))
