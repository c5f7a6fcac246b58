"""Differences between our books and the venue's that may yet explain themselves."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Suspicion:
    difference: Decimal
    since_ms: int


class Suspicions(Generic[K]):
    """By what is off (an asset, an instrument): by how much, and since when it has been off by just that. A venue's
    reads come from replicas, each as far behind as it likes: two readings in a row may show the same moment."""

    def __init__(self, patience_ms: int) -> None:
        """`patience_ms`: how long a difference must stay the same, in venue time."""
        self._patience_ms = patience_ms
        self._found: dict[K, _Suspicion] = {}

    def keys(self) -> frozenset[K]:
        return frozenset(self._found)

    def ripe(self, now_ms: int) -> dict[K, Decimal]:
        """Those that have stayed the same for long enough, should they be found once more at `now_ms`."""
        return {
            key: each.difference for key, each in self._found.items() if now_ms - each.since_ms >= self._patience_ms
        }

    def found(self, differences: Mapping[K, Decimal], now_ms: int, untold: Collection[K] = ()) -> None:
        """What the round that began at `now_ms` has found; what it has not is forgotten. `untold`: what could explain
        them was kept from us, so their time begins with the next round."""
        before, self._found = self._found, {}
        for key, difference in differences.items():
            known = before.get(key)
            is_same = known is not None and known.difference == difference and known.since_ms <= now_ms
            is_same = is_same and key not in untold
            self._found[key] = known if known is not None and is_same else _Suspicion(difference, now_ms)
