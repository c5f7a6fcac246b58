"""How the latest order requests ended."""

from collections import deque

from core.domain.facts import ExecutionFact, OrderChanged, OrderState

_MOST = 10_000
_FAILED = (OrderState.REJECTED, OrderState.UNKNOWN)


class RequestOutcomes:
    """A sliding window over requests that have left; those withdrawn before that are none."""

    def __init__(self, window_s: float) -> None:
        """Real seconds."""
        self.use(window_s)
        self._ended: deque[tuple[int, bool]] = deque(maxlen=_MOST)
        self._failed = 0

    def use(self, window_s: float) -> None:
        """A longer window fills from now on."""
        self._window_ns = int(window_s * 1e9)

    def on_fact(self, fact: ExecutionFact, now_ns: int) -> None:
        """`now_ns` is monotonic."""
        if not isinstance(fact, OrderChanged) or fact.previous is not OrderState.SUBMITTING:
            return
        if fact.order.state is not OrderState.SUBMITTING:
            if len(self._ended) == _MOST:
                self._drop_first()
            self._ended.append((now_ns, fact.order.state in _FAILED))
            self._failed += self._ended[-1][1]

    def count(self, now_ns: int) -> tuple[int, int]:
        """(all, failed) within the window."""
        while self._ended and self._ended[0][0] <= now_ns - self._window_ns:
            self._drop_first()
        return len(self._ended), self._failed

    def forget(self) -> None:
        """Begin anew."""
        self._ended.clear()
        self._failed = 0

    def _drop_first(self) -> None:
        self._failed -= self._ended.popleft()[1]
