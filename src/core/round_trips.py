"""How long the venue takes to answer an order request."""

from core.domain.facts import ExecutionFact, OrderChanged, OrderState
from core.domain.orders import ClientOrderId
from core.ports.clock import MonotonicClock
from core.runtime.histogram import Histogram

_MOST = 10_000


class RoundTrips:
    """From the moment an order is handed to its thread to the first that is known of its outcome."""

    def __init__(self, monotonic: MonotonicClock) -> None:
        self._monotonic = monotonic
        self._sent_ns: dict[ClientOrderId, int] = {}
        self.histogram = Histogram()

    def on_fact(self, fact: ExecutionFact) -> None:
        if not isinstance(fact, OrderChanged):
            return
        order_id = fact.order.client_order_id
        if fact.order.state is OrderState.SUBMITTING:
            while len(self._sent_ns) >= _MOST:
                del self._sent_ns[next(iter(self._sent_ns))]
            self._sent_ns[order_id] = self._monotonic.now_ns()
        elif (sent_ns := self._sent_ns.pop(order_id, None)) is not None:
            self.histogram.record_ns(self._monotonic.now_ns() - sent_ns)
