"""How long to wait before dialling again."""

import random


class Backoff:
    """Delays that grow from `first_s` to `longest_s`, each drawn from the upper half of its range so that a thousand
    clients of one venue do not come back at once. `healthy` starts over."""

    def __init__(self, chance: random.Random, *, first_s: float = 0.5, longest_s: float = 30.0) -> None:
        self._chance = chance
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_s(self, at_least_s: float | None = None) -> float:
        """The next delay; a venue's own `Retry-After` comes as `at_least_s`."""
        ceiling_s = min(self._first_s * 2.0 ** min(self._failures, 30), self._longest_s)
        self._failures += 1
        delay_s = ceiling_s * self._chance.uniform(0.5, 1.0)
        return delay_s if at_least_s is None else max(delay_s, at_least_s)

    def healthy(self) -> None:
        self._failures = 0
