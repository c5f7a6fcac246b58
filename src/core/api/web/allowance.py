"""How often something may be done: a token bucket for each who does it."""

from collections import OrderedDict
from collections.abc import Callable

_MOST_KEYS = 1_024
_BURST_S = 2.0
"""So many seconds' worth may come at once."""


class Allowance:
    """So many a second for each key, `_BURST_S` of them at once. Remembers the keys that came last."""

    def __init__(self, per_s: float, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s * _BURST_S)
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        now_s = self._now_s()
        left, at_s = self._left.pop(key, (self._most, now_s))
        left = min(self._most, left + (now_s - at_s) * self._per_s)
        is_granted = left >= 1.0
        self._left[key] = (left - is_granted, now_s)
        while len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        return is_granted
