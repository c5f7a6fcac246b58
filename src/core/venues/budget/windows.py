"""What was spent of one limit in the time that the venue looks back on. Pure.

Venues count in windows that begin by their clock (Binance: with the minute). Spending no more than the limit in *any*
span of that length holds whatever their clock says, so none needs to be known. Times are of a clock that all processes
of the machine share and that a jump of the wall clock does not reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.ports.request_lane import RequestLane

_GRAINS = 32
"""A window is remembered in about so many marks."""
MOST_MARKS = 4 * _GRAINS
_SLACK = 1 / 60
"""Of a window: requests arrive later than they leave, some of them in the venue's next window."""
_SLACK_NS = 100_000_000
NS_PER_S = 1_000_000_000

WEIGHT_SHARES = {
    RequestLane.BULK: 0.4,
    RequestLane.MARKET: 0.5,
    RequestLane.ACCOUNT: 0.9,
    RequestLane.ENTRY: 0.95,
    RequestLane.ORDERS: 1.0,
}
"""Up to what part of a limit a lane may go, all lanes counted. Reconciling a hundred symbols costs a third of Binance's
minute, and must be possible while a back-fill runs."""
ORDER_SHARES = {**dict.fromkeys(RequestLane, 1.0), RequestLane.ENTRY: 0.8}
"""Of limits that count orders: entries leave room for their stops and for ways out."""

Mark = tuple[int, int]
"""(time of its first unit in ns, units)."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    name: str
    """As in messages and statistics: `weight 1m`."""
    limit: int
    window_s: float
    """Of venue time."""
    shares: Mapping[RequestLane, float]

    def ceiling(self, lane: RequestLane) -> int:
        return int(self.limit * self.shares[lane])

    def window_ns(self, speed: float) -> int:
        """Real time."""
        return int(self.window_s * NS_PER_S / speed)


def pruned(marks: list[Mark], now_ns: int, window_ns: int) -> list[Mark]:
    """Those that still count. A mark of the future is of another life of this machine."""
    return [mark for mark in marks if now_ns < _end_ns(mark, window_ns) and mark[0] <= now_ns]


def used(marks: list[Mark]) -> int:
    return sum(amount for _, amount in marks)


def spent(marks: list[Mark], amount: int, now_ns: int, window_ns: int) -> list[Mark]:
    """With so much more spent now."""
    if marks and now_ns - marks[-1][0] < window_ns // _GRAINS:
        return [*marks[:-1], (marks[-1][0], marks[-1][1] + amount)]
    marks = [*marks, (now_ns, amount)]
    if len(marks) > MOST_MARKS:
        (_, first), (at_ns, second), *rest = marks
        return [(at_ns, first + second), *rest]
    return marks


def wait_ns(marks: list[Mark], amount: int, ceiling: int, now_ns: int, window_ns: int) -> int:
    """Until so much fits under the ceiling, if nothing else is spent; 0: now. What is larger than the ceiling fits when
    nothing is spent."""
    left = used(marks)
    free_ns = now_ns
    for mark in marks:
        if left == 0 or left + amount <= ceiling:
            break
        left -= mark[1]
        free_ns = _end_ns(mark, window_ns)
    return max(0, free_ns - now_ns)


def _end_ns(mark: Mark, window_ns: int) -> int:
    return mark[0] + window_ns + window_ns // _GRAINS + int(window_ns * _SLACK) + _SLACK_NS
