"""The exchange's request rate by ccxt's figures (`rateLimit`, and what each endpoint costs), kept across threads and,
where the budget is shared, across processes."""

import time
from collections.abc import Callable

from core.ports.request_lane import RequestLane, chosen_lane
from core.venues.budget.budget import NotYet, RateBudget
from core.venues.budget.toll import refusal


class Pace:
    """One unit of cost each `every_s` over time. Reads wait for their turn, orders go at once and push the others back.
    Candles and books come back later rather than join a long line, so that an account's reads never stand far behind
    them."""

    def __init__(
        self,
        every_s: float,
        budget: RateBudget,
        *,
        longest_wait_s: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._every_s = every_s
        self._budget = budget
        self._longest_wait_s = longest_wait_s
        self._sleep = sleep

    def take(self, cost: float = 1.0, *, at_once: bool) -> None:
        """Blocks until it is this request's turn. Raises `VenueUnavailable`, and takes none, where that is too far
        off."""
        lane = chosen_lane()
        may_wait_long = lane is not None and lane >= RequestLane.ACCOUNT
        longest_s = self._longest_wait_s if may_wait_long else self._longest_wait_s / 2
        try:
            wait_s = self._budget.turn_s(self._every_s, cost, at_once=at_once, longest_wait_s=longest_s)
        except NotYet as not_yet:
            raise refusal(not_yet) from None
        if wait_s:
            self._sleep(wait_s)
