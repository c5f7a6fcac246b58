"""What happens in the daemon, put into words for whoever watches; nothing is kept where nobody does."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from core.api.lines import candle_line, fill_line, order_line, plan_line
from core.domain.facts import ExecutionFact, FillBooked, OrderChanged, PlanChanged
from core.domain.market import CandleChanged
from core.domain.orders import Fill
from core.domain.pictures import CandleLine, FillLine
from core.domain.status import DecisionLine, OrderStatusLine, PlanStatusLine

_MOST = 2_000
_LATEST_FILLS = 500


class DecisionHappened(msgspec.Struct, frozen=True, tag="decision", gc=False):
    decision: DecisionLine


class OrderHappened(msgspec.Struct, frozen=True, tag="order", gc=False):
    order: OrderStatusLine


class PlanHappened(msgspec.Struct, frozen=True, tag="plan", gc=False):
    plan: PlanStatusLine


class FillHappened(msgspec.Struct, frozen=True, tag="fill", gc=False):
    fill: FillLine


class CandleHappened(msgspec.Struct, frozen=True, tag="candle", gc=False):
    """A candle has closed."""

    symbol: str
    timeframe: str
    candle: CandleLine


Happening = DecisionHappened | OrderHappened | PlanHappened | FillHappened | CandleHappened


class Happenings:
    """Called on the loop by the parts that something happens in; costs microseconds."""

    def __init__(self) -> None:
        self._waiting: deque[Happening] = deque(maxlen=_MOST)
        self._latest_fills: deque[Fill] = deque(maxlen=_LATEST_FILLS)
        self._wake: Callable[[], None] | None = None
        self.dropped = 0
        """Of those that were wanted: the oldest of more than can wait."""

    def watch(self, wake: Callable[[], None] | None) -> None:
        """`wake` is called, on the loop, when something waits that did not before; `None`: nobody watches."""
        self._wake = wake
        if wake is None:
            self._waiting.clear()

    def take(self) -> bytes:
        """All that waits, as a JSON list, oldest first."""
        taken = msgspec.json.encode(list(self._waiting))
        self._waiting.clear()
        return taken

    def fills(self, limit: int) -> tuple[FillLine, ...]:
        """Newest first."""
        return tuple(fill_line(each) for each in islice(reversed(self._latest_fills), limit))

    def remember(self, fills: Iterable[Fill]) -> None:
        """All that are known now, those of an earlier life included, oldest first."""
        self._latest_fills.clear()
        self._latest_fills.extend(fills)

    def decided(self, line: DecisionLine) -> None:
        if self._wake is not None:
            self._put(DecisionHappened(line))

    def booked(self, fact: ExecutionFact) -> None:
        if isinstance(fact, FillBooked):
            self._latest_fills.append(fact.fill)
        if self._wake is None:
            return
        match fact:
            case FillBooked():
                self._put(FillHappened(fill_line(fact.fill)))
            case OrderChanged():
                self._put(OrderHappened(order_line(fact.order)))
            case PlanChanged():
                self._put(PlanHappened(plan_line(fact.plan)))

    def closed(self, event: CandleChanged) -> None:
        if self._wake is not None:
            self._put(CandleHappened(event.instrument_id, event.timeframe.value, candle_line(event.candle)))

    def _put(self, happening: Happening) -> None:
        if len(self._waiting) == _MOST:
            self.dropped += 1
        self._waiting.append(happening)
        if self._wake is not None and len(self._waiting) == 1:
            self._wake()
